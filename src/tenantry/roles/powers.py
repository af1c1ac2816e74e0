"""What roles and grants come to, piece by piece, and what of it somebody lacks. Pure."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from tenantry.privileges.model import DatabaseObject, Privilege

EVERYTHING = DatabaseObject()


@dataclass(frozen=True, slots=True)
class Power:
    """A privilege on an object, or a permission of the system, which is on none.

    ``within_id`` is the tenant on whose databases alone the privilege holds; None is anywhere.
    """

    name: str
    on: DatabaseObject = field(default=EVERYTHING)
    within_id: UUID | None = None
    valid_from: datetime | None = None
    valid_until: datetime | None = None

    @property
    def is_system(self) -> bool:
        """Whether it is a permission of the system."""
        return is_system_permission(self.name)

    def covers(self, other: "Power") -> bool:
        """Whether who has this has the other, too."""
        if self.is_system or other.is_system:
            return self.name == other.name
        return (
            self.name in (other.name, Privilege.ALL)
            and self.on.covers(other.on)
            and self.within_id in (None, other.within_id)
            and _begins_no_later(self.valid_from, other.valid_from)
            and _ends_no_sooner(self.valid_until, other.valid_until)
        )

    def label(self) -> str:
        """The power in words for people."""
        return self.name if self.is_system else f"{self.name} on {self.on.label()}"


def is_system_permission(name: str) -> bool:
    """Whether it is a permission such as user.lock and not a privilege such as SELECT."""
    return "." in name


def powers_of(
    permissions: Iterable[str], databases: Sequence[str] | None, tenant_id: UUID | None
) -> list[Power]:
    """What a role of this definition comes to by itself."""
    objects = [EVERYTHING]
    if databases is not None:
        objects = [DatabaseObject(database) for database in databases]
    return [
        Power(name, on, tenant_id)
        for name in permissions
        for on in ([EVERYTHING] if is_system_permission(name) else objects)
    ]


def lacking(wanted: Iterable[Power], held: Collection[Power]) -> list[Power]:
    """What of it no single one of the powers held covers."""
    return [power for power in wanted if not any(mine.covers(power) for mine in held)]


def _begins_no_later(mine: datetime | None, other: datetime | None) -> bool:
    return mine is None or (other is not None and mine <= other)


def _ends_no_sooner(mine: datetime | None, other: datetime | None) -> bool:
    return mine is None or (other is not None and mine >= other)
