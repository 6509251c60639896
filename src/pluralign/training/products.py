"""Products of bfloat16 matrices on CPUs without bfloat16 instructions, taken in float32 and rounded once.

Where a CPU has the instructions, a product of two bfloat16 matrices is summed in float32 and rounded to bfloat16 at its end. Where it has
none, torch comes to the same numbers some four times slower than a float32 product. Here the factors are widened, which is exact, and the
product is rounded as the instructions would: what differs is the order of the sum, which now and then is one unit in the last place.
Frozen weights are widened once and kept, at four bytes a parameter.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

_aten = torch.ops.aten
PRODUCTS = frozenset(one.default for one in (_aten.mm, _aten.addmm, _aten.bmm, _aten.linear, _aten.matmul))
"""What linear layers, forwards and backwards, come to; in inference mode they come whole. Attention has a kernel of its own, which is fast
either way."""
OF_BATCHES = frozenset({_aten.bmm.default, _aten.matmul.default})
VIEWS = frozenset({_aten.t.default, _aten.transpose.int, _aten.permute.default, _aten.numpy_T.default})
INSTRUCTIONS = ("amx_bf16", "avx512_bf16", "avx10_1", "avx10_2")
"""Of x86, as `torch.cpu.get_capabilities` names them."""


class WideProducts(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Take products of bfloat16 matrices on the CPU in float32, in this thread, gradients too.

    >>> a, b = torch.full((2, 3), 1.0, dtype=torch.bfloat16), torch.full((3, 2), 0.5, dtype=torch.bfloat16)
    >>> with WideProducts():
    ...     a @ b
    tensor([[1.5000, 1.5000],
            [1.5000, 1.5000]], dtype=torch.bfloat16)
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._kept: dict[int, tuple[nn.Parameter, int, torch.Tensor]] = {}
        """Address of a frozen parameter -> it, which keeps the address its own; its version; its numbers in float32."""

    def __torch_dispatch__(
        self, func: Any, types: Sequence[type], args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """Every operation of torch comes by; products of such matrices are widened, all else is as it was."""
        if func in PRODUCTS and all(_is_narrow(one) for one in args if one is not None) and not _of_vectors(func, args):
            return func(*map(self._widened, args), **(kwargs or {})).bfloat16()
        if func in VIEWS and _is_narrow(args[0]):
            self._keep(args[0])  # a linear layer takes the transpose, which is no parameter any more
        return func(*args, **(kwargs or {}))

    def _keep(self, one: torch.Tensor) -> None:
        """Widen a frozen parameter, once until it is written to; nobody would know of one that was made in inference mode."""
        if not isinstance(one, nn.Parameter) or one.requires_grad or one.is_inference():
            return
        if one.is_contiguous():
            kept = self._kept.get(one.data_ptr())
            if kept is None or kept[1] != one._version:
                self._kept[one.data_ptr()] = (one, one._version, one.detach().float())

    def _widened(self, one: torch.Tensor | None) -> torch.Tensor | None:
        if one is None:
            return None
        self._keep(one)
        kept = self._kept.get(one.data_ptr())
        if kept is None or kept[1] != kept[0]._version or one.numel() != kept[0].numel():
            return one.float()
        return kept[2].as_strided(one.shape, one.stride())


def _of_vectors(func: Any, args: Sequence[Any]) -> bool:
    """Whether many vectors meet a matrix of their own each, as one new token its keys: memory bounds these, and widening would triple it."""
    return (
        func in OF_BATCHES and args[0].dim() > 2 and args[1].dim() > 2 and 1 in (args[0].shape[-2], args[1].shape[-1])
    )


def _is_narrow(value: Any) -> bool:
    return isinstance(value, torch.Tensor) and value.dtype == torch.bfloat16 and value.device.type == "cpu"


def wide_products() -> AbstractContextManager[Any]:
    """`WideProducts` where models are on the CPU, and it is known to have no bfloat16 instructions; else nothing."""
    return WideProducts() if not torch.cuda.is_available() and lacks_bfloat16(_capabilities()) else nullcontext()


def lacks_bfloat16(capabilities: Mapping[str, Any]) -> bool:
    """Whether an x86 CPU has no instructions for products of bfloat16; of others nothing is claimed.

    Args:
        capabilities: as torch tells them.

    >>> lacks_bfloat16({"architecture": "x86_64", "avx512_f": True, "amx_bf16": False})
    True
    >>> lacks_bfloat16({"architecture": "x86_64", "avx512_bf16": True}), lacks_bfloat16({"architecture": "aarch64"}), lacks_bfloat16({})
    (False, False, False)
    """
    return capabilities.get("architecture") == "x86_64" and not any(capabilities.get(one) for one in INSTRUCTIONS)


def _capabilities() -> Mapping[str, Any]:
    """What torch tells of the CPU; nothing where it is too old to."""
    tell = getattr(torch.cpu, "get_capabilities", None)
    return tell() if tell else {}
