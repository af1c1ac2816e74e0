"""What a user is, and what one says to make or change a user."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

import msgspec

from tenantry.errors import InvalidInput
from tenantry.kernel.action import Actor, ActorKind
from tenantry.kernel.modifier import Modifier, OptionalState, TriState
from tenantry.record import Input, Record, SecretText


class UserRole(StrEnum):
    """The built-in roles: everything; own tenant; own tenant read-only; self."""

    SUPERADMIN = "superadmin"
    ADMIN = "admin"
    MONITOR = "monitor"
    USER = "user"


class UserStatus(StrEnum):
    """Only an active user can log in. A deleted one can be restored, a purged one never.

    ``LOCKED`` is never stored: an active user is locked while a lock holds.
    """

    ACTIVE = "active"
    INACTIVE = "inactive"
    SUSPENDED = "suspended"
    LOCKED = "locked"
    DELETED = "deleted"
    PURGING = "purging"


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


Username = Annotated[
    str, msgspec.Meta(description="Unique name, 1-63 bytes, without spaces, quotes, : # or /.")
]
Email = Annotated[str, msgspec.Meta(description="Unique email address.")]
FullName = Annotated[str, msgspec.Meta(description="The person's whole name.")]
Description = Annotated[str, msgspec.Meta(description="Free text on the user.")]
Department = Annotated[str, msgspec.Meta(description="Where the person works.")]
Phone = Annotated[str, msgspec.Meta(description="Telephone number.")]
Attributes = Annotated[
    dict[str, Any], msgspec.Meta(description="Fields of your own, names being identifiers.")
]
TenantName = Annotated[str, msgspec.Meta(description="Name of the tenant.")]
Home = Annotated[str | None, msgspec.Meta(description="Name of the tenant; your own unless named.")]
FIRST_TENANT = "default"
"""The tenant that every installation has, where the platform makes users unless it names one."""
Active = Annotated[
    bool, msgspec.Meta(description="Older word for the status: true is active, false inactive.")
]
MustChangePassword = Annotated[
    bool, msgspec.Meta(description="Whether the next login can only change the password.")
]
GroupIds = Annotated[list[str], msgspec.Meta(description="Groups of the tenant, by name or id.")]
RoleNames = Annotated[
    list[str], msgspec.Meta(description="Roles of the tenant or the platform, by name or id.")
]
AddressRules = Annotated[
    list[str],
    msgspec.Meta(description="Where logins may come from: addresses, CIDR blocks, 10.1.*.*."),
]
TotpActivated = Annotated[bool, msgspec.Meta(description="Whether a second factor is asked for.")]
ResourcePolicy = Annotated[str, msgspec.Meta(description="Name of the resource policy.")]
SudoSession = Annotated[
    bool, msgspec.Meta(description="Whether compute sessions get password-less sudo.")
]
ContainerUid = Annotated[
    int, msgspec.Meta(description="User id of processes in compute sessions, from 1000.")
]
ContainerGid = Annotated[
    int, msgspec.Meta(description="Main group id of processes in compute sessions, from 1000.")
]
ContainerGids = Annotated[
    list[int], msgspec.Meta(description="Further group ids of processes in compute sessions.")
]
IntegrationName = Annotated[str, msgspec.Meta(description="Name of the user in another system.")]
MainAccessKey = Annotated[
    str, msgspec.Meta(description="Access key of the user's own that becomes the main one.")
]
Password = Annotated[SecretText, msgspec.Meta(description="The password.")]
PasswordHash = Annotated[
    SecretText, msgspec.Meta(description="A hash made elsewhere: bcrypt, scrypt, PBKDF2 or Argon2.")
]
Role = Annotated[UserRole, msgspec.Meta(description="Built-in role.")]
Status = Annotated[UserStatus, msgspec.Meta(description="Only an active user can log in.")]


class UserCreator(Input, frozen=True, kw_only=True):
    """A user to be made. ``password`` or ``password_hash`` may be absent, not both given.

    ``status`` wins over the legacy ``is_active``; neither means active. ``allowed_client_ip``
    takes addresses, CIDR blocks and IPv4 octet wildcards; null or [] is no restriction.
    """

    username: Username
    email: Email | None = None
    password: Password | None = None
    password_hash: PasswordHash | None = None
    need_password_change: MustChangePassword = False
    domain_name: Home = None
    full_name: FullName | None = None
    description: Description | None = None
    department: Department | None = None
    phone: Phone | None = None
    attributes: Attributes = {}  # noqa: RUF012 - msgspec copies it; Any: attributes are free
    is_active: Active | None = None
    status: Status | None = None
    role: Role = UserRole.USER
    group_ids: GroupIds | None = None
    roles: RoleNames | None = None
    allowed_client_ip: AddressRules | None = None
    totp_activated: TotpActivated = False
    resource_policy: ResourcePolicy = "default"
    sudo_session_enabled: SudoSession = False
    container_uid: ContainerUid | None = None
    container_main_gid: ContainerGid | None = None
    container_gids: ContainerGids | None = None
    integration_name: IntegrationName | None = None


class UserModifier(Modifier, frozen=True, kw_only=True):
    """What to change in a user; what is not named stays as it is."""

    username: OptionalState[Username] = OptionalState.nop()
    email: TriState[Email] = TriState.nop()
    password: OptionalState[Password] = OptionalState.nop()
    need_password_change: OptionalState[MustChangePassword] = OptionalState.nop()
    domain_name: OptionalState[TenantName] = OptionalState.nop()
    full_name: TriState[FullName] = TriState.nop()
    description: TriState[Description] = TriState.nop()
    department: TriState[Department] = TriState.nop()
    phone: TriState[Phone] = TriState.nop()
    attributes: OptionalState[Attributes] = OptionalState.nop()  # Any: attributes are free
    is_active: OptionalState[Active] = OptionalState.nop()
    status: OptionalState[Status] = OptionalState.nop()
    role: OptionalState[Role] = OptionalState.nop()
    group_ids: OptionalState[GroupIds] = OptionalState.nop()
    main_access_key: TriState[MainAccessKey] = TriState.nop()
    allowed_client_ip: TriState[AddressRules] = TriState.nop()
    totp_activated: OptionalState[TotpActivated] = OptionalState.nop()
    resource_policy: OptionalState[ResourcePolicy] = OptionalState.nop()
    sudo_session_enabled: OptionalState[SudoSession] = OptionalState.nop()
    container_uid: TriState[ContainerUid] = TriState.nop()
    container_main_gid: TriState[ContainerGid] = TriState.nop()
    container_gids: TriState[ContainerGids] = TriState.nop()
    integration_name: TriState[IntegrationName] = TriState.nop()


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
    main_access_key: str | None = None
    roles: list[str] = []  # noqa: RUF012 - msgspec copies it
    """The names of the roles that the user holds directly."""
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

    def __getattr__(self, name: str) -> Any:  # Any: attributes are free
        """An attribute of the user's own, such as ``user.shoe_size``."""
        if not name.startswith("_") and name in self.attributes:
            return self.attributes[name]
        raise AttributeError(f"a user has no field or attribute {name!r}")

    @property
    def uuid(self) -> UUID:
        """The id under its older name."""
        return self.id

    @property
    def is_active(self) -> bool:
        """Whether the status is active, and no lock holds."""
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


