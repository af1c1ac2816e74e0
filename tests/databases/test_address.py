"""Where a managed database is, and whether one may go there."""

from ipaddress import ip_network

import pytest

from tenantry.databases.address import Address, address_of, is_allowed
from tenantry.databases.managed import DatabaseKind
from tenantry.users.names import Unfit

POSTGRESQL = DatabaseKind.POSTGRESQL


def test_an_address_names_host_port_database_and_user() -> None:
    found = address_of("postgresql://keeper@db.example.org:5433/analytics?tls=require", POSTGRESQL)
    assert found == Address("db.example.org", 5433, "analytics", "keeper", tls=True)


def test_a_socket_is_named_as_an_option_and_names_may_be_quoted() -> None:
    found = address_of("postgresql://the%20keeper@/a%2Db?host=%2Fvar%2Frun%2Fpg", POSTGRESQL)
    assert (found.host, found.database, found.username) == ("/var/run/pg", "a-b", "the keeper")
    assert found.is_socket


def test_a_server_of_the_mysql_family_goes_by_either_name() -> None:
    for scheme in ("mysql", "mariadb"):
        assert address_of(f"{scheme}://k@h/d", DatabaseKind.MARIADB).port is None


@pytest.mark.parametrize(
    ("dsn", "code"),
    [
        ("postgresql://k:geheim@h/d", "holds_secret"),
        ("postgresql://k@h/d?password=geheim", "holds_secret"),
        ("mysql://k@h/d", "wrong_kind"),
        ("file:///etc/passwd", "wrong_kind"),
        ("postgresql://h/d", "incomplete"),
        ("postgresql://k@h/", "incomplete"),
        ("postgresql://k@/d", "incomplete"),
        ("postgresql://k@h/d/e", "invalid_dsn"),
        ("postgresql://k@h:99999/d", "invalid_dsn"),
        ("postgresql://k@[::1/d", "invalid_dsn"),
        ("postgresql://k@h/d?sslrootcert=/etc/passwd", "unknown_option"),
        ("postgresql://k@h/d?tls=perhaps", "unknown_option"),
        ("postgresql://k@h/d\0", "invalid_text"),
        ("postgresql://k@h/d\n", "invalid_character"),
        (f"postgresql://k@h/{'d' * 64}", "too_long"),
        ("postgresql://k@h/" + "d" * 5000, "too_long"),
        ("postgresql://k@h/\ud800", "invalid_text"),
        ("postgresql://k@h/a%00b", "invalid_text"),
        ("postgresql://k@h/%ff", "invalid_text"),
        ("postgresql://%c0%27@h/d", "invalid_text"),
    ],
)
def test_what_is_no_address_is_refused_without_being_repeated(dsn: str, code: str) -> None:
    with pytest.raises(Unfit) as caught:
        address_of(dsn, POSTGRESQL)
    assert caught.value.code == code
    assert "geheim" not in str(caught.value)


ALLOWED = (ip_network("10.0.0.0/8"), ip_network("::1"), "db.example.org", "/run/postgresql")


@pytest.mark.parametrize(
    ("host", "resolved"),
    [
        ("DB.example.org.", ["192.0.2.1"]),
        ("10.1.2.3", ["10.1.2.3"]),
        ("anything", ["10.1.2.3", "::ffff:10.9.9.9", "::1"]),
        ("/run/postgresql", []),
        ("/run/postgresql/other", []),
    ],
)
def test_a_host_is_allowed_by_its_name_or_by_all_its_addresses(
    host: str, resolved: list[str]
) -> None:
    assert is_allowed(host, resolved, ALLOWED)


@pytest.mark.parametrize(
    ("host", "resolved"),
    [
        ("elsewhere", ["10.1.2.3", "192.0.2.1"]),
        ("169.254.169.254", ["169.254.169.254"]),
        ("::ffff:169.254.169.254", ["::ffff:169.254.169.254"]),
        ("unknown", []),
        ("db.example.org.evil.example", ["192.0.2.1"]),
        ("/run/postgresql2", []),
        ("/run/postgresql/../../etc", []),
        ("/etc/passwd", []),
    ],
)
def test_any_other_host_is_not(host: str, resolved: list[str]) -> None:
    assert not is_allowed(host, resolved, ALLOWED)
