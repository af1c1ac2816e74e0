"""The SQL that finds users, built for what is asked.

Column names come from closed lists only; values are always bound.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import msgspec

from tenantry.kernel.transaction import Statement
from tenantry.users.access import Scope
from tenantry.users.model import UserFilter, UserOrder, UserStatus
from tenantry.users.names import email_key, fold, login_key
from tenantry.users.queries import READ_MANY

_EXACT = (
    "full_name description department phone role status_info "
    "resource_policy totp_activated sudo_session_enabled container_uid container_main_gid "
    "integration_name"
)
_DAY = "({0}::timestamptz at time zone 'UTC')::date"
"""Has an index and changes seldom: an index of moments would make every login dearer."""
_PLAIN = {name: f"u.{name} = {{}}" for name in _EXACT.split()} | {
    "created_from": "u.created_at >= {}",
    "created_until": "u.created_at < {}",
    "modified_from": "u.modified_at >= {}",
    "modified_until": "u.modified_at < {}",
    "last_login_from": f"u.last_login_day >= {_DAY} and u.last_login >= {{0}}",
    "last_login_until": f"u.last_login_day <= {_DAY} and u.last_login < {{0}}",
}
_ORDERS = {
    UserOrder.USERNAME: ("username_key", ">", "asc"),
    UserOrder.USERNAME_DESCENDING: ("username_key", "<", "desc"),
    UserOrder.CREATED: ("created_at", ">", "asc"),
    UserOrder.CREATED_DESCENDING: ("created_at", "<", "desc"),
}


_LOCK_HOLDS = "(u.locked_at is not null and (u.lock_expires_at is null or u.lock_expires_at > {}))"
_CUTOFF = "{}::timestamptz - make_interval(hours => 24 * p.max_age_days)"
_MUST_CHANGE = f"""coalesce(u.need_password_change or u.password_changed_at <= (
        select {_CUTOFF} from password_policies p where p.tenant_id = u.tenant_id), false)"""
_ANYWHERE = (
    "text attributes description status_info need_password_change "
    "created_from created_until modified_from modified_until last_login_from last_login_until"
).split()
"""What no index has in the order of names, so that hits may lie anywhere in it."""
_EVERYBODY = UserFilter()
MOST_SORTED = 20_000
"""So many hits are sorted in a few milliseconds; more of them lie close together in any order."""
_NOT_ENOUGH = "not (select yes from enough)"
LOOKED_THROUGH = 500
"""So many users are looked through in order first, for what one in ten of all has."""


def order_column(order: UserOrder) -> str:
    """The column that a list is sorted by, before the id."""
    return _ORDERS[order][0]


def page_statement(
    scope: Scope,
    wanted: UserFilter,
    order: UserOrder,
    limit: int,
    after: tuple[str, str] | None,
    now: datetime,
) -> tuple[Statement, list[object]]:
    """The SQL of one page, and its arguments; ``after`` is the last row's sort value and id."""
    question = _Question()
    if scope.tenant_id is not None:
        question.start("u.tenant_id = {}", scope.tenant_id)
    if scope.user_id is not None:
        question.start("u.id = {}", scope.user_id)
    column, comparison, direction = _ORDERS[order]
    if after is not None:
        value = after[0] if column == "username_key" else datetime.fromisoformat(after[0])
        question.start(f"(u.{column}, u.id) {comparison} ({{}}, {{}})", value, UUID(after[1]))
    for clause, *asked in _conditions(wanted, now):
        question.ask(clause, *asked)
    by = _Sorted(column, direction, question.place(limit))
    due = wanted.need_password_change
    found = None
    if due is not None:
        found = (_found_due if due else _found_not_due)(question, by, question.place(now))
        question.ask(_MUST_CHANGE if due else f"not {_MUST_CHANGE}", now)
    if any(getattr(wanted, name) not in (None, {}) for name in _ANYWHERE):
        sql = _found_then_sorted(question, by, found or _found(question, by))
    else:
        sql = _in_order(question, by)
    anew = wanted != _EVERYBODY
    return Statement("users.page", "One page of a list or search.", sql, anew), question.arguments


class _Question:
    """Where the search starts and what it asks for, with the values that are bound."""

    def __init__(self) -> None:
        self.arguments: list[object] = []
        self.begin: list[str] = []
        self.wanted: list[str] = []

    def place(self, value: object) -> str:
        """Bind a value; its placeholder."""
        self.arguments.append(value)
        return f"${len(self.arguments)}"

    def start(self, clause: str, *values: object) -> None:
        """Say who can be found at all, and after whom."""
        self.begin.append(clause.format(*map(self.place, values)))

    def ask(self, clause: str, *values: object) -> None:
        """Say what holds for those who are wanted."""
        self.wanted.append(clause.format(*map(self.place, values)))

    @property
    def where(self) -> str:
        """All of it."""
        return f"where {_all([*self.begin, *self.wanted])}"


class _Sorted(NamedTuple):
    """The order of a page, and the placeholder of how many rows it has."""

    column: str
    direction: str
    limit: str

    def of(self, table: str) -> str:
        """What goes behind ORDER BY; the columns of the table have this alias."""
        return f"{table}.{self.column} {self.direction}, {table}.id {self.direction}"


def _in_order(question: _Question, by: _Sorted) -> str:
    """Rows in the order of an index, as many as fit. Good where the order is known to suit."""
    return f"{READ_MANY} {question.where} order by {by.of('u')} limit {by.limit}"


