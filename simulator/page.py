"""The page with the two phones and the mailbox: static files under a strict policy, and the live connection."""

from mimetypes import guess_type
from pathlib import Path
from urllib.parse import urlsplit

from sanic import Blueprint, HTTPResponse, Request, Websocket
from sanic.response import json as json_response
from sanic.response import raw

from simulator.live import LivePages
from simulator.settings import SimulatorSettings

STATIC = Path(__file__).parent / "static"
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "frame-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
_MEDIA = {"image": "photo.svg", "sticker": "like.svg", "like": "like.svg", "video": "photo.svg"}


def page_routes(settings: SimulatorSettings, live: LivePages) -> Blueprint:
    blueprint = Blueprint("page")

    @blueprint.get("/")
    async def show_page(request: Request) -> HTTPResponse:
        return _file(STATIC / "index.html", _page_headers())

    @blueprint.get("/static/<name:[a-z_-]+[.](?:js|css|svg)>")
    async def show_file(request: Request, name: str) -> HTTPResponse:
        path = STATIC / name
        if not path.is_file():
            return json_response({"error": "no such file"}, status=404)
        return _file(path, _file_headers())

    @blueprint.get("/media/<kind:[a-z]+>")
    async def show_media(request: Request, kind: str) -> HTTPResponse:
        """What attachments point at: any kind without a picture of its own gets a document's."""
        return _file(STATIC / _MEDIA.get(kind, "document.svg"), _file_headers())

    @blueprint.get("/api/brand")
    async def describe_brand(request: Request) -> HTTPResponse:
        return json_response({"name": settings.brand_name, "smtp_port": settings.smtp_port})

    @blueprint.websocket("/live")
    async def follow(request: Request, socket: Websocket) -> None:
        await live.serve(socket)

    return blueprint


def comes_from_elsewhere(request: Request) -> bool:
    """True for a call that another web site made through the reader's browser, or that aims at us by a foreign name.

    Programs send no ``Origin``. A foreign ``Host`` is how DNS rebinding looks from here.
    """
    host = urlsplit(f"//{request.headers.get('host', '')}")
    if host.hostname not in LOOPBACK:
        return True
    origin = request.headers.get("origin")
    return origin is not None and urlsplit(origin).netloc != host.netloc


def _file(path: Path, headers: dict[str, str]) -> HTTPResponse:
    """Read at once: a file opened in a thread stays open when its reader leaves meanwhile."""
    return raw(path.read_bytes(), content_type=guess_type(path.name)[0] or "text/plain", headers=headers)


def _page_headers() -> dict[str, str]:
    return _file_headers() | {"Content-Security-Policy": CONTENT_SECURITY_POLICY, "Referrer-Policy": "no-referrer"}


def _file_headers() -> dict[str, str]:
    return {"Cache-Control": "no-cache", "X-Content-Type-Options": "nosniff"}
