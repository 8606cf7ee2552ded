"""The Messenger Platform: webhooks with Meta's shapes and signature, and the part of the Graph API that a Page uses.

Sources, all under developers.facebook.com/documentation/business-messaging/messenger-platform: webhooks,
webhook-events/*, send-messages, send-messages/quick-replies, send-messages/sender-actions, error-codes;
and docs/graph-api/guides/error-handling.
"""

import asyncio
import json
import math
import secrets
import time
from typing import Any
from urllib.parse import parse_qs

import aiohttp
import structlog
from sanic import HTTPResponse, Request
from sanic.response import json as json_response

from simulator.conversations import ChannelName, Conversation, Conversations, Message, Status
from simulator.faults import Fault, Faults
from simulator.platform import SendCounts, Utterance, drop_connection, finish_send, now_ms, post_event
from simulator.settings import SimulatorSettings
from simulator.signing import app_secret_proof, same, sign_for_messenger
from simulator.threads import NotTheirs, Threads
from simulator.webhooks import Delivery, WebhookDispatcher

log = structlog.get_logger()

INBOX_APP_ID = 26390203743090
"""The Page inbox, as the echo page prints it."""
ROUTING_INBOX_APP_ID = 263902037430900
"""The Page inbox, as the page on Conversation Routing prints it."""
LIKE_STICKER_ID = 369239263222822
MAX_TEXT = 2_000
MAX_QUICK_REPLIES = 13
MAX_TITLE = 20
MAX_PAYLOAD = 1_000
MAX_METADATA = 1_000
WINDOW_SECONDS = 24 * 3600
SENDER_ACTIONS = frozenset({"typing_on", "typing_off", "mark_seen"})
DEFAULT_FIELDS = (
    "messages",
    "messaging_postbacks",
    "message_echoes",
    "message_deliveries",
    "message_reads",
    "messaging_handovers",
    "standby",
)
_FIELD_OF = {
    "message": "messages",
    "postback": "messaging_postbacks",
    "delivery": "message_deliveries",
    "pass_thread_control": "messaging_handovers",
    "take_thread_control": "messaging_handovers",
    "request_thread_control": "messaging_handovers",
}


class GraphError(Exception):
    """An answer in the Graph API's error form."""

    def __init__(
        self,
        code: int,
        message: str,
        subcode: int | None = None,
        status: int = 400,
        regain_seconds: float | None = None,
    ) -> None:
        super().__init__(message)
        self.regain_seconds = regain_seconds
        self.code = code
        self.message = message
        self.subcode = subcode
        self.status = status


