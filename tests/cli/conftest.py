"""A real server in a process of its own, and the real command as a person runs it."""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tenantry.config import ConnectionParams, read_connection

START_SECONDS = 60.0


@dataclass(frozen=True)
class Done:
    """A command that has ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def lines(self) -> list[Any]:
        return [json.loads(line) for line in self.out.splitlines()]


def clean_environment(**more: str) -> dict[str, str]:
    kept = {n: v for n, v in os.environ.items() if not n.startswith("TENANTRY_")}
    return kept | {"NO_COLOR": "1", "TZ": "UTC", "COLUMNS": "100"} | more


class Command:
    """`tenantry`, with a configuration folder and a data folder of its own."""

    def __init__(self, environ: Mapping[str, str], folder: Path) -> None:
        self.environ = dict(environ)
        self.folder = folder

    def __call__(self, *words: str, stdin: str | bytes = "") -> Done:
        given = stdin.encode() if isinstance(stdin, str) else stdin
        ended = subprocess.run(
            [sys.executable, "-m", "tenantry.cli", *words],
            input=given,
            capture_output=True,
            env=self.environ,
            cwd=self.folder,
            timeout=120,
            check=False,
        )
        done = Done(ended.returncode, ended.stdout.decode(), ended.stderr.decode())
        assert "Traceback" not in done.err, done.err
        return done

    def with_environment(self, **more: str) -> "Command":
        return Command(self.environ | more, self.folder)


@dataclass(frozen=True)
class Server:
    """A running server, and how its first administrator logs in."""

    url: str
    data_dir: Path
    params: ConnectionParams


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """`tenantry serve` on a free port, everything embedded; hashing made cheap."""
    folder = tmp_path_factory.mktemp("server")
    data_dir = folder / "data"
    environ = clean_environment(
        TENANTRY_DATA_DIR=str(data_dir),
        TENANTRY_PORT="0",
        TENANTRY_HASH_MEMORY_KIB="8",
        TENANTRY_HASH_TIME_COST="1",
        TENANTRY_AUDIT_SEAL_SECONDS="1",
        TENANTRY_MANAGED_HOSTS=tempfile.gettempdir(),
    )
    log = folder / "log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "tenantry.cli", "serve"],
            env=environ,
            stdout=out,
            stderr=subprocess.STDOUT,
            cwd=folder,
        )
        try:
            params = _ready(process, data_dir, log)
            yield Server(f"http://127.0.0.1:{params.port}", data_dir, params)
        finally:
            process.terminate()
            process.wait(60)


def _ready(process: "subprocess.Popen[bytes]", data_dir: Path, log: Path) -> ConnectionParams:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end and process.poll() is None:
        params = read_connection(data_dir)
        try:
            answer = httpx2.get(
                f"http://127.0.0.1:{params.port}/health/ready", trust_env=False, timeout=2
            )
            if params.password and answer.status_code == 200:
                return params
        except httpx2.TransportError:
            pass
        time.sleep(0.05)
    raise AssertionError(f"the server did not start:\n{log.read_text()}")


@pytest.fixture
def offline(tmp_path: Path) -> Command:
    """The command where there is no server and nobody has logged in."""
    environ = clean_environment(
        XDG_CONFIG_HOME=str(tmp_path / "config"), TENANTRY_DATA_DIR=str(tmp_path / "nothing")
    )
    return Command(environ, tmp_path)


@pytest.fixture
def stranger(server: Server, offline: Command) -> Command:
    """The command beside the server; nobody has logged in."""
    return offline.with_environment(TENANTRY_DATA_DIR=str(server.data_dir))


@pytest.fixture(scope="session")
def session_content(server: Server, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The administrator's session, made once."""
    folder = tmp_path_factory.mktemp("login")
    environ = clean_environment(XDG_CONFIG_HOME=str(folder), TENANTRY_DATA_DIR=str(server.data_dir))
    done = Command(environ, folder)("login")
    assert done.code == 0, done.err
    return (folder / "tenantry" / "session.json").read_text()


@pytest.fixture
def tenantry(stranger: Command, session_content: str) -> Command:
    """The command, logged in as the administrator."""
    path = Path(stranger.environ["XDG_CONFIG_HOME"]) / "tenantry" / "session.json"
    path.parent.mkdir(parents=True, mode=0o700)
    path.touch(mode=0o600)
    path.write_text(session_content)
    return stranger


@pytest.fixture
def fresh_name() -> Callable[[], str]:
    """Usernames that no other test has."""
    import secrets

    return lambda: f"u{secrets.token_hex(6)}"
