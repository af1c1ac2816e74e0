"""Full collections do not take longer for what was there before."""

import gc
import time
from collections.abc import Callable, Iterator

import pytest

from tenantry.adapters import collector
from tenantry.adapters.collector import short_pauses


class Node:
    """Something that the collector looks at."""

    other: "Node | None" = None


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    """The tests' own process is none that serves."""
    yield
    gc.unfreeze()


def full_collection() -> float:
    began = time.thread_time()
    gc.collect()
    return time.thread_time() - began


def many() -> list[Node]:
    return [Node() for _ in range(300_000)]


def least(measured: Callable[[], float]) -> float:
    """Of a few: what nothing else has lengthened."""
    return min(measured() for _ in range(3))


def test_what_survives_a_long_collection_is_not_looked_at_again() -> None:
    kept = many()
    without = least(full_collection)
    with short_pauses():
        assert least(full_collection) < without / 3
        kept += many()
        full_collection()
        assert least(full_collection) < without / 10
    assert len(kept) == 600_000


def test_what_survives_a_short_one_stays_where_garbage_is_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(collector, "LONG_SECONDS", 60.0)
    with short_pauses():
        frozen = gc.get_freeze_count()
        kept = many()
        gc.collect()
        assert gc.get_freeze_count() <= frozen
    assert kept


def test_a_cycle_that_was_not_set_aside_is_found_as_ever() -> None:
    with short_pauses():
        gc.collect()
        node = Node()
        node.other = node
        del node
        assert gc.collect() >= 1


def test_afterwards_the_collector_is_as_it_was_before() -> None:
    before = list(gc.callbacks)
    with short_pauses():
        assert gc.get_freeze_count() > 0
    assert (gc.callbacks, gc.get_freeze_count()) == (before, 0)
