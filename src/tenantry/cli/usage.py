"""`tenantry usage me|user|all`: what compute sessions came to, as days, as bins or drawn."""

import shutil
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import pairwise
from typing import TYPE_CHECKING, Final

import click

from tenantry.auth.actions import WhoAmIAction
from tenantry.cli import session
from tenantry.cli.invocation import Plain, current
from tenantry.record import Record
from tenantry.users.actions import AdminMonthStatsAction, UserMonthStatsAction
from tenantry.users.statistics import MonthStatsResult

if TYPE_CHECKING:
    from tenantry.sdk.transport import Transport
    from tenantry.users.statistics import Measure, UsageBin

MEASURES: Final = (
    "num_sessions",
    "cpu_allocated",
    "mem_allocated",
    "gpu_allocated",
    "io_read_bytes",
    "io_write_bytes",
    "disk_used",
)
FLOWS: Final = frozenset({"io_read_bytes", "io_write_bytes"})
"""What adds up over time; of the others the highest counts."""
HEIGHT: Final = 5
BARS: Final = "▁▂▃▄▅▆▇█"
PLAIN_BARS: Final = ".:|#"

_PLOT = click.option("--plot", is_flag=True, help="Draw the thirty days, a line for each measure.")
_ONLY = click.option(
    "--measure",
    "measures",
    type=click.Choice(MEASURES),
    multiple=True,
    help="Only this one; repeatable.",
)


class BinRow(Record, frozen=True, kw_only=True):
    """A bin as a line of CSV or JSON: its start, and amounts without their units."""

    date: float
    num_sessions: int | float
    cpu_allocated: int | float
    mem_allocated: int | float
    gpu_allocated: int | float
    io_read_bytes: int | float
    io_write_bytes: int | float
    disk_used: int | float


@click.command("me", cls=Plain)
@_PLOT
@_ONLY
def me(*, plot: bool, measures: tuple[str, ...]) -> None:
    """Show what your own compute sessions came to in the last thirty days."""

    async def ask(transport: "Transport") -> MonthStatsResult:
        who = await transport.run(WhoAmIAction())
        return await transport.run(UserMonthStatsAction(str(who.user.id)))

    _show(session.run_with(ask), measures or MEASURES, plot=plot)


@click.command("user", cls=Plain)
@click.argument("user")
@_PLOT
@_ONLY
def user(user: str, *, plot: bool, measures: tuple[str, ...]) -> None:
    """Show what the compute sessions of USER, a username or an id, came to."""
    _show(session.run(UserMonthStatsAction(user)), measures or MEASURES, plot=plot)


@click.command("all", cls=Plain)
@_PLOT
@_ONLY
def everybody(*, plot: bool, measures: tuple[str, ...]) -> None:
    """Show what all compute sessions of the tenant came to; a superadmin sees all tenants."""
    _show(session.run(AdminMonthStatsAction()), measures or MEASURES, plot=plot)


def _show(result: MonthStatsResult, measures: Sequence[str], *, plot: bool) -> None:
    from tenantry.cli.output import note, show_table

    kind = current().output or "table"
    if kind != "table" and plot:
        raise click.UsageError("A drawing cannot be written as data; leave out one of the two.")
    if kind != "table":
        _write(kind, result.stats)
    elif plot:
        _draw(result.stats, measures)
    else:
        show_table(current(), ("day", *measures), _days(result.stats, measures))
    if result.gaps:
        note(f"Samples were missing: the IO of {len(result.gaps)} bins is an estimate.")
    if not result.live:
        note("The newest samples cannot be read now: the newest IO is missing.")


def _write(kind: str, bins: "Sequence[UsageBin]") -> None:
    """All bins, with numbers that programs can add."""
    from tenantry.cli.formats import WRITERS

    names = ("date", *MEASURES)
    writer = WRITERS[kind](sys.stdout, names)
    writer.write(
        BinRow(date=one["date"], **{name: _measure(one, name)["value"] for name in MEASURES})
        for one in bins
    )
    writer.end()


def _days(bins: "Sequence[UsageBin]", measures: Sequence[str]) -> list[list[str]]:
    """A row for each day, in UTC: flows added up, of all else the most."""
    days: dict[str, list[UsageBin]] = {}
    for one in bins:
        day = datetime.fromtimestamp(one["date"], UTC).date().isoformat()
        days.setdefault(day, []).append(one)
    return [
        [day, *(amount(_joined(parts, name), _unit(parts, name)) for name in measures)]
        for day, parts in days.items()
    ]


def _draw(bins: "Sequence[UsageBin]", measures: Sequence[str]) -> None:
    from tenantry.cli.output import say

    width = max(20, min(shutil.get_terminal_size((100, 24)).columns, 180) - 12)
    levels = BARS if _can_show(BARS) else PLAIN_BARS
    for name in measures:
        columns = columns_of(bins, name, width)
        most, unit = max(columns), _unit(bins, name)
        what = "in all" if name in FLOWS else "at most"
        shown = sum(columns) if name in FLOWS else most
        say(f"{name.replace('_', ' ')}: {amount(shown, unit)} {what}")
        rows = bars(columns, levels)
        for number, row in enumerate(rows):
            label = amount(most, unit) if number == 0 else "0" if number == HEIGHT - 1 else ""
            say(f"{label:>9} {row}".rstrip())
        first, last = (datetime.fromtimestamp(b["date"], UTC) for b in (bins[0], bins[-1]))
        gap = " " * max(1, len(columns) - 20)
        say(f"{'':>9} {first:%Y-%m-%d}{gap}{last:%Y-%m-%d}")
        say("")


def columns_of(bins: "Sequence[UsageBin]", name: str, width: int) -> list[float]:
    """The values squeezed into so many columns: flows added up, of all else the most."""
    edges = [index * len(bins) // width for index in range(width + 1)]
    parts = [bins[a:b] for a, b in pairwise(edges)]
    return [_joined(part, name) for part in parts if part]


def bars(values: Sequence[float], levels: str) -> list[str]:
    """The rows of a chart, the highest first; what is not zero shows at least a trace."""
    most = max(values, default=0)
    steps = len(levels)
    filled = [
        max(1, round(value / most * HEIGHT * steps)) if value > 0 and most > 0 else 0
        for value in values
    ]
    rows = []
    for row in range(HEIGHT - 1, -1, -1):
        cells = (min(max(fill - row * steps, 0), steps) for fill in filled)
        rows.append("".join(levels[cell - 1] if cell else " " for cell in cells))
    return rows


def amount(value: float, unit: str) -> str:
    """A value as a person reads it."""
    if unit != "bytes":
        return f"{value:.10g}" if value < 1e6 else f"{value:.3g}"
    for name in ("B", "KiB", "MiB", "GiB", "TiB"):
        if value < 1024:
            return f"{value:.0f} {name}" if name == "B" else f"{value:.1f} {name}"
        value /= 1024
    return f"{value:.1f} PiB"


def _joined(parts: "Sequence[UsageBin]", name: str) -> float:
    values = [_measure(one, name)["value"] for one in parts]
    return sum(values) if name in FLOWS else max(values)


def _unit(parts: "Sequence[UsageBin]", name: str) -> str:
    return _measure(parts[0], name)["unit_hint"]


def _measure(one: "UsageBin", name: str) -> "Measure":
    found: Measure = one[name]  # type: ignore[literal-required]  # a name from MEASURES
    return found


def _can_show(text: str) -> bool:
    try:
        text.encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        return False
    return True
