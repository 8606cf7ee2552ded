"""The assistant as the rest of the system sees it: a turn goes in, an answer comes out."""

from bot.assistant.client import (
    Answer,
    AssistantAway,
    AssistantClient,
    AssistantError,
    AssistantReply,
    Conversation,
    TurnFailed,
)
from bot.assistant.holding import load_holding_text
from bot.assistant.server import AssistantNotInstalled, rasa_command
from bot.assistant.turns import Turn

__all__ = [
    "Answer",
    "AssistantAway",
    "AssistantClient",
    "AssistantError",
    "AssistantNotInstalled",
    "AssistantReply",
    "Conversation",
    "Turn",
    "TurnFailed",
    "load_holding_text",
    "rasa_command",
]
