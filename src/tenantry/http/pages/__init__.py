"""The pages that people open from a mail: plain files, and headers that let nothing else in."""

from importlib.resources import files

from starlette.responses import Response
from starlette.types import Scope

from tenantry.http.health import Plain

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_PAGES = {
    "/set-password": ("set-password.html", "text/html"),
    "/set-password.css": ("set-password.css", "text/css"),
    "/set-password.js": ("set-password.js", "text/javascript"),
}


def endpoints() -> list[Plain]:
    """All of them."""
    return [_page(path, name, media_type) for path, (name, media_type) in _PAGES.items()]


def _page(path: str, name: str, media_type: str) -> Plain:
    content = files(__name__).joinpath(name).read_bytes()

    async def answer(_scope: Scope) -> Response:
        return Response(
            content, media_type=media_type, headers={"Content-Security-Policy": _POLICY}
        )

    return Plain(path, answer)