class UserFilter(Input, frozen=True, kw_only=True):
    """Which users to find: all given conditions hold. Text matches exactly but for ``text``.

    ``text`` is a substring of username, email or full name, compared without regard to case
    and Unicode form. ``attributes`` must all be there with these values.
    """

    text: str | None = None
    username: Username | None = None
    email: Email | None = None
    full_name: FullName | None = None
    description: Description | None = None
    department: Department | None = None
    phone: Phone | None = None
    attributes: Attributes = {}  # noqa: RUF012 - as above; Any: attributes are free
    domain_name: TenantName | None = None
    role: Role | None = None
    status: Status | None = None
    status_info: Annotated[str | None, msgspec.Meta(description="Why the status is as it is.")] = (
        None
    )
    need_password_change: MustChangePassword | None = None
    resource_policy: ResourcePolicy | None = None
    totp_activated: TotpActivated | None = None
    sudo_session_enabled: SudoSession | None = None
    container_uid: ContainerUid | None = None
    container_main_gid: ContainerGid | None = None
    integration_name: IntegrationName | None = None
    created_from: Annotated[
        Moment | None, msgspec.Meta(description="Made at this time or later.")
    ] = None
    created_until: Annotated[Moment | None, msgspec.Meta(description="Made before this time.")] = (
        None
    )
    modified_from: Annotated[
        Moment | None, msgspec.Meta(description="Changed last at this time or later.")
    ] = None
    modified_until: Annotated[
        Moment | None, msgspec.Meta(description="Changed last before this time.")
    ] = None
    last_login_from: Annotated[
        Moment | None, msgspec.Meta(description="Logged in last at this time or later.")
    ] = None
    last_login_until: Annotated[
        Moment | None, msgspec.Meta(description="Logged in last before this time.")
    ] = None


class UserOrder(StrEnum):
    """The order of a list; a minus in front turns it round."""

    USERNAME = "username"
    USERNAME_DESCENDING = "-username"
    CREATED = "created_at"
    CREATED_DESCENDING = "-created_at"


Limit = msgspec.Meta(ge=1, le=1000)
