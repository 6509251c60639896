"""Separation: which effects have no finite estimate."""

import numpy as np
import pytest

from pluralign.stats.separation import separated_columns

Y = np.array([0, 1, 2, 0, 1, 2, 2, 2])
GROUP = np.array([0, 0, 0, 0, 0, 0, 1, 1.0])
OVERLAP = np.array([0, 1, 0, 1, 0, 1, 0, 1.0])


def test_overlapping_groups_are_not_separated():
    assert separated_columns(Y, OVERLAP[:, None]) == []


@pytest.mark.parametrize("codes", [Y, 2 - Y], ids=["only the highest", "only the lowest"])
def test_a_group_with_only_one_end_of_the_scale_is_separated(codes):
    assert separated_columns(codes, np.column_stack([OVERLAP, GROUP])) == [1]


def test_a_group_with_only_a_middle_category_is_not_separated():
    codes = np.array([0, 1, 2, 0, 1, 2, 1, 1])
    assert separated_columns(codes, GROUP[:, None]) == []


def test_a_number_that_orders_the_ratings_is_separated():
    assert separated_columns(np.array([0, 0, 1, 1, 2]), np.array([[1.0], [2.0], [3.0], [4.0], [5.0]])) == [0]


def test_a_combination_of_columns_that_orders_the_ratings_is_found_though_neither_column_does():
    x = np.array([[0, 3], [3, 0], [1, 2], [0, 5], [5, 0], [2, 3.0]])
    codes = np.array([0, 0, 0, 1, 1, 1])  # x_1 + x_2 orders them
    assert separated_columns(codes, x[:, :1]) == []
    assert separated_columns(codes, x[:, 1:]) == []
    assert separated_columns(codes, x) == [0, 1]


def test_the_size_and_the_origin_of_a_column_do_not_matter():
    x = np.column_stack([OVERLAP * 1e7, 1e8 + GROUP])
    assert separated_columns(Y, x) == [1]


def test_without_columns_nothing_is_separated():
    assert separated_columns(Y, np.zeros((8, 0))) == []


def test_many_ratings_without_separation_are_not_taken_for_separated_by_rounding():
    rng = np.random.default_rng(0)
    assert separated_columns(rng.integers(0, 5, 4000), 2000 + rng.normal(size=(4000, 6))) == []
