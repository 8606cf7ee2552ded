"""What X reads from a request; what it cannot read is refused."""

import json
from typing import Any

from sanic import Request

from simulator.x.errors import bad_request

MAX_TEXT = 10_000


def read_text(request: Request) -> str:
    """Raises ``XError``. The v2 schema has ``text`` and ``attachments`` and refuses any other field."""
    body = read_object(request)
    if unknown := body.keys() - {"text", "attachments"}:
        names = ", ".join(sorted(unknown))
        raise bad_request(
            f"$.{names}: is not defined in the schema and the schema does not allow additional properties"
        )
    text = body.get("text")
    if not isinstance(text, str) or not text:
        raise bad_request("$.text: must be at least 1 characters long")
    if len(text) > MAX_TEXT:
        raise bad_request(f"$.text: may only be {MAX_TEXT} characters long")
    return text


def read_object(request: Request) -> dict[str, Any]:
    try:
        body = json.loads(request.body or b"{}")
    except ValueError as error:
        raise bad_request("The request body is not valid JSON") from error
    if not isinstance(body, dict):
        raise bad_request("The request body must be an object")
    return body


def listed(request: Request, name: str) -> list[str]:
    return [one for one in (request.args.get(name) or "").split(",") if one]


def page_size(request: Request) -> int:
    value = request.args.get("max_results", "100")
    if not value.isdecimal() or not 1 <= int(value) <= 100:
        raise bad_request("The `max_results` query parameter value must be between 1 and 100")
    return int(value)


def decode_page(token: str) -> str:
    """A page token is B and the last id in hexadecimal."""
    if not token:
        return str(1 << 70)
    try:
        return str(int(token.removeprefix("B"), 16))
    except ValueError as error:
        raise bad_request("The `pagination_token` query parameter value is invalid") from error
