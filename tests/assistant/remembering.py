"""An assistant whose conversations are stored after each turn, as the worker does it."""

from dataclasses import dataclass
from typing import Any

import msgspec

from bot.assistant import Answer, AssistantClient, Turn
from bot.inbox import keys


@dataclass
class RememberingAssistant:
    client: AssistantClient
    redis: Any

    async def ask(self, turn: Turn) -> Answer:
        version_key, events_key = keys.version(turn.conversation_id), keys.events(turn.conversation_id)
        version = (self.redis.get(version_key) or b"").decode()
        answer = await self.client.ask(msgspec.structs.replace(turn, version=version))
        state = answer.conversation
        if state:
            assert state.after == version
            self.redis.set(version_key, state.version, ex=state.seconds)
            (self.redis.append if state.continues else self.redis.set)(events_key, state.events)
        return answer
