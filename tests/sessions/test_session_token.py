"""What a bearer string says, and when a stored session holds."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenantry.kernel.clock import uuid7
from tenantry.sessions.model import (
    PREFIX,
    TOKEN_LENGTH,
    Session,
    SessionPolicy,
    SessionToken,
    moment_of,
)

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
POLICY = SessionPolicy()
SESSION = Session(
    id=UUID(int=1),
    tenant_id=UUID(int=2),
    user_id=UUID(int=3),
    digest=b"",
    epoch=1,
    created_at=NOW,
    last_seen_at=NOW,
    expires_at=NOW + POLICY.absolute,
    ended_at=None,
)


@given(st.uuids(), st.uuids(), st.binary(min_size=32, max_size=32))
def test_a_token_is_read_as_it_was_written(tenant: UUID, session: UUID, secret: bytes) -> None:
    token = SessionToken(tenant, session, secret)
    text = token.text()
    assert len(text) == TOKEN_LENGTH
    assert SessionToken.parse(text) == token
    assert len(token.digest) == 32
    assert secret not in token.digest


@given(st.text(max_size=200) | st.text(alphabet="ABCabc019-_=", max_size=100).map(PREFIX.__add__))
def test_any_other_text_is_no_token(text: str) -> None:
    token = SessionToken.parse(text)
    assert token is None or token.text() == text


def test_a_token_has_one_spelling_only() -> None:
    text = SessionToken(UUID(int=1), UUID(int=2), b"\0" * 32).text()
    twins = [text[:-1] + letter for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"]
    assert sum(SessionToken.parse(twin) is not None for twin in twins) <= 2
    assert SessionToken.parse(text[:-1] + "B") is None


@pytest.mark.parametrize(
    ("after", "holds"),
    [
        (timedelta(0), True),
        (POLICY.idle - timedelta(microseconds=1), True),
        (POLICY.idle, False),
        (POLICY.absolute, False),
    ],
)
def test_a_session_falls_asleep_to_the_microsecond(after: timedelta, *, holds: bool) -> None:
    assert SESSION.holds_at(NOW + after, POLICY) is holds


def test_a_session_in_use_ends_at_its_absolute_limit() -> None:
    end = SESSION.expires_at
    used = replace(SESSION, last_seen_at=end - timedelta(seconds=1))
    assert used.holds_at(end - timedelta(microseconds=1), POLICY)
    assert not used.holds_at(end, POLICY)


def test_an_ended_session_does_not_hold() -> None:
    assert not replace(SESSION, ended_at=NOW).holds_at(NOW, POLICY)


@given(st.integers(min_value=0, max_value=10**16))
def test_an_id_holds_its_moment_to_the_millisecond(microseconds: int) -> None:
    at = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=microseconds)
    identifier = uuid7(at)
    assert identifier.version == 7
    assert timedelta(0) <= at - moment_of(identifier) < timedelta(milliseconds=1)
