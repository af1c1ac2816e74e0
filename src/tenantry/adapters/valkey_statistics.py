"""Live samples in Valkey: a key for each session, all in one hash slot, gone after an hour."""

import asyncio
from collections.abc import Awaitable, Iterable
from typing import TYPE_CHECKING, Self, TypeVar
from uuid import UUID

import msgspec

from tenantry.compute.ports import Sample
from tenantry.errors import ConnectionError

if TYPE_CHECKING:
    from valkey.asyncio import Valkey

SECONDS = 0.25
KEPT_SECONDS = 3600
PREFIX = "{tenantry:samples}:"
MISSING = "There is no Valkey here."

T = TypeVar("T")

_encode = msgspec.msgpack.Encoder().encode
_decoder = msgspec.msgpack.Decoder(Sample)


class ValkeyStatistics:
    """The latest sample of each session. Nothing is repeated: a late answer is no answer."""

    def __init__(self, client: "Valkey") -> None:
        self._client = client

    @classmethod
    def connect(cls, url: str) -> Self:
        """Prepare connections; the first question opens one."""
        from valkey.asyncio import Valkey  # 0.3 s, which only a server should pay

        client: Valkey = Valkey.from_url(
            url,
            retry=None,
            retry_on_timeout=False,
            socket_connect_timeout=SECONDS,
            socket_timeout=SECONDS,
        )
        return cls(client)

    async def put_samples(self, samples: Iterable[Sample]) -> None:
        """In one pipeline."""
        pipeline = self._client.pipeline(transaction=False)
        for sample in samples:
            pipeline.set(_key(sample.id), _encode(sample), ex=KEPT_SECONDS)
        if len(pipeline):
            await _in_time(pipeline.execute())

    async def get_samples(self, session_ids: Iterable[UUID]) -> dict[UUID, Sample]:
        """By one MGET; what cannot be read counts as missing."""
        ids = list(session_ids)
        if not ids:
            return {}
        found = await _in_time(self._client.mget([_key(session_id) for session_id in ids]))
        samples = ((key, _decoded(value)) for key, value in zip(ids, found, strict=True))
        return {key: sample for key, sample in samples if sample is not None}

    async def drop_samples(self, session_ids: Iterable[UUID]) -> None:
        """By one UNLINK."""
        keys = [_key(session_id) for session_id in session_ids]
        if keys:
            await _in_time(self._client.unlink(*keys))

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()


class NoStatistics:
    """Where there is no Valkey: always out of reach, and so the newest IO is never shown."""

    async def put_samples(self, samples: Iterable[Sample]) -> None:
        raise ConnectionError(MISSING)

    async def get_samples(self, session_ids: Iterable[UUID]) -> dict[UUID, Sample]:
        raise ConnectionError(MISSING)

    async def drop_samples(self, session_ids: Iterable[UUID]) -> None:
        raise ConnectionError(MISSING)


async def _in_time(question: Awaitable[T]) -> T:
    from valkey.exceptions import ValkeyError

    try:
        async with asyncio.timeout(SECONDS):
            return await question
    except (ValkeyError, OSError, TimeoutError) as error:
        raise ConnectionError("Valkey does not answer.") from error


def _key(session_id: UUID) -> str:
    return f"{PREFIX}{session_id}"


def _decoded(value: bytes | None) -> Sample | None:
    try:
        return _decoder.decode(value) if value is not None else None
    except msgspec.DecodeError:
        return None
