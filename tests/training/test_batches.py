"""Every example once an epoch, batches of one size, the same order everywhere."""

from collections import Counter

import numpy as np
import pytest

from pluralign.training.batches import LengthBatches

LENGTHS = np.random.default_rng(0).integers(10, 200, 103)


def test_steps_times_batch_examples_are_dealt_out():
    found = list(LengthBatches(LENGTHS, batch=8, micro=4, steps=5, seed=0))
    assert len(found) == 10 == len(LengthBatches(LENGTHS, batch=8, micro=4, steps=5, seed=0))
    assert {len(one) for one in found} == {4}


def test_nothing_comes_a_third_time_before_everything_came_once():
    found = LengthBatches(LENGTHS, batch=8, micro=8, steps=26, seed=3)  # 208 of 2 × 103
    counts: Counter[int] = Counter()
    for k in (k for one in found for k in one):
        assert counts[k] < 2 or len(counts) == 103, "a third time, and not everything came"
        counts[k] += 1
    assert set(counts) == set(range(103))
    assert max(counts.values()) == 3


@pytest.mark.parametrize("size", [1, 3, 8])
def test_a_condition_smaller_than_a_batch_repeats(size):
    found = list(LengthBatches(LENGTHS[:size], batch=8, micro=8, steps=3, seed=0))
    assert [len(one) for one in found] == [8, 8, 8]


def test_batches_are_of_like_length():
    spread = [np.ptp(LENGTHS[one]) for one in LengthBatches(LENGTHS, batch=8, micro=8, steps=12, seed=0)]
    assert np.mean(spread) < 0.25 * np.ptp(LENGTHS)


def test_the_seed_fixes_the_order_and_the_micro_batch_does_not_change_what_a_step_sees():
    def steps(micro, seed):
        flat = [k for one in LengthBatches(LENGTHS, 8, micro, 6, seed) for k in one]
        return [sorted(flat[k : k + 8]) for k in range(0, 48, 8)]

    assert steps(8, 1) == steps(2, 1)
    assert steps(8, 1) != steps(8, 2)
