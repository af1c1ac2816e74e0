"""What is wrong with a password."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenantry.errors import PasswordRejected
from tenantry.passwords.policy import (
    PasswordPolicy,
    normalised,
    require_acceptable,
    violations,
)

POLICY = PasswordPolicy()
CONTEXT = ("john_doe", "jd@example.com", "acme")


def codes(password: object, context: tuple[str | None, ...] = CONTEXT) -> list[str]:
    return [violation.code for violation in violations(password, POLICY, context, "password")]


@pytest.mark.parametrize(
    ("password", "expected"),
    [
        ("x" * 11, ["too_short"]),
        ("x" * 12, []),
        ("x" * 128, []),
        ("x" * 129, ["too_long"]),
        ("", ["too_short"]),
        ("𝄞" * 128, []),
        ("𝄞" * 129, ["too_long"]),
        ("x" * 10_000_000, ["too_long"]),
        ("e\u0301" * 12, []),
        ("e\u0301" * 11, ["too_short"]),
        ("ﷺ", []),
        (12345, ["wrong_type"]),
        (None, ["wrong_type"]),
        (b"correct horse", ["wrong_type"]),
        ("correct horse battery staple", []),
        ("aaaaaaaaaaaaaaaa", []),
    ],
)
def test_length_counts_characters_of_the_normal_form_and_nothing_else_is_asked(
    password: object, expected: list[str]
) -> None:
    assert codes(password) == expected


@pytest.mark.parametrize(
    "password",
    [
        "john_doe-john_doe",
        "John_Doe2026!!",
        "!!12john_doe21!!",
        "eod_nhoj12345",
        "JOHN_DOEJOHN_DOE",
        "ｊｏｈｎ＿ｄｏｅ1234",
        "tenantry1234",
        "TENANTRY-TENANTRY",
        "acme-acme-acme",
        "acme12345678",
        "jdjdjdjdjdjd",
    ],
)
def test_a_word_that_an_attacker_tries_first_is_refused_as_a_whole(password: str) -> None:
    assert codes(password) == ["context_word"]


@pytest.mark.parametrize(
    "password",
    [
        "john_doe likes tea",
        "my tenantry secret",
        "AdminPass123!",
        "acme of perfection",
        "123456789012",
        "!!!!!!!!!!!!",
    ],
)
def test_a_word_that_is_only_a_part_is_no_fault(password: str) -> None:
    assert codes(password) == []


def test_a_name_of_digits_or_signs_refuses_only_itself() -> None:
    for context in (("123", None, None), ("-", None, "..."), (None, None, None), ("", "", "")):
        assert codes("correct horse battery", context) == []
    assert codes("AdminPass123!", ("admin", None, "default")) == []


def test_the_context_can_be_left_out() -> None:
    lenient = PasswordPolicy(block_context=False)
    assert violations("john_doe-john_doe", lenient, CONTEXT, "password") == []


def test_what_is_refused_is_named_and_not_repeated() -> None:
    with pytest.raises(PasswordRejected) as refused:
        require_acceptable("canary", POLICY, CONTEXT, "new_password")
    assert refused.value.field == "new_password"
    assert "canary" not in str(refused.value)
    require_acceptable("correct horse battery staple", POLICY, CONTEXT, "new_password")


@given(st.text(max_size=200))
def test_the_form_that_is_hashed_is_nfkc_once_and_for_all(password: str) -> None:
    once = normalised(password)
    assert once == unicodedata.normalize("NFKC", password)
    assert normalised(once) == once or len(once) > 512


@given(st.text(max_size=700), st.lists(st.text(max_size=80) | st.none(), min_size=3, max_size=3))
def test_any_text_gets_a_verdict(password: str, context: list[str | None]) -> None:
    found = codes(password, tuple(context))
    assert set(found) <= {"too_short", "too_long", "context_word"}
