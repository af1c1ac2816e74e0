"""From the wanted and the found state to a plan. Pure: the server's ways come as a dialect."""

from collections.abc import Iterable, Iterator, Mapping

from tenantry.databases.model import (
    PUBLIC,
    Drift,
    DriftKind,
    Fidelity,
    Finding,
    FoundState,
    Plan,
    Policy,
    PrincipalKind,
    Right,
    RightKind,
    Step,
    WantedState,
)
from tenantry.databases.names import (
    is_generated,
    kind_of,
    longest_name,
    owner_name,
    require_identifier,
)
from tenantry.databases.ports import Dialect

_FUTURE = frozenset(
    {
        RightKind.FUTURE_TABLES,
        RightKind.FUTURE_SEQUENCES,
        RightKind.FUTURE_ROUTINES,
        RightKind.FUTURE_SCHEMAS,
    }
)
_SERVER_WIDE = frozenset({RightKind.SERVER, RightKind.ATTRIBUTE})
_THERE = "{} is on the server already and not managed: adopt it, or remove it"
_GONE = "{} was adopted and is on the server no more"
_FIDELITIES = [Fidelity.EXACT, Fidelity.NARROWER, Fidelity.WIDER]


def diff(wanted: WantedState, found: FoundState, dialect: Dialect, policy: Policy) -> Plan:
    """The steps from the found to the wanted state; none where the server is as it should be.

    Who is locked goes first and what is taken comes before what is given, so that a plan that is
    broken off has rather taken too much than left too much.
    """
    for principal in wanted.principals:
        require_identifier(principal.name, longest=longest_name(found.kind))
    taken, missing = _taken(wanted, found), _missing(wanted, found)
    wanted = dialect.completed(_without(wanted, taken | missing), found, policy)
    said, findings = dialect.wanted_rights(wanted, found, policy)
    rights = {**said, **dict.fromkeys(wanted.kept, Fidelity.EXACT)}
    compared = set(found.rights)
    later: set[Right] = set()
    if policy.close_public:
        later = set(dialect.brings(wanted, found, policy)) - compared
    else:
        findings = [*findings, *_of_public(compared)]
        compared = {right for right in compared if right.principal != PUBLIC}
    dropped = _dropped(wanted, found)
    gone = set(dropped)
    lost = {right for right in compared - rights.keys() if not _goes_with(right, gone)}
    steps = (
        *_locks(wanted, found, dialect),
        *_revokes(lost, rights, found, dialect),
        *_creates(wanted, found, dialect),
        *_revokes(later, rights, found, dialect),
        *_grants({r: f for r, f in rights.items() if r not in compared}, dialect),
        *_unlocks(wanted, found, dialect, policy),
        *_drops(wanted, found, dialect, dropped),
    )
    conflicts = [_conflict(name, _THERE) for name in sorted(taken)]
    return Plan(steps, (*findings, *conflicts, *(_conflict(n, _GONE) for n in sorted(missing))))


def drift(plan: Plan) -> list[Drift]:
    """In what ways the server differs from what is wanted, each with what mends it."""
    return [Drift(step.drift, step.principals, step.why, step.statement) for step in plan.steps]


def _taken(wanted: WantedState, found: FoundState) -> frozenset[str]:
    """Wanted names that stand on the server for something that is not managed."""
    there = (found.principals.get(principal.name) for principal in wanted.principals)
    return frozenset(one.name for one in there if one and not one.managed)


def _missing(wanted: WantedState, found: FoundState) -> frozenset[str]:
    """Adopted ones that somebody has removed: a statement about them would stop all others."""
    return frozenset(
        one.name for one in wanted.principals if one.adopted and one.name not in found.principals
    )


def _without(wanted: WantedState, names: frozenset[str]) -> WantedState:
    return WantedState(
        scope=wanted.scope,
        principals=tuple(one for one in wanted.principals if one.name not in names),
        members=frozenset(pair for pair in wanted.members if not names & set(pair)),
        grants=frozenset(grant for grant in wanted.grants if grant.principal not in names),
        kept=frozenset(right for right in wanted.kept if right.principal not in names),
    )


