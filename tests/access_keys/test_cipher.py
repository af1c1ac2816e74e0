"""Encryption at rest: keys, contexts, key files and rotation."""

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import asyncpg
import pytest

from tenantry.access_keys.keyring import Keyring
from tenantry.access_keys.repository import AccessKeyRepository
from tenantry.adapters.cipher import (
    KEY_BYTES,
    Cipher,
    ensure_keys,
    new_key_line,
    read_keys,
)
from tenantry.app import App
from tenantry.errors import ConfigurationError
from tenantry.users.model import UserData

from .conftest import Identify, Issue

OLD, NEW = b"1" * KEY_BYTES, b"2" * KEY_BYTES


def test_what_is_sealed_opens_in_its_context_only() -> None:
    cipher = Cipher([OLD])
    sealed = cipher.seal(b"secret", b"row 1")
    assert b"secret" not in sealed
    assert cipher.open(sealed, b"row 1") == b"secret"
    assert cipher.seal(b"secret", b"row 1") != sealed
    with pytest.raises(ConfigurationError):
        cipher.open(sealed, b"row 2")
    for place in range(len(sealed)):
        damaged = sealed[:place] + bytes([sealed[place] ^ 1]) + sealed[place + 1 :]
        with pytest.raises(ConfigurationError):
            cipher.open(damaged, b"row 1")


def test_the_first_key_seals_and_all_keys_open() -> None:
    old, both = Cipher([OLD]), Cipher([NEW, OLD])
    assert both.open(old.seal(b"secret", b"row"), b"row") == b"secret"
    with pytest.raises(ConfigurationError):
        old.open(both.seal(b"secret", b"row"), b"row")
    assert both.seal(b"secret", b"row").startswith(both.current_id)


def test_secrets_of_a_key_that_is_missing_stop_the_start() -> None:
    old, new = Cipher([OLD]), Cipher([NEW])
    new.require_known([new.current_id])
    with pytest.raises(ConfigurationError) as refused:
        new.require_known({old.current_id, new.current_id})
    assert old.current_id.hex() in str(refused.value)
    assert new.current_id.hex() not in str(refused.value)


def test_the_first_start_makes_a_key_file_that_nobody_else_reads(tmp_path: Path) -> None:
    path = tmp_path / "data" / "secret.keys"
    first = ensure_keys(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert ensure_keys(path).current_id == first.current_id
    assert [entry.name for entry in path.parent.iterdir()] == ["secret.keys"]


def test_of_many_first_starts_at_once_all_have_the_same_key(tmp_path: Path) -> None:
    path = tmp_path / "secret.keys"
    with ThreadPoolExecutor(20) as pool:
        ciphers = list(pool.map(ensure_keys, [path] * 20))
    assert len({cipher.current_id for cipher in ciphers}) == 1
    assert [entry.name for entry in tmp_path.iterdir()] == ["secret.keys"]


def test_a_key_file_that_is_open_to_others_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "secret.keys"
    ensure_keys(path)
    path.chmod(0o640)
    with pytest.raises(ConfigurationError, match="0640"):
        ensure_keys(path)
    assert read_keys(path).current_id
    path.chmod(0o662)
    with pytest.raises(ConfigurationError, match="0662"):
        read_keys(path)


@pytest.mark.parametrize("content", ["", "# no key\n", "short\n", "a" * 60 + "\n", "é\n"])
def test_a_key_file_without_proper_keys_is_refused_and_not_quoted(
    tmp_path: Path, content: str
) -> None:
    path = tmp_path / "secret.keys"
    path.write_text(content)
    path.chmod(0o600)
    with pytest.raises(ConfigurationError) as refused:
        read_keys(path)
    assert content.strip() not in str(refused.value) or not content.strip()


def test_a_missing_key_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError):
        read_keys(tmp_path / "none")


def test_a_new_key_goes_first_in_the_file(tmp_path: Path) -> None:
    path = tmp_path / "secret.keys"
    old = ensure_keys(path)
    path.write_text(f"{new_key_line()}\n{path.read_text()}")
    both = ensure_keys(path)
    assert both.current_id != old.current_id
    assert both.open(old.seal(b"secret", b"row"), b"row") == b"secret"


@pytest.mark.anyio
async def test_after_a_change_of_keys_all_secrets_are_sealed_anew_and_the_old_key_may_go(
    tenantry: App,
    amy: UserData,
    issue: Issue,
    identify: Identify,
    keyring: Keyring,
    owner: asyncpg.Connection,
) -> None:
    keyring._cipher = Cipher([OLD])
    await owner.execute("delete from access_keys")
    issued = await issue(amy)
    keys = AccessKeyRepository()
    both = Cipher([NEW, OLD])
    rotating = Keyring(database=tenantry.database, access_key_repository=keys, cipher=both)
    held = await keyring.key_ids()
    assert held == {Cipher([OLD]).current_id}
    assert await rotating.reseal() == await owner.fetchval("select count(*) from access_keys")
    assert await rotating.reseal() == 0
    assert await keyring.key_ids() == {both.current_id}
    keyring._cipher = Cipher([NEW])
    assert (await identify(issued.token)).id == amy.id
