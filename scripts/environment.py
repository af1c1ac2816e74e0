"""Make and mend `.venv`: find a Python, install what the lock files say, do nothing if it is done.

Only the standard library is used, and the syntax is that of Python 3.8, so that an old Python gets
a sentence about what is missing instead of a syntax error.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, NoReturn

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PEERS = ROOT / ".venv-peers"
BIN = VENV / ("Scripts" if os.name == "nt" else "bin")
EXE = ".exe" if os.name == "nt" else ""
STAMP = VENV / "setup.stamp"
LOG = VENV / "setup.log"
LOCKS = ROOT / "requirements"
PACKAGES = (ROOT, ROOT / "compat" / "backend-ai", ROOT / "compat" / "matrixone")

OLDEST = (3, 11)
KNOWN = ("3.14", "3.13", "3.12", "3.11")

# Words by which pip and uv report that they could not talk to the index at all.
NETWORK_SIGNS = (
    "name resolution",
    "dns error",
    "failed to establish a new connection",
    "error sending request",
    "failed to fetch",
    "connection refused",
    "connection reset",
    "network is unreachable",
    "no route to host",
    "proxyerror",
    "timed out",
    "max retries exceeded",
)


class SetupError(Exception):
    """The command cannot go on; the message tells the person what to do."""


class Interpreter(NamedTuple):
    """A Python that is new enough, and its version as (major, minor)."""

    path: str
    version: tuple[int, int]


def paint(code: str, text: str) -> str:
    """The text in a colour where a person watches, and plain everywhere else."""
    if not sys.stdout.isatty() or "NO_COLOR" in os.environ:
        return text
    return f"\033[{code}m{text}\033[0m"


def say(text: str) -> None:
    print(text, flush=True)


def version_of(python: str) -> tuple[int, int] | None:
    """The version of that interpreter, or None where it cannot run (a pyenv shim, for instance)."""
    try:
        answer = subprocess.run(
            [python, "-c", "import sys; print(*sys.version_info[:2])"],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=20,
            check=True,
        )
        major, minor = answer.stdout.split()
    except (OSError, ValueError, subprocess.SubprocessError):
        return None
    return int(major), int(minor)


def running_version() -> tuple[int, int]:
    return sys.version_info[0], sys.version_info[1]


def find_python() -> Interpreter:
    """This Python if it is new enough, otherwise the newest one on PATH."""
    if running_version() >= OLDEST:
        # Inside a venv, its base: .venv may be about to be made anew.
        return Interpreter(str(getattr(sys, "_base_executable", sys.executable)), running_version())
    for number in KNOWN:
        found = shutil.which("python" + number)
        version = version_of(found) if found else None
        if found and version and version >= OLDEST:
            return Interpreter(found, version)
    raise SetupError(
        "Tenantry needs Python 3.11 or later. This is Python {}.{} ({}), and none of {} is on "
        "PATH.\n"
        "  Debian, Ubuntu:  sudo apt-get install python3.11 python3.11-venv\n"
        "  macOS:           brew install python@3.13".format(
            *running_version(), sys.executable, ", ".join("python" + n for n in KNOWN)
        )
    )


def require_venv_modules(python: Interpreter) -> None:
    """Debian and Ubuntu keep venv and ensurepip in a package of their own."""
    probe = [python.path, "-c", "import venv, ensurepip"]
    if subprocess.run(probe, stderr=subprocess.DEVNULL, check=False).returncode != 0:
        raise SetupError(
            "{} has no venv and ensurepip modules, which make the environment.\n"
            "  Debian, Ubuntu:  sudo apt-get install python{}.{}-venv\n"
            "Then run the same command again.".format(python.path, *python.version)
        )


def fingerprint(version: tuple[int, int]) -> str:
    """A digest of all that decides what the environment contains."""
    digest = hashlib.sha256("{} {}.{}".format(ROOT, *version).encode())
    manifests = [package / "pyproject.toml" for package in PACKAGES]
    for path in [LOCKS / "uv.txt", LOCKS / "dev.txt", *manifests]:
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            raise SetupError(f"{path} is missing; this is not a whole checkout.") from None
        digest.update(b"\0" + hashlib.sha256(content).digest())
    return digest.hexdigest()


def environment_version() -> tuple[int, int] | None:
    """The Python of the finished environment; None if there is none or it was left half made."""
    if not STAMP.exists() or not program("python").exists():
        return None
    for line in (VENV / "pyvenv.cfg").read_text(encoding="utf-8").splitlines():
        name, _, value = line.partition("=")
        if name.strip() in ("version", "version_info"):
            major, minor = value.strip().split(".")[:2]
            return int(major), int(minor)
    return None


def wanted_version() -> tuple[int, int] | None:
    """The version the environment should have: an old Python running this accepts what is there."""
    return running_version() if running_version() >= OLDEST else environment_version()


def is_ready() -> bool:
    version = wanted_version()
    if version is None or environment_version() != version:
        return False
    return STAMP.read_text(encoding="utf-8") == fingerprint(version)


def program(name: str) -> Path:
    return BIN / (name + EXE)


def inside() -> dict[str, str]:
    """The variables of a shell in which the environment is active."""
    variables = dict(os.environ, VIRTUAL_ENV=str(VENV))
    variables["PATH"] = str(BIN) + os.pathsep + variables.get("PATH", "")
    variables.pop("PYTHONHOME", None)
    variables.pop("PYTHONPATH", None)
    return variables


@contextlib.contextmanager
def alone() -> Iterator[None]:
    """Let one process at a time change the environment; the lock is on the folder itself."""
    if os.name == "nt":
        yield
        return
    import fcntl  # not on Windows

    folder = os.open(str(ROOT), os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def attempt(command: Sequence[str]) -> str | None:
    """Run one step of the set-up into the log; None when it worked, otherwise what it said."""
    done = subprocess.run(
        list(command),
        cwd=str(ROOT),
        env=dict(inside(), PIP_DISABLE_PIP_VERSION_CHECK="1", PIP_NO_INPUT="1", NO_COLOR="1"),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    said = done.stdout.decode("utf-8", "replace")
    with LOG.open("a", encoding="utf-8") as log:
        log.write("$ {}\n{}\n".format(" ".join(command), said))
    return said if done.returncode else None


def is_network(said: str) -> bool:
    return any(sign in said.lower() for sign in NETWORK_SIGNS)


def explain(step: str, said: str) -> NoReturn:
    """Stop with a sentence instead of an installer's traceback."""
    if is_network(said):
        raise SetupError(
            f"No network: the Python package index cannot be reached while {step}.\n"
            "Connect (or set the proxy or index variables that pip and uv read), then run the "
            f"same command again. Details: {LOG.relative_to(ROOT)}"
        )
    last = [line for line in said.splitlines() if line.strip()][-5:]
    raise SetupError(
        "{} failed:\n  {}\nDetails: {}".format(
            step[:1].upper() + step[1:], "\n  ".join(last), LOG.relative_to(ROOT)
        )
    )


