"""Resource policies: of a user, and of an access key (keypair).

They are data here; whoever hands out folders and compute sessions holds them (of keypair policies
see ``compute.limits``). An empty map is a value: it names nothing, and ``default_for_unspecified``
says what that means.
"""

from datetime import datetime
from enum import StrEnum
from typing import Annotated

import msgspec

from tenantry.kernel.modifier import Modifier, OptionalState, TriState
from tenantry.record import Record

Count = Annotated[int, msgspec.Meta(ge=0, le=2**31 - 1)]
Slots = dict[str, int | float | str]
"""Resource to amount, such as ``{"cpu": 4, "mem": 17179869184}``; digits as text do as well."""
Hosts = dict[str, list[str]]
"""Storage host to what is permitted there."""


def _said(text: str) -> msgspec.Meta:
    return msgspec.Meta(description=text)


# What is said of a field where it is made and where it is changed.
_MAX_VFOLDER_COUNT = _said("How many vfolders a user may own.")
_MAX_QUOTA_SCOPE_SIZE = _said("Bytes that a user may keep in vfolders; -1 is no limit.")
_MAX_SESSION_COUNT_PER_MODEL_SESSION = _said("How many sessions a service may have.")
_MAX_CUSTOMIZED_IMAGE_COUNT = _said("How many images of their own a user may have.")
_MAX_CONCURRENT_LOGINS = _said("How many logins a user may have open; no limit unless given.")
_DEFAULT_FOR_UNSPECIFIED = _said("What holds for resources that the slots do not name.")
_TOTAL_RESOURCE_SLOTS = _said("Most of each resource in all sessions at once, such as cpu=4.")
_MAX_SESSION_LIFETIME = _said("Seconds after which a session ends; 0 is never.")
_MAX_CONCURRENT_SESSIONS = _said("How many sessions may run at once.")
_MAX_PENDING_SESSION_COUNT = _said("How many sessions may wait; no limit unless given.")
_MAX_PENDING_SESSION_RESOURCE_SLOTS = _said("Most of each resource in sessions that wait.")
_MAX_CONCURRENT_SFTP_SESSIONS = _said("How many SFTP sessions there may be at once; kept as data.")
_MAX_CONTAINERS_PER_SESSION = _said("How many containers a session may have; kept as data.")
_IDLE_TIMEOUT = _said("Seconds without work after which a session ends; 0 is never.")
_ALLOWED_VFOLDER_HOSTS = _said("Hosts of vfolders, each with what is permitted there.")
_MAX_PRIORITY = _said("Highest priority of a session; kept as data.")


class Unspecified(StrEnum):
    """What holds for a resource that the slots do not name."""

    LIMITED = "limited"
    UNLIMITED = "unlimited"


class ResourcePolicy(Record, frozen=True, kw_only=True):
    """What one user may have. A quota of -1 is none; without a number logins are not limited."""

    name: str
    max_vfolder_count: Annotated[Count, _MAX_VFOLDER_COUNT] = 10
    max_quota_scope_size: Annotated[
        Annotated[int, msgspec.Meta(ge=-1, le=2**63 - 1)], _MAX_QUOTA_SCOPE_SIZE
    ] = -1
    max_session_count_per_model_session: Annotated[Count, _MAX_SESSION_COUNT_PER_MODEL_SESSION] = 1
    max_customized_image_count: Annotated[Count, _MAX_CUSTOMIZED_IMAGE_COUNT] = 3
    max_concurrent_logins: Annotated[
        Annotated[int, msgspec.Meta(ge=1, le=2**31 - 1)] | None, _MAX_CONCURRENT_LOGINS
    ] = None


class ResourcePolicyModifier(Modifier, frozen=True, kw_only=True):
    """What to change in a user's resource policy."""

    max_vfolder_count: OptionalState[Annotated[int, _MAX_VFOLDER_COUNT]] = OptionalState.nop()
    max_quota_scope_size: OptionalState[Annotated[int, _MAX_QUOTA_SCOPE_SIZE]] = OptionalState.nop()
    max_session_count_per_model_session: OptionalState[
        Annotated[int, _MAX_SESSION_COUNT_PER_MODEL_SESSION]
    ] = OptionalState.nop()
    max_customized_image_count: OptionalState[Annotated[int, _MAX_CUSTOMIZED_IMAGE_COUNT]] = (
        OptionalState.nop()
    )
    max_concurrent_logins: TriState[Annotated[int, _MAX_CONCURRENT_LOGINS]] = TriState.nop()


