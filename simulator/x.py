"""X: direct messages of the v2 API, webhooks with their CRC, and both generations of the events that X posts.

Sources: docs.x.com, x-api/webhooks/quickstart, x-api/activity/quickstart, x-api/direct-messages/manage,
x-api/fundamentals/rate-limits; the older Account Activity shape from x-api/account-activity/introduction.
"""

import asyncio
import json
import secrets
import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import structlog
from sanic import HTTPResponse, Request
from sanic.response import json as json_response

from simulator.conversations import ChannelName, Conversation, Conversations, Message, Status
from simulator.faults import Fault, Faults
from simulator.platform import SendCounts, Utterance, drop_connection, finish_send, now_ms, post_event
from simulator.settings import SimulatorSettings
from simulator.signing import BadAuthorization, OAuth1Verifier, same, sign_for_x
from simulator.webhooks import Delivery, WebhookDispatcher
from simulator.x_text import Written, write_down

log = structlog.get_logger()

MAX_TEXT = 10_000
WINDOW_SECONDS = 900
CRC_SECONDS = 3.0
CRC_INTERVAL_SECONDS = 3600.0
BACKFILL_SECONDS = 30 * 86400
OTHER_APP_ID = "258901"
"""Whatever application a person answers with on x.com."""
ATTACHMENTS = frozenset({"image", "video", "sticker"})
_MEDIA_TYPES = {"image": "photo", "video": "video", "sticker": "animated_gif"}
_SNOWFLAKE_EPOCH_MS = 1288834974657


class XError(Exception):
    """An answer in X's problem form."""

    def __init__(self, status: int, title: str, detail: str, problem: str = "about:blank") -> None:
        super().__init__(detail)
        self.status = status
        self.title = title
        self.detail = detail
        self.problem = problem
        self.code: int | None = None


def bad_request(detail: str) -> XError:
    return XError(400, "Invalid Request", detail, "https://api.x.com/2/problems/invalid-request")


