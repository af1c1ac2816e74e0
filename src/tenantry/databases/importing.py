"""What is on a server in Tenantry's words: a proposal, which changes nothing. Pure."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from tenantry.databases.managed import DatabaseKind
from tenantry.databases.model import FoundPrincipal, FoundState, Right, RightKind
from tenantry.databases.names import is_generated
from tenantry.databases.ports import Dialect
from tenantry.privileges.model import DatabaseObject, Privilege
from tenantry.users.names import Unfit, fold, username

OWN = "is Tenantry's own login there"
OURS = "belongs to a database in which Tenantry keeps its own data"
ALL_POWERFUL = "has all of its server, whatever is granted here"
LOCKED = "is locked there"
_OF_TENANTRY = frozenset({"tenantry_owner", "tenantry_app", "tenantry_member"})
_POWERS = frozenset({(RightKind.ATTRIBUTE, "NOSUPERUSER"), (RightKind.SERVER, "GRANT OPTION")})
"""What lets somebody take whatever else there is."""
TWICE = "would be called {} here, like another one"


@dataclass(frozen=True, slots=True)
class ProposedGrant:
    """A grant that would say what a right on the server says."""

    principal: str
    privilege: Privilege
    object: DatabaseObject


@dataclass(frozen=True, slots=True)
class Proposal:
    """Users, roles, memberships and grants for what is there, by the names there.

    ``called`` says what each would be called here. ``left`` has the rights for which Tenantry has
    no word, ``passed`` whom nothing is proposed for and why, so that nobody takes them for covered.
    """

    users: tuple[str, ...]
    roles: tuple[str, ...]
    called: Mapping[str, str]
    members: frozenset[tuple[str, str]]
    grants: frozenset[ProposedGrant]
    left: tuple[Right, ...]
    passed: Mapping[str, str]


def propose(found: FoundState, dialect: Dialect, adopted: Collection[str] = ()) -> Proposal:
    """What to make in Tenantry so that it says what the server says, of what is not managed.

    What was made by Tenantry, also for another database there, and what was ``adopted`` is left
    out.
    """
    there = [
        one
        for one in found.principals.values()
        if not (one.managed or is_generated(one.name) or one.name in adopted)
    ]
    passed = _passed(there, found)
    called = _called([one for one in there if one.name not in passed], found.kind, passed)
    rights = {right for right in found.rights if right.principal in called}
    members = {
        (right.principal, right.path[0])
        for right in rights
        if right.kind is RightKind.MEMBER and right.word == "MEMBER" and right.path[0] in called
    }
    said = {right: dialect.read(right, found.database) for right in _whole(rights, found)}
    grants = {ProposedGrant(right.principal, *one) for right, all in said.items() for one in all}
    covered = {right for right, words in said.items() if words}
    own: dict[str, list[ProposedGrant]] = {}
    for grant in grants:
        own.setdefault(grant.principal, []).append(grant)
    left = (
        right
        for right in rights - covered
        if not _comes_along(right, members, own.get(right.principal, []), found)
    )
    users = {one.name for one in there if _is_user(one, found.kind)} & called.keys()
    return Proposal(
        users=tuple(sorted(users)),
        roles=tuple(sorted(called.keys() - users)),
        called=called,
        members=frozenset(members),
        grants=_widest(grants),
        left=tuple(sorted(left)),
        passed=passed,
    )


def _is_user(one: FoundPrincipal, kind: DatabaseKind) -> bool:
    """Somebody who logs in. In the MySQL family a role is what has no host."""
    return one.can_login if kind is DatabaseKind.POSTGRESQL else "@" in one.name


def _passed(there: Iterable[FoundPrincipal], found: FoundState) -> dict[str, str]:
    powers = {(right.kind, right.word, right.principal) for right in found.rights}
    superusers = {one for kind, word, one in powers if (kind, word) in _POWERS}
    passed: dict[str, str] = {}
    for one in there:
        if one.name == found.executor:
            passed[one.name] = OWN
        elif one.name in _OF_TENANTRY:
            passed[one.name] = OURS
        elif one.name in superusers:
            passed[one.name] = ALL_POWERFUL
        elif _is_user(one, found.kind) and not one.can_login:
            passed[one.name] = LOCKED
    return passed


def _called(
    there: Iterable[FoundPrincipal], kind: DatabaseKind, passed: dict[str, str]
) -> dict[str, str]:
    """What each would be called here, by the name there; puts who cannot be among ``passed``.

    Of ``name@host`` it is the name, unless several hosts have an account of that name.
    """
    named = sorted((one.name, _is_user(one, kind)) for one in there)
    is_mysql = kind is not DatabaseKind.POSTGRESQL
    short = {name: name.rpartition("@")[0] for name, user in named if user and is_mysql}
    times = Counter(short.values())
    called: dict[str, str] = {}
    taken: set[tuple[str, bool]] = set()
    for name, user in named:
        wish = short[name] if times[short.get(name, "")] == 1 else name
        try:
            fitted = username(wish)
        except Unfit as unfit:
            passed[name] = f"cannot be called so here: {unfit}"
            continue
        if (fold(fitted), user) in taken:
            passed[name] = TWICE.format(fitted)
            continue
        taken.add((fold(fitted), user))
        called[name] = fitted
    return called


def _whole(rights: set[Right], found: FoundState) -> set[Right]:
    """Without rights on routines of a schema of which not all are held: the word is for all."""
    in_schema = Counter(routine[0] for routine in found.catalogue.routines)
    on_routines = [right for right in rights if right.kind is RightKind.ROUTINE]
    held = Counter((right.principal, right.path[0], right.word) for right in on_routines)
    return rights - {
        right
        for right in on_routines
        if held[right.principal, right.path[0], right.word] < in_schema[right.path[0]]
    }


def _comes_along(
    right: Right,
    members: Collection[tuple[str, str]],
    own: Iterable[ProposedGrant],
    found: FoundState,
) -> bool:
    """Whether what is proposed brings the right along, as the server asks for it beside others."""
    if right.kind in (RightKind.MEMBER, RightKind.DEFAULT_ROLE):
        is_plain = right.word in ("MEMBER", "DEFAULT")
        return is_plain and (right.principal, right.path[0]) in members
    if right.kind is RightKind.SCHEMA and right.word == "USAGE":
        return any(grant.object.schema in (None, right.path[0]) for grant in own)
    if right.kind is RightKind.SEQUENCE and right.word == "USAGE":
        schema, name = right.path
        table = DatabaseObject(found.database, *found.catalogue.sequences[schema, name])
        return any(g.privilege is Privilege.INSERT and g.object.covers(table) for g in own)
    return False


def _widest(grants: set[ProposedGrant]) -> frozenset[ProposedGrant]:
    """Without those that another one covers."""
    by_word: dict[tuple[str, Privilege], set[DatabaseObject]] = {}
    for grant in grants:
        by_word.setdefault((grant.principal, grant.privilege), set()).add(grant.object)
    return frozenset(
        grant
        for grant in grants
        if not any(
            other != grant.object and other.covers(grant.object)
            for other in by_word[grant.principal, grant.privilege]
        )
    )