class ResourcePolicyData(ResourcePolicy, frozen=True, kw_only=True):
    """A user's resource policy as it is stored."""

    created_at: datetime
    version: int


class KeypairPolicy(Record, frozen=True, kw_only=True):
    """What the sessions started with one access key may take.

    A lifetime or idle timeout of 0 seconds is none; a pending limit of null is none. What limits
    SFTP sessions, containers and priority is kept for those who have them.
    """

    name: str
    default_for_unspecified: Annotated[Unspecified, _DEFAULT_FOR_UNSPECIFIED] = Unspecified.LIMITED
    total_resource_slots: Annotated[Slots, _TOTAL_RESOURCE_SLOTS] = {}  # noqa: RUF012 - msgspec copies it
    max_session_lifetime: Annotated[Count, _MAX_SESSION_LIFETIME] = 0
    max_concurrent_sessions: Annotated[Count, _MAX_CONCURRENT_SESSIONS] = 30
    max_pending_session_count: Annotated[Count | None, _MAX_PENDING_SESSION_COUNT] = None
    max_pending_session_resource_slots: Annotated[
        Slots | None, _MAX_PENDING_SESSION_RESOURCE_SLOTS
    ] = None
    max_concurrent_sftp_sessions: Annotated[Count, _MAX_CONCURRENT_SFTP_SESSIONS] = 1
    max_containers_per_session: Annotated[
        Annotated[int, msgspec.Meta(ge=1, le=2**31 - 1)], _MAX_CONTAINERS_PER_SESSION
    ] = 1
    idle_timeout: Annotated[Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)], _IDLE_TIMEOUT] = 1800
    allowed_vfolder_hosts: Annotated[Hosts, _ALLOWED_VFOLDER_HOSTS] = {}  # noqa: RUF012 - as above
    max_priority: Annotated[Count | None, _MAX_PRIORITY] = None


class KeypairPolicyModifier(Modifier, frozen=True, kw_only=True):
    """What to change in a keypair policy."""

    default_for_unspecified: OptionalState[Annotated[Unspecified, _DEFAULT_FOR_UNSPECIFIED]] = (
        OptionalState.nop()
    )
    total_resource_slots: OptionalState[Annotated[Slots, _TOTAL_RESOURCE_SLOTS]] = (
        OptionalState.nop()
    )
    max_session_lifetime: OptionalState[Annotated[int, _MAX_SESSION_LIFETIME]] = OptionalState.nop()
    max_concurrent_sessions: OptionalState[Annotated[int, _MAX_CONCURRENT_SESSIONS]] = (
        OptionalState.nop()
    )
    max_pending_session_count: TriState[Annotated[int, _MAX_PENDING_SESSION_COUNT]] = TriState.nop()
    max_pending_session_resource_slots: TriState[
        Annotated[Slots, _MAX_PENDING_SESSION_RESOURCE_SLOTS]
    ] = TriState.nop()
    max_concurrent_sftp_sessions: OptionalState[Annotated[int, _MAX_CONCURRENT_SFTP_SESSIONS]] = (
        OptionalState.nop()
    )
    max_containers_per_session: OptionalState[Annotated[int, _MAX_CONTAINERS_PER_SESSION]] = (
        OptionalState.nop()
    )
    idle_timeout: OptionalState[Annotated[int, _IDLE_TIMEOUT]] = OptionalState.nop()
    allowed_vfolder_hosts: OptionalState[Annotated[Hosts, _ALLOWED_VFOLDER_HOSTS]] = (
        OptionalState.nop()
    )
    max_priority: TriState[Annotated[int, _MAX_PRIORITY]] = TriState.nop()


class KeypairPolicyData(KeypairPolicy, frozen=True, kw_only=True):
    """A keypair policy as it is stored."""

    created_at: datetime
    version: int
