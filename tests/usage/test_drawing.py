"""`tenantry usage`: days, drawings and data of what a server answers."""

import csv
import io
import json
from collections.abc import Callable
from typing import Any

import pytest

from tenantry.auth.actions import WhoAmI
from tenantry.cli import session, usage
from tenantry.cli.main import main
from tenantry.cli.tree import HAND_WRITTEN
from tenantry.usage.model import BIN, BINS, Use, month, shown
from tenantry.users.actions import AdminMonthStatsAction, UserMonthStatsAction
from tenantry.users.model import UserData, UserRole, UserStatus
from tenantry.users.statistics import MonthStatsResult

NOW = 1_770_000_000.0


def a_month(*, gaps: bool = False, live: bool = True) -> MonthStatsResult:
    bins = month(NOW)
    stats = [
        shown(start, Use(num_sessions=2, gpu=0.5, memory=2**30, write=2**20) if i % 7 else Use())
        for i, start in enumerate(bins)
    ]
    return MonthStatsResult(stats=stats, gaps=[float(bins[0])] if gaps else [], live=live)


@pytest.fixture
def answer(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The actions that a command asked for; each is answered with the same month."""
    asked: list[Any] = []

    class Transport:
        async def run(self, action: Any) -> Any:
            asked.append(action)
            if isinstance(action, UserMonthStatsAction | AdminMonthStatsAction):
                return a_month(gaps=True, live=False)
            return WhoAmI(user=somebody())

    def run_with(work: Callable[[Any], Any]) -> Any:
        import anyio

        return anyio.run(work, Transport())

    monkeypatch.setattr(session, "run_with", run_with)
    monkeypatch.setenv("COLUMNS", "100")
    for name, place in COMMANDS.items():
        monkeypatch.setitem(HAND_WRITTEN, name, place)
    return asked


COMMANDS = {"usage me": "usage:me", "usage user": "usage:user", "usage all": "usage:everybody"}


def somebody() -> UserData:
    empty = dict.fromkeys(UserData.__struct_fields__)
    known = {"id": "7", "username": "john", "role": UserRole.USER, "status": UserStatus.ACTIVE}
    return UserData(**(empty | known))  # type: ignore[arg-type]  # only the id is asked for


@pytest.mark.parametrize(
    ("words", "asked"),
    [
        (["me"], UserMonthStatsAction("7")),
        (["user", "jane"], UserMonthStatsAction("jane")),
        (["all"], AdminMonthStatsAction()),
    ],
)
def test_a_month_is_shown_by_days(
    answer: list[Any], capsys: pytest.CaptureFixture[str], words: list[str], asked: object
) -> None:
    assert main(["usage", *words]) == 0
    said = capsys.readouterr()
    lines = said.out.splitlines()
    assert len(lines) in (31, 32)  # a heading, and thirty days that may begin within one
    assert lines[0].split()[:2] == ["day", "num_sessions"]
    assert "1.0 GiB" in lines[5]
    assert "1 bins is an estimate" in said.err
    assert "newest IO is missing" in said.err
    assert answer[-1] == asked


def test_a_month_is_drawn_with_a_chart_for_each_measure(
    answer: list[Any], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["usage", "all", "--plot"]) == 0
    out = capsys.readouterr().out
    assert "num sessions: 2 at most" in out
    assert "gpu allocated: 0.5 at most" in out
    assert "io write bytes: 2.4 GiB in all" in out
    assert out.count("█") > 100
    assert max(len(line) for line in out.splitlines()) <= 100


def test_only_the_measures_named_are_drawn(
    answer: list[Any], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["usage", "all", "--plot", "--measure", "disk_used"]) == 0
    out = capsys.readouterr().out
    assert "disk used: 0 B at most" in out
    assert "num sessions" not in out


def test_csv_has_a_line_for_each_bin_with_plain_numbers(
    answer: list[Any], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["usage", "me", "--output", "csv"]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert len(rows) == BINS
    assert rows[1]["io_write_bytes"] == str(2**20)
    assert float(rows[1]["date"]) - float(rows[0]["date"]) == BIN


def test_json_has_the_same(answer: list[Any], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["usage", "me", "--output", "json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert len(rows) == BINS
    assert rows[1]["gpu_allocated"] == 0.5


def test_a_drawing_is_no_data(answer: list[Any], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["usage", "me", "--plot", "--output", "csv"]) == 2
    assert capsys.readouterr().out == ""


def test_a_terminal_without_blocks_gets_plain_signs() -> None:
    assert usage.bars([0, 1, 2], usage.PLAIN_BARS) == ["  #", "  #", " :#", " ##", " ##"]


def test_the_smallest_amount_shows_a_trace() -> None:
    assert usage.bars([1, 1000], usage.BARS)[-1] == "▁█"


def test_flows_add_up_and_levels_do_not() -> None:
    stats = a_month().stats
    assert sum(usage.columns_of(stats, "io_write_bytes", 80)) == sum(
        one["io_write_bytes"]["value"] for one in stats
    )
    assert set(usage.columns_of(stats, "num_sessions", 80)) == {2}
