"""The Page: what a customer and people in its inbox write, what the brand's application sends, who has a thread.

Sources, all under developers.facebook.com/documentation/business-messaging/messenger-platform: webhooks,
webhook-events/*, send-messages, send-messages/quick-replies, send-messages/sender-actions, error-codes,
"Conversation Routing".
"""

import asyncio
import time
from typing import Any

from sanic import HTTPResponse, Request
from sanic.response import json as json_response

from simulator.conversations import ChannelName, Conversation, Conversations, Message
from simulator.faults import Faults
from simulator.messenger.errors import GraphError, no_such_user, other_owner, refuse_if_ordered
from simulator.messenger.events import Events, Item, field_of, new_mid, without_payload
from simulator.messenger.messages import read_action, read_message
from simulator.messenger.registrations import Registrations
from simulator.messenger.requests import read_body, target_application
from simulator.messenger.threads import NotTheirs, Threads
from simulator.messenger.tokens import Tokens
from simulator.messenger.usage import usage_headers
from simulator.platform import SendCounts, Utterance, drop_connection, finish_send, now_ms, post_event, store_utterance
from simulator.settings import SimulatorSettings
from simulator.signing import sign_for_messenger
from simulator.webhooks import Delivery, WebhookDispatcher

INBOX_APP_ID = 26390203743090
"""The Page inbox, as the echo page prints it."""
ROUTING_INBOX_APP_ID = 263902037430900
"""The Page inbox, as the page on Conversation Routing prints it."""
WINDOW_SECONDS = 24 * 3600
PERSON_WINDOW_SECONDS = 7 * 24 * 3600
"""Under the tag HUMAN_AGENT."""


