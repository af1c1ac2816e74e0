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


class Unspecified(StrEnum):
    """What holds for a resource that the slots do not name."""

    LIMITED = "limited"
    UNLIMITED = "unlimited"


class ResourcePolicy(Record, frozen=True, kw_only=True):
    """What one user may have. A quota of -1 is none; without a number logins are not limited."""

    name: str
    max_vfolder_count: Count = 10
    max_quota_scope_size: Annotated[int, msgspec.Meta(ge=-1, le=2**63 - 1)] = -1
    max_session_count_per_model_session: Count = 1
    max_customized_image_count: Count = 3
    max_concurrent_logins: Annotated[int, msgspec.Meta(ge=1, le=2**31 - 1)] | None = None


class ResourcePolicyModifier(Modifier, frozen=True, kw_only=True):
    """What to change in a user's resource policy."""

    max_vfolder_count: OptionalState[int] = OptionalState.nop()
    max_quota_scope_size: OptionalState[int] = OptionalState.nop()
    max_session_count_per_model_session: OptionalState[int] = OptionalState.nop()
    max_customized_image_count: OptionalState[int] = OptionalState.nop()
    max_concurrent_logins: TriState[int] = TriState.nop()


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
    default_for_unspecified: Unspecified = Unspecified.LIMITED
    total_resource_slots: Slots = {}  # noqa: RUF012 - msgspec copies it
    max_session_lifetime: Count = 0
    max_concurrent_sessions: Count = 30
    max_pending_session_count: Count | None = None
    max_pending_session_resource_slots: Slots | None = None
    max_concurrent_sftp_sessions: Count = 1
    max_containers_per_session: Annotated[int, msgspec.Meta(ge=1, le=2**31 - 1)] = 1
    idle_timeout: Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)] = 1800
    allowed_vfolder_hosts: Hosts = {}  # noqa: RUF012 - as above
    max_priority: Count | None = None


class KeypairPolicyModifier(Modifier, frozen=True, kw_only=True):
    """What to change in a keypair policy."""

    default_for_unspecified: OptionalState[Unspecified] = OptionalState.nop()
    total_resource_slots: OptionalState[Slots] = OptionalState.nop()
    max_session_lifetime: OptionalState[int] = OptionalState.nop()
    max_concurrent_sessions: OptionalState[int] = OptionalState.nop()
    max_pending_session_count: TriState[int] = TriState.nop()
    max_pending_session_resource_slots: TriState[Slots] = TriState.nop()
    max_concurrent_sftp_sessions: OptionalState[int] = OptionalState.nop()
    max_containers_per_session: OptionalState[int] = OptionalState.nop()
    idle_timeout: OptionalState[int] = OptionalState.nop()
    allowed_vfolder_hosts: OptionalState[Hosts] = OptionalState.nop()
    max_priority: TriState[int] = TriState.nop()


class KeypairPolicyData(KeypairPolicy, frozen=True, kw_only=True):
    """A keypair policy as it is stored."""

    created_at: datetime
    version: int
