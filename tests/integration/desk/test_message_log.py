from typing import Any

import pytest

from bot.desk import Database, Direction, LoggedMessage, MessageLog
from bot.desk.masking import Rules

HERE = "messenger:10:20"


def line(message_id: str, direction: str = "in", at: float = 1.0, **changes: Any) -> LoggedMessage:
    values: dict[str, Any] = {
        "conversation_id": HERE,
        "channel": "messenger",
        "account_id": "10",
        "user_id": "20",
        "message_id": message_id,
        "direction": direction,
        "text": f"text of {message_id}",
        "occurred_at": at,
    }
    return LoggedMessage(**values | changes)


@pytest.fixture
def log(database: Database) -> MessageLog:
    return MessageLog(database, Rules())


async def test_a_transcript_is_what_was_recorded_oldest_first(log: MessageLog) -> None:
    lines = [line("m2", at=20.5), line("m1", at=10), line("r1", "out", at=11, attachments=("image", "file"))]
    await log.record(lines)
    assert await log.transcript(HERE) == [lines[1], lines[2], lines[0]]


async def test_a_transcript_ends_with_the_newest_lines(log: MessageLog) -> None:
    await log.record([line(f"m{number}", at=number) for number in range(30)])
    assert [entry.message_id for entry in await log.transcript(HERE, limit=3)] == ["m27", "m28", "m29"]


async def test_a_batch_that_is_recorded_again_changes_nothing(log: MessageLog) -> None:
    await log.record([line("m1"), line("m2")])
    await log.record([line("m1", text="another text"), line("m2"), line("m3")])
    assert [entry.text for entry in await log.transcript(HERE)] == ["text of m1", "text of m2", "text of m3"]


async def test_a_message_twice_in_one_batch_is_kept_once(log: MessageLog) -> None:
    await log.record([line("m1"), line("m1")])
    assert len(await log.transcript(HERE)) == 1


async def test_the_same_id_in_both_directions_or_conversations_is_two_messages(log: MessageLog) -> None:
    await log.record([line("m1"), line("m1", "out"), line("m1", conversation_id="messenger:10:21")])
    assert len(await log.transcript(HERE)) == 2


async def test_card_numbers_and_ibans_are_masked_before_they_are_stored(log: MessageLog) -> None:
    await log.record([line("m1", text="4111 1111 1111 1111 / FR1420041010050500013M02606")])
    (entry,) = await log.transcript(HERE)
    assert entry.text == "[card ··1111] / [iban ··2606]"


async def test_nothing_is_recorded_without_a_masker(database: Database) -> None:
    log = MessageLog(database)
    with pytest.raises(RuntimeError):
        await log.record([line("m1")])
    assert await log.transcript(HERE) == []


async def test_a_message_without_text_is_kept_with_its_attachments(log: MessageLog) -> None:
    await log.record([line("m1", text=None, attachments=("audio",))])
    (entry,) = await log.transcript(HERE)
    assert (entry.text, entry.attachments, entry.direction) == ("", ("audio",), Direction.IN)


async def test_an_empty_batch_is_no_work(log: MessageLog) -> None:
    await log.record([])


async def test_a_batch_larger_than_a_statement_is_recorded_whole(log: MessageLog) -> None:
    await log.record([line(f"m{number}", at=number) for number in range(4321)])
    assert len(await log.transcript(HERE, limit=10_000)) == 4321


async def test_words_that_postgresql_refuses_are_kept_as_far_as_possible(log: MessageLog) -> None:
    await log.record([line("m1", text="a\x00b 😡 \ud83d")])
    assert [entry.text for entry in await log.transcript(HERE)] == ["ab 😡 ?"]
