"""X: what a customer and a person of the brand write, what the brand's application sends, and what it reads back.

Sources: docs.x.com, x-api/direct-messages/manage and x-api/fundamentals/rate-limits.
"""

import asyncio
import json
import time
from typing import Any

from sanic import HTTPResponse, Request
from sanic.response import json as json_response

from simulator.conversations import ChannelName, Conversation, Conversations, Message
from simulator.faults import Faults
from simulator.platform import SendCounts, Utterance, drop_connection, finish_send, now_ms, post_event, store_utterance
from simulator.settings import SimulatorSettings
from simulator.signing import sign_for_x
from simulator.webhooks import Delivery, WebhookDispatcher
from simulator.x.errors import XError, refuse_if_ordered
from simulator.x.events import Events
from simulator.x.ids import Snowflakes, order_of
from simulator.x.rates import RateWindow, limit_headers
from simulator.x.registrations import Registrations
from simulator.x.requests import decode_page, listed, page_size, read_text
from simulator.x.tokens import Tokens

BACKFILL_SECONDS = 30 * 86400


class X:
    def __init__(
        self, settings: SimulatorSettings, conversations: Conversations, dispatcher: WebhookDispatcher, faults: Faults
    ) -> None:
        self.channel: ChannelName = "x"
        self.sends = SendCounts()
        self.account = settings.x
        self.conversations = conversations
        self.dispatcher = dispatcher
        self.faults = faults
        self.ids = Snowflakes()
        self.send_window = RateWindow(settings.x.rate_limit)
        self.read_window = RateWindow(settings.x.rate_limit)
        self.tokens = Tokens(settings.x)
        self.events = Events(settings.x, settings.brand_name, f"http://127.0.0.1:{settings.port}/media")
        self.registrations = Registrations(self.ids, settings.x, dispatcher, f"{settings.gateway_url}/webhooks/x")

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
        at_ms = utterance.written_ms()
        message_id = utterance.message_id or (self.ids.of_time(at_ms) if utterance.hours_ago else self.ids.next())
        return store_utterance(self.conversations, conversation, utterance, message_id, text, at_ms)

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
        """None when nobody subscribed or the webhook is invalid: then X posts nothing."""
        subscription = self.registrations.subscription_of(event_type)
        webhook = self.registrations.webhooks.get(subscription.webhook_id or "") if subscription else None
        if subscription is None or webhook is None or not webhook.valid:
            return None
        payload = self.events.posted(conversation, message, event_type, subscription.tag)
        body = json.dumps(payload, ensure_ascii=False, separators=(",", ":")).encode()
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "Twitterbot/1.0",
            "x-twitter-webhooks-signature": sign_for_x(self.account.consumer_secret, body),
        }
        return Delivery(webhook.url, body, headers, copies)

    # Sending

    async def send(self, request: Request, user: str) -> HTTPResponse:
        self.tokens.authorise_user(request)
        self._spend_send()
        conversation = self._participant(user)
        fault = self.faults.take("x", user)
        if fault.cut_before:
            self.sends.cut += 1
            return drop_connection(request)
        refuse_if_ordered(fault)
        text = read_text(request)
        message = Message(self.ids.next(), "brand", text, now_ms() / 1000, origin="application")
        self.conversations.add(conversation, message)
        self.sends.accepted += 1
        if not fault.no_echo:
            self._post_echo(conversation, message)
        await finish_send(request, fault, self.sends)
        answer = {"dm_conversation_id": self.events.conversation_id(user), "dm_event_id": message.id}
        return json_response({"data": answer}, status=201, headers=self.send_headers())

    def _spend_send(self) -> None:
        if self.faults.throttle("x") or not self.send_window.spend():
            raise XError(429, "Too Many Requests", "Too Many Requests")

    def _participant(self, user: str) -> Conversation:
        conversation = self.conversations.find("x", user)
        if conversation is None or not conversation.last_user_at:
            raise XError(403, "Forbidden", "You do not have permission to DM one or more participants.")
        return conversation

    def send_headers(self) -> dict[str, str]:
        if limit := self.faults.limit_of("x"):
            return limit_headers(self.send_window.limit, limit.remaining, limit.resets_at)
        return self.send_window.headers()

    # Reading back

    def dm_events(self, request: Request, user: str | None) -> HTTPResponse:
        """Newest first, paged by id. Fields beside id, text and event_type come only when asked for."""
        self.tokens.authorise_user(request)
        if not self.read_window.spend():
            raise XError(429, "Too Many Requests", "Too Many Requests")
        size = page_size(request)
        before = int(decode_page(request.args.get("pagination_token", "")))
        found = self._stored_before(before, user)
        page = found[:size]
        meta: dict[str, Any] = {"result_count": len(page)}
        if len(found) > size:
            meta["next_token"] = f"B{int(page[-1][1].id):x}"
        fields = {"id", "text", "event_type", *listed(request, "dm_event.fields")}
        data = [self.events.stored(conversation, message, fields) for conversation, message in page]
        body: dict[str, Any] = {"meta": meta} if not data else {"data": data, "meta": meta}
        if "attachments.media_keys" in listed(request, "expansions"):
            body |= self.events.included_media([message for _, message in page])
        return json_response(body, headers=self.read_window.headers())

    def _stored_before(self, before: int, user: str | None) -> list[tuple[Conversation, Message]]:
        since = time.time() - BACKFILL_SECONDS
        found = [
            (conversation, message)
            for conversation in self.conversations.of_channel("x")
            if user in (None, conversation.user)
            for message in conversation.messages
            if message.at >= since and order_of(message) < before
        ]
        return sorted(found, key=lambda pair: order_of(pair[1]), reverse=True)
