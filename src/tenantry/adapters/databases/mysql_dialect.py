"""What a wanted state takes on a server of the MySQL family, and how it is said there. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from uuid import UUID, uuid5

from tenantry.adapters.databases.mysql import FORMS, MYSQL_FORMS, READ, RULES
from tenantry.adapters.databases.mysql_family import MysqlFamily, missing
from tenantry.adapters.databases.quoting import (
    mysql_grantee,
    mysql_object,
    mysql_pattern,
)
from tenantry.adapters.databases.rules import (
    Form,
    asked,
    given,
    is_refused,
    judged,
    out_of_reach,
    put,
    statements,
)
from tenantry.databases.managed import DatabaseKind
from tenantry.databases.model import (
    PUBLIC,
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
from tenantry.databases.names import is_generated, kind_of, umbrella_name
from tenantry.privileges.model import DEFAULT_SCHEMA, DatabaseObject, Level, Privilege

UNUSABLE = "IDENTIFIED VIA mysql_native_password USING 'invalid'"
MYSQL_UNUSABLE = "IDENTIFIED WITH caching_sha2_password"


class MysqlDialect(MysqlFamily):
    """Rights, statements and words of MariaDB or MySQL, from the tables in ``mysql.py``."""

    def __init__(self, kind: DatabaseKind) -> None:
        self._is_mysql = kind is DatabaseKind.MYSQL
        self._forms: Mapping[RightKind, Form] = MYSQL_FORMS if self._is_mysql else FORMS

    def completed(self, wanted: WantedState, found: FoundState, policy: Policy) -> WantedState:
        """With an umbrella over all roles of a user, since only one role is active there."""
        users = {one.name for one in wanted.principals if one.kind is PrincipalKind.USER}
        under = sorted({member for member, _ in wanted.members if member in users})
        over = {name: umbrella_name(wanted.scope, name) for name in under}
        umbrellas = [
            WantedPrincipal(uuid5(wanted.scope, name), PrincipalKind.UMBRELLA, over[name])
            for name in under
        ]
        held = {(over.get(member, member), role) for member, role in wanted.members}
        worn = set(over.items())
        return replace(
            wanted,
            principals=(*wanted.principals, *umbrellas),
            members=frozenset(held | worn),
        )

    def wanted_rights(
        self, wanted: WantedState, found: FoundState, policy: Policy
    ) -> tuple[Mapping[Right, Fidelity], list[Finding]]:
        """Each wanted grant as the rights on the database or table that it takes."""
        rights: dict[Right, Fidelity] = {}
        for member, role in wanted.members:
            rights[Right(member, RightKind.MEMBER, (role,), "MEMBER")] = Fidelity.EXACT
            if kind_of(role) is PrincipalKind.UMBRELLA:
                rights[Right(member, RightKind.DEFAULT_ROLE, (role,), "DEFAULT")] = Fidelity.EXACT
        findings: list[Finding] = []
        for place, privilege, names in asked(wanted):
            reason = missing(place, found)
            kind, path = _place(place, found.database)
            for rule in RULES.rules_for(privilege, place):
                if reason is not None:
                    findings += out_of_reach(rule, place, names, reason)
                    continue
                findings += judged(rule, place, names, policy)
                if not is_refused(rule, policy):
                    for _, word in rule.words:
                        for name in names:
                            put(rights, Right(name, kind, path, word), rule.fidelity)
        return rights, findings

    def create(self, principal: WantedPrincipal, scope: UUID, found: FoundState) -> str:
        """A user is locked and has no password that could be typed."""
        if principal.kind is not PrincipalKind.USER:
            return f"CREATE ROLE {mysql_grantee(principal.name)}"
        unusable = MYSQL_UNUSABLE if self._is_mysql else UNUSABLE
        return f"CREATE USER {mysql_grantee(principal.name)} {unusable} ACCOUNT LOCK"

    def quoted(self, name: str) -> str:
        """With the host from which it comes, where it has one."""
        return mysql_grantee(name)

    def lock(self, name: str) -> str:
        """Its password is forgotten, too; an adopted one's is not ours and stays."""
        unusable = MYSQL_UNUSABLE if self._is_mysql else UNUSABLE
        forgotten = f"{unusable} " if is_generated(name) else ""
        return f"ALTER USER {mysql_grantee(name)} {forgotten}ACCOUNT LOCK"

    def unlock(self, name: str) -> str:
        """With the password that it had all the time."""
        return f"ALTER USER {mysql_grantee(name)} ACCOUNT UNLOCK"

    def grants(self, rights: Iterable[Right]) -> list[tuple[str, list[Right]]]:
        """GRANT and SET DEFAULT ROLE."""
        return given(rights, self._forms, _grantee)

    def revokes(self, rights: Iterable[Right]) -> list[tuple[str, list[Right]]]:
        """REVOKE; and DROP USER for what shadows an account of ours."""
        return [
            (_from_nobody(text, some[0]), some)
            for text, some in statements(rights, self._forms, _grantee, lambda form: form.revoke)
        ]

    def read(self, right: Right, database: str) -> Sequence[tuple[Privilege, DatabaseObject]]:
        """Only rights on the database and on tables in it have words."""
        if right.kind is RightKind.DATABASE and right.path == (mysql_pattern(database),):
            place = DatabaseObject(database)
        elif right.kind is RightKind.TABLE and right.path[0] == database:
            place = DatabaseObject(database, DEFAULT_SCHEMA, right.path[1])
        else:
            return ()
        return [(privilege, place) for privilege in READ.get(right.word, ())]


def _place(place: DatabaseObject, database: str) -> tuple[RightKind, tuple[str, ...]]:
    if place.level is Level.TABLE:
        return RightKind.TABLE, (database, place.table or "")
    return RightKind.DATABASE, (mysql_pattern(database),)


def _grantee(name: str) -> str:
    return "PUBLIC" if name == PUBLIC else mysql_grantee(name)


def _from_nobody(statement: str, right: Right) -> str:
    """What a user without a name has, everybody has; its host stands as who gave it."""
    if right.principal != PUBLIC or not right.grantor:
        return statement
    return statement.removesuffix("PUBLIC") + f"''@{mysql_object(right.grantor)}"