class Snowflakes:
    """Ids that grow with time, as X makes them; also used to page."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last = 0

    def next(self) -> str:
        with self._lock:
            self._last = max(self._last + 1, (now_ms() - _SNOWFLAKE_EPOCH_MS) << 22)
            return str(self._last)


@dataclass(slots=True)
class Webhook:
    id: str
    url: str
    valid: bool = True
    created_at: float = field(default_factory=time.time)

    def as_json(self) -> dict[str, Any]:
        return {"id": self.id, "url": self.url, "valid": self.valid, "created_at": rfc3339(self.created_at)}


@dataclass(slots=True)
class Subscription:
    id: str
    event_type: str
    user_id: str
    webhook_id: str | None
    tag: str | None = None
    created_at: float = field(default_factory=time.time)

    def as_json(self) -> dict[str, Any]:
        facts = {
            "subscription_id": self.id,
            "event_type": self.event_type,
            "filter": {"user_id": self.user_id},
            "created_at": rfc3339(self.created_at),
            "updated_at": rfc3339(self.created_at),
            "tag": self.tag,
            "webhook_id": self.webhook_id,
        }
        return {name: value for name, value in facts.items() if value is not None}


@dataclass(slots=True)
class RateWindow:
    """A fixed window of 15 minutes, told in the ``x-rate-limit-*`` headers."""

    limit: int
    used: int = 0
    resets_at: float = 0.0

    def spend(self) -> bool:
        """Count one call; False when the window is used up."""
        if time.time() >= self.resets_at:
            self.used, self.resets_at = 0, time.time() + WINDOW_SECONDS
        if self.used >= self.limit:
            return False
        self.used += 1
        return True

    def headers(self) -> dict[str, str]:
        return _limit_headers(self.limit, self.limit - self.used, self.resets_at)


class X:
    def __init__(
        self, settings: SimulatorSettings, conversations: Conversations, dispatcher: WebhookDispatcher, faults: Faults
    ) -> None:
        self.channel: ChannelName = "x"
        self.sends = SendCounts()
        self.account = settings.x
        self.brand_name = settings.brand_name
        self.media_url = f"http://127.0.0.1:{settings.port}/media"
        self.conversations = conversations
        self.dispatcher = dispatcher
        self.faults = faults
        self.ids = Snowflakes()
        self.send_window = RateWindow(settings.x.rate_limit)
        self.read_window = RateWindow(settings.x.rate_limit)
        webhook = Webhook(self.ids.next(), f"{settings.gateway_url}/webhooks/x")
        self.webhooks: dict[str, Webhook] = {webhook.id: webhook}
        self.subscriptions: dict[str, Subscription] = {}
        for event_type in ("dm.received", "dm.sent"):
            self.subscribe(event_type, settings.x.account_id, webhook.id)
        self.oauth1 = OAuth1Verifier(
            settings.x.consumer_key,
            settings.x.consumer_secret,
            settings.x.access_token,
            settings.x.access_token_secret,
        )

    # The customer's side

    def customer_writes(self, user: str, utterance: Utterance) -> tuple[Message, asyncio.Event]:
        conversation = self.conversations.open("x", user)
        message = conversation.find(utterance.message_id) if utterance.message_id else None
        if message is None:
            message = self._store(conversation, utterance)
        delivery = self._deliver(conversation, message, "dm.received", utterance.redeliver)
        return message, post_event(self.dispatcher, self.conversations, conversation, delivery, message)

    def _store(self, conversation: Conversation, utterance: Utterance) -> Message:
        text = utterance.text
        if text is None and utterance.payload is not None:
            text = utterance.title or conversation.offered_title(utterance.payload) or utterance.payload
        message = Message(
            id=utterance.message_id or self.ids.next(),
            sender="user",
            text=text,
            at=now_ms() / 1000,
            attachment=utterance.attachment,
            payload=utterance.payload,
            status=Status.PENDING,
        )
        self.conversations.add(conversation, message)
        return message

    def person_answers(self, user: str, text: str) -> Message:
        conversation = self.conversations.open("x", user)
        message = Message(self.ids.next(), "brand", text, now_ms() / 1000, origin="inbox")
        self.conversations.add(conversation, message)
        self._post_echo(conversation, message)
        return message

    # Webhooks

    def _post_echo(self, conversation: Conversation, message: Message) -> None:
        delivery = self._deliver(conversation, message, "dm.sent")
        post_event(self.dispatcher, self.conversations, conversation, delivery)

    def _deliver(
        self, conversation: Conversation, message: Message, event_type: str, copies: int = 0
    ) -> Delivery | None:
        webhook = self._webhook_for(event_type)
        if webhook is None:
            return None
        event = self._event(conversation, message)
        if self.account.shape == "activity":
            payload = self._activity(conversation, event, event_type)
        else:
            payload = self._account_activity(conversation, event)
        body = json.dumps(payload, ensure_ascii=False, separators=(",", ":")).encode()
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "Twitterbot/1.0",
            "x-twitter-webhooks-signature": sign_for_x(self.account.consumer_secret, body),
        }
        return Delivery(webhook.url, body, headers, copies)

    def _webhook_for(self, event_type: str) -> Webhook | None:
        """Where the event goes; None when nobody subscribed or the webhook is invalid: then X posts nothing."""
        for subscription in self.subscriptions.values():
            if subscription.event_type == event_type and subscription.webhook_id in self.webhooks:
                webhook = self.webhooks[subscription.webhook_id]
                return webhook if webhook.valid else None
        return None

    def _event(self, conversation: Conversation, message: Message) -> dict[str, Any]:
        from_customer = message.sender == "user"
        written = _written(message)
        data: dict[str, Any] = {"text": written.text, "entities": written.entities}
        if message.attachment:
            data["attachment"] = {"type": "media", "media": self._medium(message, written.urls[-1]["url"])}
        elif message.payload is not None:
            data["quick_reply_response"] = {"type": "options", "metadata": message.payload}
        create: dict[str, Any] = {
            "target": {"recipient_id": self.account.account_id if from_customer else conversation.user},
            "sender_id": conversation.user if from_customer else self.account.account_id,
            "message_data": data,
        }
        if self.account.shape == "account_activity" and not from_customer:
            create["source_app_id"] = self.account.app_id if message.origin == "application" else OTHER_APP_ID
        return {
            "type": "message_create",
            "id": message.id,
            "created_timestamp": str(round(message.at * 1000)),
            "message_create": create,
        }

    def _medium(self, message: Message, link: str) -> dict[str, Any]:
        return {
            "id": _order(message),
            "id_str": str(_order(message)),
            "type": _MEDIA_TYPES[message.attachment or "image"],
            "url": link,
            "media_url_https": f"{self.media_url}/{message.attachment}",
        }

    def _activity(self, conversation: Conversation, event: dict[str, Any], event_type: str) -> dict[str, Any]:
        subscription = next(x for x in self.subscriptions.values() if x.event_type == event_type)
        users = {
            conversation.user: {"data": {"id": conversation.user, "username": _username(conversation)}},
            self.account.account_id: {"data": {"id": self.account.account_id, "username": self.brand_username()}},
        }
        data: dict[str, Any] = {
            # Negative ones occur; the id stays the same when the event is posted again.
            "event_uuid": f"-{event['id']}" if int(event["id"][-1:] or "0", 36) % 2 else event["id"],
            "filter": {"user_id": self.account.account_id},
            "event_type": event_type,
            "payload": {"direct_message_events": [event], "users": users},
        }
        if subscription.tag:
            data["tag"] = subscription.tag
        return {"data": data}

    def _account_activity(self, conversation: Conversation, event: dict[str, Any]) -> dict[str, Any]:
        payload: dict[str, Any] = {"for_user_id": self.account.account_id, "direct_message_events": [event]}
        if app_id := event["message_create"].get("source_app_id"):
            name = self.brand_name if app_id == self.account.app_id else "X Web App"
            payload["apps"] = {app_id: {"id": app_id, "name": name, "url": "https://x.com"}}
        payload["users"] = {
            conversation.user: {
                "id": conversation.user,
                "name": conversation.name,
                "screen_name": _username(conversation),
            },
            self.account.account_id: {
                "id": self.account.account_id,
                "name": self.brand_name,
                "screen_name": self.brand_username(),
            },
        }
        return payload

    def brand_username(self) -> str:
        return "".join(letter for letter in self.brand_name if letter.isascii() and letter.isalnum())[:15] or "brand"

    # Sending

    async def send(self, request: Request, user: str) -> HTTPResponse:
        self.authorise_user(request)
        self._spend_send()
        conversation = self._participant(user)
        fault = self.faults.take("x", user)
        if fault.cut_before:
            self.sends.cut += 1
            return drop_connection(request)
        _refuse_if_ordered(fault)
        text = read_text(request)
        message = Message(self.ids.next(), "brand", text, now_ms() / 1000, origin="application")
        self.conversations.add(conversation, message)
        self.sends.accepted += 1
        if not fault.no_echo:
            self._post_echo(conversation, message)
        await finish_send(request, fault, self.sends)
        answer = {"dm_conversation_id": self.conversation_id(user), "dm_event_id": message.id}
        return json_response({"data": answer}, status=201, headers=self.send_headers())

    def _spend_send(self) -> None:
        if self.faults.throttle("x") or not self.send_window.spend():
            raise XError(429, "Too Many Requests", "Too Many Requests")

    def _participant(self, user: str) -> Conversation:
        conversation = self.conversations.find("x", user)
        if conversation is None or not conversation.last_user_at:
            raise XError(403, "Forbidden", "You do not have permission to DM one or more participants.")
        return conversation

    def conversation_id(self, user: str) -> str:
        both = sorted([user, self.account.account_id], key=lambda one: (len(one), one))
        return "-".join(both)

    def send_headers(self) -> dict[str, str]:
        if limit := self.faults.limit_of("x"):
            return _limit_headers(self.send_window.limit, limit.remaining, limit.resets_at)
        return self.send_window.headers()

    # Reading back

    def dm_events(self, request: Request, user: str | None) -> HTTPResponse:
        """Newest first, paged by id. Fields beside id, text and event_type come only when asked for."""
        self.authorise_user(request)
        if not self.read_window.spend():
            raise XError(429, "Too Many Requests", "Too Many Requests")
        size = _page_size(request)
        before = int(_decode_page(request.args.get("pagination_token", "")))
        events = self._stored_events(user, before)
        page = events[:size]
        meta: dict[str, Any] = {"result_count": len(page)}
        if len(events) > size:
            meta["next_token"] = f"B{int(page[-1][1].id):x}"
        fields = {"id", "text", "event_type", *_listed(request, "dm_event.fields")}
        data = [self._dm_event(conversation, message, fields) for conversation, message in page]
        body: dict[str, Any] = {"meta": meta} if not data else {"data": data, "meta": meta}
        if "attachments.media_keys" in _listed(request, "expansions"):
            body |= self._included_media([message for _, message in page if message.attachment])
        return json_response(body, headers=self.read_window.headers())

    def _included_media(self, messages: list[Message]) -> dict[str, Any]:
        media = [
            {
                "media_key": f"3_{_order(message)}",
                "type": _MEDIA_TYPES[message.attachment or "image"],
                "url": f"{self.media_url}/{message.attachment}",
            }
            for message in messages
        ]
        return {"includes": {"media": media}} if media else {}

    def _stored_events(self, user: str | None, before: int) -> list[tuple[Conversation, Message]]:
        since = time.time() - BACKFILL_SECONDS
        found = [
            (conversation, message)
            for conversation in self.conversations.of_channel("x")
            if user in (None, conversation.user)
            for message in conversation.messages
            if message.at >= since and _order(message) < before
        ]
        return sorted(found, key=lambda pair: _order(pair[1]), reverse=True)

    def _dm_event(self, conversation: Conversation, message: Message, fields: set[str]) -> dict[str, Any]:
        sender = conversation.user if message.sender == "user" else self.account.account_id
        written = _written(message)
        event: dict[str, Any] = {
            "id": message.id,
            "event_type": "MessageCreate",
            "text": written.text,
            "entities": {"urls": written.urls} if written.urls else None,
            "sender_id": sender,
            "dm_conversation_id": self.conversation_id(conversation.user),
            "created_at": rfc3339(message.at),
        }
        if message.attachment:
            event["attachments"] = {"media_keys": [f"3_{_order(message)}"]}
        return {name: value for name, value in event.items() if name in fields and value is not None}

    # Webhooks and subscriptions

    async def register_webhook(self, url: str) -> Webhook:
        """Raises ``XError``. The real platform wants https without a port; a loopback gateway has neither."""
        address = urlsplit(url)
        if address.scheme != "https" and address.hostname not in ("127.0.0.1", "localhost", "::1"):
            raise bad_request("UrlValidationFailed: the callback url must use https")
        if any(webhook.url == url for webhook in self.webhooks.values()):
            raise bad_request("DuplicateUrlFailed: a webhook for this url exists already")
        if await self.challenge(url) is not True:
            raise bad_request("CrcValidationFailed: the callback url did not answer the CRC check")
        webhook = Webhook(self.ids.next(), url)
        self.webhooks[webhook.id] = webhook
        return webhook

    def delete_webhook(self, webhook: Webhook) -> None:
        """Its subscriptions go with it."""
        del self.webhooks[webhook.id]
        self.subscriptions = {key: one for key, one in self.subscriptions.items() if one.webhook_id != webhook.id}

    def webhook(self, webhook_id: str) -> Webhook:
        if webhook_id not in self.webhooks:
            raise bad_request("WebhookIdInvalid: the webhook was not found")
        return self.webhooks[webhook_id]

    async def revalidate(self, webhook: Webhook) -> bool:
        webhook.valid = await self.challenge(webhook.url) is True
        return webhook.valid

    async def challenge(self, url: str) -> bool | None:
        """The CRC. False: a wrong answer; None: no answer, which X forgives for 28 hours."""
        token = secrets.token_urlsafe(24)
        expected = sign_for_x(self.account.consumer_secret, token.encode())
        try:
            async with (
                asyncio.timeout(CRC_SECONDS),
                self.dispatcher.session.get(url, params={"crc_token": token}, allow_redirects=False) as response,
            ):
                if response.status >= 400:
                    return None
                answer = await response.json(content_type=None)
        except (aiohttp.ClientError, OSError, TimeoutError):
            return None
        except ValueError:
            return False
        given = answer.get("response_token") if isinstance(answer, dict) else None
        return isinstance(given, str) and same(given, expected)

    async def challenge_hourly(self) -> None:
        while True:
            await asyncio.sleep(CRC_INTERVAL_SECONDS)
            for webhook in list(self.webhooks.values()):
                if webhook.valid and await self.challenge(webhook.url) is False:
                    webhook.valid = False
                    log.warning("webhook_invalidated", webhook_id=webhook.id)

    def subscribe(self, event_type: str, user_id: str, webhook_id: str | None, tag: str | None = None) -> Subscription:
        subscription = Subscription(self.ids.next(), event_type, user_id, webhook_id, tag)
        self.subscriptions[subscription.id] = subscription
        return subscription

    # Tokens

    def authorise_user(self, request: Request) -> None:
        """OAuth 1.0a user context; app-only tokens may not touch direct messages. Raises ``XError``."""
        authorization = request.headers.get("authorization", "")
        if authorization.lower().startswith("bearer "):
            detail = "Authenticating with OAuth 2.0 Application-Only is forbidden for this endpoint."
            problem = "https://api.x.com/2/problems/unsupported-authentication"
            raise XError(403, "Unsupported Authentication", detail, problem)
        try:
            self.oauth1.verify(request.method, request.url, authorization)
        except BadAuthorization as error:
            log.info("oauth_refused", reason=str(error))
            raise XError(401, "Unauthorized", "Unauthorized") from error

    def authorise_app(self, request: Request) -> None:
        """App-only bearer token. Raises ``XError``."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not same(token.strip(), self.account.bearer_token):
            raise XError(401, "Unauthorized", "Unauthorized")

    def authorise_either(self, request: Request) -> None:
        if request.headers.get("authorization", "").lower().startswith("oauth "):
            self.authorise_user(request)
        else:
            self.authorise_app(request)


