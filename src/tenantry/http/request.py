"""The parts of a request, read with limits: path and query parameters, media type, body."""

import asyncio
import re
from collections.abc import Mapping
from urllib.parse import unquote_to_bytes

from starlette.types import Receive

from tenantry.http.origin import RawHeaders
from tenantry.http.refusal import Refusal
from tenantry.http.strict_json import largest_field

# Of a body over its limit this much is still read, to name the field that is too large.
HARD_CAP = 2 * 2**20
# And this much, for so long, is thrown away so that the client gets to read the answer.
_DRAIN_BYTES = 32 * 2**20
_DRAIN_SECONDS = 2.0

_BAD_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")
_JSON = re.compile(rb'application/json *(; *charset *= *"?utf-8"? *)?', re.IGNORECASE)


def path_values(raw: Mapping[str, str]) -> dict[str, str]:
    """The path's parameters, percent-decoded once."""
    return {name: _decoded(value.encode("latin-1"), name, "path") for name, value in raw.items()}


def query_values(query: bytes) -> dict[str, str]:
    """The query's parameters; none may be given twice, which proxies and servers read apart."""
    values: dict[str, str] = {}
    for part in filter(None, query.split(b"&")):
        key, _, value = part.replace(b"+", b" ").partition(b"=")
        name = _decoded(key, "query", "query")
        if name in values:
            raise Refusal(
                400, "repeated_parameter", f"{name[:64]} is given more than once.", field=name[:64]
            )
        values[name] = _decoded(value, name[:64], "query")
    return values


def _decoded(value: bytes, name: str, where: str) -> str:
    reason = "is not percent-encoded UTF-8"
    if not _BAD_ESCAPE.search(value):
        try:
            text = unquote_to_bytes(value).decode("utf-8")
        except UnicodeDecodeError:
            pass
        else:
            if "\0" not in text:
                return text
            reason = "contains the character NUL"
    raise Refusal(400, f"malformed_{where}", f"{name} {reason}.", field=name)


def header(headers: RawHeaders, name: bytes) -> bytes | None:
    """The value of a header; None where it is absent or given more than once."""
    given = [value for key, value in headers if key == name]
    return given[0] if len(given) == 1 else None


def has_body(headers: RawHeaders) -> bool:
    """Whether a body is announced."""
    names = dict(headers)
    return b"transfer-encoding" in names or names.get(b"content-length", b"0").strip(b"0 ") != b""


def require_json(headers: RawHeaders) -> None:
    """Refuse any media type but JSON: a form of another site can send everything else."""
    media_type = header(headers, b"content-type")
    if media_type is None or not _JSON.fullmatch(media_type.strip()):
        raise Refusal(415, "unsupported_media_type", "Content-Type must be application/json.")
    if header(headers, b"content-encoding") not in (None, b"identity"):
        raise Refusal(415, "unsupported_media_type", "Content-Encoding is not supported.")


async def read_body(receive: Receive, headers: RawHeaders, limit: int) -> bytes:
    """The whole body; Refusal (413) once it is over the limit."""
    declared = header(headers, b"content-length")
    length = int(declared) if declared and declared.isdigit() and len(declared) < 16 else 0
    if length > HARD_CAP and length > limit:
        raise _too_large(limit, "body")
    content = bytearray()
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Refusal(400, "incomplete_body", "The connection ended within the body.")
        content += message.get("body", b"")
        more = message.get("more_body", False)
        if len(content) > max(HARD_CAP, limit):
            raise _too_large(limit, "body")
    if len(content) > limit:
        raise _too_large(limit, largest_field(bytes(content)) or "body")
    return bytes(content)


def _too_large(limit: int, field: str) -> Refusal:
    detail = f"The body is larger than {limit} bytes."
    return Refusal(413, "body_too_large", detail, field=field[:64], headers={"Connection": "close"})


async def discard_rest(receive: Receive) -> None:
    """Throw away what the client still sends: closing on unread data would reset the connection.

    A client that only reads once it has sent everything would then never see the answer.
    """
    unread = _DRAIN_BYTES
    try:
        async with asyncio.timeout(_DRAIN_SECONDS):
            while unread > 0:
                message = await receive()
                unread -= len(message.get("body", b""))
                if message["type"] == "http.disconnect" or not message.get("more_body", False):
                    return
    except TimeoutError:
        return
