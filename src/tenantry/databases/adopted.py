"""What was on a server before and is managed now: what it had there, so that it gets it back. Pure.

Rights in this database only: what it has elsewhere is never touched.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from tenantry.databases.model import (
    FoundState,
    PrincipalKind,
    Right,
    RightKind,
    WantedPrincipal,
    WantedState,
)

Rights = frozenset[Right]
NO_ID = UUID(int=0)
"""Of what stands for nobody any more."""
_OF_ROLES = frozenset({RightKind.MEMBER, RightKind.DEFAULT_ROLE})
_LATER = frozenset({RightKind.FUTURE_TABLES, RightKind.FUTURE_SEQUENCES, RightKind.FUTURE_ROUTINES})


@dataclass(frozen=True, slots=True)
class Adopted:
    """A login or role of a server, and whom it stands for; nobody once that one is gone.

    ``had`` is None until a plan is applied for the first time, and ``locked`` where one of ours
    has locked it.
    """

    name: str
    id: UUID | None
    had: Rights | None = None
    locked: bool = False


def had_by(name: str, found: FoundState) -> Rights:
    """What it has now, and who is a member of it."""
    return frozenset(
        right
        for right in found.rights
        if right.principal == name or (right.kind is RightKind.MEMBER and right.path[0] == name)
    )


def as_before(scope: UUID, adopted: Iterable[Adopted], found: FoundState) -> WantedState:
    """Nothing of ours, and what was adopted as it was; as it is where that is not known.

    What cannot be had any more, since it is on something that is gone, is left out.
    """
    there = [one for one in adopted if one.name in found.principals]
    kept: set[Right] = set()
    for one in there:
        kept |= had_by(one.name, found) if one.had is None else one.had
    return WantedState(
        scope,
        tuple(
            WantedPrincipal(one.id or NO_ID, PrincipalKind.USER, one.name, adopted=True)
            for one in there
        ),
        kept=frozenset(right for right in kept if right in found.rights or _can_be(right, found)),
    )


def _can_be(right: Right, found: FoundState) -> bool:
    there = found.catalogue
    if right.principal not in found.principals:
        return False
    if right.kind in _OF_ROLES:
        return right.path[0] in found.principals
    if right.kind in _LATER:
        creator, schema = right.path
        return creator in found.principals and schema in ("", *there.schemas)
    if right.kind is RightKind.FUTURE_SCHEMAS:
        return right.path[0] in found.principals
    places = {
        RightKind.SCHEMA: {(schema,) for schema in there.schemas},
        RightKind.TABLE: there.tables,
        RightKind.COLUMN: there.columns,
        RightKind.SEQUENCE: there.sequences,
        RightKind.ROUTINE: there.routines,
    }
    return right.path in places.get(right.kind, {right.path})


def encoded(rights: Iterable[Right]) -> str:
    """As it is stored."""
    return json.dumps(sorted(rights))


def decoded(stored: str | None) -> Rights | None:
    """What was stored."""
    if stored is None:
        return None
    return frozenset(
        Right(principal, RightKind(kind), tuple(path), word, grantor)
        for principal, kind, path, word, grantor in json.loads(stored)
    )
