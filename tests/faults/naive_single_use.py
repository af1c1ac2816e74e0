"""The server as a plain implementation would have it: what may happen once is looked at first.

Run as a program, with the environment of `tenantry serve`.
"""

import asyncio
import os
from datetime import datetime
from typing import Any

from tenantry.http.serve import run_server
from tenantry.kernel.transaction import Statement, Transaction
from tenantry.second_factor.model import StoredFactor
from tenantry.second_factor.repository import SecondFactorRepository
from tenantry.sessions.model import Session, SessionToken
from tenantry.sessions.repository import SessionRepository
from tenantry.settings import Settings

MOMENT = 0.2
"""Long enough for all who ask at once to have looked before one of them writes."""

LAST_STEP = Statement(
    "naive.last_step", "Look.", "select last_step from second_factors where user_id = $1"
)
SET_STEP = Statement(
    "naive.set_step", "Write.", "update second_factors set last_step = $2 where user_id = $1"
)
DIGEST = Statement("naive.digest", "Look.", "select digest from sessions where id = $1")
SET_DIGEST = Statement(
    "naive.set_digest", "Write.", "update sessions set digest = $2 where id = $1"
)


class NaiveFactors(SecondFactorRepository):
    """Looks whether a step was used, and notes the use then."""

    async def spend_step(self, tx: Transaction, factor: StoredFactor, step: int) -> bool:
        last: int = await tx.fetchval(LAST_STEP, factor.user_id)
        await asyncio.sleep(MOMENT)
        if last >= step:
            return False
        await tx.execute(SET_STEP, factor.user_id, step)
        return True


class NaiveSessions(SessionRepository):
    """Looks whether a token is the present one, and replaces it then."""

    async def rotate(
        self,
        tx: Transaction,
        session: Session,
        *,
        successor: SessionToken,
        salt: bytes,
        now: datetime,
        expires_at: datetime,
    ) -> bool:
        found: bytes = await tx.fetchval(DIGEST, session.id)
        await asyncio.sleep(MOMENT)
        if found != session.digest:
            return False
        await tx.execute(SET_DIGEST, session.id, successor.digest)
        return True


def _put(module: Any, name: str, naive: type) -> None:  # Any: whichever module it is
    setattr(module, name, naive)


if __name__ == "__main__":
    from tenantry import assembly, login_assembly

    _put(assembly, "SecondFactorRepository", NaiveFactors)
    _put(login_assembly, "SessionRepository", NaiveSessions)
    run_server(Settings.from_environment(os.environ))
