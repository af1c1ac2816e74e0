"""The server as a plain implementation would have it: it remembers whose a token is.

Run as a program, with the environment of `tenantry serve`.
"""

import os

from tenantry.auth.service import AuthService
from tenantry.http.serve import run_server
from tenantry.kernel.action import Actor, Origin
from tenantry.settings import Settings

ours = AuthService.identify
known: dict[str, Actor] = {}


async def remembered(self: AuthService, token: str, origin: Origin) -> Actor:
    """Asks the database once for each token."""
    if token not in known:
        known[token] = await ours(self, token, origin)
    return known[token]


if __name__ == "__main__":
    setattr(AuthService, "identify", remembered)  # noqa: B010 - mypy forbids the plain form
    run_server(Settings.from_environment(os.environ))
