"""Finding users by a part of their name or address, against the bare trigram LIKE."""

from bench.rounds import Contestant, Effort, Result, compare
from bench.world import World
from tenantry.users.actions import SearchUsersAction
from tenantry.users.model import UserFilter

TITLE = "substring_search: user.search by text over a bare trigram LIKE with the same answer"
BARE = """
    select * from users where search_text like $1 order by username_key, id limit 50
"""
TEXTS = {
    "rare, one hit": "{one}",
    "some hundred hits": "zimmermann1",
    "thousands of hits": "zimmermann",
    "hits at the end of the order": "zoe.",
    "half of all": "example.com",
    "three letters, no hit": "qqq",
    "two letters, no hit": "qq",
}


async def measure(world: World, effort: Effort) -> list[Result]:
    """One pair for each kind of text; each pair's bare statement is its own reference."""
    one = (await world.some_usernames(100))[50]
    results: list[Result] = []
    for kind, text in TEXTS.items():
        results += await _pair(world, kind, text.format(one=one), _share(effort))
    return results


def _share(effort: Effort) -> Effort:
    return Effort(effort.seconds / len(TEXTS), effort.quick, effort.rounds)


async def _pair(world: World, kind: str, text: str, effort: Effort) -> list[Result]:
    bare = await world.bare.prepare(BARE)

    async def select() -> object:
        return await bare.fetch(f"%{text}%")

    async def search() -> object:
        action = SearchUsersAction(filter=UserFilter(text=text), limit=50)
        return await world.app.users.search_users.wait_for_complete(action)

    contestants = [Contestant(f"bare LIKE, {kind}", select), Contestant("  user.search", search)]
    return await compare(contestants, effort)
