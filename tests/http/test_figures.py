"""The gauges of the state of things, as whoever asks for the metrics sees them."""

import asyncio
import math

import httpx2
import pytest
from prometheus_client import CollectorRegistry

from tenantry.adapters import prometheus
from tenantry.adapters.prometheus import FIGURES, Figures
from tenantry.app import App
from tenantry.databases.ports import ServerFigures
from tenantry.errors import ConnectionError
from tenantry.http.server import create_asgi
from tenantry.testing.users import make_user

pytestmark = pytest.mark.anyio


async def test_all_figures_are_looked_up_when_the_metrics_are_asked_for(tenantry: App) -> None:
    await make_user(tenantry, "john")
    transport = httpx2.ASGITransport(create_asgi(tenantry), client=("127.0.0.1", 50000))
    async with httpx2.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        text = (await client.get("/metrics")).text
    lines = [line for line in text.splitlines() if line.startswith("tenantry_")]
    found = dict(line.split() for line in lines if "{" not in line)
    for name in FIGURES:
        assert float(found[f"tenantry_{name}"]) >= 0
    assert float(found["tenantry_audit_unsealed_entries"]) >= 1


async def test_what_cannot_be_looked_up_is_not_a_number_and_keeps_nothing_else_from_being_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(prometheus, "LOOK_UP_SECONDS", 0.05)
    registry, broken = CollectorRegistry(), False

    async def jobs() -> dict[str, float]:
        if broken:
            raise ConnectionError
        return {"pending_jobs": 3}

    async def locks() -> dict[str, float]:
        await asyncio.sleep(10 if broken else 0)
        return {"locked_accounts": 2}

    async def audit() -> dict[str, float]:
        return {"audit_unsealed_entries": 1}

    async def servers() -> list[ServerFigures]:
        if broken:
            raise ConnectionError
        return [ServerFigures("shop", {"extra": 2}, None, 60)]

    figures = Figures(
        registry,
        {
            jobs: ("pending_jobs",),
            locks: ("locked_accounts",),
            audit: ("audit_unsealed_entries",),
        },
        servers,
    )
    await figures.look_up()
    assert registry.get_sample_value("tenantry_pending_jobs") == 3
    assert registry.get_sample_value("tenantry_locked_accounts") == 2
    drift = {"database": "shop", "kind": "extra"}
    assert registry.get_sample_value("tenantry_database_drift", drift) == 2
    broken = True
    await figures.look_up()
    assert registry.get_sample_value("tenantry_database_drift", drift) is None
    for name in ("tenantry_pending_jobs", "tenantry_locked_accounts"):
        value = registry.get_sample_value(name)
        assert value is not None
        assert math.isnan(value)
    assert registry.get_sample_value("tenantry_audit_unsealed_entries") == 1
