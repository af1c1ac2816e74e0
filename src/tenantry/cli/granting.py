"""`tenantry grant` where answers are drawn as trees, or questions come from a file."""

import sys
from collections.abc import Iterator, Sequence
from typing import BinaryIO, Final, NamedTuple

import click

from tenantry.cli import session
from tenantry.cli.formats import human
from tenantry.cli.invocation import Plain, current
from tenantry.decisions.explain import Reason
from tenantry.grants.actions import (
    CheckManyAction,
    ExplainAction,
    GetPermissionsAction,
    Question,
    WhatIfRoleAction,
)
from tenantry.grants.model import (
    AccessPath,
    EnforcementState,
    Explanation,
    RoleChange,
    RoleEffect,
    ServerEnforcement,
)
from tenantry.grants.permissions import UserPermissions
from tenantry.kernel.modifier import OptionalState, TriState
from tenantry.kernel.page import Page
from tenantry.privileges.model import DatabaseObject
from tenantry.record import Record

_REASONS: Final = {
    Reason.UNKNOWN: "there is no such user",
    Reason.INACTIVE: "the user is inactive, locked or deleted",
    Reason.TENANT_INACTIVE: "the tenant is suspended",
    Reason.WALL: "a closed wall is between the user's tenant and the database's",
    Reason.NOT_YET_VALID: "a grant has not begun to hold",
    Reason.EXPIRED: "a grant has ended",
    Reason.ELSEWHERE: "a grant holds on the databases of a tenant only, and this is none of them",
    Reason.NEVER_GRANTED: "nothing grants it",
}
_ON_SERVER: Final = {
    EnforcementState.PENDING: "pending: the server has not followed yet",
    EnforcementState.IN_EFFECT: "the server enforces it",
    EnforcementState.DRIFTED: "the server was changed by hand",
    EnforcementState.REFUSED: "refused: the server cannot do just that, and does nothing",
    EnforcementState.FAILED: "failed: the server could not be made to follow",
}
_TWIGS: Final = ("├── ", "└── ", "│   ")
_PLAIN_TWIGS: Final = ("|-- ", "`-- ", "|   ")
_DATABASE = click.option("--database", help="Name of the database; everything unless named.")
_SCHEMA = click.option("--schema", help="Schema in the database; of a table, public unless named.")
_TABLE = click.option("--table", help="Table in the schema.")


class Branch(NamedTuple):
    """A line of a drawing, and what hangs on it."""

    text: str
    below: "Sequence[Branch]" = ()


class Answer(Record, frozen=True, kw_only=True):
    """A question with its answer, as a line of a table."""

    user: str
    permission: str
    database: str | None
    schema: str | None
    table: str | None
    allowed: bool

    @classmethod
    def to(cls, asked: Question, allowed: bool) -> "Answer":  # noqa: FBT001 - it is the answer
        """The answer to a question."""
        values = {name: getattr(asked, name) for name in Question.__struct_fields__}
        return cls(**values, allowed=allowed)


@click.command("explain", cls=Plain)
@click.argument("user")
@click.argument("permission")
@_DATABASE
@_SCHEMA
@_TABLE
def explain(
    user: str, permission: str, database: str | None, schema: str | None, table: str | None
) -> None:
    """Show why USER may do PERMISSION, or may not: the ways that lead there, or what is lacking.

    Without a table the question is about the whole schema or database, without a database about
    everything.
    """
    action = ExplainAction(
        user=user, permission=permission, database=database, schema=schema, table=table
    )
    found = session.run(action).data
    if not _shown_as_data(found, Explanation):
        _draw(drawn(found))


@click.command("effective", cls=Plain)
@click.argument("user")
def effective(user: str) -> None:
    """Show what USER may do now, and how: by direct grants, by roles and what these inherit."""
    from tenantry.cli.output import note

    found = session.run(GetPermissionsAction(user=user)).data
    if _shown_as_data(found, UserPermissions):
        return
    _draw(permissions_drawn(found))
    if found.beyond:
        note(f"Nothing of it holds in databases behind walls: {len(found.beyond)} of them.")


@click.command("what-if", cls=Plain)
@click.argument("role")
@click.option(
    "--permissions", multiple=True, help="A privilege or permission that it would have; repeatable."
)
@click.option("--databases", multiple=True, help="A database that it would hold on; repeatable.")
@click.option("--every-database", is_flag=True, help="It would hold on every database.")
@click.option("--domain-name", help="Tenant in which the role's name is looked up first.")
@click.option("--limit", type=click.IntRange(1, 1000), default=50, help="So many of its members.")
@click.option("--cursor", help="Where the last answer stopped.")
def what_if(
    role: str,
    permissions: tuple[str, ...],
    databases: tuple[str, ...],
    *,
    every_database: bool,
    domain_name: str | None,
    limit: int,
    cursor: str | None,
) -> None:
    """Show who would gain and lose what if ROLE were changed like this; nothing is changed.

    What is not named of the role stays as it is.
    """
    from tenantry.cli.output import note

    if databases and every_database:
        raise click.UsageError("--databases and --every-database exclude each other.")
    said: OptionalState[list[str]] = (
        OptionalState.update(list(permissions)) if permissions else OptionalState.nop()
    )
    where: TriState[list[str]] = TriState.update(list(databases)) if databases else TriState.nop()
    change = RoleChange(permissions=said, databases=TriState.nullify() if every_database else where)
    action = WhatIfRoleAction(
        role=role, change=change, domain_name=domain_name, limit=limit, cursor=cursor
    )
    found = session.run(action)
    if _shown_as_data(found, Page[RoleEffect]):
        return
    for effect in found.items:
        _draw(effect_drawn(effect))
    if not found.items:
        note("Nobody would notice.")
    if found.next_cursor is not None:
        note(f"There is more: --cursor {found.next_cursor}")


