"""What is on a server in Tenantry's words: a proposal, which changes nothing. Pure."""

from dataclasses import dataclass

from tenantry.databases.model import FoundState, Right, RightKind
from tenantry.databases.ports import Dialect
from tenantry.privileges.model import DatabaseObject, Privilege


@dataclass(frozen=True, slots=True)
class ProposedGrant:
    """A grant that would say what a right on the server says."""

    principal: str
    privilege: Privilege
    object: DatabaseObject


@dataclass(frozen=True, slots=True)
class Proposal:
    """Users, roles, memberships and grants for what is there, by the names there.

    ``left`` has the rights for which Tenantry has no word, so that nobody takes them for covered.
    """

    users: tuple[str, ...]
    roles: tuple[str, ...]
    members: frozenset[tuple[str, str]]
    grants: frozenset[ProposedGrant]
    left: tuple[Right, ...]


def propose(found: FoundState, dialect: Dialect) -> Proposal:
    """What to make in Tenantry so that it says what the server says, of what is not managed."""
    names = {one.name for one in found.principals.values() if not one.managed}
    rights = {right for right in found.rights if right.principal in names}
    members = {(r.principal, r.path[0]) for r in rights if r.kind is RightKind.MEMBER}
    said = {
        right: dialect.read(right, found.database)
        for right in rights
        if right.kind is not RightKind.MEMBER
    }
    grants = {ProposedGrant(right.principal, *one) for right, all in said.items() for one in all}
    users = {one.name for one in found.principals.values() if one.name in names and one.can_login}
    return Proposal(
        users=tuple(sorted(users)),
        roles=tuple(sorted(names - users)),
        members=frozenset((one, role) for one, role in members if role in names),
        grants=_widest(grants),
        left=tuple(sorted(right for right, words in said.items() if not words)),
    )


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
