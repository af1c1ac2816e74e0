"""The server as a process: bind, open the app, serve until told to stop, go down in order."""

import asyncio
import contextlib
import logging
import math
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Protocol

import uvicorn

from tenantry.adapters.collector import short_pauses
from tenantry.config import read_connection
from tenantry.errors import ConfigurationError
from tenantry.http.envelope import Lifecycle
from tenantry.http.logs import set_up_logging
from tenantry.http.protocol import BoundedProtocol
from tenantry.http.served import Served
from tenantry.http.server import create_asgi
from tenantry.settings import Settings

# So long the health check says "going down" before the server stops listening: a load balancer
# that asks every second has moved on by then.
NOTICE_SECONDS = 1.0

logger = logging.getLogger(__name__)


class Opened(Served, Protocol):
    """The app as a server process sees it."""

    @property
    def connection_file(self) -> Path: ...
    @property
    def first_password(self) -> str | None: ...
    def write_connection_file(self, host: str, port: int) -> None: ...


Opener = Callable[[Settings], AbstractAsyncContextManager[Opened]]


def run_server(settings: Settings, opener: Opener | None = None) -> None:
    """Serve until SIGTERM or SIGINT; ConfigurationError where that cannot even begin."""
    if opener is None:
        from tenantry.app import open_app

        opener = open_app
    set_up_logging(settings.log_level)
    loop_factory = uvicorn.Config(app="", log_config=None).get_loop_factory()
    with contextlib.ExitStack() as stack, asyncio.Runner(loop_factory=loop_factory) as runner:
        sockets = bound(settings)
        for listener in sockets:
            stack.callback(listener.close)
        # The port may have been "any": addresses that are printed and stored need the real one.
        settings = replace(settings, port=sockets[0].getsockname()[1])
        with contextlib.suppress(asyncio.CancelledError):
            runner.run(_serve(settings, opener, sockets))


def bound(settings: Settings) -> list[socket.socket]:
    """Sockets on every address of the host; taken first, since a taken port is the usual fault."""
    sockets: list[socket.socket] = []
    port = settings.port
    try:
        found = socket.getaddrinfo(
            settings.host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
        for family, kind, protocol, _, address in dict.fromkeys(found):
            listener = socket.socket(family, kind, protocol)
            sockets.append(listener)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            listener.bind((address[0], port, *address[2:]))
            port = listener.getsockname()[1]
    except OSError as error:
        for listener in sockets:
            listener.close()
        raise _cannot_listen(settings, error) from None
    return sockets


def _cannot_listen(settings: Settings, error: OSError) -> ConfigurationError:
    place = f"{settings.host} port {settings.port}"
    return ConfigurationError(
        f"Cannot listen on {place}: {error.strerror}. Stop what uses it, or set TENANTRY_PORT."
    )


async def _serve(settings: Settings, opener: Opener, sockets: list[socket.socket]) -> None:
    stop = Stop()
    with stop.listening():
        async with opener(settings) as app:
            lifecycle = Lifecycle()
            server = Server(_config(settings, app, lifecycle), partial(ready, app))
            stop.begin(server, lifecycle)
            try:
                with short_pauses():
                    await server.serve(sockets)
            except OSError as error:
                raise _cannot_listen(settings, error) from None


def _config(settings: Settings, app: Served, lifecycle: Lifecycle) -> uvicorn.Config:
    return uvicorn.Config(
        create_asgi(app, lifecycle),
        http=BoundedProtocol,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        # The client's address is worked out in origin.py, which trusts nobody by default.
        proxy_headers=False,
        timeout_graceful_shutdown=math.ceil(settings.shutdown_timeout),
    )


class Server(uvicorn.Server):
    """uvicorn's server, which here leaves signals alone and tells when it listens."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._ready()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        # uvicorn would send itself the signal again once down, and so exit with its number.
        yield


class Stop:
    """What SIGTERM and SIGINT do: before serving, cancel; then notice, drain, and at last cut."""

    def __init__(self) -> None:
        self._server: uvicorn.Server | None = None
        self._lifecycle = Lifecycle()

    def begin(self, server: uvicorn.Server, lifecycle: Lifecycle) -> None:
        """From now on there is something to drain."""
        self._server, self._lifecycle = server, lifecycle

    @contextlib.contextmanager
    def listening(self) -> Iterator[None]:
        """Handle the two signals while inside."""
        loop = asyncio.get_running_loop()
        task = asyncio.current_task()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._asked, number, task)
        try:
            yield
        finally:
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.remove_signal_handler(number)

    def _asked(self, number: signal.Signals, task: "asyncio.Task[None] | None") -> None:
        if self._server is None:
            if task is not None:
                task.cancel()
        elif self._lifecycle.stopping:
            self._server.should_exit = True
            self._server.force_exit = number == signal.SIGINT
        else:
            self._lifecycle.stopping = True
            # Who presses Ctrl-C has no load balancer that would need the notice.
            notice = NOTICE_SECONDS if number == signal.SIGTERM else 0.0
            asyncio.get_running_loop().call_later(notice, self._end)

    def _end(self) -> None:
        if self._server is not None:
            self._server.should_exit = True


def ready(app: Opened) -> None:
    """Tell clients on this machine where to find the server, and people where everything is."""
    settings = app.settings
    try:
        app.write_connection_file(_reachable(settings.host), settings.port)
    except OSError as error:
        # A client can still be told the address; a server need not stop for that.
        logger.warning("%s cannot be written: %s", app.connection_file, error.strerror)
    print("\n".join(announcement(app)), flush=True)


def announcement(app: Opened) -> list[str]:
    """What is printed on stdout; the log on stderr stays JSON."""
    settings, base = app.settings, app.settings.base_url
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    lines = [
        "Tenantry is ready.",
        f"  listens on  {host}:{settings.port}",
        f"  API         {base}/api/v1",
        f"  OpenAPI     {base}/openapi.json",
        f"  console     {base}/console",
    ]
    if read_connection(settings.data_dir).password:
        lines.append(f"  password    of {settings.admin_user}: in {app.connection_file}")
    if app.first_password is not None:
        lines.append(f"              {app.first_password}  (shown only now)")
    return lines


def _reachable(host: str) -> str:
    """The address to connect to where one listens on all."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 compared, not bound
