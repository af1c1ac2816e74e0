"""Keyset pages: a cursor names the last row seen, sealed so that it fits one question only."""

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Generic, TypeVar

import msgspec

from tenantry.errors import InvalidInput
from tenantry.record import Record

T = TypeVar("T")


class Page(Record, Generic[T], frozen=True):
    """Some of the items, and the cursor of the next page (None: there is none)."""

    items: list[T]
    next_cursor: str | None = None


def seal(key: bytes, question: object, position: list[str]) -> str:
    """The cursor for a position in the answer to a question (who asks, filter and order)."""
    body = msgspec.json.encode(position)
    return urlsafe_b64encode(_mac(key, question, body) + body).decode().rstrip("=")


def unseal(key: bytes, question: object, cursor: str) -> list[str]:
    """The position in a cursor; InvalidInput when it is damaged or of another question."""
    try:
        raw = urlsafe_b64decode(cursor[:4096] + "=" * (-len(cursor) % 4))
        mac, body = raw[:16], raw[16:]
        if not hmac.compare_digest(mac, _mac(key, question, body)):
            raise ValueError("wrong seal")
        return msgspec.json.decode(body, type=list[str])
    except ValueError as error:
        message = "is not a cursor of this question; start again without one"
        raise InvalidInput.of("cursor", "invalid_cursor", message) from error


def _mac(key: bytes, question: object, body: bytes) -> bytes:
    text = msgspec.json.encode(question) + b"\0" + body
    return hmac.digest(key, text, "sha256")[:16]
