"""The page that says what each privilege is on each kind of server, from the connectors' tables."""

from collections.abc import Iterator

from tenantry.adapters.databases import matrixone, mysql, postgresql
from tenantry.adapters.databases.rules import Rule, Rules
from tenantry.databases.model import Fidelity
from tenantry.privileges.model import Level, Privilege

_HEAD = """\
# Privileges on servers

{made}

What a privilege of Tenantry is on a server that is managed. *Exact*: the server has just that.
*Wider*: the smallest right for it allows more; it is given only where that was allowed for the
database. *Narrower*: something of it is missing. *Impossible*: it cannot be given, and a plan
says so. A table says what is on a whole database or schema first, and what is on one table where
that differs. PostgreSQL and MariaDB are proven by tests on real servers; MySQL 8 has the same
table as MariaDB and is not proven, and neither is MatrixOne.
"""
SERVERS = {
    "PostgreSQL": postgresql.RULES,
    "MariaDB and MySQL": mysql.RULES,
    "MatrixOne": matrixone.RULES,
}


def page(made: str) -> str:
    """The whole page."""
    return "\n".join([_HEAD.format(made=made), *(_server(*item) for item in SERVERS.items())])


def _server(name: str, rules: Rules) -> str:
    lines = [f"## {name}", "", "| Privilege | On | Fits | Takes |", "| --- | --- | --- | --- |"]
    found = dict(rules)
    for privilege in Privilege:
        lines += [
            f"| `{privilege}` | {place} | {_fits(rule)} | {_takes(rule)} |"
            for place, rule in _different(found, privilege)
        ]
    return "\n".join([*lines, ""])


def _different(
    found: dict[tuple[Privilege, Level], Rule], privilege: Privilege
) -> Iterator[tuple[str, Rule]]:
    seen: list[Rule] = []
    for level in (Level.DATABASE, Level.SCHEMA, Level.TABLE):
        rule = found.get((privilege, level))
        if rule is not None and not any(_same(rule, other) for other in seen):
            seen.append(rule)
            alike = [one for one in Level if _same(found.get((privilege, one)), rule)]
            yield ", ".join(str(one) for one in alike), rule


def _same(one: Rule | None, other: Rule) -> bool:
    if one is None:
        return False
    return (one.words, one.fidelity, one.note) == (other.words, other.fidelity, other.note)


def _fits(rule: Rule) -> str:
    return (
        str(rule.fidelity) if rule.fidelity is Fidelity.EXACT else f"{rule.fidelity}: {rule.note}"
    )


def _takes(rule: Rule) -> str:
    words = [f"`{word}` on {kind.replace('_', ' ')}" for kind, word in rule.words]
    return ", ".join(words) or "nothing"
