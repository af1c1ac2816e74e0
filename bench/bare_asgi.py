"""The least that can answer a check over HTTP: a constant. Run as a program; prints its port."""

import asyncio
import contextlib
import socket

import uvicorn
from starlette.types import Receive, Scope, Send

ANSWER = b'{"allowed":true}'
HEADERS = [(b"content-type", b"application/json"), (b"content-length", b"16")]


async def app(_scope: Scope, receive: Receive, send: Send) -> None:
    """Read the body, and say yes."""
    await receive()
    await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
    await send({"type": "http.response.body", "body": ANSWER})


def main() -> None:
    """Serve on any port until stopped."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    print(listener.getsockname()[1], flush=True)
    config = uvicorn.Config(
        app, lifespan="off", access_log=False, log_config=None, server_header=False
    )
    # It is stopped by a signal, which uvicorn passes on when it is done.
    with (
        contextlib.suppress(KeyboardInterrupt),
        asyncio.Runner(loop_factory=config.get_loop_factory()) as runner,
    ):
        runner.run(uvicorn.Server(config).serve([listener]))


if __name__ == "__main__":
    main()
