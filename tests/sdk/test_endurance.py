"""What a client must live through: ten thousand calls, bad servers, forks, interrupts, restarts."""

import asyncio
import gc
import logging
import os
import signal
import socket
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import psutil
import pytest

from tenantry.errors import ConnectionError
from tenantry.sdk import Client
from tenantry.settings import Settings
from tenantry.testing.users import ADMIN_PASSWORD
from tests.installation import installed, serving

from .conftest import FakeServer


def client_of(fake: FakeServer) -> Client:
    return Client("127.0.0.1", fake.port, "root", "right", "tenantry")


def test_ten_thousand_calls_leave_nothing_behind(
    fake: FakeServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, logger="httpx2")  # pytest keeps what is logged
    process = psutil.Process()

    async def tasks() -> int:
        return len(asyncio.all_tasks())

    with client_of(fake) as client, ThreadPoolExecutor(8) as pool:

        def held() -> tuple[int, int, int, int]:
            gc.collect()
            running = client.account.portal.run(tasks)
            return threading.active_count(), running, process.num_fds(), len(gc.get_objects())

        def ask(calls: int) -> None:
            for _ in pool.map(lambda _: client.account.whoami(), range(calls)):
                fake.asked.clear()

        ask(500)
        threads, running, files, objects = held()
        ask(10_000)
        threads_then, running_then, files_then, objects_then = held()
    assert threads_then <= threads + 1  # a server thread of a connection made again after a pause
    assert running_then == running
    assert files_then <= files + 8
    assert objects_then < objects + 1_000
    assert fake.connections <= 32
    assert fake.logins == 1


@pytest.fixture
def rude() -> Iterator[Callable[[bytes], int]]:
    """Starts servers that answer everything with the same bytes, then hang up; their ports."""
    listeners: list[socket.socket] = []

    def start(answer: bytes) -> int:
        listener = socket.create_server(("127.0.0.1", 0))
        listeners.append(listener)
        threading.Thread(target=serve, args=(listener, answer), daemon=True).start()
        return int(listener.getsockname()[1])

    def serve(listener: socket.socket, answer: bytes) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection:
                connection.settimeout(2)
                try:
                    connection.recv(65536)
                    connection.sendall(answer)
                except OSError:
                    continue

    yield start
    for listener in listeners:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


GARBAGE = {
    "nothing": b"",
    "noise": bytes(range(256)) * 8,
    "another protocol": b"SSH-2.0-OpenSSH_9.7\r\n",
    "half an answer": b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{",
    "no JSON": b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
    "another JSON": b'HTTP/1.1 200 OK\r\nContent-Length: 14\r\n\r\n{"success": 7}',
    "a wrong length": b"HTTP/1.1 200 OK\r\nContent-Length: -4\r\n\r\nhello",
    "wrong chunks": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhello",
    "a lie": b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 5\r\n\r\nhello",
    "a redirect": b"HTTP/1.1 307 Moved\r\nLocation: http://192.0.2.1/\r\nContent-Length: 0\r\n\r\n",
    "headers without end": b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200_000,
    "a fault": b"HTTP/1.1 500 Oops\r\nContent-Length: 4\r\n\r\nOops",
    "JSON nested too deep": b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + b"[" * 100_000,
}


@pytest.mark.parametrize("answer", GARBAGE.values(), ids=GARBAGE)
def test_garbage_from_a_server_is_a_connection_error(
    rude: Callable[[bytes], int], answer: bytes
) -> None:
    with Client("127.0.0.1", rude(answer), "root", "right", timeout=5) as client:
        for _ in range(2):
            with pytest.raises(ConnectionError):
                client.account.whoami()


def test_an_answer_without_end_is_not_read_to_the_end(rude: Callable[[bytes], int]) -> None:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    port = rude(head + (b"100000\r\n" + b" " * 2**20 + b"\r\n") * 80)
    client = Client("127.0.0.1", port, "root", "right")
    with client, pytest.raises(ConnectionError, match="answers more than"):
        client.account.whoami()


def test_a_server_that_trickles_does_not_hold_a_call_for_ever() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        done = threading.Event()

        def trickle() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 200\r\n\r\n")
                while not done.wait(0.05):
                    connection.sendall(b" ")

        thread = threading.Thread(target=trickle)
        thread.start()
        client = Client("127.0.0.1", listener.getsockname()[1], "root", "right", timeout=0.3)
        try:
            with client, pytest.raises(ConnectionError, match="did not answer in time"):
                client.account.whoami()
        finally:
            done.set()
            thread.join()


def test_an_interrupt_leaves_the_client_usable(fake: FakeServer) -> None:
    """Ctrl-C while a call waits: the call ends, and the next one works."""
    assert threading.current_thread() is threading.main_thread()

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        with client_of(fake) as client:
            for _ in range(3):
                fake.seconds = 1.0
                signal.setitimer(signal.ITIMER_REAL, 0.1)
                with pytest.raises(KeyboardInterrupt):
                    client.account.whoami()
                fake.seconds = 0.0
                assert client.account.whoami().username == "john"
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def test_a_server_may_restart_between_calls(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    with installed("http", settings, monkeypatch) as installation:
        port = installation.params.port
    with Client("127.0.0.1", port, "root", ADMIN_PASSWORD) as client:
        for name in ("ada", "bea"):
            with serving(settings, port):
                client.account.create_user(name)
                assert client.account.whoami().username == "root"
            with pytest.raises(ConnectionError, match="cannot be reached"):
                client.account.whoami()
        with serving(settings, port):
            assert [u.username for u in client.account.list_users()] == ["ada", "bea", "root"]


FORKING = """
    import os, sys, threading
    from tenantry import Client, errors

    client = Client("127.0.0.1", int(sys.argv[1]), "root", "right")
    client.connect()
    manager = client.account
    print(manager.whoami().username)
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        try:
            manager.whoami()
        except errors.ConnectionError as error:
            print(error)
        client.connect()
        print("child", manager.whoami().username)
        client.close()
        sys.exit(0)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    print("parent", manager.whoami().username)
    client.close()
"""


def test_a_fork_is_told_and_connects_anew(fake: FakeServer) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", textwrap.dedent(FORKING), str(fake.port)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=os.environ,
    )
    assert done.stderr == ""
    assert done.stdout.splitlines() == [
        "john",
        "The client was made before this process was forked; make a new one, or connect() again.",
        "child john",
        "0",
        "parent john",
    ]
    assert fake.logins == 2


def test_a_client_that_nobody_closes_logs_out_with_its_process(fake: FakeServer) -> None:
    code = (
        "import sys; from tenantry import Client;"
        'client = Client("127.0.0.1", int(sys.argv[1]), "root", "right").connect();'
        "print(client.account.whoami().username)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(fake.port)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "john\n", "")
    assert [asked.path for asked in fake.asked] == ["/api/v1/me", "/api/v1/logout"]
