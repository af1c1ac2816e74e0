"""What is wrong with a password."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenantry.errors import InvalidInput
from tenantry.passwords.policy import (
    RANGES,
    PasswordPolicy,
    normalised,
    range_violations,
    require_consistent,
    violations,
    warnings,
)

POLICY = PasswordPolicy(block_common=False)
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
    (fault,) = violations("canary", PasswordPolicy(), CONTEXT, "new_password")
    assert fault.field == "new_password"
    assert "canary" not in fault.message


STRICT = PasswordPolicy(
    min_length=12,
    require_uppercase=True,
    require_lowercase=True,
    require_numbers=True,
    require_special_chars=True,
)


@pytest.mark.parametrize(
    ("password", "missing"),
    [
        ("MySecure123!", []),
        ("MySecure 1234", []),
        ("ÄÖÜßæøå Ω٣٤", ["too_short"]),
        ("ÄÖÜßæøå Ω٣٤٥", []),
        ("mysecure123!", ["no_uppercase"]),
        ("MYSECURE123!", ["no_lowercase"]),
        ("MySecurePass!", ["no_number"]),
        ("MySecure1234", ["no_special_char"]),
        (
            "密码密码密码密码密码密码",
            ["no_uppercase", "no_lowercase", "no_number", "no_special_char"],
        ),
        ("S3cret!", ["too_short"]),
        ("", ["too_short", "no_uppercase", "no_lowercase", "no_number", "no_special_char"]),
    ],
)
def test_each_kind_of_character_that_is_required_and_missing_is_named(
    password: str, missing: list[str]
) -> None:
    found = violations(password, STRICT, CONTEXT, "password")
    assert [fault.code for fault in found] == missing


@pytest.mark.parametrize(
    ("password", "context", "expected"),
    [
        ("secure_password123", ("john_doe", "john@example.com", "default"), []),
        ("secure_password456", ("jane_smith", "jane@example.com", "default"), []),
        ("admin_password789", ("admin_user", "admin@example.com", "default"), []),
        ("new_secure_password123", ("john_doe", "john@example.com", "default"), []),
        ("temp_password123", ("new_employee", "new@company.com", "default"), []),
        ("AdminPass123!", ("admin", "admin@example.com", "default"), []),
        ("MySecure123!", ("john_doe", "john@example.com", "default"), []),
        ("password123", ("test_user", None, "default"), ["too_short", "common"]),
    ],
)
def test_the_passwords_of_the_guides_are_judged_as_decided(
    password: str, context: tuple[str | None, ...], expected: list[str]
) -> None:
    found = violations(password, PasswordPolicy(), context, "password")
    assert [fault.code for fault in found] == expected


@pytest.mark.parametrize("name", RANGES)
def test_both_ends_of_a_range_are_in_it_and_nothing_beyond(name: str) -> None:
    least, most = RANGES[name]
    for fit in (least, most):
        assert range_violations({name: fit}) == []
    for unfit in (least - 1, most + 1, 2**63, -(2**63)):
        assert [v.code for v in range_violations({name: unfit})] == ["out_of_range"]
    for wrong in (True, "12", 12.0, None):
        assert [v.code for v in range_violations({name: wrong})] == ["wrong_value"]


def test_a_switch_is_true_or_false() -> None:
    assert range_violations({"block_common": False}) == []
    for wrong in (1, 0, "true", None):
        (fault,) = range_violations({"block_common": wrong})
        assert (fault.field, fault.code) == ("block_common", "wrong_value")


def test_no_policy_asks_for_what_it_forbids() -> None:
    require_consistent(PasswordPolicy(min_length=20, max_length=20))
    with pytest.raises(InvalidInput) as refused:
        require_consistent(PasswordPolicy(min_length=21, max_length=20))
    assert refused.value.field == "max_length"


def test_values_that_a_standard_advises_against_are_told_with_its_name() -> None:
    assert warnings(PasswordPolicy(min_length=15)) == []
    lax = PasswordPolicy(
        min_length=8,
        max_length=32,
        require_uppercase=True,
        require_numbers=True,
        max_age_days=90,
        block_common=False,
        block_context=False,
    )
    told = {warning.field: warning.standard for warning in warnings(lax)}
    assert list(told) == [
        "min_length",
        "max_length",
        "require_uppercase",
        "require_numbers",
        "max_age_days",
        "block_common",
        "block_context",
    ]
    assert all("NIST SP 800-63B-4" in s and "OWASP ASVS 5.0" in s for s in told.values())


@given(st.text(max_size=200))
def test_the_form_that_is_hashed_is_nfkc_once_and_for_all(password: str) -> None:
    once = normalised(password)
    assert once == unicodedata.normalize("NFKC", password)
    assert normalised(once) == once or len(once) > 512


@given(st.text(max_size=700), st.lists(st.text(max_size=80) | st.none(), min_size=3, max_size=3))
def test_any_text_gets_a_verdict(password: str, context: list[str | None]) -> None:
    found = codes(password, tuple(context))
    assert set(found) <= {"too_short", "too_long", "context_word"}