def _found(question: _Question, by: _Sorted) -> str:
    """The hits in whichever way the planner finds best, but not more than can be sorted."""
    return f"""
        select u.id, u.{by.column} from users u {question.where} and {_NOT_ENOUGH}
        limit {MOST_SORTED + 1}
    """


def _found_due(question: _Question, by: _Sorted, now: str) -> str:
    """The same for users who must change their password, told to or by its age.

    The planner cannot know how many passwords are too old: that is said in another table. With an
    order and a limit for each policy the index of ages is the best way for few as for many. Who was
    told to has an index in order, so that a page of them is enough where nothing else is asked for.
    """
    alone = not question.wanted
    told = f"order by {by.of('u')} limit {by.limit}" if alone else f"limit {MOST_SORTED + 1}"
    return f"""
        (select u.id, u.{by.column} from users u
         {question.where} and u.need_password_change and {_NOT_ENOUGH} {told})
        union all
        (select u.id, u.{by.column} from password_policies p cross join lateral (
            select u.id, u.{by.column} from users u
            {question.where} and not u.need_password_change
                and u.tenant_id = p.tenant_id and u.password_changed_at <= {_CUTOFF.format(now)}
            order by u.password_changed_at limit {MOST_SORTED + 1}
         ) u where {_NOT_ENOUGH} limit {MOST_SORTED + 1})
        limit {MOST_SORTED + 1}
    """


def _found_not_due(question: _Question, by: _Sorted, now: str) -> str:
    """The same for all others: they have no password that ages, or one that is young enough."""
    where = f"{question.where} and not u.need_password_change"
    return f"""
        (select u.id, u.{by.column} from password_policies p cross join lateral (
            select u.id, u.{by.column} from users u
            {where} and u.tenant_id = p.tenant_id and u.password_changed_at > {_CUTOFF.format(now)}
            order by u.password_changed_at desc limit {MOST_SORTED + 1}
         ) u where {_NOT_ENOUGH} limit {MOST_SORTED + 1})
        union all
        (select u.id, u.{by.column} from tenants t cross join lateral (
            select u.id, u.{by.column} from users u
            {where} and u.tenant_id = t.id and u.password_changed_at is null
            limit {MOST_SORTED + 1}
         ) u where {_NOT_ENOUGH} limit {MOST_SORTED + 1})
        union all
        (select u.id, u.{by.column} from tenants t cross join lateral (
            select u.id, u.{by.column} from users u
            {where} and u.tenant_id = t.id and u.password_changed_at is not null
            limit {MOST_SORTED + 1}
         ) u where {_NOT_ENOUGH} and not exists (
            select from password_policies p where p.tenant_id = t.id and p.max_age_days is not null
         ) limit {MOST_SORTED + 1})
        limit {MOST_SORTED + 1}
    """


def _found_then_sorted(question: _Question, by: _Sorted, found: str) -> str:
    """Rows found by what is in them, then sorted.

    Left alone, the planner goes through an index in order as soon as it expects a page of hits
    near the start. Names are not spread like that: who looks for "zoe" where usernames begin with
    the given name would wait for it to pass all the others. So only the first few are looked
    through in order; then come the hits, sorted; and where they are very many, the order again.
    """
    many = f"from users u {question.where} and (select yes from many)"
    return f"""
    with near as materialized (
        select u.id, u.{by.column} from (
            select u.* from users u where {_all(question.begin)}
            order by {by.of("u")} limit {LOOKED_THROUGH}
        ) u where {_all(question.wanted)} limit {by.limit}
    ), enough as materialized (
        select count(*) = {by.limit} as yes from near
    ), few as materialized (
        {found}
    ), many as materialized (
        select count(*) > {MOST_SORTED} as yes from few
    ), page as (
        (select id from near where (select yes from enough))
        union all
        (select few.id from few where not (select yes from many)
         order by {by.of("few")} limit {by.limit})
        union all
        (select u.id {many} order by {by.of("u")} limit {by.limit})
    )
    {READ_MANY} where u.id in (select id from page) order by {by.of("u")}
    """


def _conditions(wanted: UserFilter, now: datetime) -> Iterable[tuple[Any, ...]]:
    """Each condition and the values that belong to it (Any: a text, and then of any type)."""
    for name in wanted.__struct_fields__:
        value = getattr(wanted, name)
        if value is None or value == {}:
            continue
        if name in _PLAIN:
            yield _PLAIN[name], value
        elif name == "status":
            yield _status(value, now)
        elif name == "text":
            yield "u.search_text like {}", f"%{_escaped(fold(value))}%"
        elif name == "username":
            yield "u.username_key = {}", login_key(value)
        elif name == "email":
            yield "u.email_key = {}", email_key(value)
        elif name == "domain_name":
            yield "u.tenant_id = (select id from tenants where name_key = {})", login_key(value)
        elif name == "attributes":
            yield "u.attributes @> {}::jsonb", msgspec.json.encode(value).decode()


def _status(wanted: object, now: datetime) -> tuple[Any, ...]:
    """The condition for an effective status (Any: as above)."""
    if wanted == UserStatus.LOCKED:
        return f"u.status = 'active' and {_LOCK_HOLDS}", now
    if wanted == UserStatus.ACTIVE:
        return f"u.status = 'active' and not {_LOCK_HOLDS}", now
    return "u.status = {}", wanted


def _all(clauses: list[str]) -> str:
    return " and ".join(clauses) or "true"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
