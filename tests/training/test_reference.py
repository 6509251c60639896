"""The store of reference log-probabilities when its file is not what it was."""

import numpy as np
import pytest

from pluralign.errors import PluralignError
from pluralign.training.packing import Tree
from pluralign.training.reference import ReferenceStore

TREES = [Tree((1, 2, prompt), ((3, 4), (5, 6))) for prompt in range(400)]


def by_ids(trees):
    return np.array([-float(sum(answer)) for tree in trees for answer in tree.answers])


@pytest.fixture
def store(tmp_path):
    found = ReferenceStore(tmp_path / "references.sqlite")
    found.logps(TREES, by_ids)
    return found


def test_what_was_computed_is_read_back(store):
    again = ReferenceStore(store.path)
    assert np.array_equal(again.logps(TREES, lambda _: pytest.fail("computed again")), by_ids(TREES))


def test_a_damaged_page_is_named_with_what_to_do(store):
    size = store.path.stat().st_size
    assert size > 8192
    with store.path.open("r+b") as stream:  # all pages but the first, which has the schema
        stream.seek(4096)
        stream.write(b"\xff" * (size - 4096))
    with pytest.raises(PluralignError, match=r"PA055.*are broken.*Remove references\.sqlite"):
        ReferenceStore(store.path).logps(TREES, by_ids)


def test_a_file_that_is_no_store_is_named_with_what_to_do(tmp_path):
    place = tmp_path / "references.sqlite"
    place.write_bytes(b"not a database at all, " * 500)
    with pytest.raises(PluralignError, match=r"PA055.*are broken.*Remove references\.sqlite"):
        ReferenceStore(place)


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(PluralignError, match=r"PA055.*Set PLURALIGN_CACHE"):
        ReferenceStore(tmp_path / "file/references.sqlite")
