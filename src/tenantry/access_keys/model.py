"""Access keys, their bearer form, and the actor that one proves.

A key's name is ``AKIA`` and 16 base32 characters; its secret is 240 random bits. The bearer form
carries both and a checksum, so that scanners for leaked secrets can tell one from other text.
"""

import hmac
import re
import secrets
import zlib
from base64 import b32encode, urlsafe_b64encode
from dataclasses import dataclass, fields
from datetime import datetime
from enum import StrEnum
from typing import Annotated
from uuid import UUID

import msgspec

from tenantry.kernel.action import Actor
from tenantry.kernel.modifier import Modifier, OptionalState, TriState
from tenantry.record import Record, SecretText
from tenantry.users.model import Moment, UserRole

BEARER_PREFIX = "tny_k_"
DEFAULT_POLICY = "default"
DEFAULT_RATE_LIMIT = 10_000
MAX_KEYS = 100
"""How many keys one user has at most."""
ADMIN_ROLES = frozenset({UserRole.ADMIN, UserRole.SUPERADMIN})

_NAME = re.compile(r"AKIA[A-Z2-7]{16}")
_BEARER = re.compile(r"tny_k_(AKIA[A-Z2-7]{16})_([A-Za-z0-9_-]{40})([A-Za-z0-9_-]{6})")


class KeyScope(StrEnum):
    """What a key is good for: all that its user may do, or only reading."""

    FULL = "full"
    READ_ONLY = "read_only"


class AccessKeyData(Record, frozen=True, kw_only=True):
    """An access key as its owner and the administrators see it; the secret is not in it.

    ``is_main`` marks the one whose policy counts for the user as a whole. Without ``is_admin``
    an administrator's key does what a plain user may do.
    """

    access_key: str
    user_id: UUID
    username: str
    name: str | None
    is_main: bool
    is_active: bool
    is_admin: bool
    scope: KeyScope
    resource_policy: str
    rate_limit: int
    created_at: datetime
    modified_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    secret_shown_at: datetime | None
    version: int

    def usable_at(self, now: datetime) -> bool:
        """Whether it is active and has not expired; its user's state is another matter."""
        return self.is_active and (self.expires_at is None or now < self.expires_at)


class IssuedAccessKey(Record, frozen=True, kw_only=True):
    """A key with its secret, which is shown here and never again.

    ``token`` is the same secret in the form of a bearer token.
    """

    key: AccessKeyData
    secret: SecretText
    token: SecretText
    success: bool = True


class KeySettings(Record, frozen=True, kw_only=True):
    """What can be changed in a key, with what each field may hold."""

    name: str | None = None
    expires_at: Moment | None = None
    resource_policy: str = DEFAULT_POLICY
    rate_limit: Annotated[int, msgspec.Meta(ge=0, le=2**31 - 1)] = DEFAULT_RATE_LIMIT


class AccessKeyModifier(Modifier, frozen=True, kw_only=True):
    """What to change in an access key. Policy and rate limit are the administrators' to set."""

    name: TriState[Annotated[str, msgspec.Meta(description="What you call it.")]] = TriState.nop()
    expires_at: TriState[
        Annotated[Moment, msgspec.Meta(description="When it ends to be valid.")]
    ] = TriState.nop()
    resource_policy: OptionalState[
        Annotated[str, msgspec.Meta(description="Name of the keypair policy.")]
    ] = OptionalState.nop()
    rate_limit: OptionalState[
        Annotated[int, msgspec.Meta(description="How many requests it is for; kept as data.")]
    ] = OptionalState.nop()


@dataclass(frozen=True, slots=True)
class KeyActor(Actor):
    """A user who acts through an access key."""

    access_key: str = ""
    expires_at: datetime | None = None

    @classmethod
    def of(cls, actor: Actor, key: AccessKeyData, read_tags: frozenset[str]) -> "KeyActor":
        """The user as an actor, narrowed to what the key is good for."""
        said = {field.name: getattr(actor, field.name) for field in fields(Actor)}
        if actor.role in ADMIN_ROLES and not key.is_admin:
            said["role"] = UserRole.USER.value
        if key.scope is KeyScope.READ_ONLY:
            said["only"] = read_tags if actor.only is None else read_tags & actor.only
        return cls(**said, access_key=key.access_key, expires_at=key.expires_at)


def new_access_key() -> str:
    """A fresh name."""
    return "AKIA" + b32encode(secrets.token_bytes(10)).decode()


def new_secret() -> str:
    """A fresh secret: 40 characters that need no escaping in a URL."""
    return secrets.token_urlsafe(30)


def is_access_key(text: str) -> bool:
    """Whether the text can be the name of a key."""
    return _NAME.fullmatch(text) is not None


def bearer(access_key: str, secret: str) -> str:
    """The bearer form of a key."""
    body = f"{BEARER_PREFIX}{access_key}_{secret}"
    return body + _checksum(body)


def parse_bearer(text: str) -> tuple[str, str] | None:
    """The name and the secret in a bearer form; None when it is none."""
    found = _BEARER.fullmatch(text)
    if found is None or not hmac.compare_digest(_checksum(text[:-6]), found[3]):
        return None
    return found[1], found[2]


def _checksum(body: str) -> str:
    """Tells a typing error from a wrong secret without a question to the database."""
    return urlsafe_b64encode(zlib.crc32(body.encode()).to_bytes(4, "big")).decode().rstrip("=")
