"""Somebody who writes to the small assistant."""

import asyncio
import time
import uuid
from dataclasses import dataclass, field

from bot.assistant import Answer, AssistantAway, Turn
from bot.channels.vocabulary import ChannelName, InboundMessage
from tests.assistant.remembering import RememberingAssistant


@dataclass
class Customer:
    client: RememberingAssistant
    channel: ChannelName = ChannelName.MESSENGER
    name: str = field(default_factory=lambda: uuid.uuid4().hex)

    def turn(self, text: str, message_id: str | None = None, payload: str | None = None) -> Turn:
        return Turn.from_message(
            InboundMessage(
                channel=self.channel,
                account_id="PAGE",
                user_id=self.name,
                occurred_at=time.time(),
                message_id=message_id or f"m_{uuid.uuid4().hex}",
                text=text,
                payload=payload,
            )
        )

    async def says(self, text: str, message_id: str | None = None) -> list[str]:
        answer = await self.client.ask(self.turn(text, message_id))
        return [reply.text for reply in answer.replies]

    async def taps(self, payload: str) -> list[str]:
        answer = await self.client.ask(self.turn("tapped", payload=payload))
        return [reply.text for reply in answer.replies]


async def until_answered(client: RememberingAssistant, turn: Turn, seconds: float = 60) -> Answer:
    deadline = time.monotonic() + seconds
    while True:
        try:
            return await client.ask(turn)
        except AssistantAway:
            if time.monotonic() > deadline:
                raise
            await asyncio.sleep(0.1)
