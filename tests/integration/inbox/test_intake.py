"""Events enter the inbox once each, whole batches or nothing."""

import asyncio

import pytest

from bot.channels.vocabulary import (
    ChannelName,
    Echo,
    EchoOrigin,
    InboundMessage,
    Notice,
    NoticeKind,
    UnknownEvent,
    decode_event,
)
from bot.inbox import keys
from bot.inbox.connection import open_redis
from bot.inbox.intake import DUPLICATES_REMEMBERED_SECONDS, InboxUnavailable, Intake


def message(number: int, user: str = "u1", text: str = "bonjour") -> InboundMessage:
    return InboundMessage(ChannelName.MESSENGER, "PAGE", user, 1790000000.0 + number, f"m{number}", text)


async def stored(redis, layout) -> list:
    found = []
    for stream in layout.inbox_streams():
        found += [decode_event(fields[b"event"]) for _, fields in await redis.xrange(stream)]
    return found


async def test_an_event_comes_out_as_it_went_in(redis, layout, intake):
    sent = message(1, text="Où êtes-vous ? 🙂")
    await intake.append([sent])
    assert await stored(redis, layout) == [sent]


async def test_a_redelivered_event_is_dropped_for_seven_days(redis, layout, intake):
    await intake.append([message(1)])
    await intake.append([message(1)])
    assert len(await stored(redis, layout)) == 1
    remaining = await redis.ttl(keys.seen("messenger:PAGE:u1", "m1"))
    assert DUPLICATES_REMEMBERED_SECONDS - 10 < remaining <= DUPLICATES_REMEMBERED_SECONDS


async def test_the_same_id_in_another_conversation_is_another_message(redis, layout, intake):
    await intake.append([message(1, "u1"), message(1, "u2")])
    assert len(await stored(redis, layout)) == 2


async def test_deliveries_racing_each_other_append_once(redis, layout, intake):
    await asyncio.gather(*(intake.append([message(1)]) for _ in range(50)))
    assert len(await stored(redis, layout)) == 1


async def test_a_thousand_concurrent_events_keep_each_conversations_order(redis, layout, intake):
    async def write_as(user: str) -> None:
        for number in range(20):
            await intake.append([message(number, user)])

    await asyncio.gather(*(write_as(f"user{n}") for n in range(50)))
    by_user: dict[str, list[str]] = {}
    for event in await stored(redis, layout):
        by_user.setdefault(event.user_id, []).append(event.message_id)
    assert len(by_user) == 50
    assert all(ids == [f"m{n}" for n in range(20)] for ids in by_user.values())


async def test_our_own_echo_is_noted_for_the_sender_and_not_answered(redis, layout, intake):
    echo = Echo(ChannelName.MESSENGER, "PAGE", "u1", 1790000000.0, "m_9", EchoOrigin.OWN, reply_id="r1", text="salut")
    await intake.append([echo])
    assert await stored(redis, layout) == []
    assert await redis.get(keys.echo_of_reply("r1")) == b"m_9"


async def test_an_echo_of_unknown_origin_is_both_noted_and_appended(redis, layout, intake):
    echo = Echo(ChannelName.X, "900", "42", 1790000000.0, "56", EchoOrigin.UNKNOWN, text="hello")
    await intake.append([echo])
    assert await stored(redis, layout) == [echo]
    assert b"56" in await redis.hgetall(keys.echoes_in("x:900:42"))


@pytest.mark.parametrize("kind", [NoticeKind.READ, NoticeKind.DELIVERED, NoticeKind.TYPING, NoticeKind.REACTION])
async def test_passing_notices_and_unknown_events_are_not_kept(redis, layout, intake, kind):
    passing = Notice(ChannelName.MESSENGER, "PAGE", "u1", 1790000000.0, kind)
    await intake.append([passing, UnknownEvent(ChannelName.MESSENGER, "PAGE", "", 0.0, "novelty")])
    assert await stored(redis, layout) == []


async def test_a_policy_warning_is_kept(redis, layout, intake):
    warning = Notice(ChannelName.MESSENGER, "PAGE", "", 1790000000.0, NoticeKind.POLICY, text="spam")
    await intake.append([warning, warning])
    assert await stored(redis, layout) == [warning]


async def test_a_dead_redis_refuses_and_a_revived_one_has_everything_it_accepted(own_valkey, layout):
    redis = open_redis(own_valkey.address, timeout=1.0)
    intake = Intake(redis, layout)
    intake.start()
    await intake.append([message(1)])
    own_valkey.kill()
    with pytest.raises(InboxUnavailable):
        await intake.append([message(2)])
    own_valkey.start()
    await intake.append([message(1), message(2)])
    assert [event.message_id for event in await stored(redis, layout)] == ["m1", "m2"]
    await intake.stop()
    await redis.aclose()