def _conflict(name: str, reason: str) -> Finding:
    return Finding(name, Fidelity.IMPOSSIBLE, reason.format(name), refused=True)


def _of_public(rights: Iterable[Right]) -> list[Finding]:
    public = sorted(right for right in rights if right.principal == PUBLIC)
    reason = "everybody who can log in to the server has {}; close PUBLIC to take it"
    return [Finding(PUBLIC, Fidelity.WIDER, reason.format(described(right))) for right in public]


def _dropped(wanted: WantedState, found: FoundState) -> list[str]:
    """What is ours and no longer wanted, logins first. What was adopted is never dropped."""
    names = {principal.name for principal in wanted.principals}
    gone = [one.name for one in found.principals.values() if one.managed and one.name not in names]
    return sorted((n for n in gone if is_generated(n)), key=lambda n: (_last_to_go(n), n))


def _last_to_go(name: str) -> int:
    order = (PrincipalKind.USER, PrincipalKind.UMBRELLA, PrincipalKind.ROLE, PrincipalKind.OWNER)
    return order.index(kind_of(name) or PrincipalKind.USER)


def _goes_with(right: Right, gone: set[str]) -> bool:
    """Whether it ends with another principal. What the dropped have is taken first, from many at
    once: a table's list of rights is then written once, and not for each of them.
    """
    about_one = right.kind in _FUTURE or right.kind is RightKind.MEMBER
    return about_one and right.path[0] in gone


def _locks(wanted: WantedState, found: FoundState, dialect: Dialect) -> Iterator[Step]:
    """Lock who is locked or no longer wanted: also what is dropped later, as a server may let who
    is in stay in, and no longer tell who that is.
    """
    kept = {principal.name for principal in wanted.principals if not principal.locked}
    for one in sorted(found.principals.values(), key=lambda one: one.name):
        if one.managed and one.can_login and one.name not in kept:
            why = f"{one.name} is locked or no longer wanted, and can log in"
            yield Step(
                dialect.lock(one.name),
                why,
                DriftKind.EXTRA,
                principals=(one.name,),
                locks=one.name,
                ends=(one.name,),
            )


def _unlocks(
    wanted: WantedState, found: FoundState, dialect: Dialect, policy: Policy
) -> Iterator[Step]:
    """Only what we have locked: who was shut out by somebody else stays out."""
    for principal in wanted.principals:
        there = found.principals.get(principal.name)
        shut = there is not None and not there.can_login and principal.name in policy.reopen
        if shut and not principal.locked:
            yield Step(
                dialect.unlock(principal.name),
                f"{principal.name} was locked by Tenantry, and its user is locked no longer",
                DriftKind.MISSING,
                principals=(principal.name,),
                unlocks=principal.name,
            )


def _names(wanted: WantedState) -> frozenset[str]:
    return frozenset(principal.name for principal in wanted.principals)


def _creates(wanted: WantedState, found: FoundState, dialect: Dialect) -> Iterator[Step]:
    for principal in wanted.principals:
        if principal.name not in found.principals:
            yield Step(
                dialect.create(principal, wanted.scope, found),
                f"the {principal.kind} {principal.id} has no principal on the server",
                DriftKind.MISSING,
                principals=(principal.name,),
                creates=principal.name,
            )


def _drops(
    wanted: WantedState, found: FoundState, dialect: Dialect, dropped: list[str]
) -> Iterator[Step]:
    owner = owner_name(wanted.scope)
    heir = owner if owner in _names(wanted) else found.executor
    for name in dropped:
        yield Step(
            dialect.drop(name, heir),
            f"{name} is managed and stands for nobody any more",
            DriftKind.EXTRA,
            principals=(name,),
            drops=name,
            ends=(name,),
        )


