"""Health and metrics: what probes and operators see, and nobody else."""

import asyncio
from dataclasses import make_dataclass
from typing import Any

import httpx2
import pytest

from tenantry.http.envelope import Lifecycle
from tenantry.kernel.action import Action

pytestmark = pytest.mark.anyio

FakeCheck = make_dataclass("FakeCheck", ["name", "ok", "required", "detail"], frozen=True)
FAR = "203.0.113.9"


async def test_live_asks_nothing_of_the_app(client: httpx2.AsyncClient, app: Any) -> None:
    app.checks = None
    answer = await client.get("/health/live")
    assert (answer.status_code, answer.json()[0]["ok"]) == (200, True)


@pytest.mark.parametrize(
    ("database", "valkey", "status"),
    [(True, True, 200), (True, False, 200), (False, True, 503), (False, False, 503)],
)
async def test_ready_needs_what_is_required_only(
    client: httpx2.AsyncClient, app: Any, database: bool, valkey: bool, status: int
) -> None:
    app.checks = [
        FakeCheck("database", database, True, ""),
        FakeCheck("valkey", valkey, False, "no answer"),
    ]
    answer = await client.get("/health/ready")
    assert answer.status_code == status
    checks = {check["name"]: check for check in answer.json()}
    assert (checks["database"]["ok"], checks["valkey"]["ok"]) == (database, valkey)
    assert checks["valkey"]["detail"] == "no answer"


async def test_only_operators_learn_what_is_wrong_in_detail(connect: Any) -> None:
    parts = {"checks": [FakeCheck("database", False, True, "db-7.internal refused")]}
    async with connect(peer=FAR, parts=parts) as client:
        answer = await client.get("/health/ready")
        assert (answer.status_code, "db-7" in answer.text) == (503, False)
        headers = {"Authorization": "Bearer token-of-monitor"}
        assert "db-7" in (await client.get("/health/ready", headers=headers)).text


async def test_a_server_going_down_is_not_ready_and_hangs_up(
    client: httpx2.AsyncClient, lifecycle: Lifecycle
) -> None:
    lifecycle.stopping = True
    answer = await client.get("/health/ready")
    assert (answer.status_code, answer.headers["Connection"]) == (503, "close")
    assert (await client.get("/health/live")).status_code == 200
    assert (await client.get("/api/v1/me")).status_code == 200


@pytest.mark.parametrize(
    ("peer", "headers", "status"),
    [
        ("127.0.0.1", {}, 200),
        ("::1", {}, 200),
        ("::ffff:127.0.0.1", {}, 200),
        ("127.0.0.1", {"X-Forwarded-For": "127.0.0.1"}, 404),
        ("127.0.0.1", {"Forwarded": "for=127.0.0.1"}, 404),
        ("127.0.0.1", {"X-Real-IP": "127.0.0.1"}, 404),
        (FAR, {}, 404),
        (FAR, {"X-Forwarded-For": "127.0.0.1"}, 404),
        (FAR, {"Authorization": "Bearer token-of-user"}, 404),
        (FAR, {"Authorization": "Bearer token-of-admin"}, 404),
        (FAR, {"Authorization": "Bearer nobody's"}, 404),
        (FAR, {"Authorization": "Bearer token-of-superadmin"}, 200),
        (FAR, {"Authorization": "Bearer token-of-monitor"}, 200),
    ],
)
async def test_metrics_are_for_this_machine_and_operators(
    connect: Any, peer: str, headers: dict[str, str], status: int
) -> None:
    async with connect(peer=peer) as client:
        answer = await client.get("/metrics", headers=headers)
    assert answer.status_code == status
    assert ("tenantry_http" in answer.text) == (status == 200)


def sample(metrics: str, start: str) -> float:
    return sum(float(line.split()[-1]) for line in metrics.splitlines() if line.startswith(start))


async def test_requests_are_counted_by_route_never_by_path(client: httpx2.AsyncClient) -> None:
    for name in ("john", "jane"):
        await client.get(f"/api/v1/users/{name}")
    await client.get("/api/v1/users?limit=0")
    await client.get("/secret-path")
    await client.request("BREW", "/api/v1/me")
    metrics = (await client.get("/metrics")).text
    assert "john" not in metrics
    assert "secret-path" not in metrics
    assert "BREW" not in metrics
    user = 'route="/api/v1/users/{user}"'
    total = "tenantry_http_requests_total"
    assert sample(metrics, f'{total}{{method="GET",{user},status="200"}}') == 2
    assert sample(metrics, f'{total}{{method="GET",route="/api/v1/users",status="422"}}') == 1
    assert sample(metrics, f'{total}{{method="GET",route="unmatched",status="404"}}') == 1
    assert sample(metrics, f'{total}{{method="other",route="unmatched",status="405"}}') == 1
    assert sample(metrics, f'tenantry_http_request_seconds_count{{method="GET",{user}}}') == 2
    for bound in ("0.01", "0.05", "0.1", "0.25", "0.5", "1.0", "5.0"):
        assert f'le="{bound}"' in metrics


async def test_requests_under_way_are_gauged(client: httpx2.AsyncClient, app: Any) -> None:
    release, all_in = asyncio.Event(), asyncio.Event()

    async def held(_: Action[Any]) -> Any:
        if len(app.asked) == 3:
            all_in.set()
        await release.wait()
        raise RuntimeError

    app.answer = held
    waiting = [asyncio.create_task(client.get("/api/v1/me")) for _ in range(3)]
    await all_in.wait()
    name = "tenantry_http_requests_in_flight"
    assert sample((await client.get("/metrics")).text, f"{name} ") == 4
    release.set()
    await asyncio.gather(*waiting)
    assert sample((await client.get("/metrics")).text, f"{name} ") == 1