@click.command("check-many", cls=Plain)
@click.argument("file", type=click.File("rb"))
def check_many(file: BinaryIO) -> None:
    """Answer the questions in FILE, up to 1,000, one JSON object a line; - is standard input.

    A question has the keys user, permission and, as far as it goes, database, schema and table.
    """
    import msgspec

    from tenantry.cli.formats import WRITERS
    from tenantry.cli.output import fields_of, show_table

    try:
        asked = msgspec.json.decode(b"[" + b",".join(_lines_of(file)) + b"]", type=list[Question])
    except msgspec.MsgspecError as error:
        raise click.UsageError(f"This is no file of questions: {error}") from None
    allowed = session.run(CheckManyAction(questions=asked)).allowed
    answers = [Answer.to(*pair) for pair in zip(asked, allowed, strict=True)]
    kind = current().output or "table"
    names = fields_of(Answer)
    if kind == "table":
        show_table(current(), names, [[human(getattr(a, n)) for n in names] for a in answers])
        return
    writer = WRITERS[kind](sys.stdout, names)
    writer.write(answers)
    writer.end()


def _lines_of(file: BinaryIO) -> list[bytes]:
    return [line for line in file.read().splitlines() if line.strip()]


def drawn(found: Explanation) -> Branch:
    """An explanation as a tree."""
    may = "may" if found.allowed else "may not"
    title = f"{found.user} {may} {found.privilege} on {found.object.label()}"
    branches = [_way(path) for path in found.paths]
    if found.reason is not None:
        branches.append(Branch(f"because: {_REASONS[found.reason]}"))
    if found.enforcement is not None and found.enforcement.state in _ON_SERVER:
        branches.append(Branch(_on_server(found.enforcement)))
    if found.remedy is not None:
        enough = [Branch(f"grant {found.remedy.grant.label()}")]
        enough += [Branch(f"role {role}") for role in found.remedy.roles]
        branches.append(Branch("any of these would be enough", enough))
    return Branch(title, branches)


def _on_server(found: ServerEnforcement) -> str:
    """What the server makes of it, since when, of a failure, why, and whom it has put out."""
    since = f" (since {human(found.since)})" if found.since is not None else ""
    why = f": {found.error}" if found.error is not None else ""
    count, at = found.connections_ended, human(found.ended_at)
    ended = f"; open connections ended {at}: {count}" if count else ""
    return f"{_ON_SERVER[found.state]}{since}{why}{ended}"


def permissions_drawn(found: UserPermissions) -> Branch:
    """What a user may do as a tree, with the ways that lead there."""
    branches = []
    for one in found.effective:
        on = DatabaseObject(one.database, one.schema, one.table).label()
        if one.within is not None:
            on = f"databases of {one.within} ({human(one.databases) or 'none'})"
        branches.append(Branch(f"{one.privilege} on {on}", [_way(path) for path in one.paths]))
    may = "may now" if branches else "may do nothing with data now"
    return Branch(f"{found.user} {may} ({human(found.at)})", branches)


def effect_drawn(effect: RoleEffect) -> Branch:
    """What a change does to one user, as a tree."""
    gains = [Branch(f"+ {one.label()}") for one in effect.gains]
    loses = [Branch(f"- {one.label()}") for one in effect.loses]
    gains += [Branch(f"+ {tag}") for tag in effect.gained_permissions]
    loses += [Branch(f"- {tag}") for tag in effect.lost_permissions]
    return Branch(effect.username, [*gains, *loses])


def _way(path: AccessPath) -> Branch:
    """Role by role to the grant, each hanging on the one before."""
    on = DatabaseObject(path.database, path.schema, path.table).label()
    kind = "its permission" if path.grant_id is None else "grant of"
    text = f"{kind} {path.privilege} on {on}"
    terms = []
    if path.within is not None:
        terms.append(f"databases of {path.within}")
    if path.valid_from is not None:
        terms.append(f"from {human(path.valid_from)}")
    if path.valid_until is not None:
        terms.append(f"until {human(path.valid_until)}")
    branch = Branch(f"{text} ({'; '.join(terms)})" if terms else text)
    for role in reversed(path.roles):
        branch = Branch(f"role {role}", [branch])
    return branch


def _shown_as_data(found: object, answer_type: object) -> bool:
    """Whether programs are to read it; then it is shown, and not to be drawn."""
    from tenantry.cli.output import show

    is_data = (current().output or "table") != "table"
    if is_data:
        show(current(), found, answer_type)
    return is_data


def _draw(branch: Branch) -> None:
    from tenantry.cli import safe
    from tenantry.cli.output import say

    try:
        "".join(_TWIGS).encode(sys.stdout.encoding or "ascii")
        twigs = _TWIGS
    except UnicodeEncodeError:
        twigs = _PLAIN_TWIGS
    say(safe.shown(branch.text))
    for line in _lines(branch.below, "", twigs):
        say(safe.shown(line))


def _lines(branches: Sequence[Branch], indent: str, twigs: tuple[str, ...]) -> Iterator[str]:
    fork, end, trunk = twigs
    for place, branch in enumerate(branches, 1):
        last = place == len(branches)
        yield f"{indent}{end if last else fork}{branch.text}"
        yield from _lines(branch.below, indent + (" " * len(trunk) if last else trunk), twigs)
