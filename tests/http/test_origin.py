"""The client's address: the socket's, unless a trusted proxy says otherwise."""

import logging
from ipaddress import ip_network

import pytest

from tenantry.http.origin import origin_of

TRUSTED = (ip_network("10.0.0.0/8"), ip_network("192.0.2.7/32"), ip_network("fd00::/8"))
CLIENT = "203.0.113.9"


def address(peer: str | None, *lines: str) -> str | None:
    headers = [(b"x-forwarded-for", line.encode()) for line in lines]
    return origin_of((peer, 1) if peer else None, headers, TRUSTED).address


@pytest.mark.parametrize(
    ("peer", "lines", "expected"),
    [
        (CLIENT, (), CLIENT),
        (CLIENT, ("1.1.1.1",), CLIENT),
        ("::ffff:203.0.113.9", (), CLIENT),
        ("10.0.0.1", (), "10.0.0.1"),
        ("10.0.0.1", (CLIENT,), CLIENT),
        ("::ffff:10.0.0.1", (CLIENT,), CLIENT),
        ("10.0.0.1", (f"1.1.1.1, {CLIENT}",), CLIENT),
        ("10.0.0.1", (f"1.1.1.1, {CLIENT}, 10.9.9.9, 192.0.2.7",), CLIENT),
        ("10.0.0.1", ("1.1.1.1", CLIENT), CLIENT),
        ("10.0.0.1", (CLIENT, "10.3.3.3"), CLIENT),
        ("10.0.0.1", (f"{CLIENT}:4711",), CLIENT),
        ("10.0.0.1", ("[2001:db8::1]:4711",), "2001:db8::1"),
        ("10.0.0.1", ("[2001:db8::1]",), "2001:db8::1"),
        ("10.0.0.1", ("2001:db8::1",), "2001:db8::1"),
        ("fd00::1", ("::ffff:203.0.113.9",), CLIENT),
        ("10.0.0.1", ("10.0.0.5, 10.0.0.6",), "10.0.0.5"),
        (None, ("1.1.1.1",), None),
        ("/run/socket", (), None),
        ("fe80::1%eth0", (), "fe80::1"),
    ],
)
def test_bug_32_the_last_hop_that_is_no_trusted_proxy_is_the_client(
    peer: str | None, lines: tuple[str, ...], expected: str | None
) -> None:
    assert address(peer, *lines) == expected


@pytest.mark.parametrize(
    "line",
    [
        "garbage<script>",
        f"garbage, {CLIENT}",
        "",
        f"{CLIENT},",
        "010.0.0.1",
        "10.1",
        "fe80::1%eth0",
        "1.2.3.4/32",
        "unknown",
        "1.2.3.4:99999999",
        "[1.2.3.4",
        "１.2.3.4",
        "\n",
    ],
)
def test_a_list_with_a_strange_hop_is_ignored_and_logged(
    line: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        assert address("10.0.0.1", line) == "10.0.0.1"
    assert "X-Forwarded-For" in caplog.text
    assert "garbage" not in caplog.text
