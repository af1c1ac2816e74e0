"""From grants to rights of PostgreSQL, with what there is in the database. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

from tenantry.adapters.databases.postgresql import RULES
from tenantry.adapters.databases.rules import (
    Rule,
    asked,
    is_refused,
    out_of_reach,
    put,
)
from tenantry.databases.model import (
    Fidelity,
    Finding,
    FoundState,
    Policy,
    PrincipalKind,
    Right,
    RightKind,
    WantedState,
)
from tenantry.databases.names import is_generated, owner_name
from tenantry.privileges.model import DatabaseObject, Level

FUTURE = {
    RightKind.TABLE: RightKind.FUTURE_TABLES,
    RightKind.SEQUENCE: RightKind.FUTURE_SEQUENCES,
    RightKind.ROUTINE: RightKind.FUTURE_ROUTINES,
}
MAKES = (RightKind.SCHEMA, "CREATE")
_BLIND = "what {} makes later is not covered: the executor may not set its default privileges"
_NOT_OURS = "{} owns it: let Tenantry take the ownership, or have the owner do it"
_VIEW = "{} owns the view, which reads with its owner's rights and would not with another owner"

Path = tuple[str, ...]


def creators_of(wanted: WantedState, found: FoundState, policy: Policy) -> dict[str, bool]:
    """Who will make objects once the wanted state is there, and whether we may speak for each.

    The executor is one, since it inherits what the dropped own.
    """
    kinds = {principal.name: principal.kind for principal in wanted.principals}
    staying = {
        name: may
        for name, may in found.catalogue.creators.items()
        if name in kinds or not is_generated(name, wanted.scope)
    }
    makers = {name for name, _ in holders_of(MAKES, wanted, policy)}
    reached = set(makers)
    while fresh := {one for one, role in wanted.members if role in reached} - reached:
        reached |= fresh
    logins = {name for name in reached if kinds.get(name) is PrincipalKind.USER}
    owner = {owner_name(wanted.scope)} & kinds.keys()
    return staying | dict.fromkeys(logins | owner | {found.executor}, True)


def holders_of(
    word: tuple[RightKind, str], wanted: WantedState, policy: Policy
) -> Iterator[tuple[str, DatabaseObject]]:
    """Who is given this, and on what object."""
    for place, privilege, names in asked(wanted):
        rules = RULES.rules_for(privilege, place)
        if any(word in rule.words and not is_refused(rule, policy) for rule in rules):
            yield from ((name, place) for name in names)


class World:
    """What is there, and who will add to it, while grants are turned into rights."""

    def __init__(
        self, found: FoundState, creators: Mapping[str, bool], owner: str, policy: Policy
    ) -> None:
        self._database = found.database
        self._there = found.catalogue
        self._creators = creators
        self._owner = owner
        self._policy = policy
        self._in_schema: dict[RightKind, dict[str, list[Path]]] = {
            RightKind.TABLE: _by_schema(found.catalogue.tables),
            RightKind.SEQUENCE: _by_schema(found.catalogue.sequences),
            RightKind.ROUTINE: _by_schema(found.catalogue.routines),
        }
        self._of_table: dict[Path, list[Path]] = defaultdict(list)
        for sequence, table in found.catalogue.sequences.items():
            self._of_table[table].append(sequence)

    def take(
        self, rule: Rule, place: DatabaseObject, names: list[str], rights: dict[Right, Fidelity]
    ) -> Iterator[Finding]:
        """Add the rights that the rule takes for these, and say what they cannot have."""
        missing = self._missing(place)
        if missing:
            yield from out_of_reach(rule, place, names, missing)
            return
        for kind, word in rule.words:
            if kind is RightKind.OWNER:
                yield from self._own(rule, place, names, rights)
                continue
            for path in self._paths(kind, place):
                for name in names:
                    put(rights, Right(name, kind, path, word), rule.fidelity)
            for future, path in self._later(kind, place):
                for name in names:
                    if path[0] != name:  # whoever makes a thing owns it
                        put(rights, Right(name, future, path, word), rule.fidelity)
        yield from self._blind(rule, place, names)

    def _blind(self, rule: Rule, place: DatabaseObject, names: list[str]) -> Iterator[Finding]:
        if place.level < Level.TABLE and any(kind in FUTURE for kind, _ in rule.words):
            for creator in sorted(name for name, may in self._creators.items() if not may):
                said = _BLIND.format(creator), rule.privilege, place
                yield from (Finding(name, Fidelity.NARROWER, *said) for name in names)

    def ownable(self, place: DatabaseObject) -> bool:
        """Whether there is a table in it that the owner role owns or could own."""
        return any(self._can_own(path) for path in self._paths(RightKind.TABLE, place))

    def _can_own(self, table: Path) -> bool:
        owner = self._there.tables[table[0], table[1]]
        may_take = self._policy.take_ownership and self._creators.get(owner, False)
        return owner == self._owner or (may_take and table not in self._there.views)

    def _own(
        self, rule: Rule, place: DatabaseObject, names: list[str], rights: dict[Right, Fidelity]
    ) -> Iterator[Finding]:
        others: dict[str, list[DatabaseObject]] = defaultdict(list)
        for table in self._paths(RightKind.TABLE, place):
            owner = self._there.tables[table[0], table[1]]
            if self._can_own(table):
                former = "" if owner == self._owner else owner
                right = Right(self._owner, RightKind.OWNER, table, "OWNER", former)
                rights[right] = rule.fidelity
                for word in ("USAGE", "CREATE"):
                    right = Right(self._owner, RightKind.SCHEMA, table[:1], word)
                    rights[right] = rule.fidelity
            else:
                said = _VIEW if table in self._there.views else _NOT_OURS
                others[said.format(owner)].append(DatabaseObject(place.database, *table))
        for reason, tables in others.items():
            yield from out_of_reach(rule, place, names, reason, tuple(tables))

    def _missing(self, place: DatabaseObject) -> str | None:
        if place.schema is not None and place.schema not in self._there.schemas:
            return f"there is no schema {place.schema} on the server"
        if place.table is not None and (place.schema or "", place.table) not in self._there.tables:
            return f"there is no table {place.schema}.{place.table} on the server"
        return None

    def _paths(self, kind: RightKind, place: DatabaseObject) -> Sequence[Path]:
        if kind is RightKind.DATABASE:
            return [(self._database,)]
        if kind is RightKind.SCHEMA:
            return [(place.schema,)] if place.schema else [(one,) for one in self._there.schemas]
        if place.table is not None and kind is RightKind.TABLE:
            table = (place.schema or "", place.table)
            return [table] if table in self._there.tables else []
        if place.table is not None:
            return self._of_table.get((place.schema or "", place.table), [])
        by_schema = self._in_schema[kind]
        if place.schema is not None:
            return by_schema.get(place.schema, [])
        return [path for paths in by_schema.values() for path in paths]

    def _later(self, kind: RightKind, place: DatabaseObject) -> Iterator[tuple[RightKind, Path]]:
        """The same on what is not there yet, for each who will make it."""
        future = FUTURE.get(kind) if place.level < Level.TABLE else None
        if kind is RightKind.SCHEMA and place.level < Level.SCHEMA:
            future = RightKind.FUTURE_SCHEMAS
        if future is not None:
            for creator, may in self._creators.items():
                if may:
                    yield future, (creator, place.schema or "")


def _by_schema(paths: Iterable[Path]) -> dict[str, list[Path]]:
    found: dict[str, list[Path]] = defaultdict(list)
    for path in sorted(paths):
        found[path[0]].append(path)
    return dict(found)
