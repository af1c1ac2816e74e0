"""Between the operations and the transport of the moment, which may change while calls run."""

from typing import TypeVar

import anyio

from tenantry.errors import ConnectionError
from tenantry.kernel.action import Action
from tenantry.routes import wire
from tenantry.sdk.decision_cache import DecisionCache
from tenantry.sdk.transport import Transport

ResultT = TypeVar("ResultT")

CLOSED = "The client was closed during the call."
NOT_CONNECTED = "The client is not connected: call connect() first."
DRAIN_SECONDS = 30.0


class ClientLine:
    """Leads to a transport or nowhere. It outlives each transport, and the client itself."""

    def __init__(self, decision_cache: DecisionCache | None = None) -> None:
        self.bindings = wire()
        self.decision_cache = decision_cache
        self._far_end: _FarEnd | None = None

    @property
    def is_connected(self) -> bool:
        """Whether it leads anywhere."""
        return self._far_end is not None

    def require_connected(self) -> "_FarEnd":
        """ConnectionError where it leads nowhere."""
        if self._far_end is None:
            raise ConnectionError(NOT_CONNECTED)
        return self._far_end

    async def run(self, action: Action[ResultT]) -> ResultT:
        """The action's result from where the line leads when it is called."""
        try:
            return await self.require_connected().run(action)
        finally:
            if not action.reads:
                self._forget_decisions()

    @property
    def last_version(self) -> int | None:
        """The version of the latest change that was made where the line leads now."""
        return self._far_end.last_version if self._far_end is not None else None

    def _forget_decisions(self) -> None:
        if self.decision_cache is not None:
            self.decision_cache.forget()

    async def lead_to(self, transport: Transport) -> None:
        """Lead there from now on; then wait for the calls on the last transport, and end it."""
        last, self._far_end = self._far_end, _FarEnd(transport)
        self._forget_decisions()
        if last is not None:
            with anyio.move_on_after(DRAIN_SECONDS):
                await last.idle()
            await last.end()

    async def cut(self) -> None:
        """Lead nowhere; end the calls that are under way, and the transport."""
        last, self._far_end = self._far_end, None
        if last is not None:
            await last.end()

    def forget(self) -> None:
        """Lead nowhere, and leave what was there to another process."""
        self._far_end = None


class _FarEnd:
    """A transport and the calls that are under way on it."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._calls: set[anyio.CancelScope] = set()
        self._idle = anyio.Event()

    @property
    def last_version(self) -> int | None:
        return self._transport.last_version

    async def run(self, action: Action[ResultT]) -> ResultT:
        with anyio.CancelScope() as call:
            self._calls.add(call)
            try:
                return await self._transport.run(action)
            finally:
                self._calls.remove(call)
                if not self._calls:
                    self._idle.set()
        raise ConnectionError(CLOSED)

    async def idle(self) -> None:
        """Wait until no call is under way."""
        while self._calls:
            self._idle = anyio.Event()
            await self._idle.wait()

    async def end(self) -> None:
        for call in self._calls:
            call.cancel()
        await self.idle()
        await self._transport.log_out()
        await self._transport.aclose()
