"""The packaged list of common passwords."""

import tracemalloc
from pathlib import Path

import pytest

from tenantry.passwords import blocklist
from tenantry.passwords.policy import PasswordPolicy, folded, violations

LISTED = blocklist.entries().decode().split("\n")
SCRIPT = Path(__file__).parents[2] / "scripts" / "common_passwords.py"


def codes(password: str, policy: PasswordPolicy | None = None) -> list[str]:
    policy = policy or PasswordPolicy(min_length=8)
    return [fault.code for fault in violations(password, policy, (), "password")]


def test_it_has_more_than_enough_entries_that_are_long() -> None:
    """OWASP ASVS 5.0, 6.2.4, asks for 3,000 that fit the policy's length."""
    assert sum(len(entry) >= 15 for entry in LISTED) >= 30_000
    assert len(LISTED) >= 100_000


def test_it_is_sorted_has_each_entry_once_and_in_the_form_that_is_compared() -> None:
    raw = blocklist.entries().split(b"\n")
    assert raw == sorted(set(raw))
    assert all(entry == folded(entry) for entry in LISTED)
    assert {len(entry) >= 8 for entry in LISTED} == {True}


def test_every_entry_is_found_and_nothing_near_it() -> None:
    known = set(LISTED)
    for entry in LISTED[:: len(LISTED) // 3000]:
        assert blocklist.is_common(entry)
        for near in (entry + "~", entry[:-1], entry[1:], "~" + entry, entry + "\n"):
            assert blocklist.is_common(near) == (near in known)
    for edge in (LISTED[0], LISTED[-1]):
        assert blocklist.is_common(edge)
    for never in ("", "\n", "~~~~~~~~~~~", "\U0010ffff", "\ud800", f"{LISTED[0]}\n{LISTED[1]}"):
        assert not blocklist.is_common(never)


def test_the_first_three_thousand_long_ones_are_refused() -> None:
    long = [entry for entry in LISTED if len(entry) >= 15][:3000]
    assert len(long) == 3000
    assert all("common" in codes(entry, PasswordPolicy(min_length=15)) for entry in long)


@pytest.mark.parametrize(
    "password",
    [
        "password",
        "Password",
        "PASSWORD123",
        "ｐａｓｓｗｏｒｄ",
        "P@ssw0rd",
        "passwordpassword",
        "qwertyuiop",
        "1qaz2wsx3edc",
        "1234567890123456",
        "aaaaaaaaaaaaaaaa",
        "iloveyouforever",
        "I love you so much",
        "MayTheForceBeWithYou",
        "thequickbrownfoxjumpsoverthelazydog",
        "Summer2026!",
        "michael1985",
        "letmeinletmein",
        "correcthorsebatterystaple",
        "changeme123!",
    ],
)
def test_what_is_tried_first_is_refused_in_any_case_and_form(password: str) -> None:
    assert "common" in codes(password)


@pytest.mark.parametrize(
    "password",
    [
        "correct horse battery staple",
        "my password is on the list, this is not",
        "secure_password123",
        "password of the third kind",
    ],
)
def test_only_the_whole_password_is_compared(password: str) -> None:
    assert codes(password) == []


def test_the_list_can_be_left_out() -> None:
    assert codes("passwordpassword", PasswordPolicy(block_common=False)) == []


def test_a_look_up_takes_no_more_room_than_the_text() -> None:
    blocklist.is_common("password")
    tracemalloc.start()
    try:
        for entry in LISTED[:: len(LISTED) // 1000]:
            blocklist.is_common(entry)
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert most < 100_000


def test_the_script_makes_the_same_list_again() -> None:
    made: dict[str, object] = {"__name__": "common_passwords", "__file__": str(SCRIPT)}
    exec(compile(SCRIPT.read_text(), SCRIPT, "exec"), made)
    entries = made["entries"]
    assert callable(entries)
    assert entries() == LISTED
