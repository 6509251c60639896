"""The models that the suite names."""

from pluralign.experiments.settings import model_families


def test_seven_families_of_1b_to_14b_are_named_and_two_of_them_reason():
    named = model_families()["families"]
    assert (
        len(named) == len({one["family"] for one in named}) == len({one["name"].rsplit("/")[-1] for one in named}) == 7
    )
    assert all(1 <= one["parameters_b"] <= 14 for one in named)
    assert sum(one["reasoning"] for one in named) >= 2
    assert all(one["licence"] for one in named)
