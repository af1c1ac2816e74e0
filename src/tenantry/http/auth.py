"""Who is asking: who bears a token, who signed, or nobody yet. Never the system itself."""

import hmac
import re

from starlette.types import Scope

from tenantry.access_keys import signing
from tenantry.access_keys.model import BEARER_PREFIX
from tenantry.access_keys.signing import SignedRequest
from tenantry.errors import NotAuthenticated
from tenantry.http.request import header
from tenantry.http.served import Served
from tenantry.kernel.action import ANONYMOUS, Actor, Origin

# RFC 6750, section 2.1; longer ones than any of ours are not looked up.
_BEARER = re.compile(rb"bearer +([A-Za-z0-9._~+/-]{1,512}=*) *", re.IGNORECASE)
_SIGNED = re.compile(rb"TNY1-HMAC-SHA256 +([!-~ ]{1,512})")


async def actor_of(scope: Scope, app: Served, origin: Origin) -> Actor:
    """The actor of a request. Only the Authorization header counts: no cookie, no query.

    A header that is there but no good is refused; it never falls back to the anonymous actor,
    which would hide an expired login from a caller of a public route.
    """
    given = [value for name, value in scope["headers"] if name == b"authorization"]
    if not given:
        return ANONYMOUS
    if len(given) == 1 and (bearer := _BEARER.fullmatch(given[0])):
        token = bearer[1].decode("ascii")
        if token.startswith(BEARER_PREFIX):
            return await app.access_key_identifier.identify_bearer(token, origin)
        return await app.auth_service.identify(token, origin)
    if len(given) == 1 and (signed := _SIGNED.fullmatch(given[0])):
        request = _signed_request(scope, signed[1].decode("ascii"))
        return await app.access_key_identifier.identify_signed(request, origin)
    raise NotAuthenticated("Give one header of the form: Authorization: Bearer <token>.")


def require_signed_body(scope: Scope, content: bytes) -> None:
    """NotAuthenticated where a signed request brings another body than the one signed."""
    given = header(scope["headers"], b"authorization")
    if given is None or _SIGNED.fullmatch(given) is None:
        return
    if not hmac.compare_digest(_text(scope, signing.DIGEST_HEADER), signing.digest_of(content)):
        raise NotAuthenticated


def _signed_request(scope: Scope, authorization: str) -> SignedRequest:
    raw_path: bytes = scope.get("raw_path") or b""
    return SignedRequest(
        method=scope["method"],
        host=_text(scope, "host"),
        path=raw_path.partition(b"?")[0].decode("latin-1"),
        query=scope["query_string"].decode("latin-1"),
        date=_text(scope, signing.DATE_HEADER),
        digest=_text(scope, signing.DIGEST_HEADER),
        authorization=authorization,
    )


def _text(scope: Scope, name: str) -> str:
    value = header(scope["headers"], name.lower().encode())
    return value.decode("latin-1") if value is not None else ""
