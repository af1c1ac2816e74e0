"""JSON as the API takes it: bytes to plain values, or an error that names the field.

The usual parsers let the last of two equal keys win, turn 1e999 into infinity and pass text that
PostgreSQL cannot store. The scanner of the standard library does the parsing; its hooks put a
flaw in the place of each wrong value, and one walk over the result says where every flaw is.
"""

import json
import math
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec

from tenantry.errors import InvalidInput, Violation
from tenantry.http.refusal import Refusal

MAX_DEPTH = 32
MAX_KEYS = 1000
# So many brackets and commas, that is about as many values; a body of a few MB could hold a
# million empty objects and keep the loop busy for a second.
MAX_VALUES = 100_000
INT_MIN, INT_MAX = -(2**63), 2**63 - 1

# More would only lengthen the answer: who sends one flawed body mends it and tries again.
_MOST_VIOLATIONS = 20
_LONGEST_PATH = 256
_LONGEST_KEY = 64

_UTF8_BOM = b"\xef\xbb\xbf"
# The possessive repeats keep this linear, also in text that ends inside a string.
_TOKEN = re.compile(r'"((?:[^"\\]++|\\.)*+)(?:"|\Z)|[\[\]{}]', re.DOTALL)


class _Flaw(NamedTuple):
    """What stands in the place of a value that cannot be taken."""

    code: str
    message: str
    key: str | None = None


def parse(content: bytes) -> object:
    """The value of a JSON text; Refusal (400) if it is none, InvalidInput for wrong values."""
    text = _text(content)
    if sum(content.count(mark) for mark in (b"{", b"[", b",")) > MAX_VALUES:
        flaw = _Flaw("too_many_values", f"has more than {MAX_VALUES} values")
        raise InvalidInput([_violation(largest_field(content) or "", flaw)])
    try:
        value = _scanner.decode(text)
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        reason = error.msg.removesuffix(" at")
        raise _malformed(f"The body is not JSON: {reason} at {place}.") from None
    except RecursionError:
        raise InvalidInput([_too_deep(_deep_field(text))]) from None
    found: list[Violation] = []
    _walk(value, "", 1, found)
    if found:
        raise InvalidInput(found)
    return value


def largest_field(content: bytes) -> str | None:
    """The top-level field that takes the most room; None if the body is not a JSON object."""
    try:
        fields = msgspec.json.decode(content, type=dict[str, msgspec.Raw])
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return None
    return max(fields, key=lambda name: len(memoryview(fields[name])), default=None)


def _text(content: bytes) -> str:
    if not content.strip():
        raise _malformed("The body is empty; JSON is expected.")
    if content.startswith(_UTF8_BOM):
        raise _malformed("The body begins with a byte order mark; plain UTF-8 is expected.")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _malformed(f"The body is not UTF-8 at byte {error.start}.") from None


def _malformed(detail: str) -> Refusal:
    return Refusal(400, "malformed_json", detail, field="body")


def _whole(digits: str) -> "int | _Flaw":
    # int() itself gives up at 4,300 digits with an error of its own, and is quadratic before.
    value = int(digits) if len(digits) <= 20 else INT_MAX + 1
    if INT_MIN <= value <= INT_MAX:
        return value
    return _Flaw("out_of_range", "must fit in 64 bits")


def _constant(name: str) -> _Flaw:
    return _Flaw("not_finite", f"{name} is not a number that JSON knows")


def _object(pairs: list[tuple[str, Any]]) -> "dict[str, Any] | _Flaw":  # Any: JSON values
    if len(pairs) > MAX_KEYS:
        return _Flaw("too_many_keys", f"has more than {MAX_KEYS} keys")
    values = dict(pairs)
    if len(values) == len(pairs):
        return values
    seen: set[str] = set()
    twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]  # add() returns None, which is the point
    return _Flaw("duplicate_key", "is given more than once", key=twice)


_scanner = json.JSONDecoder(
    object_pairs_hook=_object, parse_int=_whole, parse_constant=_constant, strict=True
)


def _walk(value: object, path: str, depth: int, found: list[Violation]) -> None:
    """Note every flaw of a value and of what is in it."""
    if len(found) >= _MOST_VIOLATIONS:
        return
    if isinstance(value, dict | list) and depth > MAX_DEPTH:
        found.append(_too_deep(path))
    elif isinstance(value, dict):
        _walk_object(value, path, depth, found)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            _walk(item, f"{path}[{index}]", depth + 1, found)
    elif (flaw := _scalar_flaw(value)) is not None:
        found.append(_violation(path if flaw.key is None else _join(path, flaw.key), flaw))


def _walk_object(
    values: Mapping[str, object], path: str, depth: int, found: list[Violation]
) -> None:
    for key, item in values.items():
        flaw = _text_flaw(key)
        if flaw:
            found.append(_violation(_join(path, key), flaw))
        _walk(item, _join(path, key), depth + 1, found)


def _scalar_flaw(value: object) -> _Flaw | None:
    if isinstance(value, str):
        return _text_flaw(value)
    if isinstance(value, float) and not math.isfinite(value):
        return _Flaw("not_finite", "is larger than any number here")
    return value if isinstance(value, _Flaw) else None


def _text_flaw(text: str) -> _Flaw | None:
    """NUL and lone surrogates: what PostgreSQL's text and UTF-8 cannot hold."""
    if "\0" in text:
        return _Flaw("nul", "must not contain the character NUL")
    if not text.isascii():
        try:
            text.encode("utf-8")
        except UnicodeEncodeError:
            return _Flaw("lone_surrogate", "contains half of a surrogate pair")
    return None


def _join(path: str, key: str) -> str:
    shown = key[:_LONGEST_KEY]
    return f"{path}.{shown}" if path else shown


def _violation(path: str, flaw: _Flaw) -> Violation:
    return Violation(path[:_LONGEST_PATH] or "body", flaw.code, flaw.message)


def _too_deep(path: str) -> Violation:
    return _violation(path, _Flaw("too_deep", f"is nested deeper than {MAX_DEPTH} levels"))


def _deep_field(text: str) -> str:
    """The top-level field in which a text goes deeper than the scanner can follow."""
    depth, key = 0, ""
    for token in _TOKEN.finditer(text):
        mark = token[0]
        if mark in ("[", "{"):
            depth += 1
        elif mark in ("]", "}"):
            depth -= 1
        elif depth == 1:
            key = token[1][:_LONGEST_KEY]
        if depth > MAX_DEPTH:
            break
    return key
