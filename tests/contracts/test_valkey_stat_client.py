"""What every store of live samples must do, the pretended one and a real Valkey alike."""

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from uuid import uuid4

import pytest

from tenantry.adapters.valkey import EmbeddedValkey
from tenantry.adapters.valkey_statistics import PREFIX, NoStatistics, ValkeyStatistics
from tenantry.compute.ports import Sample
from tenantry.errors import ConnectionError
from tenantry.testing.statistics import FakeStatistics
from tenantry.usage.ports import ValkeyStatClient

pytestmark = pytest.mark.anyio


def a_sample(**fields: float) -> Sample:
    given: dict[str, float] = {
        "cpu_seconds": 1.25,
        "memory_bytes": 2**40,
        "io_read_bytes": 2**50,
        "io_write_bytes": 0,
        **fields,
    }
    return Sample(id=uuid4(), at=datetime.now(UTC), **given)  # type: ignore[arg-type]  # numbers


@pytest.fixture(params=["pretended", "real"])
async def client(
    request: pytest.FixtureRequest, valkey: EmbeddedValkey
) -> AsyncIterator[ValkeyStatClient]:
    if request.param == "pretended":
        yield FakeStatistics()
        return
    real = ValkeyStatistics.connect(valkey.url)
    yield real
    await real.close()


async def test_samples_come_back_as_they_were(client: ValkeyStatClient) -> None:
    samples = [a_sample(), a_sample(disk_bytes=7)]
    await client.put_samples(samples)
    assert await client.get_samples(s.id for s in samples) == {s.id: s for s in samples}


async def test_the_latest_sample_counts(client: ValkeyStatClient) -> None:
    first = a_sample()
    later = Sample(
        id=first.id,
        at=datetime.now(UTC),
        cpu_seconds=2.0,
        memory_bytes=1,
        io_read_bytes=2,
        io_write_bytes=3,
    )
    await client.put_samples([first])
    await client.put_samples([later])
    assert await client.get_samples([first.id]) == {first.id: later}


async def test_a_session_without_a_sample_is_left_out(client: ValkeyStatClient) -> None:
    sample = a_sample()
    await client.put_samples([sample])
    assert set(await client.get_samples([uuid4(), sample.id, uuid4()])) == {sample.id}
    assert await client.get_samples([]) == {}


async def test_dropped_samples_are_gone_and_can_be_dropped_again(client: ValkeyStatClient) -> None:
    samples = [a_sample(), a_sample()]
    await client.put_samples(samples)
    for _ in range(2):
        await client.drop_samples([samples[0].id])
    assert set(await client.get_samples(s.id for s in samples)) == {samples[1].id}
    await client.drop_samples([])


async def test_nothing_to_put_is_no_error(client: ValkeyStatClient) -> None:
    await client.put_samples([])


async def test_thousands_of_samples_are_one_question(client: ValkeyStatClient) -> None:
    samples = [a_sample() for _ in range(2000)]
    await client.put_samples(samples)
    assert len(await client.get_samples(s.id for s in samples)) == 2000


@pytest.fixture(params=["pretended", "missing", "refused", "silent"])
async def unreachable(request: pytest.FixtureRequest) -> AsyncIterator[ValkeyStatClient]:
    """Stores that are away: pretending, missing, refusing, or never answering."""
    if request.param == "pretended":
        fake = FakeStatistics()
        fake.away = True
        yield fake
        return
    if request.param == "missing":
        yield NoStatistics()
        return
    open_until_the_end = asyncio.Event()

    async def silent(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await open_until_the_end.wait()
        writer.close()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    if request.param == "refused":
        server.close()
    real = ValkeyStatistics.connect(f"redis://127.0.0.1:{port}/0")
    yield real
    open_until_the_end.set()
    await real.close()
    server.close()


async def test_out_of_reach_is_told_in_a_quarter_of_a_second(
    unreachable: ValkeyStatClient,
) -> None:
    for question in (
        lambda: unreachable.put_samples([a_sample()]),
        lambda: unreachable.get_samples([uuid4()]),
        lambda: unreachable.drop_samples([uuid4()]),
    ):
        began = time.monotonic()
        with pytest.raises(ConnectionError):
            await question()
        assert time.monotonic() - began < 0.6


async def test_what_somebody_else_wrote_there_counts_as_missing(valkey: EmbeddedValkey) -> None:
    real = ValkeyStatistics.connect(valkey.url)
    session_id = uuid4()
    try:
        for value in (b"", b"\xc1", b"\x80", b"text"):
            await real._client.set(f"{PREFIX}{session_id}", value, ex=60)
            assert await real.get_samples([session_id]) == {}
    finally:
        await real.close()


async def test_samples_vanish_of_themselves(valkey: EmbeddedValkey) -> None:
    real = ValkeyStatistics.connect(valkey.url)
    try:
        await real.put_samples([sample := a_sample()])
        assert 0 < await real._client.ttl(f"{PREFIX}{sample.id}") <= 3600
    finally:
        await real.close()


async def test_an_answer_that_came_too_late_is_not_taken_for_the_next(
    valkey: EmbeddedValkey,
) -> None:
    real = ValkeyStatistics.connect(valkey.url)
    other = ValkeyStatistics.connect(valkey.url)
    samples = [a_sample() for _ in range(3)]
    try:
        await real.put_samples(samples)
        await other._client.client_pause(400)
        with pytest.raises(ConnectionError):
            await real.get_samples([samples[0].id])
        await asyncio.sleep(0.5)
        assert await real.get_samples([samples[1].id]) == {samples[1].id: samples[1]}
    finally:
        await real.close()
        await other.close()
