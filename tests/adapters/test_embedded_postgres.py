"""The embedded PostgreSQL: its life, its accidents, and as whom it runs."""

import asyncio
import os
import pwd
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import asyncpg
import pytest

from tenantry.adapters.postgres import binaries
from tenantry.adapters.postgres.embedded import SUPERUSER, EmbeddedPostgres
from tenantry.adapters.process import is_running, processes_in, wait_until
from tenantry.errors import ConfigurationError, ConnectionError

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="gives up root, so it needs root")

HOLDER = """
import sys, time
from pathlib import Path
from tenantry.adapters.postgres.embedded import EmbeddedPostgres
server = EmbeddedPostgres(Path(sys.argv[1]), durable=False)
server.start()
print(server.pid, flush=True)
sys.stdin.read()
server.stop()
"""


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder that every user may pass; those of pytest are closed to other users."""
    with tempfile.TemporaryDirectory(prefix="tenantry-test-") as folder:
        Path(folder).chmod(0o711)
        yield Path(folder)


@pytest.fixture
def server_in() -> Iterator[Callable[..., EmbeddedPostgres]]:
    """Make servers that are stopped after the test."""
    made: list[EmbeddedPostgres] = []

    def make(folder: Path, **options: str) -> EmbeddedPostgres:
        made.append(EmbeddedPostgres(folder, durable=False, settings=options))
        return made[-1]

    yield make
    for server in made:
        server.stop()


ServerIn = Callable[..., EmbeddedPostgres]


def query(server: EmbeddedPostgres, statement: str) -> object:
    async def run() -> object:
        connection = await asyncpg.connect(server.dsn(SUPERUSER, "postgres"), timeout=5)
        try:
            return await connection.fetchval(statement)
        finally:
            await connection.close()

    return asyncio.run(run())


def holder(folder: Path) -> subprocess.Popen[str]:
    """Another process that starts the server, prints its number and holds it."""
    return subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def answer_of(process: subprocess.Popen[str]) -> int:
    assert process.stdout is not None
    return int(process.stdout.readline())


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_it_listens_on_a_closed_unix_socket_only(tmp_path: Path, server_in: ServerIn) -> None:
    server = server_in(tmp_path / "postgres")
    server.start()
    assert query(server, "select current_setting('listen_addresses')") == ""
    assert query(server, "select current_user::text") == SUPERUSER
    assert query(server, "select datlocale from pg_database where datname = 'postgres'") == (
        "C.UTF-8"
    )
    assert query(server, "select lower('ÄÉ')") == "äé"
    assert mode_of(server.socket_folder) == 0o700
    assert mode_of(server.cluster) == 0o700
    assert mode_of(server.log) == 0o600


def test_data_outlasts_a_stop(tmp_path: Path, server_in: ServerIn) -> None:
    with server_in(tmp_path / "postgres") as server:
        query(server, "create table kept as select 7 as number")
        first = server.pid
    assert not is_running(first)
    with server_in(tmp_path / "postgres") as server:
        assert query(server, "select number from kept") == 7


def test_a_killed_server_is_brought_back(tmp_path: Path, server_in: ServerIn) -> None:
    # Without the wait for the log a commit of the last moments may be lost, so it is put on.
    server = server_in(tmp_path / "postgres", synchronous_commit="on")
    server.start()
    query(server, "create table kept as select 7 as number")
    killed = server.pid
    os.kill(killed, signal.SIGKILL)
    server.start()
    assert server.pid != killed
    assert query(server, "select number from kept") == 7


@pytest.mark.parametrize("left_by", ["nobody", "another process", "a zombie"])
def test_a_stale_pid_file_is_seen_through(
    tmp_path: Path, server_in: ServerIn, left_by: str
) -> None:
    server = server_in(tmp_path / "postgres")
    server.start()
    pid_file = server.cluster / "postmaster.pid"
    written = pid_file.read_text().splitlines()
    server.stop()
    other = subprocess.Popen(["sleep", "0" if left_by == "a zombie" else "600"])
    try:
        if left_by == "nobody":
            other.kill()
            other.wait()
        elif left_by == "a zombie":
            assert wait_until(lambda: not is_running(other.pid), 5.0)
        pid_file.write_text("\n".join([str(other.pid), *written[1:]]) + "\n")
        server.start()
        assert server.pid != other.pid
        assert query(server, "select 1") == 1
    finally:
        other.kill()
        other.wait()


def test_the_last_holder_stops_it(tmp_path: Path, server_in: ServerIn) -> None:
    first, second = server_in(tmp_path / "postgres"), server_in(tmp_path / "postgres")
    first.start()
    second.start()
    pid = first.pid
    assert second.pid == pid
    first.stop()
    assert query(second, "select 1") == 1
    second.stop()
    assert not is_running(pid)


def test_starting_at_the_same_time_gives_one_server(tmp_path: Path, server_in: ServerIn) -> None:
    others = [holder(tmp_path / "postgres") for _ in range(3)]
    server = server_in(tmp_path / "postgres")
    server.start()
    assert {answer_of(other) for other in others} == {server.pid}
    for other in others:
        other.communicate()
    assert query(server, "select 1") == 1


def test_a_server_whose_holder_was_killed_is_taken_over(
    tmp_path: Path, server_in: ServerIn
) -> None:
    other = holder(tmp_path / "postgres")
    pid = answer_of(other)
    other.kill()
    other.communicate()
    server = server_in(tmp_path / "postgres")
    server.start()
    assert server.pid == pid
    server.stop()
    assert wait_until(lambda: not is_running(pid), 5.0)


def test_an_interrupted_initdb_is_begun_anew(tmp_path: Path, server_in: ServerIn) -> None:
    folder = tmp_path / "postgres"
    other = holder(folder)
    try:
        assert wait_until(lambda: any(folder.glob("data.new-*/global")), 10.0)
    finally:
        other.kill()
        other.communicate()
    assert not (folder / "data").exists()
    server = server_in(folder)
    server.start()
    assert query(server, "select 1") == 1


def test_no_permission_of_an_existing_folder_changes(tmp_path: Path, server_in: ServerIn) -> None:
    closed = tmp_path / "home" / "project"
    closed.mkdir(parents=True)
    above = [closed, closed.parent, tmp_path, *tmp_path.parents]
    closed.chmod(0o700)
    closed.parent.chmod(0o700)
    before = [mode_of(folder) for folder in above]
    server = server_in(closed / "postgres")
    server.start()
    assert query(server, "select 1") == 1
    assert [mode_of(folder) for folder in above] == before


def test_a_deep_folder_gets_a_short_socket(tmp_path: Path, server_in: ServerIn) -> None:
    folder = tmp_path / ("deep" * 30) / "postgres"
    first, second = server_in(folder), server_in(folder)
    first.start()
    second.start()
    assert folder not in first.socket_folder.parents
    assert mode_of(first.socket_folder) == 0o700
    assert query(second, "select 1") == 1


def test_starting_again_is_quick(tmp_path: Path, server_in: ServerIn) -> None:
    server = server_in(tmp_path / "postgres")
    server.start()
    server.stop()
    took = []
    for _ in range(3):
        began = time.monotonic()
        server.start()
        took.append(time.monotonic() - began)
        server.stop()
    assert min(took) < 0.4


def test_a_refused_setting_is_shown(tmp_path: Path, server_in: ServerIn) -> None:
    server = server_in(tmp_path / "postgres", shared_buffers="nonsense")
    with pytest.raises(ConnectionError, match="shared_buffers"):
        server.start()
    assert not processes_in(server.cluster, "postgres")


def test_foreign_files_are_not_touched(tmp_path: Path, server_in: ServerIn) -> None:
    server = server_in(tmp_path / "postgres")
    server.cluster.mkdir(parents=True)
    (server.cluster / "thesis.txt").write_text("years of work")
    with pytest.raises(ConfigurationError, match="no PostgreSQL data"):
        server.start()
    assert (server.cluster / "thesis.txt").read_text() == "years of work"


def test_data_of_another_version_is_refused(tmp_path: Path, server_in: ServerIn) -> None:
    server = server_in(tmp_path / "postgres")
    server.start()
    server.stop()
    (server.cluster / "PG_VERSION").write_text("12\n")
    with pytest.raises(ConfigurationError, match="made by PostgreSQL 12"):
        server.start()


def test_missing_programs_are_named(tmp_path: Path) -> None:
    server = EmbeddedPostgres(tmp_path / "postgres", bin_dir=tmp_path / "nowhere")
    with pytest.raises(ConfigurationError, match="no program named postgres"):
        server.start()


@as_root
def test_root_gives_way_to_an_unprivileged_user(place: Path, server_in: ServerIn) -> None:
    server = server_in(place / "postgres")
    server.start()
    owner = (Path("/proc") / str(server.pid)).stat().st_uid
    if mode_of(binaries.find_programs(None).parent) & 0o001 and owner == 0:
        pytest.skip("the programs lie below a folder that only root may pass")
    assert pwd.getpwuid(owner).pw_name in binaries.SERVICE_USERS
    assert server.cluster.stat().st_uid == owner


@pytest.fixture
def no_namespaces(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a container, which usually forbids them."""
    monkeypatch.setattr(binaries, "namespace_prefix", lambda user: ("false",))