def make_venv(python: Interpreter) -> None:
    """Make an empty environment, in the place of whatever half-made one is there."""
    require_venv_modules(python)
    say("making .venv with Python {}.{}".format(*python.version))
    try:
        VENV.mkdir(exist_ok=True)
        LOG.write_text("", encoding="utf-8")
    except OSError as error:
        raise SetupError(f"{VENV} cannot be written: {error.strerror}.") from None
    made = subprocess.run(
        [python.path, "-m", "venv", "--clear", str(VENV)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    if made.returncode:
        explain("making .venv", made.stdout.decode("utf-8", "replace"))


def pip(*arguments: str) -> list[str]:
    return [str(program("python")), "-m", "pip", "install", "--quiet", "--retries=2", *arguments]


def uv(*arguments: str) -> list[str]:
    return [str(program("uv")), "pip", "install", "--python", str(program("python")), *arguments]


def install_uv() -> bool:
    """Whether uv is there afterwards; without a network there is no use in going on with pip."""
    said = attempt(pip("--require-hashes", "-r", str(LOCKS / "uv.txt")))
    if said is not None and is_network(said):
        explain("installing uv", said)
    return said is None


def install_locked(*, have_uv: bool) -> None:
    """Install what the lock file says, with uv or, where uv does not work, with pip."""
    arguments = ("--require-hashes", "-r", str(LOCKS / "dev.txt"))
    if have_uv:
        say("installing the locked packages with uv")
        if attempt(uv(*arguments)) is None:
            return
    say("installing the locked packages with pip")
    said = attempt(pip(*arguments))
    if said is not None:
        explain("installing the locked packages", said)


def install_ourselves(*, have_uv: bool) -> None:
    """Install the project and the packages in compat/ so that edits take effect at once."""
    say("installing the project")
    arguments = ["--no-deps", "--no-build-isolation"]
    for package in PACKAGES:
        arguments += ["--editable", str(package)]
    if have_uv and attempt(uv(*arguments)) is None:
        return
    said = attempt(pip(*arguments))
    if said is not None:
        explain("installing the project", said)


def compile_all() -> None:
    """Write the bytecode now: uv does not, and where Python may not write it, every start is slow.

    A package may hold a file that no Python compiles, its test data; that harms nobody.
    """
    say("compiling what was installed")
    folders = [VENV] + [package / "src" for package in PACKAGES]
    attempt([str(program("python")), "-m", "compileall", "-q", "-j", "0", *map(str, folders)])


def install(version: tuple[int, int]) -> None:
    """Bring the environment up to the lock files; the stamp is there only when all of it worked.

    Without a stamp the next run starts from nothing, so a run that was killed leaves no half of a
    package behind. A clean refusal (no network) keeps what worked before.
    """
    before = STAMP.read_text(encoding="utf-8") if STAMP.exists() else None
    if before is not None:
        STAMP.unlink()
    try:
        have_uv = install_uv()
        install_locked(have_uv=have_uv)
        install_ourselves(have_uv=have_uv)
        compile_all()
    except SetupError:
        if before is not None:
            STAMP.write_text(before, encoding="utf-8")
        raise
    fresh = STAMP.with_suffix(".new")
    fresh.write_text(fingerprint(version), encoding="utf-8")
    fresh.replace(STAMP)


def ensure() -> None:
    """Make the environment, or mend it, or leave it alone when it is as it should be."""
    if is_ready():
        return
    with alone():
        if is_ready():
            return
        began = time.monotonic()
        version = wanted_version()
        if version is None or environment_version() != version:
            python = find_python()
            version = python.version
            make_venv(python)
        install(version)
        say(f"the environment is ready ({time.monotonic() - began:.1f} s)")


def ensure_peers() -> Path:
    """The Python of an environment that has the engines of bench/peers and nothing of ours.

    It is made with the uv of the first environment. A stamp with the digest of the lock file says
    that it is whole; without one it is made anew.
    """
    python = PEERS / BIN.name / ("python" + EXE)
    stamp = PEERS / "setup.stamp"
    wanted = LOCKS / "peers.txt"
    digest = hashlib.sha256(wanted.read_bytes()).hexdigest()
    with alone():
        if stamp.exists() and stamp.read_text(encoding="utf-8") == digest:
            return python
        say("making .venv-peers")
        installer = [str(program("uv")), "pip", "install"]
        steps = (
            [str(program("python")), "-m", "venv", "--clear", str(PEERS)],
            [*installer, "--python", str(python), "--require-hashes", "-r", str(wanted)],
        )
        for step in steps:
            said = attempt(step)
            if said is not None:
                explain("installing the engines to compare with", said)
        stamp.write_text(digest, encoding="utf-8")
    return python
