"""Both sides of every conversation reach the message log, once, masked, and without being waited for."""

import asyncio
import time

import pytest

from bot.channels.vocabulary import (
    Attachment,
    AttachmentKind,
    ChannelName,
    Echo,
    EchoOrigin,
    InboundMessage,
    Notice,
    NoticeKind,
    OutboundMessage,
    encode,
)
from bot.desk import DeskUnavailable, migrate
from bot.desk.database import Database
from bot.desk.log_feeder import LogFeeder
from bot.desk.masking import Rules
from bot.desk.message_log import MessageLog
from bot.inbox import keys
from bot.inbox.echoes import digest
from bot.operations import Readiness

CONVERSATION = "x:900:42"


@pytest.fixture
async def message_log(tmp_path):
    url = f"sqlite+aiosqlite:///{tmp_path / 'log.db'}"
    await migrate(url)
    database = Database(url)
    yield MessageLog(database, Rules())
    await database.close()


@pytest.fixture
async def feeding(redis, layout, message_log):
    stop = asyncio.Event()
    feeder = LogFeeder(redis, layout, message_log, lease_seconds=1.0)
    task = asyncio.create_task(feeder.run(stop))
    yield feeder
    stop.set()
    await task


def message(message_id: str, text: str | None, **more) -> InboundMessage:
    return InboundMessage(ChannelName.X, "900", "42", time.time(), message_id, text, **more)


async def logged(message_log: MessageLog, count: int) -> list[tuple[str, str | None]]:
    deadline = time.monotonic() + 30
    while len(found := await message_log.transcript(CONVERSATION)) < count:
        assert time.monotonic() < deadline, found
        await asyncio.sleep(0.05)
    return [(str(one.direction), one.text) for one in found]


async def reply(redis, layout, reply_id: str, text: str) -> None:
    outbound = OutboundMessage(ChannelName.X, "900", "42", reply_id, text)
    await redis.xadd(layout.outbox(ChannelName.X, CONVERSATION), {"message": encode(outbound)})


async def test_both_sides_are_logged_with_card_numbers_masked(redis, layout, intake, feeding, message_log):
    await intake.append([message("1", "my card is 4111 1111 1111 1111")])
    await logged(message_log, 1)
    await reply(redis, layout, "r1.0", "Thank you")
    sides = await logged(message_log, 2)
    assert [direction for direction, _ in sides] == ["in", "out"]
    assert "4111" not in (sides[0][1] or "")
    assert sides[1][1] == "Thank you"


async def test_attachments_and_edits_are_logged(intake, feeding, message_log):
    await intake.append([message("1", None, attachments=(Attachment(AttachmentKind.IMAGE, "https://example.com/1"),))])
    await intake.append([Notice(ChannelName.X, "900", "42", time.time() + 1, NoticeKind.EDITED, "1", "corrected")])
    assert len(await logged(message_log, 2)) == 2


async def test_what_a_customer_writes_on_standby_is_logged_and_marked(intake, feeding, message_log):
    standby = Notice(ChannelName.X, "900", "42", time.time(), NoticeKind.STANDBY, "7", "still there?", ours=False)
    receipt = Notice(ChannelName.X, "900", "42", time.time(), NoticeKind.STANDBY, ours=False)
    await intake.append([message("1", "hello"), standby, receipt])
    await logged(message_log, 2)
    marked = [(one.message_id, one.text, one.standby) for one in await message_log.transcript(CONVERSATION)]
    assert sorted(marked) == [("1", "hello", False), ("7", "still there?", True)]


async def test_a_persons_answer_is_logged_as_theirs_and_our_own_echo_not_again(redis, intake, feeding, message_log):
    await redis.zadd(keys.expected(CONVERSATION), {digest("Thank you"): time.time() * 1000})
    await intake.append([Echo(ChannelName.X, "900", "42", time.time(), "56", EchoOrigin.UNKNOWN, text="Thank you")])
    await intake.append([Echo(ChannelName.X, "900", "42", time.time(), "57", EchoOrigin.UNKNOWN, text="Léa here")])
    assert await logged(message_log, 1) == [("human", "Léa here")]


async def test_everything_is_acknowledged_so_that_streams_can_be_trimmed(redis, layout, intake, feeding, message_log):
    await intake.append([message(str(number), "hello") for number in range(300)])
    deadline = time.monotonic() + 30
    stream = layout.inbox(CONVERSATION)
    while True:
        [group] = [one for one in await redis.xinfo_groups(stream) if one["name"] == keys.MESSAGE_LOG.encode()]
        if group["lag"] == 0 and group["pending"] == 0:
            break
        assert time.monotonic() < deadline, group
        await asyncio.sleep(0.05)
    assert len(await message_log.transcript(CONVERSATION, limit=1000)) == 300


async def test_while_the_database_is_away_messages_wait_and_are_logged_once(redis, layout, intake, message_log):
    class Flaky(MessageLog):
        away = True

        async def record(self, batch):
            if self.away:
                raise DeskUnavailable("away")
            await message_log.record(batch)

    flaky, stop = Flaky(message_log._database), asyncio.Event()
    task = asyncio.create_task(LogFeeder(redis, layout, flaky, lease_seconds=1.0).run(stop))
    await intake.append([message(str(number), f"{number}") for number in range(5)])
    await asyncio.sleep(1.0)
    assert await message_log.transcript(CONVERSATION) == []
    flaky.away = False
    assert [text for _, text in await logged(message_log, 5)] == ["0", "1", "2", "3", "4"]
    stop.set()
    await task


async def test_the_log_waits_in_its_streams_until_names_can_be_masked(
    valkey, redis, layout, intake, tmp_path, monkeypatch
):
    from bot.bootstrap import Process, desk
    from bot.desk.masking import models
    from bot.settings import Settings

    settings = Settings()
    process = Process(settings, redis, layout, Readiness("masking"), asyncio.Event())
    url = f"sqlite+aiosqlite:///{tmp_path / 'waiting.db'}"
    await migrate(url)
    database = Database(url)
    monkeypatch.setattr(desk, "_MODELS_AGAIN_SECONDS", 0.1)
    monkeypatch.setitem(models.MODELS, "fr", "fr_core_news_nowhere")
    feeding = asyncio.create_task(desk.feed_log(process, database, Rules()))
    await intake.append([message("1", "J'ai eu Karim Benali au téléphone")])

    deadline = time.monotonic() + 60
    while "fr_core_news_nowhere" not in process.readiness.problems().get("masking", ""):
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)
    assert await MessageLog(database).transcript(CONVERSATION) == []
    assert sum([await redis.xlen(stream) for stream in layout.inbox_streams()]) == 1

    monkeypatch.setitem(models.MODELS, "fr", "fr_core_news_md")
    while not (found := await MessageLog(database).transcript(CONVERSATION)):
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)
    assert [one.text for one in found] == ["J'ai eu [name] au téléphone"]
    assert process.readiness.problems() == {}
    process.stop.set()
    await feeding
    await database.close()
