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
    max_vfolder_count: Annotated[
        Count, msgspec.Meta(description="How many vfolders a user may own.")
    ] = 10
    max_quota_scope_size: Annotated[
        Annotated[int, msgspec.Meta(ge=-1, le=2**63 - 1)],
        msgspec.Meta(description="Bytes that a user may keep in vfolders; -1 is no limit."),
    ] = -1
    max_session_count_per_model_session: Annotated[
        Count, msgspec.Meta(description="How many sessions a service may have.")
    ] = 1
    max_customized_image_count: Annotated[
        Count, msgspec.Meta(description="How many images of their own a user may have.")
    ] = 3
    max_concurrent_logins: Annotated[
        Annotated[int, msgspec.Meta(ge=1, le=2**31 - 1)] | None,
        msgspec.Meta(description="How many logins a user may have open; no limit unless given."),
    ] = None


class ResourcePolicyModifier(Modifier, frozen=True, kw_only=True):
    """What to change in a user's resource policy."""

    max_vfolder_count: OptionalState[
        Annotated[int, msgspec.Meta(description="How many vfolders a user may own.")]
    ] = OptionalState.nop()
    max_quota_scope_size: OptionalState[
        Annotated[
            int, msgspec.Meta(description="Bytes that a user may keep in vfolders; -1 is no limit.")
        ]
    ] = OptionalState.nop()
    max_session_count_per_model_session: OptionalState[
        Annotated[int, msgspec.Meta(description="How many sessions a service may have.")]
    ] = OptionalState.nop()
    max_customized_image_count: OptionalState[
        Annotated[int, msgspec.Meta(description="How many images of their own a user may have.")]
    ] = OptionalState.nop()
    max_concurrent_logins: TriState[
        Annotated[
            int,
            msgspec.Meta(
                description="How many logins a user may have open; no limit unless given."
            ),
        ]
    ] = TriState.nop()


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
    default_for_unspecified: Annotated[
        Unspecified,
        msgspec.Meta(description="What holds for resources that the slots do not name."),
    ] = Unspecified.LIMITED
    total_resource_slots: Annotated[
        Slots,
        msgspec.Meta(description="Most of each resource in all sessions at once, such as cpu=4."),
    ] = {}  # noqa: RUF012 - msgspec copies it
    max_session_lifetime: Annotated[
        Count, msgspec.Meta(description="Seconds after which a session ends; 0 is never.")
    ] = 0
    max_concurrent_sessions: Annotated[
        Count, msgspec.Meta(description="How many sessions may run at once.")
    ] = 30
    max_pending_session_count: Annotated[
        Count | None, msgspec.Meta(description="How many sessions may wait; no limit unless given.")
    ] = None
    max_pending_session_resource_slots: Annotated[
        Slots | None, msgspec.Meta(description="Most of each resource in sessions that wait.")
    ] = None
    max_concurrent_sftp_sessions: Annotated[
        Count,
        msgspec.Meta(description="How many SFTP sessions there may be at once; kept as data."),
    ] = 1
    max_containers_per_session: Annotated[
        Annotated[int, msgspec.Meta(ge=1, le=2**31 - 1)],
        msgspec.Meta(description="How many containers a session may have; kept as data."),
    ] = 1
    idle_timeout: Annotated[
        Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)],
        msgspec.Meta(description="Seconds without work after which a session ends; 0 is never."),
    ] = 1800
    allowed_vfolder_hosts: Annotated[
        Hosts, msgspec.Meta(description="Hosts of vfolders, each with what is permitted there.")
    ] = {}  # noqa: RUF012 - as above
    max_priority: Annotated[
        Count | None, msgspec.Meta(description="Highest priority of a session; kept as data.")
    ] = None


class KeypairPolicyModifier(Modifier, frozen=True, kw_only=True):
    """What to change in a keypair policy."""

    default_for_unspecified: OptionalState[
        Annotated[
            Unspecified,
            msgspec.Meta(description="What holds for resources that the slots do not name."),
        ]
    ] = OptionalState.nop()
    total_resource_slots: OptionalState[
        Annotated[
            Slots,
            msgspec.Meta(
                description="Most of each resource in all sessions at once, such as cpu=4."
            ),
        ]
    ] = OptionalState.nop()
    max_session_lifetime: OptionalState[
        Annotated[int, msgspec.Meta(description="Seconds after which a session ends; 0 is never.")]
    ] = OptionalState.nop()
    max_concurrent_sessions: OptionalState[
        Annotated[int, msgspec.Meta(description="How many sessions may run at once.")]
    ] = OptionalState.nop()
    max_pending_session_count: TriState[
        Annotated[
            int, msgspec.Meta(description="How many sessions may wait; no limit unless given.")
        ]
    ] = TriState.nop()
    max_pending_session_resource_slots: TriState[
        Annotated[Slots, msgspec.Meta(description="Most of each resource in sessions that wait.")]
    ] = TriState.nop()
    max_concurrent_sftp_sessions: OptionalState[
        Annotated[
            int,
            msgspec.Meta(description="How many SFTP sessions there may be at once; kept as data."),
        ]
    ] = OptionalState.nop()
    max_containers_per_session: OptionalState[
        Annotated[
            int, msgspec.Meta(description="How many containers a session may have; kept as data.")
        ]
    ] = OptionalState.nop()
    idle_timeout: OptionalState[
        Annotated[
            int,
            msgspec.Meta(
                description="Seconds without work after which a session ends; 0 is never."
            ),
        ]
    ] = OptionalState.nop()
    allowed_vfolder_hosts: OptionalState[
        Annotated[
            Hosts, msgspec.Meta(description="Hosts of vfolders, each with what is permitted there.")
        ]
    ] = OptionalState.nop()
    max_priority: TriState[
        Annotated[int, msgspec.Meta(description="Highest priority of a session; kept as data.")]
    ] = TriState.nop()


class KeypairPolicyData(KeypairPolicy, frozen=True, kw_only=True):
    """A keypair policy as it is stored."""

    created_at: datetime
    version: int
