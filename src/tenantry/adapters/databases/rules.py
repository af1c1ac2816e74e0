"""What tables of privileges are made of, and how many rights become few statements. Pure."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeVar

from tenantry.databases.model import (
    Fidelity,
    Finding,
    Policy,
    Right,
    RightKind,
    WantedState,
)
from tenantry.privileges.model import DatabaseObject, Level, Privilege

Item = TypeVar("Item")
PRINCIPALS_AT_ONCE = 200
OPTION = "OPTION FOR "
"""In the word of a right to pass another one on."""
_WORD_BY_WORD = frozenset({RightKind.COLUMN, RightKind.SERVER})


@dataclass(frozen=True, slots=True)
class Rule:
    """What a privilege takes on a server, at these levels, and how well that fits."""

    privilege: Privilege
    levels: frozenset[Level]
    words: tuple[tuple[RightKind, str], ...] = ()
    fidelity: Fidelity = Fidelity.EXACT
    note: str = ""


@dataclass(frozen=True, slots=True)
class Form:
    """How rights of one kind are given and taken, and how many objects one statement names."""

    grant: str
    revoke: str
    place: Callable[[tuple[str, ...]], str]
    """How the path of a right stands in the statement."""
    at_once: int = 1
    principals_at_once: int = PRINCIPALS_AT_ONCE


class Rules:
    """A table of rules, by privilege and level."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        self._rules = {(rule.privilege, level): rule for rule in rules for level in rule.levels}

    def __iter__(self) -> Iterator[tuple[tuple[Privilege, Level], Rule]]:
        return iter(sorted(self._rules.items(), key=lambda item: item[0]))

    def rules_for(self, privilege: Privilege, place: DatabaseObject) -> list[Rule]:
        """The rules of a privilege there; ALL has all that have a meaning at its level."""
        level = max(place.level, Level.DATABASE)
        if privilege is not Privilege.ALL:
            return [self._rules[privilege, level]]
        single = (one for one in Privilege if one is not Privilege.ALL)
        return [self._rules[one, level] for one in single if level <= one.narrowest]


def asked(wanted: WantedState) -> list[tuple[DatabaseObject, Privilege, list[str]]]:
    """Who is to have what where: many people have the same on the same object."""
    known = {principal.name for principal in wanted.principals}
    holders: dict[tuple[DatabaseObject, Privilege], list[str]] = {}
    for grant in wanted.grants:
        if grant.principal in known:
            holders.setdefault((grant.object, grant.privilege), []).append(grant.principal)
    ordered = sorted(holders.items(), key=lambda item: (item[0][0].label(), item[0][1]))
    return [(place, privilege, sorted(names)) for (place, privilege), names in ordered]


def is_refused(rule: Rule, policy: Policy) -> bool:
    """Whether nothing is planned for it: it cannot be had, or only with more than was allowed."""
    wider = rule.fidelity is Fidelity.WIDER
    return rule.fidelity is Fidelity.IMPOSSIBLE or (wider and not policy.allow_wider)


def judged(
    rule: Rule, place: DatabaseObject, names: Iterable[str], policy: Policy
) -> Iterator[Finding]:
    """What is to be said of a rule that does not fit; nothing of one that does."""
    if rule.fidelity is not Fidelity.EXACT:
        refused = is_refused(rule, policy)
        for name in names:
            said = rule.note, rule.privilege, place
            yield Finding(name, rule.fidelity, *said, refused=refused)


def out_of_reach(
    rule: Rule,
    place: DatabaseObject,
    names: Iterable[str],
    reason: str,
    tables: tuple[DatabaseObject, ...] = (),
) -> Iterator[Finding]:
    """What is to be said where nothing can be given for this reason, or not on these tables."""
    for name in names:
        said = reason, rule.privilege, place
        yield Finding(name, Fidelity.IMPOSSIBLE, *said, refused=True, tables=tables)


def put(rights: dict[Right, Fidelity], right: Right, fidelity: Fidelity) -> None:
    """Add it; what is exact for one thing is exact, whatever else it is good for."""
    if rights.get(right) is not Fidelity.EXACT:
        rights[right] = fidelity


