"""Several processes of one run: each on its own GPU, and references computed about once by all of them together."""

import threading

import numpy as np
import pytest
import torch

from pluralign.training.base import Base
from pluralign.training.packing import Tree
from pluralign.training.ranks import own_order
from pluralign.training.reference import BATCH, ReferenceStore

N = 160
TREES = [Tree((1, 2, *range(prompt % 7), prompt), ((3, 4), (5, 6))) for prompt in range(N)]


def by_ids(trees):
    return np.array([-float(tree.prompt[-1] + sum(answer)) for tree in trees for answer in tree.answers])


@pytest.mark.parametrize(
    ("environment", "gpu", "device"),
    [
        ({"LOCAL_RANK": "1"}, True, "cuda:1"),
        ({"LOCAL_RANK": "0"}, True, "cuda:0"),
        ({"LOCAL_RANK": ""}, True, "cuda"),
        ({}, True, "cuda"),
        ({"LOCAL_RANK": "1"}, False, "cpu"),
    ],
)
def test_every_process_opens_the_base_on_its_own_gpu(tiny_folder, own_cache, monkeypatch, environment, gpu, device):
    from transformers import PreTrainedModel

    monkeypatch.delenv("LOCAL_RANK", raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: gpu)
    moved = []
    monkeypatch.setattr(PreTrainedModel, "to", lambda self, where: moved.append(where) or self)
    Base.open(str(tiny_folder), "float32")
    assert moved == [device]


def test_a_device_that_is_named_is_taken_whatever_the_process(tiny_folder, own_cache, monkeypatch):
    monkeypatch.setenv("LOCAL_RANK", "1")
    assert Base.open(str(tiny_folder), "float32", "cpu").device.type == "cpu"


def test_the_store_of_a_process_knows_its_place(tiny_folder, own_cache, monkeypatch):
    monkeypatch.setenv("RANK", "2")
    monkeypatch.setenv("WORLD_SIZE", "4")
    store = Base.open(str(tiny_folder), "float32", "cpu").references
    assert (store.rank, store.n_ranks) == (2, 4)


@pytest.mark.parametrize("n", [1, 2, 3, 5])
def test_every_process_takes_every_piece_once_and_its_own_first(n):
    pieces = list(range(11))
    orders = [own_order(pieces, rank, n) for rank in range(n)]
    assert all(sorted(order) == pieces for order in orders)
    firsts = [order[: len(pieces[rank::n])] for rank, order in enumerate(orders)]
    assert sorted(piece for first in firsts for piece in first) == pieces
    assert firsts[0] == pieces[::n]


class Turns:
    """Two processes whose batches alternate, as often as is said: one computes and writes while the other waits, however slow the disk is."""

    def __init__(self, order):
        self.order, self.at, self.done = order, 0, set()
        self.changed = threading.Condition()

    def wait(self, who):
        with self.changed:
            assert self.changed.wait_for(lambda: self._turn() == who, 100), "the other one is stuck"

    def written(self):
        with self.changed:
            self.at += 1
            self.changed.notify_all()

    def leave(self, who):
        with self.changed:
            self.done.add(who)
            self.changed.notify_all()

    def _turn(self):
        while self.done and self.order[self.at % len(self.order)] in self.done:
            self.at += 1
        return self.order[self.at % len(self.order)]


@pytest.mark.parametrize("order", [(0, 1), (0, 0, 0, 1)], ids=["equally fast", "one three times as fast"])
def test_two_processes_on_a_cold_store_compute_every_answer_about_once(tmp_path, order):
    path, turns = tmp_path / "references.sqlite", Turns(order)
    ReferenceStore(path)
    computed, found = {0: [], 1: []}, {}

    class Told(ReferenceStore):
        def _write(self, found):
            super()._write(found)
            turns.written()

    def process(rank):
        def compute(part):
            turns.wait(rank)
            computed[rank].append(len(part))
            return by_ids(part)

        try:
            found[rank] = Told(path, rank, 2).logps(TREES, compute)
        finally:
            turns.leave(rank)

    threads = [threading.Thread(target=process, args=(rank,)) for rank in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(np.array_equal(found[rank], by_ids(TREES)) for rank in (0, 1))
    assert sum(map(sum, computed.values())) <= N + 2 * BATCH
    shares = {rank: sum(parts) / N for rank, parts in computed.items()}
    assert abs(shares[0] - order.count(0) / len(order)) < 0.15


def test_a_process_that_comes_late_is_dealt_what_it_would_have_been(tmp_path):
    path, computed = tmp_path / "references.sqlite", []

    def compute(part):
        computed.append([tree.prompt for tree in part])
        return by_ids(part)

    pieces = sorted(TREES, key=lambda tree: tree.n_tokens)
    ReferenceStore(path, 0, 2).logps(pieces[:BATCH], by_ids)
    ReferenceStore(path, 1, 2).logps(TREES, compute)
    assert computed[0] == [tree.prompt for tree in pieces[BATCH : 2 * BATCH]], "the third is the other's next one"
    assert sum(map(len, computed)) == N - BATCH


def test_what_another_process_wrote_between_two_batches_is_not_computed_again(tmp_path):
    store, other = (ReferenceStore(tmp_path / "references.sqlite") for _ in range(2))
    computed = []

    def compute(part):
        if not computed:  # the other one has done all the rest, and half of a batch
            other.logps(TREES[4:], by_ids)
        computed.extend(part)
        return by_ids(part)

    assert np.array_equal(store.logps(TREES, compute), by_ids(TREES))
    assert len(computed) <= BATCH + 4
