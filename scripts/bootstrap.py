"""The project's commands, with nothing but Python: set up, run, test, lint, format, bench, lock.

`make` calls this and adds nothing, so `python3 scripts/bootstrap.py test` does what `make test`
does. The syntax is that of Python 3.8, as in environment.py and for the same reason.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence

import environment
import servers

CHECKS: tuple[tuple[str, ...], ...] = (
    ("ruff", "format", "--check", "."),
    ("ruff", "check", "."),
    ("mypy",),
    ("lint-imports",),
    ("deptry", "."),
)


def setup(_: Sequence[str]) -> int:
    """Make or mend .venv from the locked requirements."""
    environment.ensure()
    return 0


def call(command: Sequence[str]) -> int:
    """Run a program of the environment in the project's folder."""
    line = [str(environment.program(command[0])), *command[1:]]
    return subprocess.run(
        line, cwd=str(environment.ROOT), env=environment.inside(), check=False
    ).returncode


def check(commands: Sequence[Sequence[str]]) -> int:
    """Run the checks in order, each announced and timed, up to the first that fails."""
    began = time.monotonic()
    for number, command in enumerate(commands, 1):
        name = " ".join(command)
        environment.say(environment.paint("1", f"[{number}/{len(commands)}] {name}"))
        started = time.monotonic()
        code = call(command)
        took = time.monotonic() - started
        if code:
            environment.say(
                environment.paint("1;31", f"FAILED: {name} (exit {code}, {took:.1f} s)")
            )
            return code if 0 < code < 256 else 1
        environment.say(f"      passed in {took:.1f} s")
    took = time.monotonic() - began
    environment.say(environment.paint("1;32", f"all {len(commands)} checks passed in {took:.1f} s"))
    return 0


def run(arguments: Sequence[str]) -> int:
    """Start the account server (arguments go to `tenantry serve`)."""
    environment.ensure()
    command = [str(environment.program("tenantry")), "serve", *arguments]
    if os.name != "nt":
        # The server takes this process's place, so that signals reach it and nothing else.
        os.execve(command[0], command, environment.inside())  # noqa: S606 - no shell is wanted
    return subprocess.run(command, env=environment.inside(), check=False).returncode


def test(arguments: Sequence[str]) -> int:
    """Check format, lint, types, import contracts and dependencies, then run all tests."""
    environment.ensure()
    servers.ensure_mariadb()
    return check([*CHECKS, ("pytest", *arguments)])


def lint(_: Sequence[str]) -> int:
    """Run every check of `test` except the tests themselves."""
    environment.ensure()
    return check(CHECKS)


def format_code(_: Sequence[str]) -> int:
    """Format the code and mend what the linter can mend by itself."""
    environment.ensure()
    return call(("ruff", "check", "--fix-only", ".")) or call(("ruff", "format", "."))


def bench(arguments: Sequence[str]) -> int:
    """Run the benchmarks that the README quotes (arguments go to the runner)."""
    environment.ensure()
    return call(("python", "-m", "bench", *arguments))


def bench_peers(arguments: Sequence[str]) -> int:
    """Compare decisions with other engines, in an environment of their own."""
    environment.ensure()
    python = environment.ensure_peers()
    line = [str(python), "-m", "bench.peers", *arguments]
    path = os.pathsep.join(str(environment.ROOT / part) for part in ("src", "."))
    variables = dict(environment.inside(), PYTHONPATH=path)
    return subprocess.run(line, cwd=str(environment.ROOT), env=variables, check=False).returncode


def lock(arguments: Sequence[str]) -> int:
    """Regenerate requirements/*.txt; `--upgrade` takes newer versions."""
    if not environment.program("uv").exists():
        environment.make_venv(environment.find_python())
        said = environment.attempt(environment.pip("uv"))
        if said is not None:
            environment.explain("installing uv", said)
    common = ["uv", "pip", "compile", "--quiet", "--universal", "--generate-hashes", "--no-header"]
    common += ["--python-version", "{}.{}".format(*environment.OLDEST), *arguments]
    wish = environment.VENV / "uv.in"
    wish.write_text("uv\n", encoding="utf-8")
    targets = (
        ("uv.txt", ["--no-annotate", str(wish)]),
        ("runtime.txt", ["pyproject.toml"]),
        ("dev.txt", ["pyproject.toml", "--group", "dev"]),
        ("peers.txt", ["--group", "peers"]),
    )
    for name, source in targets:
        environment.say("locking requirements/" + name)
        code = call([*common, *source, "--output-file", str(environment.LOCKS / name)])
        if code:
            return code
    return 0


def clean(_: Sequence[str]) -> int:
    """Remove .venv, caches and build output; the data folder .tenantry/ stays."""
    places = [
        environment.VENV,
        environment.PEERS,
        environment.ROOT / "build",
        environment.ROOT / "dist",
        environment.ROOT / ".coverage",
    ]
    places += [environment.ROOT / f".{tool}_cache" for tool in ("mypy", "ruff", "pytest")]
    places += [environment.ROOT / ".import_linter_cache", environment.ROOT / ".hypothesis"]
    for folder in ("src", "compat", "tests", "bench", "scripts", "docs"):
        places += [p for p in (environment.ROOT / folder).rglob("*") if p.name == "__pycache__"]
    for place in places:
        if place.is_dir():
            shutil.rmtree(str(place))
        elif place.exists():
            place.unlink()
    return 0


def show_help(_: Sequence[str] = ()) -> int:
    """List the commands."""
    environment.say("usage: python3 scripts/bootstrap.py COMMAND [arguments]\n")
    for name, command in COMMANDS.items():
        environment.say("  {:<11} {}".format(name, (command.__doc__ or "").splitlines()[0]))
    return 0


COMMANDS: dict[str, Callable[[Sequence[str]], int]] = {
    "setup": setup,
    "run": run,
    "test": test,
    "lint": lint,
    "format": format_code,
    "bench": bench,
    "bench-peers": bench_peers,
    "lock": lock,
    "clean": clean,
    "help": show_help,
}


def main(arguments: Sequence[str]) -> int:
    """Run one command; a `--` before its arguments is dropped."""
    name, rest = (arguments[0], list(arguments[1:])) if arguments else ("help", [])
    if name in ("-h", "--help"):
        name = "help"
    if name not in COMMANDS:
        show_help()
        environment.say(environment.paint("1;31", f"\nThere is no command {name!r}."))
        return 2
    if rest[:1] == ["--"]:
        rest = rest[1:]
    try:
        return COMMANDS[name](rest)
    except environment.SetupError as error:
        print(environment.paint("1;31", str(error)), file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
