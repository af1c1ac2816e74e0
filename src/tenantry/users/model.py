"""What a user is, and what one says to make or change a user."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

import msgspec

from tenantry.errors import InvalidInput
from tenantry.kernel.action import Actor, ActorKind
from tenantry.kernel.modifier import Modifier, OptionalState, TriState
from tenantry.record import Record, SecretText


class UserRole(StrEnum):
    """The built-in roles: everything; own tenant; own tenant read-only; self."""

    SUPERADMIN = "superadmin"
    ADMIN = "admin"
    MONITOR = "monitor"
    USER = "user"


class UserStatus(StrEnum):
    """Only an active user can log in. A deleted one can be restored."""

    ACTIVE = "active"
    INACTIVE = "inactive"
    SUSPENDED = "suspended"
    DELETED = "deleted"


class UserKey(Record, frozen=True):
    """How an action names its user."""

    by: str
    """``id``, ``username`` or ``email``."""
    value: str

    @classmethod
    def of(cls, *, email: str | None = None, user: str | None = None) -> "UserKey":
        """By email or by ``user``, a username or an id; InvalidInput unless just one is given.

        An id can stand in a username's place because no username looks like one.
        """
        if (email is None) == (user is None):
            raise InvalidInput.of("user", "ambiguous_user", "give either user or email")
        if email is not None:
            return cls("email", email)
        named = str(user)
        return cls("id" if is_uuid(named) else "username", named)


def is_uuid(text: str) -> bool:
    """Whether the text is a UUID in its usual form; such a text cannot be a username."""
    try:
        return len(text) == 36 and str(UUID(text)) == text.lower()
    except ValueError:
        return False


class UserCreator(Record, frozen=True, kw_only=True):
    """A user to be made. ``password`` or ``password_hash`` may be absent, not both given.

    ``status`` wins over the legacy ``is_active``; neither means active. ``allowed_client_ip``
    takes addresses, CIDR blocks and IPv4 octet wildcards; null or [] is no restriction.
    """

    username: str
    email: str | None = None
    password: SecretText | None = None
    password_hash: SecretText | None = None
    need_password_change: bool = False
    domain_name: str = "default"
    full_name: str | None = None
    description: str | None = None
    department: str | None = None
    phone: str | None = None
    attributes: dict[str, Any] = {}  # noqa: RUF012 - msgspec copies it; Any: attributes are free
    is_active: bool | None = None
    status: UserStatus | None = None
    role: UserRole = UserRole.USER
    group_ids: list[str] | None = None
    allowed_client_ip: list[str] | None = None
    totp_activated: bool = False
    resource_policy: str = "default"
    sudo_session_enabled: bool = False
    container_uid: int | None = None
    container_main_gid: int | None = None
    container_gids: list[int] | None = None
    integration_name: str | None = None


class UserModifier(Modifier, frozen=True, kw_only=True):
    """What to change in a user; what is not named stays as it is."""

    username: OptionalState[str] = OptionalState.nop()
    email: TriState[str] = TriState.nop()
    password: OptionalState[SecretText] = OptionalState.nop()
    need_password_change: OptionalState[bool] = OptionalState.nop()
    domain_name: OptionalState[str] = OptionalState.nop()
    full_name: TriState[str] = TriState.nop()
    description: TriState[str] = TriState.nop()
    department: TriState[str] = TriState.nop()
    phone: TriState[str] = TriState.nop()
    attributes: OptionalState[dict[str, Any]] = OptionalState.nop()  # Any: attributes are free
    is_active: OptionalState[bool] = OptionalState.nop()
    status: OptionalState[UserStatus] = OptionalState.nop()
    role: OptionalState[UserRole] = OptionalState.nop()
    group_ids: OptionalState[list[str]] = OptionalState.nop()
    allowed_client_ip: TriState[list[str]] = TriState.nop()
    totp_activated: OptionalState[bool] = OptionalState.nop()
    resource_policy: OptionalState[str] = OptionalState.nop()
    sudo_session_enabled: OptionalState[bool] = OptionalState.nop()
    container_uid: TriState[int] = TriState.nop()
    container_main_gid: TriState[int] = TriState.nop()
    container_gids: TriState[list[int]] = TriState.nop()
    integration_name: TriState[str] = TriState.nop()


class UserData(Record, frozen=True, kw_only=True):
    """A user as everybody may see it who may see the user at all; nothing secret is in it."""

    id: UUID
    username: str
    email: str | None
    full_name: str | None
    description: str | None
    department: str | None
    phone: str | None
    attributes: dict[str, Any]  # Any: attributes are free
    tenant_id: UUID
    domain_name: str
    role: UserRole
    status: UserStatus
    status_info: str | None
    need_password_change: bool
    resource_policy: str
    allowed_client_ip: list[str] | None
    totp_activated: bool
    totp_activated_at: datetime | None
    sudo_session_enabled: bool
    container_uid: int | None
    container_main_gid: int | None
    container_gids: list[int] | None
    integration_name: str | None
    created_at: datetime
    modified_at: datetime
    last_login: datetime | None
    password_changed_at: datetime | None
    deleted_at: datetime | None
    version: int

    @property
    def uuid(self) -> UUID:
        """The id under its older name."""
        return self.id

    @property
    def is_active(self) -> bool:
        """Whether the status is active."""
        return self.status is UserStatus.ACTIVE

    def as_actor(self) -> Actor:
        """The user as the actor of what is run next."""
        return Actor(
            kind=ActorKind.USER,
            name=self.username,
            id=self.id,
            tenant_id=self.tenant_id,
            role=self.role.value,
        )


Moment = Annotated[datetime, msgspec.Meta(tz=True)]


class UserFilter(Record, frozen=True, kw_only=True):
    """Which users to find: all given conditions hold. Text matches exactly but for ``text``.

    ``text`` is a substring of username, email or full name, compared without regard to case
    and Unicode form. ``attributes`` must all be there with these values.
    """

    text: str | None = None
    username: str | None = None
    email: str | None = None
    full_name: str | None = None
    description: str | None = None
    department: str | None = None
    phone: str | None = None
    attributes: dict[str, Any] = {}  # noqa: RUF012 - as above; Any: attributes are free
    domain_name: str | None = None
    role: UserRole | None = None
    status: UserStatus | None = None
    status_info: str | None = None
    need_password_change: bool | None = None
    resource_policy: str | None = None
    totp_activated: bool | None = None
    sudo_session_enabled: bool | None = None
    container_uid: int | None = None
    container_main_gid: int | None = None
    integration_name: str | None = None
    created_from: Moment | None = None
    created_until: Moment | None = None
    modified_from: Moment | None = None
    modified_until: Moment | None = None
    last_login_from: Moment | None = None
    last_login_until: Moment | None = None


class UserOrder(StrEnum):
    """The order of a list; a minus in front turns it round."""

    USERNAME = "username"
    USERNAME_DESCENDING = "-username"
    CREATED = "created_at"
    CREATED_DESCENDING = "-created_at"


Limit = msgspec.Meta(ge=1, le=1000)
