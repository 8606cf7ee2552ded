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
        key = keys.tracker(turn.conversation_id)
        version = (self.redis.hget(key, "version") or b"").decode()
        answer = await self.client.ask(msgspec.structs.replace(turn, version=version))
        state = answer.conversation
        if state:
            assert state.after == version
            self.redis.hset(key, mapping={"version": state.version, "events": state.events})
            self.redis.expire(key, state.seconds)
        return answer
