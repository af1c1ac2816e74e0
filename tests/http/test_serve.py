"""The server as a process: how it starts, what its sockets take, how it goes down."""

import json
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from tenantry.errors import ConfigurationError
from tenantry.http.serve import bound, run_server
from tenantry.settings import Settings

PROGRAM = Path(__file__).with_name("fake_server.py")
TOKEN = {"Authorization": "Bearer token-of-superadmin"}


class Process:
    """A server process, and what it printed until it was ready."""

    def __init__(self, *arguments: str, until: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, str(PROGRAM), *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.printed = ""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.printed += line
            if until in line:
                break

    @property
    def port(self) -> int:
        found = re.search(r"listens on\s+127\.0\.0\.1:(\d+)", self.printed)
        assert found, self.printed
        return int(found[1])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def ended(self) -> tuple[int, str, str]:
        """Exit code, the rest of stdout, stderr."""
        out, err = self.process.communicate(timeout=20)
        return self.process.returncode, out, err

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()


@pytest.fixture(scope="module")
def server() -> Iterator[Process]:
    made = Process("0", "0.5", "root", until="shown only now")
    yield made
    made.kill()


@pytest.fixture
def short_lived() -> Iterator[Process]:
    made = Process("0", "10", "root", until="shown only now")
    yield made
    made.kill()


def exchange(server: Process, sent: bytes, *, seconds: float = 5) -> bytes:
    """What the server answers to these bytes until it hangs up."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=seconds) as connection:
        connection.sendall(sent)
        received = b""
        while piece := connection.recv(65536):
            received += piece
    return received


def test_a_ready_server_says_where_everything_is(server: Process) -> None:
    printed = server.printed
    assert f"connection file: 127.0.0.1 {server.port}" in printed
    assert f"{server.url}/api/v1" in printed
    assert f"{server.url}/openapi.json" in printed
    assert f"{server.url}/console" in printed
    assert printed.count("the-first-password") == 1


def test_it_does_not_say_what_it_is_made_of(server: Process) -> None:
    answer = httpx2.get(f"{server.url}/health/ready")
    assert answer.status_code == 200
    assert "Server" not in answer.headers
    assert "Date" in answer.headers


START = b"GET /api/v1/users/john HTTP/1.1\r\nHost: x\r\n"

RAW = {
    "no HTTP": (b"hello\r\n\r\n", 400),
    "TLS": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc", 400),
    "a long address": (b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 414),
    "an endless address": (b"GET /" + b"a" * 100_000, 414),
    "long headers": (START + b"X-Long: " + b"a" * 17_000 + b"\r\n\r\n", 431),
    "many headers": (START + b"X: y\r\n" * 4000 + b"\r\n", 431),
    "an endless header": (START + b"X-Long: " + b"a" * 100_000, 431),
    "two lengths": (
        b"POST /api/v1/login HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n"
        b"Content-Length: 3\r\n\r\n{}",
        400,
    ),
    "a length and chunks": (
        b"POST /api/v1/login HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        400,
    ),
    "a huge chunk": (
        b"POST /api/v1/login HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"fffffffffffffffff\r\n",
        400,
    ),
    "a line break in a header": (START + b"X-A: b\r\n\x00evil: c\r\n\r\n", 400),
    "bytes in the address": (b"GET /api/v1/users/\xff\xfe HTTP/1.1\r\nHost: x\r\n\r\n", 400),
    "headers that do not come": (START, 408),
    "nothing": (b"", 408),
}


@pytest.mark.parametrize(("sent", "status"), RAW.values(), ids=RAW.keys())
def test_what_is_no_request_is_answered_and_hung_up(
    server: Process, sent: bytes, status: int
) -> None:
    answer = exchange(server, sent)
    assert answer.startswith(f"HTTP/1.1 {status} ".encode()), answer
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"application/problem+json" in head.lower()
    assert b"no-store" in head
    assert json.loads(body)["status"] == status


def test_a_pipeline_is_answered_in_order(server: Process) -> None:
    one = b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n"
    last = b"GET /nowhere HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    answer = exchange(server, one + one + last)
    assert re.findall(rb"HTTP/1.1 (\d+)", answer) == [b"200", b"200", b"404"]


def test_an_idle_connection_stays_open_between_requests(server: Process) -> None:
    with httpx2.Client(base_url=server.url) as client:
        assert client.get("/health/live").status_code == 200
        time.sleep(0.8)  # longer than headers may take in this server
        assert client.get("/health/live").status_code == 200


def test_a_huge_body_gets_its_answer_and_no_reset(server: Process) -> None:
    content = b'{"username": "' + b"a" * 10_000_000 + b'"}'
    started = time.perf_counter()
    answer = httpx2.post(
        f"{server.url}/api/v1/login", content=content, headers={"Content-Type": "application/json"}
    )
    assert time.perf_counter() - started < 1
    assert (answer.status_code, answer.json()["field"]) == (413, "body")


def test_who_asks_before_sending_a_huge_body_is_spared(server: Process) -> None:
    started = time.perf_counter()
    sent = (
        b"POST /api/v1/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        b"Content-Length: 99999999\r\nExpect: 100-continue\r\n\r\n"
    )
    answer = exchange(server, sent)
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"100 Continue" not in answer
    assert time.perf_counter() - started < 1


def test_a_taken_port_is_told_in_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        settings = Settings(port=taken.getsockname()[1])
        with pytest.raises(ConfigurationError) as refused:
            run_server(settings)
    message = refused.value.message
    assert "\n" not in message
    assert f"127.0.0.1 port {settings.port}" in message
    assert "TENANTRY_PORT" in message


@pytest.mark.parametrize("host", ["no-such-host.invalid", "203.0.113.1"])
def test_an_address_that_is_not_ours_is_told_too(host: str) -> None:
    with pytest.raises(ConfigurationError, match=host):
        bound(Settings(host=host, port=0))


def test_every_address_of_a_name_gets_the_same_port() -> None:
    sockets = bound(Settings(host="localhost", port=0))
    ports = {listener.getsockname()[1] for listener in sockets}
    for listener in sockets:
        listener.close()
    assert len(ports) == 1


def test_sigterm_lets_requests_finish_and_tells_probes_first(short_lived: Process) -> None:
    url = short_lived.url
    slow: list[int] = []

    def ask() -> None:
        slow.append(httpx2.get(f"{url}/api/v1/users/slow", headers=TOKEN).status_code)

    asking = [threading.Thread(target=ask) for _ in range(20)]
    for thread in asking:
        thread.start()
    time.sleep(0.3)
    short_lived.process.send_signal(signal.SIGTERM)
    time.sleep(0.1)
    ready = httpx2.get(f"{url}/health/ready")
    assert (ready.status_code, ready.headers["Connection"]) == (503, "close")
    assert httpx2.get(f"{url}/api/v1/me", headers=TOKEN).status_code == 200
    for thread in asking:
        thread.join()
    assert slow == [200] * 20
    code, out, err = short_lived.ended()
    assert (code, out.strip().splitlines()[-1]) == (0, "closed"), err


def test_ctrl_c_ends_it_without_a_traceback(short_lived: Process) -> None:
    started = time.perf_counter()
    short_lived.process.send_signal(signal.SIGINT)
    code, out, err = short_lived.ended()
    assert time.perf_counter() - started < 1
    assert (code, out.strip(), err) == (0, "closed", "")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_start_can_be_broken_off(number: signal.Signals) -> None:
    starting = Process("0", "10", "hanging", until="opening")
    starting.process.send_signal(number)
    code, out, err = starting.ended()
    assert (code, out.strip(), err) == (0, "closed", "")
