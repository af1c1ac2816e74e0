"""Runs every engine at every size, each in a process of its own, and prints one table a size.

`make bench-peers`, or `python -m bench.peers [--quick] [NAME ...]`.
"""

import argparse
import json
import os
import platform
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil
from rich.console import Console
from rich.table import Table

from bench.peers.measure import LOADERS
from bench.tables import span

SIZES = ((1_000, 100), (1_000, 10_000), (100_000, 1_000), (1_000_000, 10_000))
QUICK = SIZES[:1]
MOST_MEMORY = 8 << 30
"""An engine that needs more is stopped; others use the machine as well."""
ROOT = Path(__file__).resolve().parent.parent.parent
HEADINGS = ("load", "memory", "p50", "p99", "checks/s", "x dictionary", "least to most", "answers")

Figures = dict[str, Any]  # Any: what JSON holds


def main() -> None:
    """Read the command line and compare."""
    parser = argparse.ArgumentParser(prog="python -m bench.peers", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(LOADERS))
    parser.add_argument("--quick", action="store_true", help="the smallest world only")
    parser.add_argument("--most-users", type=int, default=SIZES[-1][0], help="no larger worlds")
    parser.add_argument("--fewest-users", type=int, default=0, help="no smaller worlds")
    parser.add_argument("--limit", type=float, default=200.0, help="processor seconds an engine")
    options = parser.parse_args()
    unknown = set(options.names) - set(LOADERS)
    if unknown:
        parser.error(f"no such engine: {', '.join(sorted(unknown))}")
    console = Console()
    if not console.is_terminal:
        console = Console(width=140)
    console.print(_machine(), highlight=False)
    wrong = 0
    for users, roles in QUICK if options.quick else SIZES:
        if not options.fewest_users <= users <= options.most_users:
            continue
        table = Table(title=f"{users:,} users, {roles:,} roles", title_justify="left")
        table.show_edge = False
        table.add_column("engine", no_wrap=True)
        for heading in HEADINGS:
            table.add_column(heading, justify="right", no_wrap=True)
        for name in options.names or LOADERS:
            found = _measured(name, users, roles, options.limit)
            wrong += found.get("wrong", 0) if isinstance(found, dict) else 0
            table.add_row(name, *_row(found))
        console.print(table)
        console.print()
    if wrong:
        raise SystemExit(f"{wrong} answers were wrong")


def _machine() -> str:
    model = platform.processor() or platform.machine()
    information = Path("/proc/cpuinfo")
    if information.exists():
        lines = information.read_text(encoding="utf-8").splitlines()
        named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
        model = next(iter(named), model)
    python = platform.python_version()
    return f"{os.cpu_count()} x {model}, {platform.system()}, Python {python}\n"


def _measured(name: str, users: int, roles: int, limit: float) -> Figures | str:
    """The figures, or why there are none."""
    command = [sys.executable, "-m", "bench.peers.measure", name, str(users), str(roles)]
    with tempfile.TemporaryFile("w+") as said:
        process = psutil.Popen(command, cwd=ROOT, stdout=said, stderr=said)
        while process.poll() is None:
            time.sleep(0.2)
            if _memory(process) > MOST_MEMORY:
                process.kill()
                process.wait()
                return f"needs more than {MOST_MEMORY >> 30} GB"
            if _seconds(process) > limit:
                process.kill()
                process.wait()
                return f"not done in {limit:.0f} s"
        said.seek(0)
        last = (said.read().strip().splitlines() or [""])[-1]
    if process.returncode:
        return last[:40] or f"ended with {process.returncode}"
    figures: Figures = json.loads(last)
    return figures


def _memory(process: psutil.Process) -> int:
    try:
        return int(process.memory_info().rss)
    except psutil.NoSuchProcess:
        return 0


def _seconds(process: psutil.Popen) -> float:
    """Of processor time, which does not pass faster where others use the machine."""
    try:
        times = process.cpu_times()
    except psutil.NoSuchProcess:
        return 0
    return float(times.user + times.system)


def _row(found: Figures | str) -> list[str]:
    if isinstance(found, str):
        return ["-", "-", "-", "-", "-", "-", "-", found]
    ratios = found["ratios"]
    wrong = f", {found['wrong']} wrong" if found["wrong"] else ", all right"
    return [
        span(found["load"]),
        f"{found['memory']:,.0f} MB",
        span(found["p50"]),
        span(found["p99"]),
        f"{1 / found['mean']:,.0f}",
        _short(statistics.median(ratios)),
        f"{_short(min(ratios))} to {_short(max(ratios))}",
        f"{found['answered']:,}{wrong}",
    ]


def _short(ratio: float) -> str:
    return f"{ratio:.2f}" if ratio < 10 else f"{ratio:,.0f}"


if __name__ == "__main__":
    main()
