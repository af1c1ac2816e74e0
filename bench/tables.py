"""How results are shown."""

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from bench.rounds import Result


def show(console: Console, title: str, results: Sequence[Result]) -> None:
    """A table; each reference stands above what is compared with it."""
    table = Table(title=title, title_justify="left", title_style="bold", show_edge=False)
    table.add_column("what", no_wrap=True)
    for heading in ("here, median", "p95", "ratio", "least to most"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("goal")
    for result in results:
        ratio = "reference" if result.is_reference else f"{result.ratio:.2f} x"
        spread = f"{min(result.ratios):.2f} to {max(result.ratios):.2f}"
        spread = "" if result.is_reference else spread
        table.add_row(
            result.name, span(result.median), span(result.late), ratio, spread, result.goal
        )
    console.print(table)
    console.print()


def span(seconds: float) -> str:
    """A time in the unit that suits it."""
    for unit, factor in (("s", 1.0), ("ms", 1e3), ("us", 1e6)):
        if seconds * factor >= 1:
            return f"{seconds * factor:.3g} {unit}"
    return f"{seconds * 1e9:.3g} ns"
