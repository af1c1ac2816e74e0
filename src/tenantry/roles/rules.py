"""What the fields of a role may hold. Pure decisions."""

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tenantry.errors import InvalidInput, Violation
from tenantry.kernel.modifier import Modifier, OptionalState
from tenantry.privileges.model import Level, Privilege, privilege_named, require_level
from tenantry.roles.powers import is_system_permission
from tenantry.tenants.rules import fit_database
from tenantry.users.names import Unfit, cap, username

MAX_DESCRIPTION_BYTES = 4096
MOST_PERMISSIONS = 512
MOST_DATABASES = 1024


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The tags of all actions, and those among them that a role can hold as permissions."""

    tags: frozenset[str]
    delegable: frozenset[str]


@dataclass(frozen=True, slots=True)
class Definition:
    """What a role is, checked and in the form in which it is stored."""

    name: str
    description: str
    permissions: list[str]
    databases: list[str] | None

    def matches(self, other: "Definition") -> bool:
        """Whether both mean the same; the order of permissions and databases means nothing."""
        return self.meaning == other.meaning

    @property
    def meaning(self) -> tuple[object, ...]:
        """What can be compared."""
        databases = None if self.databases is None else frozenset(self.databases)
        return self.name, self.description, frozenset(self.permissions), databases


def defined(said: Mapping[str, Any], vocabulary: Vocabulary) -> Definition:
    """The definition of these fields (Any: of any type); InvalidInput names all that is wrong."""
    violations: list[Violation] = []
    fitted: dict[str, Any] = {}
    for name, value in said.items():
        try:
            fitted[name] = _fitted(name, value, vocabulary)
        except Unfit as unfit:
            violations.append(Violation(name, unfit.code, str(unfit)))
        except InvalidInput as error:
            violations += error.violations
    if not violations:
        violations += _misplaced(fitted["permissions"], fitted["databases"])
    if violations:
        raise InvalidInput(violations)
    return Definition(**fitted)


def changed(current: Definition, modifier: Modifier, vocabulary: Vocabulary) -> Definition:
    """The definition after the change; InvalidInput also for a modifier that says nothing."""
    states = {name: getattr(modifier, name) for name in modifier.__struct_fields__}
    plain = [name for name, state in states.items() if not isinstance(state, OptionalState)]
    if plain:
        message = "must be wrapped in OptionalState or TriState"
        raise InvalidInput([Violation(name, "wrong_type", message) for name in plain])
    said = modifier.changes()
    if not said:
        raise InvalidInput.of("modifier", "empty", "names no field to change")
    kept = {name: getattr(current, name) for name in states}
    return defined({**kept, **said}, vocabulary)


def _fitted(name: str, value: object, vocabulary: Vocabulary) -> object:
    if name == "name":
        return username(_text(value))
    if name == "description":
        text = "" if value is None else _text(value)
        cap(text, MAX_DESCRIPTION_BYTES)
        return text
    if name == "permissions":
        return _permissions(_texts(value, MOST_PERMISSIONS), vocabulary)
    return None if value is None else _databases(_texts(value, MOST_DATABASES))


def _text(value: object) -> str:
    if value is None:
        raise Unfit("missing", "must not be null")
    if not isinstance(value, str):
        raise Unfit("wrong_type", "must be text")
    return value


def _texts(value: object, most: int) -> list[str]:
    if value is None:
        raise Unfit("missing", "must not be null")
    if not isinstance(value, list | tuple) or not all(isinstance(item, str) for item in value):
        raise Unfit("wrong_type", "must be a list of names")
    if len(value) > most:
        raise Unfit("too_many", f"must not hold more than {most} entries")
    return list(value)


def _permissions(named: Sequence[str], vocabulary: Vocabulary) -> list[str]:
    return list(dict.fromkeys(permission_named(text, vocabulary) for text in named))


def permission_named(text: str, vocabulary: Vocabulary, field: str = "permissions") -> str:
    """The privilege or permission of this name; InvalidInput lists names that are near."""
    word = text.strip()[:64].lower()
    if not is_system_permission(word):
        return privilege_named(text, field).value
    if word in vocabulary.delegable:
        return word
    if word in vocabulary.tags:
        message = f"{word} is no permission that a role can hold: it is open to everybody for "
        message += "their own, or kept for the platform's administrators"
        raise InvalidInput.of(field, "not_delegable", message)
    near = difflib.get_close_matches(word, sorted(vocabulary.delegable), n=3, cutoff=0.6)
    hint = f"; did you mean {' or '.join(near)}?" if near else ""
    message = f"there is no permission {text[:64]!r}{hint}"
    raise InvalidInput.of(field, "unknown_permission", message)


def _databases(named: Sequence[str]) -> list[str]:
    if not named:
        raise Unfit("empty", "must not be empty; leave it out for every database")
    for text in named:
        fit_database(text)
        if text == "*":
            raise Unfit("wildcard", "names are taken literally; leave it out for every database")
    return list(dict.fromkeys(named))


def _misplaced(permissions: Sequence[str], databases: Sequence[str] | None) -> list[Violation]:
    """Privileges that mean nothing on single databases."""
    if databases is None:
        return []
    found: list[Violation] = []
    for name in permissions:
        if not is_system_permission(name):
            try:
                require_level(Privilege(name), Level.DATABASE)
            except InvalidInput as error:
                found += error.violations
    return found
