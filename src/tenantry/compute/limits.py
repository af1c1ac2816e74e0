"""What a keypair policy allows: the policy of a user's main access key. Pure decisions.

A resource or a host that the policy does not name is without limit where the policy is unlimited
for what is unspecified, and not to be had where it is limited.
"""

from datetime import datetime, timedelta
from uuid import UUID

import msgspec

from tenantry.compute.ports import Sample
from tenantry.errors import StateConflict
from tenantry.record import Record

NAMES = {
    "cpu": ("cpu",),
    "memory": ("mem", "memory"),
    "gpu": ("gpu", "cuda.device", "cuda.devices", "cuda.shares"),
}
"""What slots of a policy limit what sessions take. Where several are named the least holds."""
CREATE, MOUNT, SHARE = "create-vfolder", "mount-in-session", "invite-others"
"""What a policy can permit on a host, as far as something here asks for it."""

READ = "case when kp.name is not null then to_jsonb(kp)::text end"
"""The SQL that reads a KeypairLimits of a row ``kp`` of keypair_policies, joined or missing."""

Slots = dict[str, int | float]
_ROUNDING = 1e-9
IDLE_SHARE = 0.01
"""A session that takes less of one processor, and reads and writes nothing, is idle."""
UNWATCHED = timedelta(minutes=1)
"""Longer between two looks than any watch leaves: the server was away, or the agent."""


class KeypairLimits(Record, frozen=True, kw_only=True):
    """What of a keypair policy is held against sessions and folders."""

    default_for_unspecified: str
    total_resource_slots: Slots
    max_concurrent_sessions: int
    max_pending_session_count: int | None
    max_pending_session_resource_slots: Slots | None
    allowed_vfolder_hosts: dict[str, list[str]]

    @classmethod
    def of(cls, text: str | None) -> "KeypairLimits | None":
        """What ``READ`` has read; None for a user without a main access key."""
        return msgspec.json.decode(text, type=cls) if text is not None else None

    def require_host(self, host: str, permission: str, field: str) -> None:
        """StateConflict that names the host unless the policy permits this there."""
        allowed = self.allowed_vfolder_hosts.get(host)
        if allowed is None and self.default_for_unspecified == "unlimited":
            return
        if permission not in (allowed or ()):
            message = f"The keypair policy does not permit {permission} on the host {host}."
            hosts = sorted(self.allowed_vfolder_hosts)
            raise StateConflict(message, field=field, host=host, limit=hosts)

    def _most(self, slots: Slots, resource: str) -> float | None:
        named = [slots[name] for name in NAMES[resource] if name in slots]
        if named:
            return min(named)
        return None if self.default_for_unspecified == "unlimited" else 0

    def require_slots(self, asked: "Use", taken: "Use") -> None:
        """StateConflict that names what is over the limit of all live sessions together."""
        self._require(self.total_resource_slots, asked, taken, "at once")

    def require_may_wait(self, asked: "Use", waiting: "Use") -> None:
        """StateConflict unless one more session may wait until there is room for it."""
        most = self.max_pending_session_count
        if most is not None and waiting.sessions >= most:
            message = f"There is no room now, and the keypair policy lets {most} sessions wait."
            raise StateConflict(message, field="user", limit=most)
        if self.max_pending_session_resource_slots is not None:
            self._require(self.max_pending_session_resource_slots, asked, waiting, "waiting")

    def _require(self, slots: Slots, asked: "Use", taken: "Use", how: str) -> None:
        for resource in NAMES:
            most = self._most(slots, resource)
            used, more = getattr(taken, resource), getattr(asked, resource)
            # Nothing of a resource is never too much of it, whoever used it up before.
            if most is not None and more and used + more > most + _ROUNDING:
                message = f"The keypair policy allows {most} of {resource} {how}; {used} are taken."
                raise StateConflict(message, field=resource, limit=most, taken=used)


class Use(Record, frozen=True, kw_only=True):
    """What some sessions take together. Memory is in bytes."""

    sessions: int
    cpu: int
    memory: int
    gpu: float


class Load(Record, frozen=True, kw_only=True):
    """What a user's live sessions take, those of them that wait, and how many one service has."""

    live: Use
    waiting: Use
    replicas: int


class Look(Record, frozen=True, kw_only=True):
    """What an interactive session had used when somebody looked last, if anybody ever has."""

    id: UUID
    agent: str
    looked_at: datetime | None
    looked_cpu_seconds: float | None
    looked_io_bytes: int | None


def is_busy(last: Look, now: Sample) -> bool:
    """Whether a session did anything since the last look; what nobody watched counts as busy."""
    if last.looked_at is None or now.at - last.looked_at > UNWATCHED:
        return True
    if now.io_read_bytes + now.io_write_bytes != last.looked_io_bytes:
        return True
    seconds = (now.at - last.looked_at) / timedelta(seconds=1)
    return now.cpu_seconds - (last.looked_cpu_seconds or 0.0) > IDLE_SHARE * seconds
