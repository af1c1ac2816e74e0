"""How soon bad input is refused over HTTP, whatever it is made to keep a parser busy with."""

import statistics
import time

from bench.http_get import Line
from bench.rounds import Effort, Result
from bench.serving import serving
from bench.world import PASSWORD, World
from tenantry.auth.actions import AuthenticateAction

TITLE = "bad_input: bodies that are no good, each refused by a 4xx that says what is wrong"
PROMPT = 0.05
PATH = "/api/v1/users"
NAME = b'{"username": "%b"}'
BODIES = {
    "a missing field": b"{}",
    "an unknown field": b'{"username": "x", "nonsense": 1}',
    "a key twice": b'{"username": "x", "username": "y"}',
    "NaN": b'{"username": NaN}',
    "1e999": b'{"container_uid": 1e999}',
    "half a surrogate": rb'{"username": "\ud800"}',
    "a NUL": rb'{"username": "\u0000"}',
    "a name of 60 KB": NAME % (b"x" * 60_000),
    "60,000 nested lists": b"[" * 30_000 + b"]" * 30_000,
    "5,000 unknown fields": b"{" + b",".join(b'"f%d":1' % n for n in range(5000)) + b"}",
    "a name of 1 MB": NAME % (b"x" * 1_000_000),
    "100,000 nested lists": b"[" * 100_000 + b"]" * 100_000,
}


async def measure(world: World, effort: Effort) -> list[Result]:
    """The server is another process; a connection that it closes is opened anew."""
    login = AuthenticateAction("root", PASSWORD, raise_on_failure=True)
    token = (await world.app.auth.authenticate.wait_for_complete(login)).session_token
    calls = 50 if effort.quick else 200
    taken: dict[str, list[float]] = {what: [] for what in BODIES}
    async with serving(world.folder) as server:
        for _ in range(calls):
            for what, body in BODIES.items():
                line = await Line.to(server.port, token)
                began = time.perf_counter()
                status, head, _ = await line.ask("POST", PATH, body)
                taken[what].append(time.perf_counter() - began)
                line.close()
                if not 400 <= status < 500:
                    raise RuntimeError(head.decode())
    plain = statistics.median(next(iter(taken.values())))
    return [
        _result(what, sorted(of), plain, is_reference=number == 0)
        for number, (what, of) in enumerate(taken.items())
    ]


def _result(what: str, ordered: list[float], plain: float, *, is_reference: bool) -> Result:
    return Result(
        name=what,
        calls=len(ordered),
        median=statistics.median(ordered),
        late=ordered[int(len(ordered) * 0.95)],
        ratios=(statistics.median(ordered) / plain,),
        goal=f"p95 {PROMPT * 1000:.0f} ms",
        is_reference=is_reference,
    )