def _refuse_if_ordered(fault: Fault) -> None:
    if fault.send_status is None:
        return
    title = _TITLE_OF_STATUS.get(fault.send_status, "Simulated fault")
    error = XError(fault.send_status, title, "Simulated fault")
    error.code = fault.error_code
    raise error


_TITLE_OF_STATUS = {
    400: "Invalid Request",
    401: "Unauthorized",
    403: "Forbidden",
    429: "Too Many Requests",
    500: "Internal Server Error",
    503: "Service Unavailable",
}


def rfc3339(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{int(at * 1000) % 1000:03d}Z"


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


def _written(message: Message) -> Written:
    return write_down(message.text or "", message.id if message.attachment else None)


def _username(conversation: Conversation) -> str:
    plain = "".join(letter for letter in conversation.name.lower() if letter.isascii())
    return f"{plain}_{conversation.user[-4:]}"


def _limit_headers(limit: int, remaining: int, resets_at: float) -> dict[str, str]:
    return {
        "x-rate-limit-limit": str(limit),
        "x-rate-limit-remaining": str(max(0, remaining)),
        # Whole seconds, never before the window really opens again.
        "x-rate-limit-reset": str(-int(-resets_at // 1)),
    }


def _listed(request: Request, name: str) -> list[str]:
    return [one for one in (request.args.get(name) or "").split(",") if one]


def _page_size(request: Request) -> int:
    value = request.args.get("max_results", "100")
    if not value.isdecimal() or not 1 <= int(value) <= 100:
        raise bad_request("The `max_results` query parameter value must be between 1 and 100")
    return int(value)


def _decode_page(token: str) -> str:
    """A page token is B and the last id in hexadecimal."""
    if not token:
        return str(1 << 70)
    try:
        return str(int(token.removeprefix("B"), 16))
    except ValueError as error:
        raise bad_request("The `pagination_token` query parameter value is invalid") from error


def _order(message: Message) -> int:
    """Ids grow with time; one that a test chose freely is placed by its time."""
    return int(message.id) if message.id.isdecimal() else (round(message.at * 1000) - _SNOWFLAKE_EPOCH_MS) << 22
