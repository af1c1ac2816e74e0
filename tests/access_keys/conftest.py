"""What the tests of access keys need."""

from collections.abc import Awaitable, Callable

import asyncpg
import pytest

from tenantry.access_keys.actions import IssueAccessKeyAction, ListAccessKeysAction
from tenantry.access_keys.companion import AccessKeyCompanion
from tenantry.access_keys.identification import AccessKeyIdentifier
from tenantry.access_keys.keyring import Keyring
from tenantry.access_keys.model import AccessKeyData, IssuedAccessKey, KeyActor
from tenantry.access_keys.processors import AccessKeyProcessors
from tenantry.access_keys.repository import AccessKeyRepository
from tenantry.app import App
from tenantry.kernel.action import Origin
from tenantry.testing.users import make_user
from tenantry.users.model import UserData

Keys = Callable[[UserData], Awaitable[list[AccessKeyData]]]
Issue = Callable[..., Awaitable[IssuedAccessKey]]
Identify = Callable[..., Awaitable[KeyActor]]

HOME = Origin(face="test", address="192.0.2.7")


@pytest.fixture
async def roomy(tenantry: App, owner: asyncpg.Connection) -> None:
    """A second policy for keys."""
    await owner.execute(
        "insert into keypair_policies (name, default_for_unspecified, total_resource_slots,"
        " max_session_lifetime, max_concurrent_sessions, max_concurrent_sftp_sessions,"
        " max_containers_per_session, idle_timeout, allowed_vfolder_hosts, created_at)"
        " values ('roomy', 'limited', '{}', 0, 30, 1, 1, 1800, '{}', now())"
    )


@pytest.fixture
def keyring(tenantry: App) -> Keyring:
    return tenantry.assembly.keyring


@pytest.fixture
def companion(tenantry: App) -> AccessKeyCompanion:
    """The keys' part in what happens to users."""
    return AccessKeyCompanion(
        access_key_repository=AccessKeyRepository(),
        keyring=tenantry.assembly.keyring,
        clock=tenantry.clock,
    )


@pytest.fixture
def access_keys(tenantry: App, roomy: None) -> AccessKeyProcessors:
    """The processors of access keys."""
    return tenantry.access_keys


@pytest.fixture
def identifier(tenantry: App) -> AccessKeyIdentifier:
    """What proves an actor by a key."""
    return tenantry.access_key_identifier


@pytest.fixture
def identify(identifier: AccessKeyIdentifier) -> Identify:
    """The actor of a bearer token, asking from home unless told otherwise."""

    async def proved(token: str, origin: Origin = HOME) -> KeyActor:
        return await identifier.identify_bearer(token, origin)

    return proved


@pytest.fixture
async def amy(tenantry: App, access_keys: AccessKeyProcessors) -> UserData:
    """A plain user with a main key."""
    return await make_user(tenantry, "amy")


@pytest.fixture
def keys_of(access_keys: AccessKeyProcessors) -> Keys:
    """The keys of a user, oldest first."""

    async def keys(user: UserData) -> list[AccessKeyData]:
        action = ListAccessKeysAction(user=str(user.id), limit=1000)
        return (await access_keys.list_keys.wait_for_complete(action)).items

    return keys


@pytest.fixture
def issue(access_keys: AccessKeyProcessors) -> Issue:
    """Issue a key for a user."""

    async def issued(user: UserData, **fields: object) -> IssuedAccessKey:
        action = IssueAccessKeyAction(user=str(user.id), **fields)  # type: ignore[arg-type]  # each field has a type of its own
        return await access_keys.issue.wait_for_complete(action)

    return issued
