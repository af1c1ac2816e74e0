"""What it costs to tell who bears a session's token, as every request over HTTP does.

And to validate a session: from memory, as usual, and by asking the database.
"""

from itertools import cycle

from bench.rounds import Contestant, Effort, Result, compare
from bench.world import World
from tenantry.changes.consistency import Consistency
from tenantry.kernel.action import Origin
from tenantry.sessions.actions import CreateSessionAction, ValidateSessionAction
from tenantry.sessions.model import SessionToken, moment_of

TITLE = "session_check: telling who bears a token over one bare SELECT of the session's row"
SESSIONS = 200
HERE = Origin(face="bench", address="127.0.0.1")
BARE = "select * from sessions where tenant_id = $1 and created_at = $2 and id = $3"


async def measure(world: World, effort: Effort) -> list[Result]:
    """Many sessions in turns, one at a time and sixteen at once."""
    create = world.app.sessions.create_session
    tokens: list[str] = []
    for name in await world.some_usernames(SESSIONS):
        issued = await create.wait_for_complete(CreateSessionAction(user=name))
        tokens.append(issued.session_token)
    parsed = cycle([token for text in tokens if (token := SessionToken.parse(text))])
    texts = cycle(tokens)
    statement = await world.bare.prepare(BARE)
    identify = world.app.auth_service.identify
    validate = world.app.sessions.validate_session.wait_for_complete

    async def bare() -> object:
        token = next(parsed)
        key = (token.tenant_id, moment_of(token.session_id), token.session_id)
        return await statement.fetchrow(*key)

    async def checked() -> object:
        return await identify(next(texts), HERE)

    async def validated() -> object:
        return await validate(ValidateSessionAction(session_token=next(texts)))

    async def validated_anew() -> object:
        strong = Consistency.STRONG
        return await validate(ValidateSessionAction(session_token=next(texts), consistency=strong))

    return await compare(
        [
            Contestant("bare SELECT of the session", bare),
            Contestant("who bears the token", checked),
            Contestant("the same, 16 at once", checked, 16),
            Contestant("action session.validate, from memory", validated),
            Contestant("the same, of this moment", validated_anew),
        ],
        effort,
    )
