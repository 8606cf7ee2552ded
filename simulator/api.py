"""The test API: play a customer, look at conversations, order faults, read the mailbox."""

import asyncio
import json
import re
from typing import Any

import aiohttp
from sanic import Blueprint, HTTPResponse, Request
from sanic.response import json as json_response
from sanic.response import raw

from simulator.conversations import ChannelName, Conversation, Conversations
from simulator.faults import BadFault, Faults
from simulator.mailbox import Mailbox
from simulator.messenger.platform import Messenger
from simulator.messenger.threads import NotTheirs
from simulator.platform import ATTACHMENTS, Platform, Utterance
from simulator.webhooks import WebhookDispatcher
from simulator.x.events import ATTACHMENTS as X_ATTACHMENTS

MAX_TYPED = 20_000
WAIT_SECONDS = 30.0
READY_SECONDS = 2.0
MAX_HOURS_AGO = 365 * 24
_USER = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_X_USER = re.compile(r"[0-9]{1,19}", re.ASCII)
_KNOWN = frozenset({"text", "attachment", "payload", "title", "message_id", "redeliver", "hours_ago", "wait"})


_MAIL_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'; "
    "sandbox allow-popups allow-popups-to-escape-sandbox"
)


class BadRequest(Exception):
    """What the caller sent cannot be used; the message says why."""


def test_api(
    platforms: dict[ChannelName, Platform],
    messenger: Messenger,
    conversations: Conversations,
    dispatcher: WebhookDispatcher,
    faults: Faults,
    mailbox: Mailbox,
    gateway_url: str,
) -> Blueprint:
    blueprint = Blueprint("test_api")

    @blueprint.exception(BadRequest, BadFault)
    async def answer_error(request: Request, error: Exception) -> HTTPResponse:
        return json_response({"error": str(error)}, status=400)

    _add_customer_routes(blueprint, platforms, conversations)
    _add_routing_routes(blueprint, messenger)
    _add_fault_routes(blueprint, faults)
    _add_mailbox_routes(blueprint, mailbox)
    _add_state_routes(blueprint, platforms, conversations, dispatcher, gateway_url)
    return blueprint


def _add_customer_routes(
    blueprint: Blueprint, platforms: dict[ChannelName, Platform], conversations: Conversations
) -> None:
    @blueprint.post("/api/<channel:messenger|x>/users/<user>/messages")
    async def write(request: Request, channel: ChannelName, user: str) -> HTTPResponse:
        body = _read_object(request)
        utterance = _read_utterance(body)
        _check_platform(channel, user, utterance)
        _check_order(conversations.find(channel, user), utterance)
        message, settled = platforms[channel].customer_writes(_user(user), utterance)
        if body.get("wait"):
            await _wait(settled)
        return json_response({"message_id": message.id, "status": message.status})

    @blueprint.get("/api/<channel:messenger|x>/users/<user>/messages")
    async def read(request: Request, channel: ChannelName, user: str) -> HTTPResponse:
        conversation = conversations.find(channel, _user(user))
        return json_response([message.as_json() for message in conversation.messages] if conversation else [])

    @blueprint.post("/api/<channel:messenger|x>/users/<user>/human_reply")
    async def answer_as_person(request: Request, channel: ChannelName, user: str) -> HTTPResponse:
        text = _read_object(request).get("text")
        if not isinstance(text, str) or not text.strip():
            raise BadRequest("text is required")
        return json_response({"message_id": platforms[channel].person_answers(_user(user), text).id})

    @blueprint.get("/api/conversations")
    async def list_conversations(request: Request) -> HTTPResponse:
        return json_response([conversation.summary() for conversation in conversations])


def _add_routing_routes(blueprint: Blueprint, messenger: Messenger) -> None:
    """What people in the Page's own inbox do with a thread on Messenger."""

    @blueprint.get("/api/messenger/users/<user>/thread")
    async def show_owner(request: Request, user: str) -> HTTPResponse:
        return json_response({"owner": messenger.threads.owner(_user(user))})

    @blueprint.post("/api/messenger/users/<user>/thread")
    async def act_in_inbox(request: Request, user: str) -> HTTPResponse:
        try:
            messenger.inbox_acts(_user(user), str(_read_object(request).get("act")))
        except KeyError as error:
            raise BadRequest("act is one of take, pass, release, request") from error
        except NotTheirs as error:
            raise BadRequest("the thread is not the inbox's") from error
        return json_response({"owner": messenger.threads.owner(user)})


def _add_fault_routes(blueprint: Blueprint, faults: Faults) -> None:
    @blueprint.post("/api/faults")
    async def order_fault(request: Request) -> HTTPResponse:
        faults.order(_read_json(request))
        return json_response(faults.as_json())

    @blueprint.get("/api/faults")
    async def show_faults(request: Request) -> HTTPResponse:
        return json_response(faults.as_json())

    @blueprint.delete("/api/faults")
    async def clear_faults(request: Request) -> HTTPResponse:
        faults.clear()
        return json_response(faults.as_json())


