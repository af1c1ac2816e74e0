"""Strict JSON: each wrong value is refused, and the refusal names the field."""

import contextlib
import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenantry.errors import InvalidInput, Violation
from tenantry.http.refusal import Refusal
from tenantry.http.strict_json import largest_field, parse

WRONG = {
    "a key twice": (b'{"role": "user", "role": "admin"}', "role", "duplicate_key"),
    "a key twice, deeper": (b'{"a": [{"b": 1, "b": 2}]}', "a[0].b", "duplicate_key"),
    "a key twice by escape": (b'{"role": 1, "\\u0072ole": 2}', "role", "duplicate_key"),
    "NaN": (b'{"limit": NaN}', "limit", "not_finite"),
    "Infinity": (b'{"a": {"b": Infinity}}', "a.b", "not_finite"),
    "-Infinity": (b'{"a": [0, -Infinity]}', "a[1]", "not_finite"),
    "1e999": (b'{"limit": 1e999}', "limit", "not_finite"),
    "NaN alone": (b"NaN", "body", "not_finite"),
    "5,000 digits": (b'{"limit": ' + b"9" * 5000 + b"}", "limit", "out_of_range"),
    "20 digits": (b'{"limit": 12345678901234567890}', "limit", "out_of_range"),
    "2^63": (b'{"limit": 9223372036854775808}', "limit", "out_of_range"),
    "half a surrogate pair": (b'{"name": "\\ud800"}', "name", "lone_surrogate"),
    "half a pair in a key": (b'{"\\udc00": 1}', "\udc00", "lone_surrogate"),
    "NUL": (b'{"name": "a\\u0000b"}', "name", "nul"),
    "NUL in a key": (b'{"a\\u0000": 1}', "a\0", "nul"),
    "33 levels": (b'{"a":' + b"[" * 32 + b"]" * 32 + b"}", "a" + "[0]" * 31, "too_deep"),
    "100,000 arrays": (b"[" * 100_000 + b"]" * 100_000, "body", "too_deep"),
    "100,000 arrays, open": (b"[" * 100_000, "body", "too_deep"),
    "50,000 arrays in a field": (
        b'{"a": "]", "attributes": ' + b"[" * 50_000 + b"]" * 50_000 + b"}",
        "attributes",
        "too_deep",
    ),
    "a million values": (
        b'{"dry_run": true, "users": [' + b",".join([b"{}"] * 1_000_000) + b"]}",
        "users",
        "too_many_values",
    ),
    "50,000 objects": (b'{"a":' * 50_000 + b"1" + b"}" * 50_000, "a", "too_deep"),
    "1,001 keys": (
        json.dumps({"attributes": {str(n): n for n in range(1001)}}).encode(),
        "attributes",
        "too_many_keys",
    ),
}


@pytest.mark.parametrize(("content", "field", "code"), WRONG.values(), ids=WRONG.keys())
def test_a_wrong_value_is_refused_by_the_name_of_its_field(
    content: bytes, field: str, code: str
) -> None:
    started = time.perf_counter()
    with pytest.raises(InvalidInput) as refused:
        parse(content)
    assert time.perf_counter() - started < 1
    assert [(v.field, v.code) for v in refused.value.violations] == [(field, code)]


MALFORMED = {
    "empty": b"",
    "blank": b" \n",
    "trailing text": b"{} x",
    "two values": b"{}{}",
    "a byte order mark": b"\xef\xbb\xbf{}",
    "UTF-16": '{"a": 1}'.encode("utf-16"),
    "UTF-16 without a mark": '{"a": 1}'.encode("utf-16-le"),
    "UTF-32": '{"a": 1}'.encode("utf-32"),
    "an overlong quote": b'{"a": "\xc0\x27"}',
    "a surrogate as bytes": b'{"a": "\xed\xa0\x80"}',
    "Latin-1": '{"a": "é"}'.encode("latin-1"),
    "a bare line break": b'{"a": "\n"}',
    "single quotes": b"{'a': 1}",
    "a comma too many": b'{"a": 1,}',
    "a comment": b"{} // no",
    "a leading zero": b'{"a": 01}',
    "hexadecimal": b'{"a": 0x1}',
    "an open string": b'{"' + b'\\"' * 100_000,
}


@pytest.mark.parametrize("content", MALFORMED.values(), ids=MALFORMED.keys())
def test_what_is_no_json_is_refused_as_malformed(content: bytes) -> None:
    with pytest.raises(Refusal) as refused:
        parse(content)
    assert (refused.value.status, refused.value.code) == (400, "malformed_json")


@pytest.mark.parametrize(
    ("content", "value"),
    [
        (b'{"a": -0, "b": 1.5e3, "c": "\\ud83d\\ude00"}', {"a": 0, "b": 1500.0, "c": "😀"}),
        (b"[9223372036854775807, -9223372036854775808]", [2**63 - 1, -(2**63)]),
        (b"[" * 32 + b"]" * 32, None),
        (b'"control characters \\u0007 are for the field to judge"', None),
    ],
)
def test_what_is_right_is_taken(content: bytes, value: object) -> None:
    taken = parse(content)
    assert value is None or taken == value


def test_all_wrong_fields_are_named_at_once_up_to_a_bound() -> None:
    with pytest.raises(InvalidInput) as refused:
        parse(b'{"a": NaN, "b": "\\u0000", "c": [1e999]}')
    assert [v.field for v in refused.value.violations] == ["a", "b", "c[0]"]
    with pytest.raises(InvalidInput) as refused:
        parse(b"[" + b",".join([b"NaN"] * 1000) + b"]")
    assert len(refused.value.violations) == 20


@pytest.mark.parametrize(
    ("content", "field"),
    [
        (b'{"email": "x", "username": "' + b"a" * 1_000_000 + b'"}', "username"),
        (b'{"a": [1, 2, 3, 4], "b": 1}', "a"),
        (b"{}", None),
        (b"[1]", None),
        (b'{"username": "' + b"a" * 1_000_000, None),
        (b"[" * 1_000_000, None),
        (b'{"\xff": 1}', None),
    ],
)
def test_the_largest_field_is_found(content: bytes, field: str | None) -> None:
    assert largest_field(content) == field


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(_JSON)
def test_it_takes_what_the_standard_parser_takes_or_names_a_field(value: object) -> None:
    content = json.dumps(value).encode()
    refused: list[Violation] = []
    try:
        assert parse(content) == json.loads(content)
    except InvalidInput as error:
        refused += error.violations
    assert all(v.field and v.message for v in refused)


@given(st.binary(max_size=300))
def test_no_bytes_make_it_fail_in_another_way(content: bytes) -> None:
    with contextlib.suppress(InvalidInput, Refusal):
        parse(content)
    largest_field(content)
