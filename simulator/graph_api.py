"""The Graph API's addresses, in front of ``simulator.messenger``."""

import secrets
from functools import partial
from typing import Any

from sanic import Blueprint, HTTPResponse, Request
from sanic.response import json as json_response

from simulator.messenger import GraphError, Messenger, field_names, parameter, read_body

_VERSION = r"<version:v\d{1,2}\.\d>"


def graph_api(messenger: Messenger) -> Blueprint:
    blueprint = Blueprint("graph_api")

    @blueprint.exception(GraphError)
    async def answer_error(request: Request, error: GraphError) -> HTTPResponse:
        messenger.sends.refused += request.path.endswith("/messages")
        detail: dict[str, Any] = {"message": error.message, "type": "OAuthException", "code": error.code}
        if error.subcode is not None:
            detail["error_subcode"] = error.subcode
        detail |= {"is_transient": error.code in (1, 2), "fbtrace_id": secrets.token_urlsafe(12)}
        return json_response(
            {"error": detail}, status=error.status, headers=messenger.usage_headers(error.regain_seconds)
        )

    @blueprint.post(f"/{_VERSION}/<node>/messages")
    async def send_message(request: Request, version: str, node: str) -> HTTPResponse:
        return await messenger.send(request, node)

    @blueprint.get(f"/{_VERSION}/<node>")
    async def describe(request: Request, version: str, node: str) -> HTTPResponse:
        messenger.authorise_page(request, "me")
        if node in ("me", messenger.account.page_id):
            return json_response({"id": messenger.account.page_id, "name": messenger.brand_name})
        conversation = messenger.conversations.find("messenger", node)
        if conversation is None:
            raise GraphError(100, "(#100) No matching user found", 2018001)
        return json_response({"id": node, "first_name": conversation.name})

    _add_page_routes(blueprint, messenger)
    _add_routing_routes(blueprint, messenger)
    _add_callback_routes(blueprint, messenger)
    return blueprint


def _add_page_routes(blueprint: Blueprint, messenger: Messenger) -> None:
    @blueprint.get(f"/{_VERSION}/<node>/subscribed_apps")
    async def list_subscribed_apps(request: Request, version: str, node: str) -> HTTPResponse:
        messenger.authorise_page(request, node)
        return json_response(messenger.subscribed_apps())

    @blueprint.post(f"/{_VERSION}/<node>/subscribed_apps")
    async def subscribe_page(request: Request, version: str, node: str) -> HTTPResponse:
        messenger.authorise_page(request, node)
        fields = field_names(request.args.get("subscribed_fields") or read_body(request).get("subscribed_fields"))
        if not fields:
            raise GraphError(100, "(#100) The parameter subscribed_fields is required")
        messenger.subscribed_fields = fields
        return json_response({"success": True})

    @blueprint.delete(f"/{_VERSION}/<node>/subscribed_apps")
    async def unsubscribe_page(request: Request, version: str, node: str) -> HTTPResponse:
        messenger.authorise_page(request, node)
        messenger.subscribed_fields = []
        return json_response({"success": True})


def _add_routing_routes(blueprint: Blueprint, messenger: Messenger) -> None:
    async def control_thread(request: Request, version: str, node: str, act: str) -> HTTPResponse:
        return json_response(messenger.control_thread(request, node, act))

    for act in ("pass", "take", "release", "request"):
        path = f"/{_VERSION}/<node>/{act}_thread_control"
        blueprint.add_route(partial(control_thread, act=act), path, methods=["POST"], name=f"{act}_thread")

    @blueprint.get(f"/{_VERSION}/<node>/thread_owner")
    async def tell_owner(request: Request, version: str, node: str) -> HTTPResponse:
        return json_response(messenger.thread_owner(request, node))


def _add_callback_routes(blueprint: Blueprint, messenger: Messenger) -> None:
    @blueprint.get(f"/{_VERSION}/<node>/subscriptions")
    async def list_subscriptions(request: Request, version: str, node: str) -> HTTPResponse:
        messenger.authorise_app(request, node)
        fields = [{"name": name, "version": version} for name in messenger.subscribed_fields]
        callback = {"object": "page", "callback_url": messenger.callback_url, "active": True, "fields": fields}
        return json_response({"data": [callback]})

    @blueprint.post(f"/{_VERSION}/<node>/subscriptions")
    async def register_callback(request: Request, version: str, node: str) -> HTTPResponse:
        messenger.authorise_app(request, node)
        if parameter(request, "object") != "page":
            raise GraphError(100, "(#100) object must be page")
        await messenger.verify_callback(parameter(request, "callback_url"), parameter(request, "verify_token"))
        return json_response({"success": True})
