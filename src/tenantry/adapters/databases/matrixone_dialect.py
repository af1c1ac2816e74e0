"""What a wanted state takes on MatrixOne, and how it is said there. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from uuid import UUID, uuid5

from tenantry.adapters.databases.matrixone import FORMS, READ, RULES, WHOLE
from tenantry.adapters.databases.mysql_family import MysqlFamily, missing
from tenantry.adapters.databases.quoting import mysql_object
from tenantry.adapters.databases.rules import (
    asked,
    given,
    is_refused,
    judged,
    out_of_reach,
    put,
    statements,
)
from tenantry.databases.model import (
    Fidelity,
    Finding,
    FoundState,
    Policy,
    PrincipalKind,
    Right,
    RightKind,
    WantedPrincipal,
    WantedState,
)
from tenantry.databases.names import kind_of, require_identifier, umbrella_name
from tenantry.privileges.model import DEFAULT_SCHEMA, DatabaseObject, Level, Privilege

PLACEHOLDER = "locked until a credential is opened"
"""A user has to have a password; nobody logs in with this one, as the user is locked."""


class MatrixOneDialect(MysqlFamily):
    """Rights, statements and words of MatrixOne, from the tables in ``matrixone.py``."""

    def completed(self, wanted: WantedState, found: FoundState, policy: Policy) -> WantedState:
        """With an umbrella for each user, before the user: its default role never changes."""
        over = {
            one.name: umbrella_name(wanted.scope, one.name)
            for one in wanted.principals
            if one.kind is PrincipalKind.USER and not one.adopted
        }
        umbrellas = [
            WantedPrincipal(uuid5(wanted.scope, name), PrincipalKind.UMBRELLA, umbrella)
            for name, umbrella in over.items()
        ]
        held = {(over.get(member, member), role) for member, role in wanted.members}
        return replace(
            wanted,
            principals=(*umbrellas, *wanted.principals),
            members=frozenset(held | set(over.items())),
            grants=frozenset(
                replace(grant, principal=over.get(grant.principal, grant.principal))
                for grant in wanted.grants
            ),
        )

    def wanted_rights(
        self, wanted: WantedState, found: FoundState, policy: Policy
    ) -> tuple[Mapping[Right, Fidelity], list[Finding]]:
        """Each wanted grant as the rights on tables, the database and the account that it takes."""
        rights: dict[Right, Fidelity] = {
            Right(member, RightKind.MEMBER, (role,), "MEMBER"): Fidelity.EXACT
            for member, role in wanted.members
        }
        findings: list[Finding] = []
        umbrella = PrincipalKind.UMBRELLA
        under = {role: member for member, role in wanted.members if kind_of(role) is umbrella}
        for place, privilege, names in asked(wanted):
            reason = missing(place, found)
            for rule in RULES.rules_for(privilege, place):
                meant = [under.get(name, name) for name in names]
                if reason is not None:
                    findings += out_of_reach(rule, place, meant, reason)
                    continue
                findings += judged(rule, place, meant, policy)
                if not is_refused(rule, policy):
                    for kind, word in rule.words:
                        path = _path(kind, place, found.database)
                        for name in names:
                            put(rights, Right(name, kind, path, word), rule.fidelity)
        return rights, findings

    def create(self, principal: WantedPrincipal, scope: UUID, found: FoundState) -> str:
        """A user is locked, and its umbrella is its default role from the first day on."""
        name = _grantee(principal.name)
        if principal.kind is not PrincipalKind.USER:
            return f"CREATE ROLE {name}"
        umbrella = _grantee(umbrella_name(scope, principal.name))
        return f"CREATE USER {name} IDENTIFIED BY '{PLACEHOLDER}' DEFAULT ROLE {umbrella} LOCK"

    def quoted(self, name: str) -> str:
        """By its name alone."""
        return _grantee(name)

    def lock(self, name: str) -> str:
        """By hand, which lasts until it is unlocked; the password stays and is of no use."""
        return f"ALTER USER {_grantee(name)} LOCK"

    def unlock(self, name: str) -> str:
        """With the password that it had all the time."""
        return f"ALTER USER {_grantee(name)} UNLOCK"

    def grants(self, rights: Iterable[Right]) -> list[tuple[str, list[Right]]]:
        """GRANT with the kind of the object, which has to be said there."""
        return given(rights, FORMS, _grantee)

    def revokes(self, rights: Iterable[Right]) -> list[tuple[str, list[Right]]]:
        """REVOKE, which takes exactly what was given at that level."""
        return statements(rights, FORMS, _grantee, lambda form: form.revoke)

    def read(self, right: Right, database: str) -> Sequence[tuple[Privilege, DatabaseObject]]:
        """Only what is on this database or in it has words, and CONNECT."""
        if right.path and right.path[0] != database:
            return ()
        whole = right.kind is not RightKind.TABLE or right.path[1] == WHOLE
        place = (
            DatabaseObject(database)
            if whole
            else DatabaseObject(database, DEFAULT_SCHEMA, right.path[1])
        )
        words = READ.get((right.kind, right.word), ())
        return [(privilege, place) for privilege in words]


def _path(kind: RightKind, place: DatabaseObject, database: str) -> tuple[str, ...]:
    if kind is RightKind.SERVER:
        return ()
    if kind is RightKind.DATABASE:
        return (database,)
    return (database, place.table or WHOLE) if place.level is Level.TABLE else (database, WHOLE)


def _grantee(name: str) -> str:
    return mysql_object(require_identifier(name))
