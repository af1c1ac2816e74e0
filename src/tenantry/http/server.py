"""The HTTP API as an ASGI app: every binding mounted, and one envelope around all."""

from collections import defaultdict
from collections.abc import Sequence

from starlette.exceptions import HTTPException
from starlette.routing import Route, Router
from starlette.types import ASGIApp, Receive, Scope, Send

from tenantry.http import pages
from tenantry.http.endpoint import ActionEndpoint
from tenantry.http.envelope import Envelope, Lifecycle
from tenantry.http.fast_checks import FastChecks
from tenantry.http.health import Operations
from tenantry.http.metrics import HttpMetrics
from tenantry.http.served import Served
from tenantry.routes import API
from tenantry.wire import Binding


def create_asgi(app: Served, lifecycle: Lifecycle | None = None) -> ASGIApp:
    """The app's HTTP face. To be called once an app, since it registers its metrics there."""
    lifecycle = lifecycle or Lifecycle()
    routes = _action_routes(app)
    for plain in (*Operations(app, lifecycle).endpoints(), *pages.endpoints()):
        routes.append(_route(plain.path, plain, ["GET"]))
    metrics = HttpMetrics(app.registry)
    whole = Envelope(RawPathRouter(routes), app.settings, metrics, lifecycle)
    return FastChecks(whole, app, metrics, lifecycle)


class RawPathRouter:
    """Starlette's router, fed with the path as it was sent.

    Servers decode the path before they hand it over, which turns ``%2F`` within a name into a
    separator. Here a parameter is decoded after the match, once.
    """

    def __init__(self, routes: Sequence[Route]) -> None:
        self._routes = routes
        self._router = Router(routes=routes, redirect_slashes=False)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            raw = scope.get("raw_path") or scope["path"].encode()
            # With an app in the scope Starlette raises where nothing fits, so that the envelope
            # answers; without, it would answer in plain text.
            scope.update(path=raw.decode("latin-1"), root_path="", app=self)
        await self._serve(scope, receive, send)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self._router(scope, receive, send)
        except HTTPException as error:
            if error.status_code == 405:
                error.headers = {"Allow": ", ".join(self._methods_at(scope["path"]))}
            raise

    def _methods_at(self, path: str) -> list[str]:
        fitting = [route for route in self._routes if route.path_regex.match(path)]
        return sorted({method for route in fitting for method in route.methods or ()})


def _action_routes(app: Served) -> list[Route]:
    by_path: dict[str, dict[str, Binding]] = defaultdict(dict)
    for binding in app.wire.bindings:
        by_path[API + binding.route.path][binding.route.method] = binding
    # A fixed name goes before a parameter: /users/find is no user called "find".
    paths = sorted(by_path, key=lambda path: [part.startswith("{") for part in path.split("/")])
    return [
        _route(path, ActionEndpoint(app, path, by_path[path]), list(by_path[path]))
        for path in paths
    ]


def _route(path: str, endpoint: ASGIApp, methods: list[str]) -> Route:
    route = Route(path, endpoint, methods=methods)
    # Starlette adds HEAD to GET; an action is not run to throw its result away.
    route.methods = set(methods)
    return route
