"""What keeps other sites and other people out of the console's pages."""

from typing import Any, Final
from urllib.parse import urlsplit

from sanic import Request
from sanic.response import BaseHTTPResponse

_HEADERS: Final = {
    # Nothing from elsewhere, nothing inline: text that a customer wrote can never become a script.
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})


class Cookies:
    """The session's cookie and short-lived ones. ``secure``: the console is reached by https."""

    def __init__(self, *, secure: bool) -> None:
        self._secure = secure
        # The prefix makes browsers refuse a cookie that a neighbouring host set (RFC 6265bis, 4.1.3.2).
        self.session = "__Host-parvis" if secure else "parvis"
        self.begun = "__Host-parvis-begun" if secure else "parvis_begun"

    def set(self, response: BaseHTTPResponse, name: str, value: str, seconds: int) -> None:
        # Lax, not Strict: coming back from the identity provider is a navigation from another site.
        response.add_cookie(
            name,
            value,
            max_age=seconds,
            httponly=True,
            secure=self._secure,
            samesite="Lax",
            path="/",
        )

    def delete(self, response: BaseHTTPResponse, name: str) -> None:
        self.set(response, name, "", 0)


def harden(request: Request, response: BaseHTTPResponse, *, secure: bool) -> None:
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)
    if secure:
        response.headers.setdefault("Strict-Transport-Security", "max-age=31536000")
    if not request.path.startswith("/static/"):
        response.headers.setdefault("Cache-Control", "no-store")


def comes_from_elsewhere(request: Request) -> bool:
    """A change that another site's page asks for (Fetch Metadata; the Origin header where that is missing)."""
    if request.method in _SAFE_METHODS:
        return False
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site not in ("same-origin", "none")
    origin = request.headers.get("origin")
    return origin is not None and urlsplit(origin).netloc != request.host


def own_path(address: Any) -> str:
    """Where to go on after signing in: a path of ours, never another site's address."""
    path = str(address or "")
    parts = urlsplit(path)
    is_ours = path.startswith("/") and not path.startswith(("//", "/\\")) and not parts.netloc and "\\" not in path
    return path if is_ours and path.isprintable() else "/"
