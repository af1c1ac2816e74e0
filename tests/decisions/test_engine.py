"""What the engine says in the cases that its users meet."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from tenantry.decisions.engine import Decisions
from tenantry.decisions.explain import Reason
from tenantry.decisions.facts import GrantFacts, RoleFacts, TenantFacts, UserFacts
from tenantry.errors import InvalidInput
from tenantry.privileges.model import DatabaseObject, Privilege

NOW = datetime(2026, 3, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
HERE, THERE = uuid4(), uuid4()
SELECT, INSERT, ALL = Privilege.SELECT, Privilege.INSERT, Privilege.ALL


@pytest.fixture(params=[0, 100], ids=["plain", "cached"])
def decisions(request: pytest.FixtureRequest) -> Decisions:
    """Two tenants, a database of each, and one of nobody's."""
    engine = Decisions(cached=request.param)
    engine.put_tenant(TenantFacts(HERE))
    engine.put_tenant(TenantFacts(THERE))
    engine.put_database("sales", HERE)
    engine.put_database("stock", THERE)
    return engine


def grant(privilege: Privilege, *names: str, within_id: UUID | None = None) -> GrantFacts:
    return GrantFacts(uuid4(), privilege, DatabaseObject(*names), within_id)


def user_with(
    decisions: Decisions, *grants: GrantFacts, role_ids: frozenset[UUID] = frozenset()
) -> UserFacts:
    user = UserFacts(uuid4(), HERE, role_ids=role_ids, grants=grants)
    decisions.put_user(user, now=NOW)
    return user


def test_a_grant_holds_for_what_lies_in_its_object_and_not_for_what_contains_it(
    decisions: Decisions,
) -> None:
    user = user_with(decisions, grant(SELECT, "sales", "public"))
    assert decisions.check(user.id, SELECT, "sales", "public", "orders", now=NOW)
    assert decisions.check(user.id, SELECT, "sales", table="orders", now=NOW)
    assert not decisions.check(user.id, SELECT, "sales", "old", "orders", now=NOW)
    assert not decisions.check(user.id, SELECT, "sales", now=NOW)
    assert not decisions.check(user.id, SELECT, now=NOW)
    assert not decisions.check(user.id, INSERT, "sales", "public", now=NOW)


def test_access_to_a_database_is_any_privilege_in_it(decisions: Decisions) -> None:
    user = user_with(decisions, grant(SELECT, "sales", "public", "orders"))
    assert decisions.has_database_access(user.id, "sales", now=NOW)
    assert not decisions.has_database_access(user.id, "stock", now=NOW)


def test_a_part_without_its_database_is_no_question(decisions: Decisions) -> None:
    user = user_with(decisions)
    with pytest.raises(InvalidInput, match="database"):
        decisions.check(user.id, SELECT, None, "public", now=NOW)


def test_who_is_not_known_may_nothing(decisions: Decisions) -> None:
    nobody = uuid4()
    assert not decisions.knows(nobody)
    assert not decisions.check(nobody, SELECT, "sales", now=NOW)


def test_an_edit_of_a_role_counts_at_the_next_check(decisions: Decisions) -> None:
    role = RoleFacts(uuid4())
    decisions.put_role(role)
    user = user_with(decisions, role_ids=frozenset({role.id}))
    for privileges in (frozenset({SELECT}), frozenset[Privilege](), frozenset({ALL})):
        decisions.put_role(RoleFacts(role.id, privileges=privileges))
        assert decisions.check(user.id, SELECT, "sales", now=NOW) is bool(privileges)


def test_a_grant_ends_by_itself(decisions: Decisions) -> None:
    timed = GrantFacts(
        uuid4(), SELECT, DatabaseObject("sales"), valid_from=NOW, valid_until=NOW + HOUR
    )
    role = RoleFacts(uuid4(), grants=(timed,))
    decisions.put_role(role)
    for user in (
        user_with(decisions, timed),
        user_with(decisions, role_ids=frozenset({role.id})),
    ):
        for moment, allowed in ((-HOUR, False), (0 * HOUR, True), (HOUR, False), (0 * HOUR, True)):
            assert decisions.check(user.id, SELECT, "sales", now=NOW + moment) is allowed


def test_a_lock_ends_by_itself(decisions: Decisions) -> None:
    locked = UserFacts(uuid4(), HERE, active_from=NOW + HOUR, grants=(grant(SELECT, "sales"),))
    decisions.put_user(locked, now=NOW)
    assert not decisions.check(locked.id, SELECT, "sales", now=NOW)
    assert decisions.check(locked.id, SELECT, "sales", now=NOW + HOUR)