def statements(
    rights: Iterable[Right],
    forms: Mapping[RightKind, Form],
    principal: Callable[[str], str],
    template: Callable[[Form], str],
) -> list[tuple[str, list[Right]]]:
    """Few statements for many rights, in the order of the forms, each with its rights.

    The right to pass one on comes before that one: it ends with it, and could not be taken then.
    """
    by_kind: dict[RightKind, list[Right]] = {}
    for right in rights:
        by_kind.setdefault(right.kind, []).append(right)
    return [
        (_said(form, template, principal, block), block.rights(kind))
        for kind, form in forms.items()
        for whole in sorted(_blocks(by_kind.get(kind, [])), key=lambda block: not block.option)
        for block in whole.split(form.at_once, form.principals_at_once)
    ]


def given(
    rights: Iterable[Right], forms: Mapping[RightKind, Form], principal: Callable[[str], str]
) -> list[tuple[str, list[Right]]]:
    """Few statements that give these; a right to pass another one on comes with that one."""
    plain: list[Right] = []
    passed_on: dict[str, dict[Right, Right]] = {}
    for right in rights:
        before, is_option, word = right.word.partition(OPTION)
        if is_option:
            passed_on.setdefault(f"{before}OPTION", {})[right._replace(word=word)] = right
        else:
            plain.append(right)
    said = statements(plain, forms, principal, lambda form: form.grant)
    for option, meant in passed_on.items():
        for text, some in statements(meant, forms, principal, lambda form: form.grant):
            said.append((f"{text} WITH {option}", [meant[right] for right in some]))
    return said


def _said(
    form: Form, template: Callable[[Form], str], principal: Callable[[str], str], block: "Block"
) -> str:
    return template(form).format(
        words=", ".join(block.words),
        objects=", ".join(form.place(path) for path in block.paths),
        principals=", ".join(principal(name) for name in block.principals),
        option=block.option,
    )


@dataclass(frozen=True, slots=True)
class Block:
    """The same words for each of these principals on each of these objects."""

    words: tuple[str, ...]
    grantor: str
    principals: tuple[str, ...]
    paths: tuple[tuple[str, ...], ...]

    @property
    def option(self) -> str:
        """``ADMIN OPTION FOR `` and the like, where it is about passing on."""
        before, found, _ = self.words[0].partition(OPTION)
        return before + found if found else ""

    def split(self, paths: int, principals: int) -> Iterator["Block"]:
        """The same in parts that are not larger than that."""
        for some in _chunks(self.paths, paths):
            for names in _chunks(self.principals, principals):
                yield Block(self.words, self.grantor, names, some)

    def rights(self, kind: RightKind) -> list[Right]:
        """The single rights that are in it."""
        return [
            Right(name, kind, path, word, self.grantor)
            for name in self.principals
            for path in self.paths
            for word in self.words
        ]


def _blocks(rights: Iterable[Right]) -> list[Block]:
    """Rights put together by principal first or by object first, whichever makes fewer blocks."""
    held: dict[tuple[str, tuple[str, ...], str, bool], list[str]] = {}
    for right in sorted(rights):
        alone = OPTION in right.word or right.kind in _WORD_BY_WORD
        held.setdefault((right.principal, right.path, right.grantor, alone), []).append(right.word)
    by_principal: dict[tuple[tuple[str, ...], str, str], list[tuple[str, ...]]] = {}
    by_path: dict[tuple[tuple[str, ...], str, tuple[str, ...]], list[str]] = {}
    for (name, path, grantor, alone), found in held.items():
        for words in [(word,) for word in found] if alone else [tuple(found)]:
            by_principal.setdefault((words, grantor, name), []).append(path)
            by_path.setdefault((words, grantor, path), []).append(name)
    rows: dict[tuple[tuple[str, ...], str, tuple[tuple[str, ...], ...]], list[str]] = {}
    for (words, grantor, name), paths in by_principal.items():
        rows.setdefault((words, grantor, tuple(paths)), []).append(name)
    columns: dict[tuple[tuple[str, ...], str, tuple[str, ...]], list[tuple[str, ...]]] = {}
    for (words, grantor, path), names in by_path.items():
        columns.setdefault((words, grantor, tuple(names)), []).append(path)
    if len(columns) < len(rows):
        return [Block(w, g, names, tuple(paths)) for (w, g, names), paths in columns.items()]
    return [Block(w, g, tuple(names), paths) for (w, g, paths), names in rows.items()]


def _chunks(items: tuple[Item, ...], most: int) -> Iterator[tuple[Item, ...]]:
    for start in range(0, len(items), most):
        yield items[start : start + most]
