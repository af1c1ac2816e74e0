"""A mail's message: whatever stands in names and subjects, it stays one message to one address."""

from datetime import UTC, datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenantry.mail.model import Mail, Sender, message_of

AN_ID = UUID(int=7)
WRITTEN = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)
FIELDS = [
    "From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted", "X-Auto-Response-Suppress",
    "MIME-Version", "Content-Type", "Content-Transfer-Encoding",
]  # fmt: skip


def mail(**fields: str | None) -> Mail:
    given: dict[str, str | None] = {
        "to": "ann@example.com", "to_name": "Ann", "subject": "Hello", "text": "Good day.\n"
    }  # fmt: skip
    return Mail(id=AN_ID, written_at=WRITTEN, **(given | fields))  # type: ignore[arg-type]  # all text


def sent(**fields: str | None) -> EmailMessage:
    """What arrives, read anew from the bytes that go over the line."""
    raw = bytes(message_of(mail(**fields), Sender("accounts@example.org", "Accounts")))
    message = message_from_bytes(raw, policy=default)
    assert isinstance(message, EmailMessage)
    return message


def test_it_says_what_it_was_given() -> None:
    message = sent(text="Grüße aus Köln 👋\n" + "x" * 2000 + "\n.\nend\n")
    assert sorted(message.keys()) == sorted(FIELDS)
    assert message["From"] == "Accounts <accounts@example.org>"
    assert message["To"] == "Ann <ann@example.com>"
    assert message["Message-ID"] == f"<{AN_ID}@example.org>"
    assert message["Date"] == "Sun, 01 Mar 2026 12:30:00 +0000"
    assert message.get_content().splitlines() == ["Grüße aus Köln 👋", "x" * 2000, ".", "end"]


@pytest.mark.parametrize(
    "name",
    [
        "Ann\r\nBcc: eve@example.com",
        "Ann\nX-Evil: 1",
        'Ann" <eve@example.com>, "x',
        "Ann, eve@example.com",
        "Jörg <eve@example.com>, c",
        "=?utf-8?q?eve=40example.com?=",
        "\u202eevil\u0000\u2028",
        "é" * 5000,
        "",
        "名前" * 60 + ", eve@example.com",
    ],
)
def test_a_hostile_name_is_only_a_name(name: str) -> None:
    message = sent(to_name=name)
    assert sorted(message.keys()) == sorted(FIELDS)
    assert [a.addr_spec for a in message["To"].addresses] == ["ann@example.com"]
    assert not message["To"].defects


@pytest.mark.parametrize("subject", ["a\r\nBcc: eve@example.com", "x" * 9000, "ü" * 9000, "\0"])
def test_a_hostile_subject_is_only_a_subject(subject: str) -> None:
    message = sent(subject=subject)
    assert sorted(message.keys()) == sorted(FIELDS)
    assert len(message["Subject"]) <= 200


def test_a_domain_in_another_script_is_written_in_ascii_and_a_local_part_as_it_is() -> None:
    raw = bytes(
        message_of(mail(to="jörg@xn--mnchen-3ya.de", to_name=None), Sender("a@example.org"))
    )
    assert "To: jörg@xn--mnchen-3ya.de\r\n".encode() in raw


def test_it_cannot_be_read_from_a_log() -> None:
    assert "Good day" not in repr(mail())
    assert "ann@" not in repr(mail())


@given(st.text(max_size=300), st.text(max_size=300))
def test_any_text_makes_one_message_to_one_address(name: str, subject: str) -> None:
    message = sent(to_name=name, subject=subject)
    assert sorted(message.keys()) == sorted(FIELDS)
    assert [a.addr_spec for a in message["To"].addresses] == ["ann@example.com"]
