"""A MariaDB for tests: made in a folder, on a private socket, ended with the last of its users."""

import os
import shutil
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from tenantry.adapters.process import (
    EmbeddedServer,
    ask,
    environment,
    is_running,
    processes_in,
    wait_until,
)
from tenantry.errors import ConfigurationError, ConnectionError

SUPERUSER = "root"
MISSING = (
    "There is no MariaDB server. Install Debian's package mariadb-server-core (apt-get install "
    "mariadb-server-core, which starts no service), or what brings the program mariadbd elsewhere."
)
_PLACES = ("/usr/sbin", "/usr/libexec", "/usr/local/sbin", "/opt/homebrew/bin")
_SCRIPTS = (
    "mysql_system_tables.sql",
    "mysql_performance_tables.sql",
    "mysql_system_tables_data.sql",
)
# Each on a line of its own, as the server reads them while it makes its tables.
_PREFACE = """create database if not exists mysql;
use mysql;
set @auth_root_socket=NULL;
set @skip_auth_anonymous=1;
set @current_hostname='localhost';
"""


def find_program() -> Path:
    """The server program; ConfigurationError says how to get it."""
    path = os.pathsep.join((os.environ.get("PATH", os.defpath), *_PLACES))
    found = shutil.which("mariadbd", path=path)
    if found is None:
        raise ConfigurationError(MISSING)
    return Path(found)


class EmbeddedMariaDB(EmbeddedServer):
    """One MariaDB server in one folder, with no network address. Blocking; not for lasting data."""

    program: ClassVar[str] = "mariadbd"
    socket_name: ClassVar[str] = "mariadb.sock"
    stop_signals: ClassVar[Sequence[tuple[signal.Signals, float]]] = (
        (signal.SIGTERM, 20.0),
        (signal.SIGKILL, 5.0),
    )

    @property
    def socket(self) -> Path:
        """Where the running server listens."""
        return self.socket_folder / self.socket_name

    def _find(self) -> int | None:
        # Its threads have the name of the program, too, but only processes are looked at.
        found = sorted(pid for pid in processes_in(self._data, self.program) if is_running(pid))
        if not found:
            return None
        if not wait_until(self._answers, self.start_seconds):
            raise ConnectionError(f"{self.program} in {self.folder} does not answer.")
        return found[0]

    def _begin(self) -> int:
        program = find_program()
        self._data.mkdir(mode=0o700, exist_ok=True)
        if not (self._data / "mysql").exists():
            self._make_tables(program)
        sockets = self._socket_folder(os.geteuid())
        options = ("--skip-networking", "--skip-log-bin", "--innodb-flush-log-at-trx-commit=0")
        place = f"--socket={sockets / self.socket_name}"
        child = self._run([*self._command(program), place, *options])
        return self._await(child, self._answers)

    @property
    def _data(self) -> Path:
        return self.folder / "data"

    def _answers(self) -> bool:
        # It greets whoever connects, with the name of the way in which passwords are asked for.
        return bool(ask(self.socket, b"", enough=b"native_password"))

    def _command(self, program: Path) -> list[str]:
        return [
            str(program),
            "--no-defaults",
            f"--datadir={self._data}",
            f"--pid-file={self.folder / 'mariadbd.pid'}",
            "--innodb-buffer-pool-size=32M",
            "--innodb-log-file-size=8M",
            "--character-set-server=utf8mb4",
            *(["--user=root"] if os.geteuid() == 0 else []),
        ]

    def _make_tables(self, program: Path) -> None:
        share = program.parent.parent / "share"
        folder = next(
            (share / name for name in ("mysql", "mariadb") if (share / name).is_dir()), None
        )
        if folder is None:
            raise ConfigurationError(f"{share} has no scripts for the tables of MariaDB.")
        script = _PREFACE + "".join((folder / name).read_text() for name in _SCRIPTS)
        command = [*self._command(program), "--bootstrap", "--max-allowed-packet=8M"]
        done = subprocess.run(
            command,
            input=script,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=environment(),
            timeout=self.start_seconds,
            check=False,
        )
        if done.returncode:
            shutil.rmtree(self._data, ignore_errors=True)
            last = "\n".join(done.stdout.splitlines()[-8:])
            raise ConfigurationError(f"MariaDB could not make its tables:\n{last}")