@as_root
@pytest.mark.usefixtures("no_namespaces")
def test_without_namespaces_closed_folders_are_passed_by_privilege(
    tmp_path: Path, server_in: ServerIn
) -> None:
    (tmp_path / "home").mkdir(mode=0o700)
    server = server_in(tmp_path / "home" / "postgres")
    server.start()
    assert query(server, "select 1") == 1
    assert server.cluster.stat().st_uid != 0
    assert mode_of(tmp_path / "home") == 0o700


@as_root
@pytest.mark.usefixtures("no_namespaces")
def test_without_namespaces_closed_programs_are_copied(
    place: Path, server_in: ServerIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(binaries, "CACHE", place / "closed")
    closed = binaries.copy_programs(binaries.find_programs(None))
    (place / "closed").chmod(0o700)
    monkeypatch.setattr(binaries, "CACHE", place / "cache")
    monkeypatch.setattr(binaries, "find_programs", lambda bin_dir: closed)
    server = server_in(place / "postgres")
    server.start()
    assert query(server, "select 1") == 1
    assert any((place / "cache").iterdir())
    assert mode_of(place / "closed") == 0o700


@as_root
@pytest.mark.usefixtures("no_namespaces")
def test_where_no_way_is_left_root_is_told(
    tmp_path: Path, server_in: ServerIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(binaries, "privilege_prefix", lambda user: ("false",))
    (tmp_path / "home").mkdir(mode=0o700)
    server = server_in(tmp_path / "home" / "postgres")
    with pytest.raises(ConfigurationError, match="TENANTRY_DATA_DIR"):
        server.start()


@as_root
def test_an_unprivileged_user_needs_nothing_special(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(binaries, "CACHE", place / "cache")
    programs = binaries.copy_programs(binaries.find_programs(None))
    user = pwd.getpwnam("nobody")
    (place / "home").mkdir()
    os.chown(place / "home", user.pw_uid, user.pw_gid)
    child = os.fork()
    if child == 0:
        # An interpreter of root's own cannot be started by others, so this one changes its user.
        try:
            os.setgroups([])
            os.setgid(user.pw_gid)
            os.setuid(user.pw_uid)
            folder = place / "home" / "postgres"
            with EmbeddedPostgres(folder, bin_dir=programs, durable=False) as server:
                good = (
                    query(server, "select 1") == 1 and server.cluster.stat().st_uid == os.getuid()
                )
            os._exit(0 if good else 1)
        finally:
            os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