class Messenger:
    def __init__(
        self, settings: SimulatorSettings, conversations: Conversations, dispatcher: WebhookDispatcher, faults: Faults
    ) -> None:
        self.channel: ChannelName = "messenger"
        self.sends = SendCounts()
        self.account = settings.messenger
        self.brand_name = settings.brand_name
        self.conversations = conversations
        self.dispatcher = dispatcher
        self.faults = faults
        self.threads = Threads(settings.messenger.app_id)
        self.tokens = Tokens(settings.messenger)
        self.events = Events(settings.messenger, f"http://127.0.0.1:{settings.port}/media")
        self.registrations = Registrations(dispatcher, f"{settings.gateway_url}/webhooks/messenger")

    # The customer's side

    def customer_writes(self, user: str, utterance: Utterance) -> tuple[Message, asyncio.Event]:
        conversation = self.conversations.open("messenger", user)
        message = conversation.find(utterance.message_id) if utterance.message_id else None
        timestamp = round(message.at * 1000) if message else utterance.written_ms()
        item = self.events.written(conversation, utterance, timestamp)
        if message is None:
            message = self._store(conversation, utterance, item)
        delivery = self._deliver(user, item, copies=utterance.redeliver)
        return message, post_event(self.dispatcher, self.conversations, conversation, delivery, message)

    def _store(self, conversation: Conversation, utterance: Utterance, item: Item) -> Message:
        body = item.get("message") or item["postback"]
        text = body.get("text") or body.get("title")
        return store_utterance(self.conversations, conversation, utterance, body["mid"], text, item["timestamp"])

    # The Page's own inbox

    def person_answers(self, user: str, text: str) -> Message:
        """Answering takes the thread without a word to the application ("Conversation Routing")."""
        conversation = self.conversations.open("messenger", user)
        self.threads.give(user, str(ROUTING_INBOX_APP_ID))
        message = Message(new_mid(), "brand", text, now_ms() / 1000, origin="inbox")
        self.conversations.add(conversation, message)
        self._post(conversation, self.events.echo(user, message, INBOX_APP_ID))
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

    def _post_control(self, user: str, kind: str, change: Item) -> None:
        self._post(self.conversations.open("messenger", user), self.events.control(user, kind, change))

    # Webhooks

    def _post(self, conversation: Conversation, item: Item) -> None:
        post_event(self.dispatcher, self.conversations, conversation, self._deliver(conversation.user, item))

    def _deliver(self, user: str, item: Item, copies: int = 0) -> Delivery | None:
        """While another application has the thread, the brand's is told on standby, without payloads of buttons."""
        field, place = field_of(item), "messaging"
        if field != "messaging_handovers" and not self.threads.is_open_to(user, self.account.app_id):
            place = field = "standby"
            item = without_payload(item)
        if field not in self.registrations.subscribed_fields:
            return None
        body = self.events.posted(place, item)
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "facebookexternalua",
            "X-Hub-Signature-256": sign_for_messenger(self.account.app_secret, body),
        }
        return Delivery(self.registrations.callback_url, body, headers, copies)

    # The Send API

    async def send(self, request: Request, node: str) -> HTTPResponse:
        self.tokens.authorise_page(request, node)
        body = read_body(request)
        conversation = self._recipient(body)
        if not self.threads.is_open_to(conversation.user, self.account.app_id):
            raise other_owner()
        if "sender_action" in body:
            return self._act(conversation, body)
        fault = self.faults.take("messenger", conversation.user)
        if fault.cut_before:
            self.sends.cut += 1
            return drop_connection(request)
        self._refuse_if_throttled()
        refuse_if_ordered(fault)
        message = read_message(body, human_agent=self.account.human_agent)
        _check_window(conversation, message)
        self.threads.use(conversation.user, self.account.app_id)
        self.conversations.add(conversation, message)
        self.sends.accepted += 1
        if not fault.no_echo:
            self._post(conversation, self.events.echo(conversation.user, message, _number(self.account.app_id)))
            self._post(conversation, self.events.delivery(conversation.user, message))
        await finish_send(request, fault, self.sends)
        answer = {"recipient_id": conversation.user, "message_id": message.id}
        return json_response(answer, headers=usage_headers(self.account.page_id))

    def _recipient(self, body: dict[str, Any]) -> Conversation:
        recipient = body.get("recipient")
        user = recipient.get("id") if isinstance(recipient, dict) else None
        if not isinstance(user, str) or not user:
            raise GraphError(100, "(#100) The parameter recipient is required")
        conversation = self.conversations.find("messenger", user)
        if conversation is None:
            raise no_such_user()
        return conversation

    def _act(self, conversation: Conversation, body: dict[str, Any]) -> HTTPResponse:
        action = read_action(body)
        if action == "mark_seen":
            self.conversations.mark_seen(conversation)
        else:
            self.conversations.show_typing(conversation, action == "typing_on")
        return json_response({"recipient_id": conversation.user}, headers=usage_headers(self.account.page_id))

    def _refuse_if_throttled(self) -> None:
        if limit := self.faults.throttle("messenger"):
            seconds = limit.resets_at - time.time()
            raise GraphError(613, "(#613) Calls to this api have exceeded the rate limit.", regain_seconds=seconds)

    # Conversation Routing

    def control_thread(self, request: Request, node: str, act: str) -> dict[str, Any]:
        """``act`` is ``pass``, ``take``, ``release`` or ``request``. Raises ``GraphError``."""
        self.tokens.authorise_page(request, node)
        body = read_body(request)
        user, ours = self._recipient(body).user, self.account.app_id
        try:
            if act == "pass":
                self.threads.hand_over(user, ours, target_application(body))
            elif act == "release":
                self.threads.release(user, ours)
            elif act == "take":
                # The default application may, whoever has the thread.
                self.threads.give(user, ours)
        except NotTheirs as error:
            raise other_owner() from error
        return {"success": True}

    def thread_owner(self, request: Request, node: str) -> dict[str, Any]:
        """Raises ``GraphError``."""
        self.tokens.authorise_page(request, node)
        owner = self.threads.owner(self._recipient({"recipient": {"id": request.args.get("recipient")}}).user)
        return {"data": [{"thread_owner": {"app_id": owner}}] if owner else []}


def _check_window(conversation: Conversation, message: Message) -> None:
    seconds = PERSON_WINDOW_SECONDS if message.tag else WINDOW_SECONDS
    if time.time() - conversation.last_user_at > seconds:
        raise GraphError(10, "(#10) This message is sent outside of allowed window.", 2018278)


def _number(value: str) -> int | str:
    return int(value) if value.isdecimal() else value
