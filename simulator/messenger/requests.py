"""What the Graph API reads from a request: JSON and forms alike, and parameters of the address."""

import json
from typing import Any
from urllib.parse import parse_qs

from sanic import Request

from simulator.messenger.errors import GraphError


def read_body(request: Request) -> dict[str, Any]:
    """Raises ``GraphError``."""
    try:
        if request.content_type.startswith("application/x-www-form-urlencoded"):
            form = parse_qs(request.body.decode())
            return {name: _maybe_json(values[-1]) for name, values in form.items()}
        body = json.loads(request.body or b"{}")
    except ValueError as error:
        raise GraphError(100, "(#100) Invalid JSON in the request body") from error
    if not isinstance(body, dict):
        raise GraphError(100, "(#100) The request body must be an object")
    return body


def _maybe_json(value: str) -> Any:
    try:
        return json.loads(value) if value[:1] in "{[" else value
    except ValueError:
        return value


def parameter(request: Request, name: str) -> str:
    if value := request.args.get(name):
        return str(value)
    value = read_body(request).get(name, "") if request.body else ""
    return value if isinstance(value, str) else ""


def field_names(value: Any) -> list[str]:
    names = value.split(",") if isinstance(value, str) else value or []
    return [name.strip() for name in names if isinstance(name, str) and name.strip()]


def target_application(body: dict[str, Any]) -> str:
    """Raises ``GraphError``."""
    target = str(body.get("target_app_id") or "")
    if not target.isdecimal():
        raise GraphError(100, "(#100) Param target_app_id must be a valid app id")
    return target