def _add_mailbox_routes(blueprint: Blueprint, mailbox: Mailbox) -> None:
    @blueprint.get("/api/mailbox")
    async def list_mails(request: Request) -> HTTPResponse:
        return json_response([mail.as_json() for mail in mailbox.mails])

    @blueprint.delete("/api/mailbox")
    async def clear_mailbox(request: Request) -> HTTPResponse:
        mailbox.clear()
        return json_response([])

    @blueprint.get("/api/mailbox/<mail_id:int>/raw")
    async def show_raw(request: Request, mail_id: int) -> HTTPResponse:
        mail = mailbox.find(mail_id)
        if mail is None:
            return json_response({"error": "no such mail"}, status=404)
        return raw(mail.raw, content_type="text/plain; charset=utf-8")

    @blueprint.get("/api/mailbox/<mail_id:int>/html")
    async def show_html(request: Request, mail_id: int) -> HTTPResponse:
        """A stranger's HTML: no scripts, nothing fetched, an origin of its own."""
        mail = mailbox.find(mail_id)
        html = mail.as_json()["html"] if mail else None
        if html is None:
            return json_response({"error": "no such mail"}, status=404)
        return raw(html, content_type="text/html; charset=utf-8", headers={"Content-Security-Policy": _MAIL_POLICY})

    @blueprint.post("/api/mailbox/faults")
    async def refuse_mails(request: Request) -> HTTPResponse:
        body = _read_object(request)
        status, times = body.get("status", 451), body.get("times", 1)
        if not isinstance(status, int) or not 400 <= status <= 599 or not isinstance(times, int) or times < 1:
            raise BadRequest("status lies between 400 and 599, times is at least 1")
        mailbox.refuse(status, times)
        return json_response({"status": status, "times": times})

    @blueprint.delete("/api/mailbox/faults")
    async def accept_mails(request: Request) -> HTTPResponse:
        mailbox.faults.clear()
        return json_response({})


def _add_state_routes(
    blueprint: Blueprint,
    platforms: dict[ChannelName, Platform],
    conversations: Conversations,
    dispatcher: WebhookDispatcher,
    gateway_url: str,
) -> None:
    @blueprint.get("/api/stats")
    async def show_stats(request: Request) -> HTTPResponse:
        counts = dispatcher.counts
        webhooks = {name: getattr(counts, name) for name in counts.__slots__}
        sends = {
            name: {"accepted": one.sends.accepted, "refused": one.sends.refused, "cut": one.sends.cut}
            for name, one in platforms.items()
        }
        total = sum(one.sends.accepted for one in platforms.values())
        return json_response(
            {"webhooks": webhooks, "sends": {"accepted": total, **sends}, "conversations": len(conversations)}
        )

    @blueprint.get("/health")
    async def health(request: Request) -> HTTPResponse:
        return json_response({"status": "ok"})

    @blueprint.get("/ready")
    async def ready(request: Request) -> HTTPResponse:
        reachable = await _reachable(dispatcher.session, f"{gateway_url}/health")
        status = "ready" if reachable else "waiting for the gateway"
        return json_response({"status": status, "gateway": reachable}, status=200 if reachable else 503)


async def _reachable(session: aiohttp.ClientSession, url: str) -> bool:
    """Any answer will do: who answers is alive."""
    try:
        async with asyncio.timeout(READY_SECONDS), session.get(url):
            return True
    except (aiohttp.ClientError, OSError, TimeoutError):
        return False


async def _wait(settled: asyncio.Event) -> None:
    try:
        async with asyncio.timeout(WAIT_SECONDS):
            await settled.wait()
    except TimeoutError:
        return  # the answer then says "pending"


def _check_platform(channel: ChannelName, user: str, utterance: Utterance) -> None:
    if channel == "x" and not _X_USER.fullmatch(user):
        raise BadRequest("a user of X is a number of 1 to 19 digits")
    if channel == "x" and utterance.attachment and utterance.attachment not in X_ATTACHMENTS:
        raise BadRequest(f"X knows these attachments: {', '.join(sorted(X_ATTACHMENTS))}")


def _check_order(conversation: Conversation | None, utterance: Utterance) -> None:
    """What is dated back may not come before what both sides have said already."""
    last = conversation.messages[-1] if conversation and conversation.messages else None
    if utterance.hours_ago and last and last.at * 1000 > utterance.written_ms():
        raise BadRequest("hours_ago: the conversation has later messages")


def _user(user: str) -> str:
    if not _USER.fullmatch(user):
        raise BadRequest("a user is 1 to 64 letters, digits, points, hyphens or underscores")
    return user


def _read_utterance(body: dict[str, Any]) -> Utterance:
    if unknown := body.keys() - _KNOWN:
        raise BadRequest(f"unknown fields: {', '.join(sorted(unknown))}")
    for name in ("text", "attachment", "payload", "title", "message_id"):
        if not isinstance(body.get(name), str | None):
            raise BadRequest(f"{name} is a string")
    if body.get("attachment") and body["attachment"] not in ATTACHMENTS:
        raise BadRequest(f"attachment is one of {', '.join(sorted(ATTACHMENTS))}")
    text = body.get("text")
    if not (text or body.get("attachment") or body.get("payload")):
        raise BadRequest("text, attachment or payload is required")
    if text and len(text) > MAX_TYPED:
        raise BadRequest(f"text has at most {MAX_TYPED} characters")
    redeliver = body.get("redeliver", 0)
    if not isinstance(redeliver, int) or not 0 <= redeliver <= 100:
        raise BadRequest("redeliver lies between 0 and 100")
    hours_ago = body.get("hours_ago", 0)
    if isinstance(hours_ago, bool) or not isinstance(hours_ago, int | float) or not 0 <= hours_ago <= MAX_HOURS_AGO:
        raise BadRequest(f"hours_ago lies between 0 and {MAX_HOURS_AGO}")
    return Utterance(
        text=text or None,
        attachment=body.get("attachment"),
        payload=body.get("payload"),
        title=body.get("title"),
        message_id=body.get("message_id"),
        redeliver=redeliver,
        hours_ago=hours_ago,
    )


def _read_json(request: Request) -> Any:
    try:
        return json.loads(request.body or b"{}")
    except ValueError as error:
        raise BadRequest("the body is not valid JSON") from error


def _read_object(request: Request) -> dict[str, Any]:
    body = _read_json(request)
    if not isinstance(body, dict):
        raise BadRequest("a JSON object is expected")
    return body
