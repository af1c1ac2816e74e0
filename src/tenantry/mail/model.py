"""A mail, and how it becomes a message that no name or subject can turn into another one."""

import unicodedata
from dataclasses import dataclass
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8
from email.utils import format_datetime
from uuid import UUID

LONGEST_SUBJECT = 200
LONGEST_NAME = 100
_IN_NAMES = " -'."


@dataclass(frozen=True, repr=False)
class Mail:
    """Plain text to one address. ``id`` stays the same however often it is sent."""

    id: UUID
    written_at: datetime
    to: str
    to_name: str | None
    subject: str
    text: str

    def __repr__(self) -> str:
        return f"Mail(id={self.id})"


@dataclass(frozen=True)
class Sender:
    """Whom mails come from; the Message-ID is made in the domain of the address."""

    address: str
    name: str = "Tenantry"


def message_of(mail: Mail, sender: Sender) -> EmailMessage:
    """The mail as RFC 5322 has it, marked as one that no machine should answer (RFC 3834)."""
    message = EmailMessage(policy=SMTP if mail.to.isascii() else SMTPUTF8)
    message["From"] = _address(sender.name, sender.address)
    message["To"] = _address(mail.to_name or "", mail.to)
    message["Subject"] = _one_line(mail.subject)[:LONGEST_SUBJECT]
    message["Date"] = format_datetime(mail.written_at)
    message["Message-ID"] = f"<{mail.id}@{sender.address.rpartition('@')[2]}>"
    message["Auto-Submitted"] = "auto-generated"
    message["X-Auto-Response-Suppress"] = "All"
    message.set_content(mail.text, charset="utf-8", cte="quoted-printable")
    return message


def _address(name: str, address: str) -> Address:
    """Both parts, of a name only what cannot be mistaken for a part of the header.

    Python's encoder leaves some signs of a long name bare, so they are taken out before.
    """
    letters = (c if c in _IN_NAMES or unicodedata.category(c)[0] in "LMN" else " " for c in name)
    shown = " ".join("".join(letters).split())[:LONGEST_NAME]
    local, _, domain = address.rpartition("@")
    return Address(shown, local, domain)


def _one_line(text: str) -> str:
    plain = (c if unicodedata.category(c)[0] not in "CZ" else " " for c in text)
    return " ".join("".join(plain).split())
