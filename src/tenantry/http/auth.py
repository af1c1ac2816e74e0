"""Who is asking: the bearer of a token, or nobody yet. Never the system itself."""

import re

from tenantry.errors import NotAuthenticated
from tenantry.http.served import Identifier
from tenantry.kernel.action import ANONYMOUS, Actor, Origin

# RFC 6750, section 2.1; longer ones than any of ours are not looked up.
_BEARER = re.compile(rb"bearer +([A-Za-z0-9._~+/-]{1,512}=*) *", re.IGNORECASE)


async def actor_of(
    headers: list[tuple[bytes, bytes]], identifier: Identifier, origin: Origin
) -> Actor:
    """The actor of a request. Only the Authorization header counts: no cookie, no query.

    A header that is there but no good is refused; it never falls back to the anonymous actor,
    which would hide an expired login from a caller of a public route.
    """
    given = [value for name, value in headers if name == b"authorization"]
    if not given:
        return ANONYMOUS
    found = _BEARER.fullmatch(given[0]) if len(given) == 1 else None
    if found is None:
        raise NotAuthenticated("Give one header of the form: Authorization: Bearer <token>.")
    return await identifier.identify(found[1].decode("ascii"), origin)