def test_a_wall_shuts_and_opens_without_anybody_being_changed(decisions: Decisions) -> None:
    user = user_with(decisions, grant(SELECT, "stock"), grant(SELECT, "common"))
    assert decisions.check(user.id, SELECT, "stock", now=NOW)
    decisions.put_tenant(TenantFacts(THERE, isolated=True))
    assert not decisions.check(user.id, SELECT, "stock", now=NOW)
    assert decisions.check(user.id, SELECT, "common", now=NOW)
    decisions.put_tenant(TenantFacts(THERE))
    assert decisions.check(user.id, SELECT, "stock", now=NOW)


@pytest.mark.parametrize("suspended", [HERE, THERE])
def test_a_suspended_tenant_shuts_out_its_users_and_shuts_its_databases(
    decisions: Decisions, suspended: UUID
) -> None:
    user = user_with(decisions, grant(SELECT, "stock"))
    assert decisions.check(user.id, SELECT, "stock", now=NOW)
    decisions.put_tenant(TenantFacts(suspended, active=False))
    assert not decisions.check(user.id, SELECT, "stock", now=NOW)


def test_a_database_that_changes_hands_takes_rights_along(decisions: Decisions) -> None:
    user = user_with(decisions, grant(SELECT, "sales", within_id=HERE))
    assert decisions.check(user.id, SELECT, "sales", now=NOW)
    decisions.put_database("sales", THERE)
    assert not decisions.check(user.id, SELECT, "sales", now=NOW)
    told = decisions.explain(user, SELECT, DatabaseObject("sales"), now=NOW)
    assert told.reason is Reason.ELSEWHERE
    decisions.put_database("sales", HERE)
    assert decisions.check(user.id, SELECT, "sales", now=NOW)


def test_a_tenants_role_is_good_on_its_databases_only(decisions: Decisions) -> None:
    role = RoleFacts(uuid4(), HERE, privileges=frozenset({SELECT}))
    decisions.put_role(role)
    user = user_with(decisions, role_ids=frozenset({role.id}))
    assert decisions.check(user.id, SELECT, "sales", now=NOW)
    assert not decisions.check(user.id, SELECT, "stock", now=NOW)
    assert not decisions.check(user.id, SELECT, now=NOW)
    decisions.put_database("stock", HERE)
    assert decisions.check(user.id, SELECT, "stock", now=NOW)


def test_roles_that_inherit_from_each_other_end_somewhere(decisions: Decisions) -> None:
    first, second = uuid4(), uuid4()
    decisions.put_role(RoleFacts(first, parent_ids=frozenset({second})))
    decisions.put_role(
        RoleFacts(second, privileges=frozenset({SELECT}), parent_ids=frozenset({first}))
    )
    user = user_with(decisions, role_ids=frozenset({first}))
    assert decisions.check(user.id, SELECT, "sales", now=NOW)
    assert decisions.effective(user, now=NOW)


def test_loading_does_not_replace_what_is_known(decisions: Decisions) -> None:
    user = user_with(decisions)
    older = UserFacts(user.id, HERE, grants=(grant(SELECT, "sales"),))
    decisions.load([older], now=NOW)
    assert not decisions.check(user.id, SELECT, "sales", now=NOW)


def test_users_and_doors_are_kept_within_bounds() -> None:
    decisions = Decisions(most_users=10, most_numbers=200, cached=20)
    decisions.put_tenant(TenantFacts(HERE))
    kept = UserFacts(uuid4(), HERE, grants=(grant(SELECT, "sales"),))
    decisions.put_user(kept, now=NOW)
    for number in range(500):
        user = user_with(decisions, grant(INSERT, f"database{number}"))
        assert decisions.check(user.id, INSERT, f"database{number}", now=NOW)
        assert decisions.check(kept.id, SELECT, "sales", table=f"table{number}", now=NOW)
        assert decisions.figures().users <= 10
        assert decisions.figures().numbers_in_gates <= 220
        assert decisions.figures().decisions <= 40


