"""The tour in the README: every block is run, in order, against a real server."""

from tests.docs.blocks import README, blocks_of, is_walkthrough
from tests.docs.server import RunningServer


def test_the_tour_does_what_it_shows(server: RunningServer) -> None:
    assert is_walkthrough(README)
    for block in blocks_of(README):
        if block.is_run:
            server.run(block)
