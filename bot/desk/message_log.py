"""The message log: both sides of every conversation, masked, for the transcripts that agents read."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Protocol

from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession

from bot.desk.database import Database
from bot.desk.models import Direction, Message

# Eleven parameters a row; PostgreSQL's protocol takes 32 767 a statement and SQLite 32 766.
_ROWS_A_STATEMENT: Final = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedMessage:
    """One message of a conversation. ``attachments`` are kinds only, ``occurred_at`` is UTC seconds since the epoch.

    ``standby``: the customer wrote it while another application had the conversation.
    """

    conversation_id: str
    channel: str
    account_id: str
    user_id: str
    message_id: str
    direction: Direction
    text: str | None
    occurred_at: float
    attachments: tuple[str, ...] = ()
    standby: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "direction", Direction(self.direction))


class Masker(Protocol):
    """Takes personal data out of texts. What the assistant itself says (``automatic``) names nobody unannounced."""

    def mask_texts(self, texts: Sequence[str], *, automatic: bool) -> list[str]: ...


class MessageLog:
    """Raises ``DeskUnavailable`` when the database does not answer. Without ``masker`` it can only be read."""

    def __init__(self, database: Database, masker: Masker | None = None) -> None:
        self._database = database
        self._masker = masker

    async def record(self, batch: Sequence[LoggedMessage]) -> None:
        """Store a batch in one transaction; messages that are there already stay as they are.

        A message is known by its conversation, id and direction, so a batch may be recorded again after a crash.
        """
        if not batch:
            return
        texts = await asyncio.to_thread(self._mask, batch)
        async with self._database.writing() as session:
            for start in range(0, len(batch), _ROWS_A_STATEMENT):
                step = slice(start, start + _ROWS_A_STATEMENT)
                rows = [_row(message, text) for message, text in zip(batch[step], texts[step], strict=True)]
                await session.execute(self._insert_missing().values(rows))

    async def transcript(self, conversation_id: str, limit: int = 50) -> list[LoggedMessage]:
        """The last ``limit`` messages, oldest first."""
        async with self._database.reading() as session:
            return await read_transcript(session, conversation_id, limit)

    def _mask(self, batch: Sequence[LoggedMessage]) -> list[str]:
        if self._masker is None:
            raise RuntimeError("nothing is recorded without a masker")
        texts = [""] * len(batch)
        for automatic in (False, True):
            places = [place for place, one in enumerate(batch) if (one.direction is Direction.OUT) is automatic]
            masked = self._masker.mask_texts([batch[place].text or "" for place in places], automatic=automatic)
            for place, text in zip(places, masked, strict=True):
                texts[place] = text
        return texts

    def _insert_missing(self) -> Any:
        insert = postgresql.insert if self._database.dialect == "postgresql" else sqlite.insert
        return insert(Message).on_conflict_do_nothing(index_elements=["conversation_id", "message_id", "direction"])


async def read_transcript(session: AsyncSession, conversation_id: str, limit: int) -> list[LoggedMessage]:
    newest_first = (
        select(Message)
        .where(Message.conversation_id == conversation_id)
        .order_by(Message.occurred_at.desc(), Message.id.desc())
        .limit(limit)
    )
    return [_message(row) for row in reversed((await session.scalars(newest_first)).all())]


def _row(message: LoggedMessage, masked: str) -> dict[str, Any]:
    return {
        "conversation_id": message.conversation_id,
        "channel": message.channel,
        "account_id": message.account_id,
        "user_id": message.user_id,
        "message_id": message.message_id,
        "direction": message.direction,
        "text": masked,
        "attachments": list(message.attachments),
        "occurred_at": datetime.fromtimestamp(message.occurred_at, UTC),
        "standby": message.standby,
    }


def _message(row: Message) -> LoggedMessage:
    return LoggedMessage(
        conversation_id=row.conversation_id,
        channel=row.channel,
        account_id=row.account_id,
        user_id=row.user_id,
        message_id=row.message_id,
        direction=row.direction,
        text=row.text,
        attachments=tuple(row.attachments),
        occurred_at=row.occurred_at.timestamp(),
        standby=row.standby,
    )
