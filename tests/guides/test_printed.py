"""Where the guides are not beside the checkout, our own examples are run, and the run says so."""

from pathlib import Path

import pytest

from tests.guides import printed
from tests.guides.printed import OWN, Printed


def test_without_the_guides_our_own_pages_are_left(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(printed, "GUIDES", tmp_path / "nothing")
    assert printed.pages("user-service.md") == [OWN / "user-service.md"]
    assert "only our own examples" in printed.summary()


def test_beside_a_guide_both_are_run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "user-service.md").touch()
    monkeypatch.setattr(printed, "GUIDES", tmp_path)
    pages = printed.pages("user-service.md")
    assert [printed.title(page) for page in pages] == ["own", "printed"]
    assert "their own text" in printed.summary()


@pytest.mark.anyio
async def test_a_block_knows_the_imports_of_earlier_ones_and_nothing_else_of_them() -> None:
    guide = Printed(Path("page.md"), ("import math\nleft = 1\n", "found = math.pi > given\n"))
    names = await guide.run(1, given=3)
    assert names["found"] is True
    assert "left" not in names
