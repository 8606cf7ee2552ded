"""What the two platforms have in common: a customer writes, a send is accepted, an event goes to the webhook."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from sanic import HTTPResponse, Request
from sanic.response import empty

from simulator.conversations import ChannelName, Conversation, Conversations, Message, Status
from simulator.faults import Fault
from simulator.webhooks import Delivery, WebhookDispatcher

ATTACHMENTS = frozenset({"image", "audio", "video", "file", "sticker", "location"})


@dataclass(frozen=True, slots=True)
class Utterance:
    """What a customer does: types, sends an attachment, or taps a button. ``message_id`` given again redelivers.

    ``hours_ago`` is how long before now the platform dates it: so a conversation is brought to the end of its window.
    """

    text: str | None = None
    attachment: str | None = None
    payload: str | None = None
    title: str | None = None
    message_id: str | None = None
    redeliver: int = 0
    hours_ago: float = 0.0

    def written_ms(self) -> int:
        return now_ms() - round(self.hours_ago * 3_600_000)


@dataclass(slots=True)
class SendCounts:
    accepted: int = 0
    refused: int = 0
    cut: int = 0


class Platform(Protocol):
    @property
    def channel(self) -> ChannelName: ...

    @property
    def sends(self) -> SendCounts: ...

    def customer_writes(self, user: str, utterance: Utterance) -> tuple[Message, asyncio.Event]:
        """Store what the customer did and call the webhook in the background; the event is set when that is settled."""
        ...

    def person_answers(self, user: str, text: str) -> Message:
        """Somebody answers from the platform's own inbox."""
        ...


def store_utterance(
    conversations: Conversations,
    conversation: Conversation,
    utterance: Utterance,
    message_id: str,
    text: str | None,
    at_ms: int,
) -> Message:
    """What a customer did, as the phone shows it. ``text`` is what the platform makes of it."""
    message = Message(
        id=message_id,
        sender="user",
        text=text,
        at=at_ms / 1000,
        attachment=utterance.attachment,
        payload=utterance.payload,
        status=Status.PENDING,
    )
    conversations.add(conversation, message)
    return message


def post_event(
    dispatcher: WebhookDispatcher,
    conversations: Conversations,
    conversation: Conversation,
    delivery: Delivery | None,
    message: Message | None = None,
) -> asyncio.Event:
    """Queue ``delivery`` and keep the status of ``message`` in step; without a delivery the message stays unsent."""
    done = asyncio.Event()
    if delivery is None:
        if message:
            conversations.mark(conversation, message, Status.UNSENT)
        done.set()
        return done
    delivery.done = done
    if message:
        delivery.on_taken = _marker(conversations, conversation, message, Status.DELIVERED)
        delivery.on_failed = _marker(conversations, conversation, message, Status.FAILED)
    dispatcher.enqueue(conversation.key, delivery)
    return done


def _marker(
    conversations: Conversations, conversation: Conversation, message: Message, status: Status
) -> Callable[[], None]:
    return lambda: conversations.mark(conversation, message, status)


async def finish_send(request: Request, fault: Fault, sends: SendCounts) -> None:
    """After a message was accepted: slow down or drop the connection, as ordered."""
    if fault.delay_seconds:
        await asyncio.sleep(fault.delay_seconds)
    if fault.cut:
        sends.cut += 1
        drop_connection(request)


def drop_connection(request: Request) -> HTTPResponse:
    """The caller sees a reset; the response goes nowhere, it only ends the handler."""
    if request.transport is not None:
        request.transport.abort()  # type: ignore[attr-defined]  # every TCP transport has it, uvloop's too
    return empty()


def now_ms() -> int:
    return time.time_ns() // 1_000_000