class Messenger:
    def __init__(
        self, settings: SimulatorSettings, conversations: Conversations, dispatcher: WebhookDispatcher, faults: Faults
    ) -> None:
        self.channel: ChannelName = "messenger"
        self.sends = SendCounts()
        self.account = settings.messenger
        self.brand_name = settings.brand_name
        self.media_url = f"http://127.0.0.1:{settings.port}/media"
        self.callback_url = f"{settings.gateway_url}/webhooks/messenger"
        self.subscribed_fields: list[str] = list(DEFAULT_FIELDS)
        self.conversations = conversations
        self.dispatcher = dispatcher
        self.faults = faults
        self.threads = Threads(settings.messenger.app_id)

    # The customer's side

    def customer_writes(self, user: str, utterance: Utterance) -> tuple[Message, asyncio.Event]:
        conversation = self.conversations.open("messenger", user)
        message = conversation.find(utterance.message_id) if utterance.message_id else None
        item = self._item_of(conversation, utterance, message)
        if message is None:
            message = self._store(conversation, utterance, item)
        delivery = self._deliver(user, item, copies=utterance.redeliver)
        return message, post_event(self.dispatcher, self.conversations, conversation, delivery, message)

    def _store(self, conversation: Conversation, utterance: Utterance, item: dict[str, Any]) -> Message:
        body = item.get("message") or item["postback"]
        message = Message(
            id=body["mid"],
            sender="user",
            text=body.get("text") or body.get("title"),
            at=item["timestamp"] / 1000,
            attachment=utterance.attachment,
            payload=utterance.payload,
            status=Status.PENDING,
        )
        self.conversations.add(conversation, message)
        return message

    def _item_of(self, conversation: Conversation, utterance: Utterance, known: Message | None) -> dict[str, Any]:
        item: dict[str, Any] = {
            "sender": {"id": conversation.user},
            "recipient": {"id": self.account.page_id},
            "timestamp": round(known.at * 1000) if known else now_ms(),
        }
        mid = utterance.message_id or new_mid()
        if utterance.payload is not None:
            return item | self._tap(conversation, utterance, mid)
        message: dict[str, Any] = {"mid": mid}
        if utterance.text is not None:
            message["text"] = utterance.text
        if utterance.attachment:
            message["attachments"] = [self._attachment(utterance.attachment)]
        return item | {"message": message}

    def _tap(self, conversation: Conversation, utterance: Utterance, mid: str) -> dict[str, Any]:
        """A quick reply arrives as a message with text; any other button as a postback."""
        payload = utterance.payload or ""
        offered = conversation.offered_title(payload)
        title = utterance.title or utterance.text or offered or payload
        if offered is not None:
            return {"message": {"mid": mid, "text": title, "quick_reply": {"payload": payload}}}
        return {"postback": {"mid": mid, "title": title, "payload": payload}}

    def _attachment(self, kind: str) -> dict[str, Any]:
        if kind == "sticker":
            return {"type": "sticker", "payload": {"url": f"{self.media_url}/like", "sticker_id": LIKE_STICKER_ID}}
        if kind == "location":
            coordinates = {"lat": 45.764, "long": 4.8357}
            return {"type": "location", "title": "Lyon", "payload": {"coordinates": coordinates}}
        return {"type": kind, "payload": {"url": f"{self.media_url}/{kind}"}}

    # The Page's own inbox

    def person_answers(self, user: str, text: str) -> Message:
        """Answering takes the thread without a word to the application ("Conversation Routing")."""
        conversation = self.conversations.open("messenger", user)
        self.threads.give(user, str(ROUTING_INBOX_APP_ID))
        message = Message(new_mid(), "brand", text, now_ms() / 1000, origin="inbox")
        self.conversations.add(conversation, message)
        self._post_echo(conversation, message, INBOX_APP_ID)
        return message

    def inbox_acts(self, user: str, act: str) -> None:
        """People in the Page's inbox ``take``, ``pass`` (to the application), ``release`` or ``request`` the thread.

        Raises ``NotTheirs`` where the thread is another's to pass or to release, ``KeyError`` for another act.
        """
        ours, inbox = self.account.app_id, str(ROUTING_INBOX_APP_ID)
        change = {"previous_owner_app_id": self.threads.owner(user)}
        match act:
            case "take":
                self.threads.give(user, inbox)
                self._post_control(user, "take_thread_control", change | {"new_owner_app_id": inbox})
            case "pass":
                self.threads.hand_over(user, inbox, ours)
                self._post_control(user, "pass_thread_control", change | {"new_owner_app_id": ours})
            case "release":
                self.threads.release(user, inbox)
            case "request":
                self._post_control(user, "request_thread_control", {"requested_owner_app_id": inbox})
            case _:
                raise KeyError(act)

    def _post_control(self, user: str, kind: str, control: dict[str, Any]) -> None:
        conversation = self.conversations.open("messenger", user)
        item = {"sender": {"id": user}, "recipient": {"id": self.account.page_id}, "timestamp": now_ms()}
        delivery = self._deliver(user, item | {kind: control | {"metadata": ""}})
        post_event(self.dispatcher, self.conversations, conversation, delivery)

    # Webhooks

    def _deliver(self, user: str, item: dict[str, Any], copies: int = 0) -> Delivery | None:
        """While another application has the thread, the brand's is told on standby, without payloads of buttons."""
        kind = next(name for name in _FIELD_OF if name in item)
        field = "message_echoes" if item.get("message", {}).get("is_echo") else _FIELD_OF[kind]
        place = "messaging"
        if field != "messaging_handovers" and not self.threads.is_open_to(user, self.account.app_id):
            place = field = "standby"
            item = item | {"postback": _without_payload(item["postback"])} if kind == "postback" else item
        if field not in self.subscribed_fields:
            return None
        entry = {"id": self.account.page_id, "time": now_ms(), place: [item]}
        body = serialise({"object": "page", "entry": [entry]})
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "facebookexternalua",
            "X-Hub-Signature-256": sign_for_messenger(self.account.app_secret, body),
        }
        return Delivery(self.callback_url, body, headers, copies)

    def _post_echo(self, conversation: Conversation, message: Message, app_id: int | str) -> None:
        echo: dict[str, Any] = {"is_echo": True, "app_id": app_id, "mid": message.id, "text": message.text}
        if message.metadata is not None:
            echo["metadata"] = message.metadata
        item = self._from_page(conversation.user, round(message.at * 1000)) | {"message": echo}
        post_event(self.dispatcher, self.conversations, conversation, self._deliver(conversation.user, item))

    def _post_delivery(self, conversation: Conversation, message: Message) -> None:
        """Delivery receipts carry no timestamp of their own (webhook-events, message-deliveries)."""
        item = {
            "sender": {"id": conversation.user},
            "recipient": {"id": self.account.page_id},
            "delivery": {"mids": [message.id], "watermark": now_ms()},
        }
        post_event(self.dispatcher, self.conversations, conversation, self._deliver(conversation.user, item))

    def _from_page(self, user: str, timestamp: int) -> dict[str, Any]:
        return {"sender": {"id": self.account.page_id}, "recipient": {"id": user}, "timestamp": timestamp}

    # The Send API

    async def send(self, request: Request, node: str) -> HTTPResponse:
        self.authorise_page(request, node)
        body = read_body(request)
        conversation = self._recipient(body)
        if not self.threads.is_open_to(conversation.user, self.account.app_id):
            raise _other_owner()
        if "sender_action" in body:
            return self._act(conversation, body)
        fault = self.faults.take("messenger", conversation.user)
        if fault.cut_before:
            self.sends.cut += 1
            return drop_connection(request)
        self._refuse_if_ordered(fault)
        message = self._compose(conversation, body)
        self._check_window(conversation)
        self.threads.use(conversation.user, self.account.app_id)
        self.conversations.add(conversation, message)
        self.sends.accepted += 1
        if not fault.no_echo:
            self._post_echo(conversation, message, _number(self.account.app_id))
            self._post_delivery(conversation, message)
        await finish_send(request, fault, self.sends)
        return json_response(
            {"recipient_id": conversation.user, "message_id": message.id}, headers=self.usage_headers()
        )

    def _recipient(self, body: dict[str, Any]) -> Conversation:
        recipient = body.get("recipient")
        user = recipient.get("id") if isinstance(recipient, dict) else None
        if not isinstance(user, str) or not user:
            raise GraphError(100, "(#100) The parameter recipient is required")
        conversation = self.conversations.find("messenger", user)
        if conversation is None:
            raise GraphError(100, "(#100) No matching user found", 2018001)
        return conversation

    def _act(self, conversation: Conversation, body: dict[str, Any]) -> HTTPResponse:
        action = body["sender_action"]
        if "message" in body:
            raise GraphError(100, "(#100) sender_action and message cannot be sent together")
        if action not in SENDER_ACTIONS:
            raise GraphError(100, "(#100) Param sender_action must be one of typing_on, typing_off, mark_seen")
        if action == "mark_seen":
            self.conversations.mark_seen(conversation)
        else:
            self.conversations.show_typing(conversation, action == "typing_on")
        return json_response({"recipient_id": conversation.user}, headers=self.usage_headers())

    def _refuse_if_ordered(self, fault: Fault) -> None:
        if limit := self.faults.throttle("messenger"):
            seconds = limit.resets_at - time.time()
            raise GraphError(613, "(#613) Calls to this api have exceeded the rate limit.", regain_seconds=seconds)
        if fault.send_status is not None:
            code = fault.error_code or _CODE_OF_STATUS.get(fault.send_status, 1)
            raise GraphError(code, "Simulated fault", fault.error_subcode, fault.send_status)

    def _compose(self, conversation: Conversation, body: dict[str, Any]) -> Message:
        self._check_messaging_type(body)
        content = body.get("message")
        if not isinstance(content, dict):
            raise GraphError(100, "(#100) The parameter message is required")
        text = content.get("text")
        if not isinstance(text, str) or not text.strip():
            raise GraphError(100, "(#100) Param message[text] must be a non-empty UTF-8 encoded string")
        if len(text) > MAX_TEXT:
            raise GraphError(100, f"(#100) Length of param message[text] must be less than or equal to {MAX_TEXT}")
        metadata = content.get("metadata")
        if metadata is not None and (not isinstance(metadata, str) or len(metadata) > MAX_METADATA):
            raise GraphError(100, f"(#100) Param message[metadata] must be a string of at most {MAX_METADATA}")
        return Message(
            id=new_mid(),
            sender="brand",
            text=text,
            at=now_ms() / 1000,
            quick_replies=read_quick_replies(content.get("quick_replies")),
            origin="application",
            metadata=metadata,
        )

    def _check_messaging_type(self, body: dict[str, Any]) -> None:
        messaging_type = body.get("messaging_type")
        if messaging_type == "MESSAGE_TAG":
            if body.get("tag") != "HUMAN_AGENT":
                raise GraphError(100, "(#100) Param tag is deprecated or unknown")
            raise GraphError(10, "(#10) The human_agent permission is required for this tag")
        if messaging_type not in ("RESPONSE", "UPDATE"):
            raise GraphError(100, "(#100) Param messaging_type must be one of RESPONSE, UPDATE, MESSAGE_TAG")

    def _check_window(self, conversation: Conversation) -> None:
        if time.time() - conversation.last_user_at > WINDOW_SECONDS:
            raise GraphError(10, "(#10) This message is sent outside of allowed window.", 2018278)

    def usage_headers(self, regain_seconds: float | None = None) -> dict[str, str]:
        """``regain_seconds`` is told of a throttled call. Meta counts it in whole minutes; what ends sooner is told
        in ``Retry-After``, so that a test need not wait for a minute.
        """
        used = 1 if regain_seconds is None else 100
        minutes = round((regain_seconds or 0) / 60)
        usage = {"type": "messenger", "call_count": used, "total_cputime": 1, "total_time": 1}
        business = {self.account.page_id: [usage | {"estimated_time_to_regain_access": minutes}]}
        headers = {
            "X-App-Usage": json.dumps({"call_count": used, "total_time": 1, "total_cputime": 1}),
            "X-Business-Use-Case-Usage": json.dumps(business),
        }
        if regain_seconds is not None and minutes == 0:
            headers["Retry-After"] = str(math.ceil(regain_seconds))
        return headers

    # Tokens

    def authorise_page(self, request: Request, node: str) -> None:
        """Page token and ``appsecret_proof``, as with "Require App Secret" switched on. Raises ``GraphError``."""
        token = bearer_token(request)
        if not token:
            raise GraphError(104, "An access token is required to request this resource.")
        if not same(token, self.account.page_token):
            raise GraphError(190, "Invalid OAuth access token - Cannot parse access token")
        proof = parameter(request, "appsecret_proof")
        if not proof:
            raise GraphError(100, "API calls from the server require an appsecret_proof argument")
        if not same(proof, app_secret_proof(self.account.app_secret, token)):
            raise GraphError(100, "Invalid appsecret_proof provided in the API argument")
        if node not in (self.account.page_id, "me"):
            raise GraphError(
                100, f"Unsupported request. Object with ID '{node}' does not exist or cannot be loaded", 33
            )

    def authorise_app(self, request: Request, node: str) -> None:
        """App-level calls take the app token ``<id>|<secret>``. Raises ``GraphError``."""
        if not same(bearer_token(request), f"{self.account.app_id}|{self.account.app_secret}"):
            raise GraphError(190, "Invalid OAuth access token signature.")
        if node != self.account.app_id:
            raise GraphError(
                100, f"Unsupported request. Object with ID '{node}' does not exist or cannot be loaded", 33
            )

    # Conversation Routing

    def control_thread(self, request: Request, node: str, act: str) -> dict[str, Any]:
        """``act`` is ``pass``, ``take``, ``release`` or ``request``. Raises ``GraphError``."""
        self.authorise_page(request, node)
        body = read_body(request)
        user, ours = self._recipient(body).user, self.account.app_id
        try:
            if act == "pass":
                self.threads.hand_over(user, ours, _target(body))
            elif act == "release":
                self.threads.release(user, ours)
            elif act == "take":
                # The default application may, whoever has the thread.
                self.threads.give(user, ours)
        except NotTheirs as error:
            raise _other_owner() from error
        return {"success": True}

    def thread_owner(self, request: Request, node: str) -> dict[str, Any]:
        """Raises ``GraphError``."""
        self.authorise_page(request, node)
        owner = self.threads.owner(self._recipient({"recipient": {"id": request.args.get("recipient")}}).user)
        return {"data": [{"thread_owner": {"app_id": owner}}] if owner else []}

    # Subscriptions

    def subscribed_apps(self) -> dict[str, Any]:
        if not self.subscribed_fields:
            return {"data": []}
        application = {"id": self.account.app_id, "name": self.brand_name, "subscribed_fields": self.subscribed_fields}
        return {"data": [application]}

    async def verify_callback(self, url: str, verify_token: str) -> None:
        """The GET handshake of ``hub.challenge``. Raises ``GraphError``."""
        challenge = str(secrets.randbelow(10**9))
        query = {"hub.mode": "subscribe", "hub.verify_token": verify_token, "hub.challenge": challenge}
        try:
            async with self.dispatcher.session.get(url, params=query, allow_redirects=False) as response:
                answer = await response.text()
                verified = response.status == 200 and answer.strip() == challenge
        except (aiohttp.ClientError, OSError, TimeoutError):
            verified = False
        if not verified:
            raise GraphError(2200, "(#2200) Callback verification failed")
        self.callback_url = url


