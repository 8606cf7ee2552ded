"""The Graph API's addresses."""

import secrets
from functools import partial
from typing import Any

from sanic import Blueprint, HTTPResponse, Request
from sanic.response import json as json_response

from simulator.messenger.errors import GraphError, no_such_user
from simulator.messenger.platform import Messenger
from simulator.messenger.registrations import Registrations
from simulator.messenger.requests import field_names, parameter, read_body
from simulator.messenger.tokens import Tokens
from simulator.messenger.usage import usage_headers

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
        headers = usage_headers(messenger.account.page_id, error.regain_seconds)
        return json_response({"error": detail}, status=error.status, headers=headers)

    @blueprint.post(f"/{_VERSION}/<node>/messages")
    async def send_message(request: Request, version: str, node: str) -> HTTPResponse:
        return await messenger.send(request, node)

    @blueprint.get(f"/{_VERSION}/<node>")
    async def describe(request: Request, version: str, node: str) -> HTTPResponse:
        messenger.tokens.authorise_page(request, "me")
        if node in ("me", messenger.account.page_id):
            return json_response({"id": messenger.account.page_id, "name": messenger.brand_name})
        conversation = messenger.conversations.find("messenger", node)
        if conversation is None:
            raise no_such_user()
        return json_response({"id": node, "first_name": conversation.name})

    _add_page_routes(blueprint, messenger)
    _add_routing_routes(blueprint, messenger)
    _add_callback_routes(blueprint, messenger.tokens, messenger.registrations)
    return blueprint


def _add_page_routes(blueprint: Blueprint, messenger: Messenger) -> None:
    @blueprint.get(f"/{_VERSION}/<node>/subscribed_apps")
    async def list_subscribed_apps(request: Request, version: str, node: str) -> HTTPResponse:
        messenger.tokens.authorise_page(request, node)
        applications = messenger.registrations.subscribed_apps(messenger.account.app_id, messenger.brand_name)
        return json_response({"data": applications})

    @blueprint.post(f"/{_VERSION}/<node>/subscribed_apps")
    async def subscribe_page(request: Request, version: str, node: str) -> HTTPResponse:
        messenger.tokens.authorise_page(request, node)
        fields = field_names(request.args.get("subscribed_fields") or read_body(request).get("subscribed_fields"))
        if not fields:
            raise GraphError(100, "(#100) The parameter subscribed_fields is required")
        messenger.registrations.subscribed_fields = fields
        return json_response({"success": True})

    @blueprint.delete(f"/{_VERSION}/<node>/subscribed_apps")
    async def unsubscribe_page(request: Request, version: str, node: str) -> HTTPResponse:
        messenger.tokens.authorise_page(request, node)
        messenger.registrations.subscribed_fields = []
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


def _add_callback_routes(blueprint: Blueprint, tokens: Tokens, registered: Registrations) -> None:
    @blueprint.get(f"/{_VERSION}/<node>/subscriptions")
    async def list_subscriptions(request: Request, version: str, node: str) -> HTTPResponse:
        tokens.authorise_app(request, node)
        fields = [{"name": name, "version": version} for name in registered.subscribed_fields]
        callback = {"object": "page", "callback_url": registered.callback_url, "active": True, "fields": fields}
        return json_response({"data": [callback]})

    @blueprint.post(f"/{_VERSION}/<node>/subscriptions")
    async def register_callback(request: Request, version: str, node: str) -> HTTPResponse:
        tokens.authorise_app(request, node)
        if parameter(request, "object") != "page":
            raise GraphError(100, "(#100) object must be page")
        await registered.verify_callback(parameter(request, "callback_url"), parameter(request, "verify_token"))
        return json_response({"success": True})