def _grants(given: Mapping[Right, Fidelity], dialect: Dialect) -> Iterator[Step]:
    by_kind: dict[DriftKind, list[Right]] = {kind: [] for kind in DriftKind}
    for right in given:
        by_kind[_gap(right)].append(right)
    for kind, chosen in by_kind.items():
        for statement, rights in dialect.grants(chosen):
            worst = max({given[right] for right in rights}, key=_FIDELITIES.index)
            yield Step(
                statement,
                _why(rights, "wanted, and not there"),
                kind,
                worst,
                principals=_principals(rights),
                gives=tuple(rights),
            )


def _revokes(
    lost: set[Right], wanted: Mapping[Right, Fidelity], found: FoundState, dialect: Dialect
) -> Iterator[Step]:
    holders = _holders(found)
    closely = {(right.principal, right.word) for right in wanted}
    by_kind: dict[DriftKind, list[Right]] = {kind: [] for kind in DriftKind}
    for right in lost:
        by_kind[_excess(right, closely)].append(right)
    for kind, chosen in by_kind.items():
        for statement, rights in dialect.revokes(chosen):
            names = _principals(rights)
            ends = {login for name in names for login in holders.get(name, ())}
            yield Step(
                statement,
                _why(rights, "there, and not wanted"),
                kind,
                principals=names,
                takes=tuple(rights),
                ends=tuple(sorted(ends)),
            )


def _gap(right: Right) -> DriftKind:
    if right.kind in _FUTURE:
        return DriftKind.DEFAULT_PRIVILEGE
    return DriftKind.OWNER if right.kind is RightKind.OWNER else DriftKind.MISSING


def _excess(right: Right, closely: set[tuple[str, str]]) -> DriftKind:
    """What kind of drift a right is that nobody wants.

    Wider is what reaches beyond the database, what everybody has, and what is wanted on less.
    """
    if right.kind in _FUTURE:
        return DriftKind.DEFAULT_PRIVILEGE
    on_more = right.kind is RightKind.DATABASE and (right.principal, right.word) in closely
    if right.kind in _SERVER_WIDE or right.principal == PUBLIC or on_more:
        return DriftKind.WIDER
    return DriftKind.EXTRA


def _holders(found: FoundState) -> dict[str, set[str]]:
    """For each managed principal the logins that act with its rights, itself among them."""
    above: dict[str, set[str]] = {}
    for right in found.rights:
        if right.kind is RightKind.MEMBER:
            above.setdefault(right.principal, set()).add(right.path[0])
    holders: dict[str, set[str]] = {}
    for one in found.principals.values():
        reached, open_ends = {one.name}, [one.name]
        while one.can_login and open_ends:
            fresh = above.get(open_ends.pop(), set()) - reached
            reached |= fresh
            open_ends += fresh
        if one.can_login and (one.managed or len(reached) > 1):
            for name in reached:
                holders.setdefault(name, set()).add(one.name)
    return holders


def _principals(rights: Iterable[Right]) -> tuple[str, ...]:
    return tuple(sorted({right.principal for right in rights}))


def _why(rights: list[Right], said: str) -> str:
    more = f" and {len(rights) - 1} more" if len(rights) > 1 else ""
    return f"{rights[0].principal or 'PUBLIC'}: {described(rights[0])}{more}: {said}"


def described(right: Right) -> str:
    """The right in words, such as ``SELECT on table public.user_data``."""
    if right.kind is RightKind.ATTRIBUTE:
        return f"the attribute {right.word.removeprefix('NO')}"
    # A routine of PostgreSQL has its schema in its own name.
    named = (
        right.path[1:] if right.kind is RightKind.ROUTINE and len(right.path) == 2 else right.path
    )
    place = ".".join(part for part in named if part)
    if right.kind is RightKind.MEMBER:
        return f"{right.word} of {place}"
    kind = right.kind.replace("_", " ")
    return f"{right.word} on {kind} {place}" if place else f"{right.word} on the {kind}"
