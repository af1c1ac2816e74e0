"""The server as a plain implementation would have it: it remembers whose a token is, if good.

Run as a program, with the environment of `tenantry serve`.
"""

import os

from tenantry.auth.service import AuthService
from tenantry.http.serve import run_server
from tenantry.kernel.action import Actor, Origin
from tenantry.sessions.actions import ValidateSessionAction, Validity
from tenantry.sessions.administration import SessionAdministration
from tenantry.settings import Settings

ours = AuthService.identify
validated = SessionAdministration.validate_session
known: dict[str, Actor] = {}
good: dict[str, Validity] = {}


async def remembered(self: AuthService, token: str, origin: Origin) -> Actor:
    """Asks the database once for each token."""
    if token not in known:
        known[token] = await ours(self, token, origin)
    return known[token]


async def remembered_as_good(
    self: SessionAdministration, action: ValidateSessionAction
) -> Validity:
    """Asks once for each token."""
    if action.session_token not in good:
        good[action.session_token] = await validated(self, action)
    return good[action.session_token]


if __name__ == "__main__":
    setattr(AuthService, "identify", remembered)  # noqa: B010 - mypy forbids the plain form
    setattr(SessionAdministration, "validate_session", remembered_as_good)  # noqa: B010 - as above
    run_server(Settings.from_environment(os.environ))
