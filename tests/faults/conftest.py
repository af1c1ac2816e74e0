"""Installations of their own, for tests that break them."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from tests.faults.serving import SERVE, Serving

MakeServing = Callable[..., Serving]


@pytest.fixture
def make_serving(tmp_path: Path) -> Iterator[MakeServing]:
    """Makes installations in the test's folder, and ends what is left of them."""
    made: list[Serving] = []

    def make(command: Sequence[str] = SERVE) -> Serving:
        folder = tmp_path / f"serving-{len(made)}"
        folder.mkdir()
        made.append(Serving(folder, command))
        return made[-1]

    yield make
    for serving in made:
        serving.clean_up()
