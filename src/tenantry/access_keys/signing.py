"""Signed requests: HMAC-SHA256 with a key's secret over what makes up a request.

Pure functions, the same for who signs and who verifies. What is signed is, one a line: the
scheme, the time, the nonce, the method, the host, the path and the query exactly as they go
over the wire, and the SHA-256 of the body. The body itself is compared once it has been read.
"""

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

SCHEME = "TNY1-HMAC-SHA256"
DATE_HEADER = "X-Tenantry-Date"
DIGEST_HEADER = "X-Tenantry-Content-SHA256"
LEEWAY = timedelta(minutes=5)
"""How far a request's time may lie from the server's, either way."""
MEMORY = timedelta(minutes=15)
"""How long after its time a nonce is remembered: longer than any server takes the request."""

_DATE = "%Y%m%dT%H%M%SZ"
_AUTHORIZATION = re.compile(
    r"key=(AKIA[A-Z2-7]{16}), ?nonce=([A-Za-z0-9_-]{16,64}), ?signature=([0-9a-f]{64})"
)
_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class SignedRequest:
    """What a request says for itself; ``authorization`` is what follows the scheme's name.

    ``path`` and ``query`` are raw, as in the request line; ``digest`` is the header's.
    """

    method: str
    host: str
    path: str
    query: str
    date: str
    digest: str
    authorization: str


@dataclass(frozen=True, slots=True)
class Claim:
    """A signed request that is well formed; whether it is true only the secret can tell."""

    access_key: str
    nonce: str
    signature: str
    moment: datetime
    text: str

    def proved_by(self, secret: str) -> bool:
        """Whether this secret made the signature."""
        return hmac.compare_digest(_signature(secret, self.text), self.signature)

    def timely(self, now: datetime) -> bool:
        """Whether its time is near enough to the server's."""
        return abs(now - self.moment) <= LEEWAY


def parse(request: SignedRequest) -> Claim | None:
    """What the request claims; None when it is not of this scheme's form."""
    found = _AUTHORIZATION.fullmatch(request.authorization)
    moment = _moment(request.date)
    if found is None or moment is None or _DIGEST.fullmatch(request.digest) is None:
        return None
    text = _text(request, found[2])
    if text is None:
        return None
    return Claim(found[1], found[2], found[3], moment, text)


def sign(
    access_key: str,
    secret: str,
    *,
    method: str,
    host: str,
    path: str,
    query: str = "",
    body: bytes = b"",
    now: datetime,
    nonce: str | None = None,
) -> dict[str, str]:
    """The headers that make a request a signed one; every request needs a nonce of its own."""
    nonce = nonce or secrets.token_urlsafe(18)
    request = SignedRequest(
        method=method,
        host=host,
        path=path,
        query=query,
        date=now.astimezone(UTC).strftime(_DATE),
        digest=digest_of(body),
        authorization="",
    )
    text = _text(request, nonce)
    if text is None:
        raise ValueError("a request line holds printable ASCII only; percent-encode the rest")
    said = f"key={access_key}, nonce={nonce}, signature={_signature(secret, text)}"
    return {
        "Authorization": f"{SCHEME} {said}",
        DATE_HEADER: request.date,
        DIGEST_HEADER: request.digest,
    }


def digest_of(body: bytes) -> str:
    """The digest of a body, as the header says it."""
    return hashlib.sha256(body).hexdigest()


def _signature(secret: str, text: str) -> str:
    return hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()


def _text(request: SignedRequest, nonce: str) -> str | None:
    """What is signed; None where a part could be taken for two."""
    host = request.host.lower()
    parts = (request.method, host, request.path, request.query)
    if not all(part.isascii() and all(" " < c < "\x7f" for c in part) for part in parts):
        return None
    lines = SCHEME, request.date, nonce, request.method, host, request.path, request.query
    return "\n".join((*lines, request.digest))


def _moment(text: str) -> datetime | None:
    if len(text) != 16 or not text.isascii():
        return None
    try:
        return datetime.strptime(text, _DATE).replace(tzinfo=UTC)
    except ValueError:
        return None
