"""What a wanted state takes on PostgreSQL, and how it is said there. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from uuid import UUID

from tenantry.adapters.databases.postgresql import FORMS, OWNER, READ, RULES
from tenantry.adapters.databases.postgresql_world import World, creators_of, holders_of
from tenantry.adapters.databases.quoting import (
    postgresql_object,
    postgresql_principal,
    postgresql_text,
)
from tenantry.adapters.databases.rules import asked, given, is_refused, judged, statements
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
from tenantry.databases.names import is_generated, marker, owner_name
from tenantry.privileges.model import DatabaseObject, Privilege

NOT_INHERITING = "WITHOUT INHERIT"
_IN_SCHEMAS = frozenset({RightKind.SCHEMA, RightKind.TABLE, RightKind.OWNER})


class PostgresDialect:
    """Rights, statements and words of PostgreSQL, from the tables in ``postgresql.py``."""

    def completed(self, wanted: WantedState, found: FoundState, policy: Policy) -> WantedState:
        """With the owner role where somebody needs it, and who is a member of it."""
        owner = owner_name(wanted.scope)
        world = World(found, found.catalogue.creators, owner, policy)
        holders = {
            name for name, place in holders_of(OWNER, wanted, policy) if world.ownable(place)
        }
        if not holders:
            return wanted
        role = WantedPrincipal(wanted.scope, PrincipalKind.OWNER, owner)
        pairs = {(name, owner) for name in holders}
        principals = (*wanted.principals, role)
        return replace(wanted, principals=principals, members=wanted.members | pairs)

    def wanted_rights(
        self, wanted: WantedState, found: FoundState, policy: Policy
    ) -> tuple[Mapping[Right, Fidelity], list[Finding]]:
        """Each wanted grant as the rights of PostgreSQL that it takes."""
        rights: dict[Right, Fidelity] = {
            Right(member, RightKind.MEMBER, (role,), "MEMBER"): Fidelity.EXACT
            for member, role in wanted.members
        }
        findings: list[Finding] = []
        creators = creators_of(wanted, found, policy)
        world = World(found, creators, owner_name(wanted.scope), policy)
        for place, privilege, names in asked(wanted):
            for rule in RULES.rules_for(privilege, place):
                findings += judged(rule, place, names, policy)
                if not is_refused(rule, policy):
                    findings += world.take(rule, place, names, rights)
        return rights, findings

    def brings(self, wanted: WantedState, found: FoundState, policy: Policy) -> frozenset[Right]:
        """What a new creator makes everybody may execute, unless that is taken beforehand."""
        fresh = creators_of(wanted, found, policy).keys() - found.catalogue.creators.keys()
        return frozenset(
            Right(PUBLIC, RightKind.FUTURE_ROUTINES, (name, ""), "EXECUTE") for name in fresh
        )

    def create(self, principal: WantedPrincipal, scope: UUID, found: FoundState) -> str:
        """Also a user is made without LOGIN, which comes with a credential and goes with it."""
        name = postgresql_principal(principal.name)
        comment = postgresql_text(marker(scope))
        made = f"CREATE ROLE {name} NOLOGIN; COMMENT ON ROLE {name} IS {comment}"
        # A superuser may say for everybody what is granted later; others have to be members.
        return made if found.executor_owns_all else f"{made}; GRANT {name} TO CURRENT_USER"

    def drop(self, name: str, heir: str) -> str:
        """Nothing of it stays in this database; what it has in others makes the last part fail."""
        gone, next_owner = postgresql_principal(name), postgresql_object(heir)
        return (
            f"REASSIGN OWNED BY {gone} TO {next_owner}; DROP OWNED BY {gone} CASCADE;"
            f" DROP ROLE {gone}"
        )

    def lock(self, name: str) -> str:
        """Its password is forgotten, too; an adopted one's is not ours and stays."""
        forgotten = " PASSWORD NULL" if is_generated(name) else ""
        return f"ALTER ROLE {postgresql_principal(name)} NOLOGIN{forgotten}"

    def unlock(self, name: str) -> str:
        """With the password that it had all the time."""
        return f"ALTER ROLE {postgresql_principal(name)} LOGIN"

    def grants(self, rights: Iterable[Right]) -> list[tuple[str, list[Right]]]:
        """GRANT, ALTER DEFAULT PRIVILEGES and ALTER TABLE ... OWNER TO."""
        return [
            (_keeping(_without_inheriting(text, some[0]), some[0]), some)
            for text, some in given(rights, FORMS, _grantee)
        ]

    def revokes(self, rights: Iterable[Right]) -> list[tuple[str, list[Right]]]:
        """REVOKE; as the one who granted it, where that was neither the owner nor we."""
        taken = [right for right in rights if FORMS[right.kind].revoke]
        return [
            (_as_grantor(text, some[0]), some)
            for text, some in statements(taken, FORMS, _grantee, lambda form: form.revoke)
        ]

    def read(self, right: Right, database: str) -> Sequence[tuple[Privilege, DatabaseObject]]:
        """Only what is on things that are there now has words; USAGE comes along with others."""
        if right.kind is RightKind.DATABASE and right.path != (database,):
            return ()
        place = right.path[:2] if right.kind in _IN_SCHEMAS else ()
        if right.kind is RightKind.ROUTINE:
            place = right.path[:1]
        return [
            (privilege, DatabaseObject(database, *place))
            for privilege in READ.get((right.kind, right.word), ())
        ]


def _grantee(name: str) -> str:
    return "PUBLIC" if name == PUBLIC else postgresql_principal(name)


def _without_inheriting(statement: str, right: Right) -> str:
    """As it was where a member had to ask for the role's rights: none of ours has."""
    return f"{statement} WITH INHERIT FALSE" if right.word.endswith(NOT_INHERITING) else statement


def _keeping(statement: str, right: Right) -> str:
    """Who owned a table goes on as before, but for what only an owner may."""
    if right.kind is not RightKind.OWNER:
        return statement
    table = ".".join(postgresql_object(part) for part in right.path)
    return f"{statement}; GRANT ALL ON TABLE {table} TO {postgresql_object(right.grantor)}"


def _as_grantor(statement: str, right: Right) -> str:
    """As who gave it, since nobody else's REVOKE takes it."""
    if not right.grantor:
        return statement
    grantor = postgresql_object(right.grantor)
    if right.kind is RightKind.MEMBER:
        return statement.replace(" CASCADE", f" GRANTED BY {grantor} CASCADE")
    return f"SET LOCAL ROLE {grantor}; {statement}; RESET ROLE"
