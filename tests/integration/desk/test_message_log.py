import pytest

from bot.desk import Database, Direction, MessageLog
from bot.desk.masking import Rules
from tests.integration.desk.conftest import logged

HERE = "messenger:10:20"


@pytest.fixture
def log(database: Database) -> MessageLog:
    return MessageLog(database, Rules())


async def test_a_transcript_is_what_was_recorded_oldest_first(log: MessageLog) -> None:
    reply = logged("r1", direction=Direction.OUT, at=11, attachments=("image", "file"))
    lines = [logged("m2", at=20.5), logged("m1", at=10), reply]
    await log.record(lines)
    assert await log.transcript(HERE) == [lines[1], lines[2], lines[0]]


async def test_a_transcript_ends_with_the_newest_lines(log: MessageLog) -> None:
    await log.record([logged(f"m{number}", at=number) for number in range(30)])
    assert [entry.message_id for entry in await log.transcript(HERE, limit=3)] == ["m27", "m28", "m29"]


async def test_a_batch_that_is_recorded_again_changes_nothing(log: MessageLog) -> None:
    await log.record([logged("m1"), logged("m2")])
    await log.record([logged("m1", text="another text"), logged("m2"), logged("m3")])
    assert [entry.text for entry in await log.transcript(HERE)] == ["bonjour"] * 3


async def test_a_message_twice_in_one_batch_is_kept_once(log: MessageLog) -> None:
    await log.record([logged("m1"), logged("m1")])
    assert len(await log.transcript(HERE)) == 1


async def test_the_same_id_in_both_directions_or_conversations_is_two_messages(log: MessageLog) -> None:
    elsewhere = logged("m1", conversation_id="messenger:10:21")
    await log.record([logged("m1"), logged("m1", direction=Direction.OUT), elsewhere])
    assert len(await log.transcript(HERE)) == 2


async def test_card_numbers_and_ibans_are_masked_before_they_are_stored(log: MessageLog) -> None:
    await log.record([logged("m1", text="4111 1111 1111 1111 / FR1420041010050500013M02606")])
    (entry,) = await log.transcript(HERE)
    assert entry.text == "[card ··1111] / [iban ··2606]"


async def test_nothing_is_recorded_without_a_masker(database: Database) -> None:
    log = MessageLog(database)
    with pytest.raises(RuntimeError):
        await log.record([logged("m1")])
    assert await log.transcript(HERE) == []


async def test_a_message_without_text_is_kept_with_its_attachments(log: MessageLog) -> None:
    await log.record([logged("m1", text=None, attachments=("audio",))])
    (entry,) = await log.transcript(HERE)
    assert (entry.text, entry.attachments, entry.direction) == ("", ("audio",), Direction.IN)


async def test_an_empty_batch_is_no_work(log: MessageLog) -> None:
    await log.record([])


async def test_a_batch_larger_than_a_statement_is_recorded_whole(log: MessageLog) -> None:
    await log.record([logged(f"m{number}", at=number) for number in range(4321)])
    assert len(await log.transcript(HERE, limit=10_000)) == 4321


async def test_words_that_postgresql_refuses_are_kept_as_far_as_possible(log: MessageLog) -> None:
    await log.record([logged("m1", text="a\x00b 😡 \ud83d")])
    assert [entry.text for entry in await log.transcript(HERE)] == ["ab 😡 ?"]
