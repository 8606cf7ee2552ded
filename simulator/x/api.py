"""The X API's addresses."""

from typing import Any

from sanic import Blueprint, HTTPResponse, Request
from sanic.response import json as json_response

from simulator.x.errors import XError, bad_request
from simulator.x.platform import X
from simulator.x.registrations import Registrations, Subscription
from simulator.x.requests import read_object
from simulator.x.tokens import Tokens


def x_api(x: X) -> Blueprint:
    blueprint = Blueprint("x_api")

    @blueprint.exception(XError)
    async def answer_error(request: Request, error: XError) -> HTTPResponse:
        sending = request.method == "POST" and request.path.startswith("/2/dm_conversations/")
        x.sends.refused += sending
        body: dict[str, Any] = {
            "title": error.title,
            "detail": error.detail,
            "type": error.problem,
            "status": error.status,
        }
        if error.code is not None:
            body = {"errors": [{"code": error.code, "message": error.detail}]}
        return json_response(body, status=error.status, headers=x.send_headers() if sending else None)

    @blueprint.post("/2/dm_conversations/with/<user>/messages")
    async def send_message(request: Request, user: str) -> HTTPResponse:
        return await x.send(request, user)

    @blueprint.get("/2/dm_events")
    async def list_events(request: Request) -> HTTPResponse:
        return x.dm_events(request, None)

    @blueprint.get("/2/dm_conversations/with/<user>/dm_events")
    async def list_events_with(request: Request, user: str) -> HTTPResponse:
        return x.dm_events(request, user)

    @blueprint.get("/2/users/me")
    async def describe_me(request: Request) -> HTTPResponse:
        x.tokens.authorise_user(request)
        me = {"id": x.account.account_id, "name": x.events.brand_name, "username": x.events.brand_username()}
        return json_response({"data": me})

    _add_webhook_routes(blueprint, x.tokens, x.registrations)
    _add_subscription_routes(blueprint, x.tokens, x.registrations, x.account.account_id)
    _add_account_activity_routes(blueprint, x.tokens, x.registrations, x.account.account_id)
    return blueprint


def _add_webhook_routes(blueprint: Blueprint, tokens: Tokens, registered: Registrations) -> None:
    @blueprint.get("/2/webhooks")
    async def list_webhooks(request: Request) -> HTTPResponse:
        tokens.authorise_app(request)
        data = [webhook.as_json() for webhook in registered.webhooks.values()]
        return json_response({"data": data, "meta": {"result_count": len(data)}})

    @blueprint.post("/2/webhooks")
    async def create_webhook(request: Request) -> HTTPResponse:
        tokens.authorise_app(request)
        url = read_object(request).get("url")
        if not isinstance(url, str):
            raise bad_request("$.url: is missing but it is required")
        return json_response({"data": (await registered.register_webhook(url)).as_json()})

    @blueprint.put("/2/webhooks/<webhook_id>")
    async def validate_webhook(request: Request, webhook_id: str) -> HTTPResponse:
        tokens.authorise_app(request)
        return json_response({"data": {"valid": await registered.revalidate(registered.webhook(webhook_id))}})

    @blueprint.delete("/2/webhooks/<webhook_id>")
    async def delete_webhook(request: Request, webhook_id: str) -> HTTPResponse:
        tokens.authorise_app(request)
        registered.delete_webhook(registered.webhook(webhook_id))
        return json_response({"data": {"deleted": True}})


def _add_subscription_routes(blueprint: Blueprint, tokens: Tokens, registered: Registrations, account_id: str) -> None:
    def counted() -> dict[str, int]:
        return {"total_subscriptions": len(registered.subscriptions)}

    @blueprint.get("/2/activity/subscriptions")
    async def list_subscriptions(request: Request) -> HTTPResponse:
        tokens.authorise_either(request)
        data = [subscription.as_json() for subscription in registered.subscriptions.values()]
        return json_response({"data": data, "meta": counted()})

    @blueprint.post("/2/activity/subscriptions")
    async def create_subscription(request: Request) -> HTTPResponse:
        tokens.authorise_either(request)
        body = read_object(request)
        event_type, user_id = body.get("event_type"), (body.get("filter") or {}).get("user_id")
        if not isinstance(event_type, str) or user_id != account_id:
            raise bad_request("event_type and filter.user_id of an authorised user are required")
        if any(one.event_type == event_type for one in registered.subscriptions.values()):
            raise XError(409, "Conflict", "A subscription for this event type and user exists already")
        webhook_id = body.get("webhook_id")
        if webhook_id is not None:
            registered.webhook(webhook_id)
        subscription = registered.subscribe(event_type, user_id, webhook_id, body.get("tag"))
        return json_response(
            {"data": subscription.as_json(), "meta": {"total_subscriptions": len(registered.subscriptions)}}
        )

    @blueprint.put("/2/activity/subscriptions/<subscription_id>")
    async def update_subscription(request: Request, subscription_id: str) -> HTTPResponse:
        tokens.authorise_either(request)
        subscription = _subscription(registered, subscription_id)
        body = read_object(request)
        if "webhook_id" in body:
            subscription.webhook_id = registered.webhook(body["webhook_id"]).id
        subscription.tag = body.get("tag", subscription.tag)
        return json_response(
            {"data": subscription.as_json(), "meta": {"total_subscriptions": len(registered.subscriptions)}}
        )

    @blueprint.delete("/2/activity/subscriptions/<subscription_id>")
    async def delete_subscription(request: Request, subscription_id: str) -> HTTPResponse:
        tokens.authorise_either(request)
        del registered.subscriptions[_subscription(registered, subscription_id).id]
        return json_response(
            {"data": {"deleted": True}, "meta": {"total_subscriptions": len(registered.subscriptions)}}
        )


def _add_account_activity_routes(
    blueprint: Blueprint, tokens: Tokens, registered: Registrations, account_id: str
) -> None:
    @blueprint.get("/2/account_activity/webhooks/<webhook_id>/subscriptions/all")
    async def is_subscribed(request: Request, webhook_id: str) -> HTTPResponse:
        tokens.authorise_user(request)
        subscribed = any(
            one.webhook_id == registered.webhook(webhook_id).id for one in registered.subscriptions.values()
        )
        return json_response({"data": {"subscribed": subscribed}})

    @blueprint.post("/2/account_activity/webhooks/<webhook_id>/subscriptions/all")
    async def subscribe_account(request: Request, webhook_id: str) -> HTTPResponse:
        tokens.authorise_user(request)
        webhook = registered.webhook(webhook_id)
        registered.subscriptions.clear()
        for event_type in ("dm.received", "dm.sent"):
            registered.subscribe(event_type, account_id, webhook.id)
        return json_response({"data": {"subscribed": True}})


def _subscription(registered: Registrations, subscription_id: str) -> Subscription:
    if subscription_id not in registered.subscriptions:
        raise XError(404, "Not Found Error", "Could not find the subscription")
    return registered.subscriptions[subscription_id]
