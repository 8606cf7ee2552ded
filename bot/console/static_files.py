"""Style sheets, scripts and pictures of the console: a few small files, read once and kept in memory.

A file that is opened in a thread for each request stays open when its reader leaves meanwhile.
"""

from hashlib import sha256
from mimetypes import guess_type
from pathlib import Path
from typing import Any

from sanic import HTTPResponse, Request, Sanic
from sanic.exceptions import NotFound
from sanic.response import empty, raw

_FOLDER = Path(__file__).parent / "static"


def add_static_files(app: "Sanic[Any, Any]") -> None:
    """Browsers keep them, and ask each time whether they are still the same."""
    contents = {path.name: path.read_bytes() for path in _FOLDER.iterdir()}
    tags = {name: f'"{sha256(content).hexdigest()[:16]}"' for name, content in contents.items()}

    async def show_static_file(request: Request, name: str) -> HTTPResponse:
        if name not in contents:
            raise NotFound(f"no static file {name}")
        headers = {"ETag": tags[name], "Cache-Control": "no-cache"}
        if request.headers.get("if-none-match") == tags[name]:
            return empty(304, headers=headers)
        return raw(contents[name], content_type=guess_type(name)[0] or "application/octet-stream", headers=headers)

    app.add_route(show_static_file, "/static/<name:str>", name="static")