def _other_owner() -> GraphError:
    return GraphError(10, "(#10) Message failed to send because another app is controlling this thread now.", 2018300)


def _target(body: dict[str, Any]) -> str:
    target = str(body.get("target_app_id") or "")
    if not target.isdecimal():
        raise GraphError(100, "(#100) Param target_app_id must be a valid app id")
    return target


def _without_payload(postback: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in postback.items() if name != "payload"}


_CODE_OF_STATUS = {400: 100, 401: 190, 403: 200, 429: 613, 500: 2, 502: 2, 503: 2, 504: 2}


def new_mid() -> str:
    return f"m_{secrets.token_urlsafe(36)}"


def serialise(payload: dict[str, Any]) -> bytes:
    """Meta's form: non-ASCII as lower-case escapes, slashes escaped; the signature covers exactly these bytes."""
    return json.dumps(payload, separators=(",", ":")).replace("/", "\\/").encode("ascii")


def read_quick_replies(value: Any) -> list[dict[str, str]]:
    """Raises ``GraphError``. Longer titles are cut at 20 characters, as the platform does."""
    if value is None:
        return []
    if not isinstance(value, list) or len(value) > MAX_QUICK_REPLIES:
        raise GraphError(100, f"(#100) Param message[quick_replies] must have at most {MAX_QUICK_REPLIES} items")
    return [_read_quick_reply(item) for item in value]


def _read_quick_reply(item: Any) -> dict[str, str]:
    if not isinstance(item, dict) or item.get("content_type") not in ("text", "user_phone_number", "user_email"):
        raise GraphError(100, "(#100) Param message[quick_replies][content_type] is invalid")
    title, payload = item.get("title", ""), item.get("payload", "")
    if item["content_type"] == "text" and (not title or not payload):
        raise GraphError(100, "(#100) Text quick replies need a title and a payload")
    if len(payload) > MAX_PAYLOAD:
        raise GraphError(100, f"(#100) Quick reply payloads have at most {MAX_PAYLOAD} characters")
    return {"title": title[:MAX_TITLE], "payload": payload}


def read_body(request: Request) -> dict[str, Any]:
    """Graph takes JSON and forms alike. Raises ``GraphError``."""
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


def bearer_token(request: Request) -> str:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() in ("bearer", "oauth") and token:
        return token.strip()
    return parameter(request, "access_token")


def _number(value: str) -> int | str:
    return int(value) if value.isdecimal() else value


def field_names(value: Any) -> list[str]:
    names = value.split(",") if isinstance(value, str) else value or []
    return [name.strip() for name in names if isinstance(name, str) and name.strip()]
