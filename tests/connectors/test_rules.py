"""The tables of privileges are whole, and many rights become few statements."""

import pytest

from tenantry.adapters.databases import mysql, postgresql
from tenantry.adapters.databases.mysql_dialect import MysqlDialect
from tenantry.adapters.databases.postgresql_dialect import PostgresDialect
from tenantry.adapters.databases.rules import Rules
from tenantry.databases.managed import DatabaseKind
from tenantry.databases.model import Fidelity, Right, RightKind
from tenantry.databases.ports import Dialect
from tenantry.privileges.model import Level, Privilege

NAMES = [f"tn_u00000000_{number:018x}" for number in range(500)]
DIALECTS: list[Dialect] = [PostgresDialect(), MysqlDialect(DatabaseKind.MARIADB)]


@pytest.mark.parametrize("rules", [postgresql.RULES, mysql.RULES], ids=["postgresql", "mysql"])
def test_each_privilege_has_a_rule_at_each_level_where_it_means_something(rules: Rules) -> None:
    wanted = {
        (privilege, level)
        for privilege in Privilege
        if privilege is not Privilege.ALL
        for level in Level
        if level is not Level.EVERYTHING and level <= max(privilege.narrowest, Level.DATABASE)
    }
    assert {place for place, _ in rules} == wanted


@pytest.mark.parametrize("rules", [postgresql.RULES, mysql.RULES], ids=["postgresql", "mysql"])
def test_what_does_not_fit_says_why(rules: Rules) -> None:
    for _, rule in rules:
        assert (rule.note == "") == (rule.fidelity is Fidelity.EXACT), rule
        assert rule.fidelity is not Fidelity.IMPOSSIBLE or rule.words == ()


@pytest.mark.parametrize("dialect", DIALECTS, ids=["postgresql", "mysql"])
def test_many_rights_become_few_statements_that_hold_each_right_once(dialect: Dialect) -> None:
    rights = {
        Right(name, RightKind.TABLE, ("public", f"t{number}"), word)
        for name in NAMES
        for number in range(20)
        for word in ("SELECT", "INSERT")
    }
    said = dialect.grants(rights)
    flat = [right for _, some in said for right in some]
    assert sorted(flat) == sorted(rights)
    assert len(said) <= 60


def test_a_right_to_pass_on_is_taken_by_a_statement_of_its_own() -> None:
    rights = [
        Right(NAMES[0], RightKind.TABLE, ("public", "t"), word)
        for word in ("SELECT", "GRANT OPTION FOR SELECT", "GRANT OPTION FOR INSERT")
    ]
    texts = [text for text, _ in PostgresDialect().revokes(rights)]
    on = f'ON TABLE "public"."t" FROM "{NAMES[0]}" CASCADE'
    assert sorted(texts) == [
        f"REVOKE GRANT OPTION FOR INSERT {on}",
        f"REVOKE GRANT OPTION FOR SELECT {on}",
        f"REVOKE SELECT {on}",
    ]
