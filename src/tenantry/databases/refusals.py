"""What a server was not given, and whom that leaves without a privilege. Pure."""

import json
from collections.abc import Iterable, Sequence
from typing import NamedTuple
from uuid import UUID

from tenantry.databases.model import Finding, PrincipalKind, WantedGrant, WantedState
from tenantry.privileges.model import DatabaseObject, Privilege, expanded

Place = tuple[str | None, str | None]
"""A schema and a table; the whole database where neither is named."""


class Refusal(NamedTuple):
    """Why some have not got some privileges of theirs on an object, or on some tables in it."""

    place: Place
    """The object on which they are granted."""
    tables: frozenset[Place]
    """Those in it that they have not got; empty where it is all of it."""
    reason: str
    privileges: frozenset[str]
    """Empty where it is all that they have."""
    principals: frozenset[str]

    def meets(self, grant: WantedGrant, privilege: Privilege, on: DatabaseObject) -> bool:
        """Whether the grant does not give the privilege on all of this object, which it covers."""
        if grant.principal not in self.principals:
            return False
        if not self.privileges:
            return True
        granted = grant.object.schema, grant.object.table
        if self.place != granted or privilege.value not in self.privileges:
            return False
        return not self.tables or any(
            on.schema in (None, schema) and on.table in (None, table)
            for schema, table in self.tables
        )


def refused(findings: Iterable[Finding]) -> str:
    """Those of the findings for which nothing is done, as they are stored.

    Very many have the same on the same objects, for the same reason: each name stands there once,
    and so does each set of names, by their numbers.
    """
    holders: dict[tuple[Place, tuple[Place, ...], str, str], set[str]] = {}
    for one in findings:
        if one.refused:
            on = one.object or DatabaseObject()
            tables = tuple((table.schema, table.table) for table in one.tables)
            key = (on.schema, on.table), tables, one.reason, one.privilege or ""
            holders.setdefault(key, set()).add(one.principal)
    numbers = {name: at for at, name in enumerate(sorted(set().union(*holders.values())))}
    groups: dict[tuple[int, ...], int] = {}
    privileges: dict[tuple[Place, tuple[Place, ...], str, int], list[str]] = {}
    for (place, tables, reason, privilege), names in holders.items():
        group = groups.setdefault(tuple(sorted(numbers[n] for n in names)), len(groups))
        held = privileges.setdefault((place, tables, reason, group), [])
        held += [privilege] if privilege else []
    refusals = [[*key[:3], held, key[3]] for key, held in privileges.items()]
    return json.dumps({"names": [*numbers], "groups": [*groups], "refusals": refusals})


def refusals_in(stored: str) -> Sequence[Refusal]:
    """The same again."""
    read = json.loads(stored)
    groups = [frozenset(read["names"][at] for at in group) for group in read["groups"]]
    return [
        Refusal(
            (place[0], place[1]),
            frozenset((schema, table) for schema, table in tables),
            reason,
            frozenset(privileges),
            groups[group],
        )
        for place, tables, reason, privileges, group in read["refusals"]
    ]


def why_refused(
    user_id: UUID,
    privilege: Privilege,
    on: DatabaseObject,
    wanted: WantedState,
    refusals: Iterable[Refusal],
) -> str | None:
    """Why the user has not got it on the server, though it is granted; None where it is there.

    It is there where one of the grants that cover the object was not refused, neither for all of
    the object nor for a part of it.
    """
    own = {
        one.name
        for one in wanted.principals
        if one.id == user_id and one.kind is PrincipalKind.USER
    }
    held = own | {role for member, role in wanted.members if member in own}
    covering = [g for g in wanted.grants if g.principal in held and g.object.covers(on)]
    theirs = [one for one in refusals if not held.isdisjoint(one.principals)]
    for single in sorted(expanded([privilege])):
        ways = [g for g in covering if single in expanded([g.privilege])]
        found = [sorted(one.reason for one in theirs if one.meets(g, single, on)) for g in ways]
        if ways and all(found):
            return min(reasons[0] for reasons in found)
    return None
