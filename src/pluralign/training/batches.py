"""Batches of answers of like length, in an order that the seed fixes: little padding, and the same order on every machine."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np


class LengthBatches:
    """Indices of examples, a micro-batch at a time, for a number of steps; a batch sampler for `torch.utils.data.DataLoader`.

    An epoch is a permutation, cut into global batches of examples of like length, the batches in random order. Batches are therefore
    all of one size but the last of an epoch, which takes examples of the next.

    Args:
        lengths: (n,) tokens of each example.
        batch: examples a step.
        micro: of them at a time; divides `batch`.
        steps: how many batches.
        seed: of the order.
    """

    def __init__(self, lengths: Sequence[int], batch: int, micro: int, steps: int, seed: int) -> None:
        self.lengths = np.asarray(lengths)
        self.batch, self.micro, self.steps, self.seed = batch, micro, steps, seed

    def __len__(self) -> int:
        return self.steps * (self.batch // self.micro)

    def __iter__(self) -> Iterator[list[int]]:
        for whole in self.batches():
            ordered = whole[np.argsort(self.lengths[whole], kind="stable")]
            for start in range(0, self.batch, self.micro):
                yield ordered[start : start + self.micro].tolist()

    def batches(self) -> Iterator[np.ndarray]:
        """The global batches, each (batch,)."""
        rng = np.random.default_rng([self.seed, 0xBA])
        rest, made = np.zeros(0, np.intp), 0
        while made < self.steps:
            pool = rest
            while len(pool) < self.batch:
                pool = np.concatenate([pool, rng.permutation(len(self.lengths))])
            n_batches = len(pool) // self.batch
            # What does not fill a batch goes on to the next epoch; chosen before sorting, so that it is no matter of length.
            rest, pool = pool[n_batches * self.batch :], pool[: n_batches * self.batch]
            jitter = rng.random(len(pool)) * 8
            blocks = pool[np.argsort(self.lengths[pool] + jitter)].reshape(n_batches, self.batch)
            for k in rng.permutation(n_batches)[: self.steps - made]:
                made += 1
                yield blocks[k]
