"""Settings: what is read, what is refused and how, and that the documentation names each one."""

import re
from ipaddress import ip_network
from pathlib import Path

import pytest

from tenantry.environment import mask_url
from tenantry.errors import ConfigurationError
from tenantry.settings import VARIABLES, Settings

ROOT = Path(__file__).resolve().parent.parent


def refusal(**environ: str) -> str:
    """What is said about these variables, which must be refused."""
    with pytest.raises(ConfigurationError) as caught:
        Settings.from_environment({f"TENANTRY_{name}": value for name, value in environ.items()})
    return caught.value.message


def test_nothing_needs_to_be_set() -> None:
    settings = Settings.from_environment({"HOME": "/home/ann"})
    assert settings == Settings()
    assert settings.base_url == "http://127.0.0.1:8420"


def test_each_kind_of_value_is_read() -> None:
    settings = Settings.from_environment(
        {
            "TENANTRY_PORT": "9000",
            "TENANTRY_DATA_DIR": "/srv/tenantry",
            "TENANTRY_DATABASE_URL": "postgresql://app@one,two:5433/accounts",
            "TENANTRY_TRUSTED_PROXIES": "10.0.0.0/8, 192.0.2.7,2001:db8::/32",
            "TENANTRY_PUBLIC_URL": "https://accounts.example.org/",
            "TENANTRY_LOCK_TIMEOUT": "0.25",
            "TENANTRY_LOG_LEVEL": "WARNING",
        }
    )
    assert settings.port == 9000
    assert settings.data_dir == Path("/srv/tenantry")
    assert settings.database_url == "postgresql://app@one,two:5433/accounts"
    expected = ("10.0.0.0/8", "192.0.2.7/32", "2001:db8::/32")
    assert settings.trusted_proxies == tuple(ip_network(network) for network in expected)
    assert settings.base_url == "https://accounts.example.org"
    assert settings.lock_timeout == 0.25
    assert settings.log_level == "warning"


def test_an_empty_list_of_proxies_is_a_list() -> None:
    assert Settings.from_environment({"TENANTRY_TRUSTED_PROXIES": ""}).trusted_proxies == ()


def test_the_address_of_ipv6_is_bracketed() -> None:
    assert Settings(host="::1", port=1).base_url == "http://[::1]:1"


def test_a_value_may_lie_in_a_file(tmp_path: Path) -> None:
    secret = tmp_path / "password"
    secret.write_text("correct horse\n\n")
    settings = Settings.from_environment({"TENANTRY_ADMIN_PASSWORD_FILE": str(secret)})
    assert settings.admin_password == "correct horse\n"


def test_a_value_and_a_file_contradict(tmp_path: Path) -> None:
    said = refusal(PORT="1", PORT_FILE=str(tmp_path / "port"))
    assert said == "TENANTRY_PORT and TENANTRY_PORT_FILE are both set: keep one of them."


def test_an_unreadable_file_is_named_by_its_variable(tmp_path: Path) -> None:
    assert "TENANTRY_ADMIN_PASSWORD_FILE" in refusal(ADMIN_PASSWORD_FILE=str(tmp_path / "absent"))
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    assert "UTF-8" in refusal(ADMIN_PASSWORD_FILE=str(tmp_path / "binary"))


@pytest.mark.parametrize(
    ("wrong", "meant"),
    [
        ("DATABSE_URL", "DATABASE_URL"),
        ("POOL_MAX", "DATABASE_POOL_MAX"),
        ("ADMIN_PASWORD_FILE", "ADMIN_PASSWORD_FILE"),
    ],
)
def test_an_unknown_name_gets_the_nearest(wrong: str, meant: str) -> None:
    said = refusal(**{wrong: "x"})
    assert said == f"TENANTRY_{wrong} is not a setting; did you mean TENANTRY_{meant}?"


