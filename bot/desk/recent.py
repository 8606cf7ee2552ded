"""The conversations that something was said in last."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import select

from bot.desk.database import Database
from bot.desk.models import Direction, Message

# So many of the newest messages are looked at, however long the log is.
_MESSAGES: Final = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class RecentConversation:
    """With the last words in it, masked as the log keeps them."""

    conversation_id: str
    channel: str
    direction: Direction
    text: str
    at: datetime


async def recent_conversations(database: Database, limit: int = 50) -> list[RecentConversation]:
    """Newest first. Raises ``DeskUnavailable``."""
    query = select(Message).order_by(Message.id.desc()).limit(_MESSAGES)
    async with database.reading() as session:
        messages = (await session.scalars(query)).all()
    last: dict[str, Message] = {}
    for message in messages:
        last.setdefault(message.conversation_id, message)
    return [
        RecentConversation(
            conversation_id=message.conversation_id,
            channel=message.channel,
            direction=message.direction,
            text=message.text,
            at=message.occurred_at,
        )
        for message in sorted(last.values(), key=lambda one: one.occurred_at, reverse=True)[:limit]
    ]