def test_a_yes_tells_each_way_there(decisions: Decisions) -> None:
    readers = RoleFacts(uuid4(), grants=(grant(SELECT, "sales"),))
    clerks = RoleFacts(uuid4(), HERE, parent_ids=frozenset({readers.id}))
    decisions.put_role(readers)
    decisions.put_role(clerks)
    own = grant(ALL, "sales", "public", within_id=HERE)
    user = user_with(decisions, own, role_ids=frozenset({clerks.id}))
    told = decisions.explain(user, SELECT, DatabaseObject("sales", "public", "orders"), now=NOW)
    direct, inherited = told.paths
    assert (direct.role_ids, direct.privilege, direct.grant) == ((), ALL, own)
    assert inherited.role_ids == (clerks.id, readers.id)
    assert inherited.object == DatabaseObject("sales")
    assert inherited.within_id == HERE


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        (None, Reason.UNKNOWN),
        ({"active": False}, Reason.INACTIVE),
        ({"tenant_id": uuid4()}, Reason.TENANT_INACTIVE),
        ({}, Reason.NEVER_GRANTED),
        ({"valid_from": NOW + HOUR}, Reason.NOT_YET_VALID),
        ({"valid_until": NOW}, Reason.EXPIRED),
        ({"within_id": THERE}, Reason.ELSEWHERE),
    ],
)
def test_a_no_tells_its_reason(
    decisions: Decisions, facts: dict[str, object] | None, reason: Reason
) -> None:
    thing = DatabaseObject("sales", "public", "orders")
    user = None
    if facts is not None:
        timed = {name: value for name, value in facts.items() if name in GrantFacts.__slots__}
        of_user = {name: value for name, value in facts.items() if name not in timed}
        given = GrantFacts(uuid4(), SELECT, thing, **timed)  # type: ignore[arg-type]  # by name
        grants = (given,) if timed else ()
        user = UserFacts(**{"id": uuid4(), "tenant_id": HERE, "grants": grants, **of_user})  # type: ignore[arg-type]  # by name
    told = decisions.explain(user, SELECT, thing, now=NOW)
    assert (told.allowed, told.reason) == (False, reason)


def test_a_no_behind_a_wall_offers_no_remedy(decisions: Decisions) -> None:
    decisions.put_tenant(TenantFacts(HERE, isolated=True))
    user = user_with(decisions, grant(SELECT, "stock"))
    told = decisions.explain(user, SELECT, DatabaseObject("stock"), now=NOW)
    assert (told.reason, told.remedy) == (Reason.WALL, None)


def test_a_no_names_the_smallest_grant_and_the_smallest_role(decisions: Decisions) -> None:
    small = RoleFacts(uuid4(), grants=(grant(Privilege.CREATE_TABLE, "sales", "public"),))
    large = RoleFacts(uuid4(), HERE, privileges=frozenset({ALL}), parent_ids=frozenset({small.id}))
    foreign = RoleFacts(uuid4(), THERE, privileges=frozenset({ALL}))
    for role in (large, small, foreign):
        decisions.put_role(role)
    user = user_with(decisions)
    thing = DatabaseObject("sales", "public", "orders")
    told = decisions.explain(user, Privilege.CREATE_TABLE, thing, now=NOW)
    assert told.remedy is not None
    # CREATE_TABLE means nothing on a table, so its schema is the smallest.
    assert told.remedy.object == DatabaseObject("sales", "public")
    assert told.remedy.role_ids == (small.id, large.id)


def test_a_change_can_be_tried_out_and_changes_nothing(decisions: Decisions) -> None:
    role = RoleFacts(uuid4(), privileges=frozenset({SELECT}), databases=frozenset({"sales"}))
    decisions.put_role(role)
    heir = RoleFacts(uuid4(), parent_ids=frozenset({role.id}))
    decisions.put_role(heir)
    loser = user_with(decisions, role_ids=frozenset({heir.id}))
    keeper = user_with(decisions, grant(SELECT, "sales"), role_ids=frozenset({role.id}))
    (effect,) = decisions.what_if(role.id, None, [loser, keeper], now=NOW)
    assert effect.user_id == loser.id
    assert [(one.privilege, one.object) for one in effect.losses] == [
        (SELECT, DatabaseObject("sales"))
    ]
    assert not effect.gains
    assert decisions.check(loser.id, SELECT, "sales", now=NOW)


def test_all_is_listed_as_each_privilege_with_where_it_comes_from(decisions: Decisions) -> None:
    role = RoleFacts(uuid4(), HERE, privileges=frozenset({ALL}))
    decisions.put_role(role)
    user = user_with(decisions, role_ids=frozenset({role.id}))
    listed = decisions.effective(user, now=NOW)
    assert {one.privilege for one in listed} == set(Privilege) - {ALL}
    assert {(one.object, one.within_id) for one in listed} == {(DatabaseObject(), HERE)}
    assert {path.role_ids for one in listed for path in one.paths} == {(role.id,)}