def test_the_names_of_the_client_are_let_pass() -> None:
    client = {"TENANTRY_USER": "ann", "TENANTRY_PASSWORD_FILE": "/nowhere", "TENANTRY_DATABASE": ""}
    assert Settings.from_environment(client) == Settings()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "65536"),
        ("PORT", "-1"),
        ("PORT", " 80"),
        ("PORT", "8_420"),
        ("PORT", "٣"),
        ("PORT", ""),
        ("HOST", "my host"),
        ("DATA_DIR", "~/data"),
        ("DATABASE_URL", "mysql://db/accounts"),
        ("VALKEY_URL", "localhost:6379"),
        ("PUBLIC_URL", "accounts.example.org"),
        ("PUBLIC_URL", "https://ann:secret@example.org"),
        ("PUBLIC_URL", "https://example.org:99999"),
        ("PUBLIC_URL", "https://example.org/?a=b"),
        ("TRUSTED_PROXIES", "*"),
        ("TRUSTED_PROXIES", "0.0.0.0/0"),
        ("TRUSTED_PROXIES", "10.0.0.1/8"),
        ("TRUSTED_PROXIES", "10.0.0.1,"),
        ("LOCK_TIMEOUT", "nan"),
        ("LOCK_TIMEOUT", "1e3"),
        ("LOCK_TIMEOUT", "0"),
        ("HASH_MEMORY_KIB", "7"),
        ("MAX_FAILED_ATTEMPTS", "0"),
        ("MAX_FAILED_ATTEMPTS", "101"),
        ("LOG_LEVEL", "loud"),
    ],
)
def test_a_bad_value_is_refused_by_name(name: str, value: str) -> None:
    assert refusal(**{name: value}).startswith(f"TENANTRY_{name} ")


@pytest.mark.parametrize(
    "pair",
    [
        {"DATABASE_POOL_MIN": "5", "DATABASE_POOL_MAX": "4"},
        {"HASH_MEMORY_KIB": "8", "HASH_PARALLELISM": "2"},
        {"SESSION_IDLE_MINUTES": "61", "SESSION_MAX_HOURS": "1"},
        {"MIGRATION_DATABASE_URL": "postgresql://owner@db/accounts"},
    ],
)
def test_values_that_contradict_are_refused(pair: dict[str, str]) -> None:
    assert all(f"TENANTRY_{name}" in refusal(**pair) for name in pair)


def test_all_problems_are_told_at_once() -> None:
    said = refusal(PORT="x", HASH_TIME_COST="0", PROT="1")
    assert len(said.splitlines()) == 3


def test_secrets_are_neither_shown_nor_repeated() -> None:
    settings = Settings.from_environment(
        {
            "TENANTRY_ADMIN_PASSWORD": "hunter2://x",
            "TENANTRY_DATABASE_URL": "postgresql://app:hunter2@one,two/accounts",
            "TENANTRY_VALKEY_URL": "valkey://:hunter2@cache:6379/0",
        }
    )
    assert "hunter2" not in repr(settings)
    assert "postgresql://app:***@one,two/accounts" in repr(settings)
    assert "hunter2" not in refusal(DATABASE_URL="mysql://app:hunter2@db/accounts")


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://app:se/c@ret@db/x",
        "postgresql://app@db/x?password=secret&sslmode=require",
        "valkey://:secret@cache",
    ],
)
def test_every_place_of_a_password_is_masked(url: str) -> None:
    assert not re.search(r"se/c|ret@|secret", mask_url(url))


def test_the_reference_has_a_row_for_every_setting_and_no_other() -> None:
    page = (ROOT / "docs" / "reference" / "settings.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(TENANTRY_\w+)` \| (.*?) \| (.*?) \|$", page, flags=re.MULTILINE)
    documented = {name: (default.strip("`"), meaning) for name, default, meaning in rows}
    assert len(documented) == len(rows)
    assert documented == {v.variable: (v.default.strip("`"), v.meaning) for v in VARIABLES}
