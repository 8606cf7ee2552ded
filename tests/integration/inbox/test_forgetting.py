"""What is left in Redis of a customer who asked to be forgotten."""

import json

from bot.channels.vocabulary import ChannelName, InboundMessage, OutboundMessage, encode
from bot.inbox import keys
from bot.inbox.dead_letters import DeadLetters
from bot.inbox.forgetting import forget_conversation
from bot.inbox.owners import Owner, OwnerKind, Owners

ANN, BOB = "messenger:10:ann", "messenger:10:bob"


async def remember(redis, conversation):
    """As after a turn, and with a person who has taken the conversation."""
    await redis.rpush(keys.events(conversation), json.dumps({"event": "user", "text": "bonjour"}))
    await redis.set(keys.version(conversation), "v1")
    await redis.hset(keys.memory(conversation), "language", "fr")
    await Owners(redis, 900).take_over(conversation, Owner(conversation, OwnerKind.AGENT, "zoe"))


async def park(redis, value, stream="parvis:inbox:0", field="event"):
    letter = {"stream": stream, "field": field, "value": value, "reason": "defect"}
    await redis.xadd(keys.DEAD_LETTERS, letter)


def question(user, number=1):
    return encode(InboundMessage(ChannelName.MESSENGER, "10", user, 1_790_000_000.0, f"m{number}", "where is it?"))


def answer(user):
    return encode(OutboundMessage(ChannelName.MESSENGER, "10", user, f"{user}-r1", "Here."))


async def test_nothing_that_was_said_is_left_and_the_other_customers_keep_theirs(redis):
    for conversation in (ANN, BOB):
        await remember(redis, conversation)
    before = await redis.keys("*bob*")
    await forget_conversation(redis, ANN)
    assert await redis.keys("*ann*") == []
    assert sorted(await redis.keys("*bob*")) == sorted(before)
    assert [owner.conversation_id for owner in await Owners(redis, 900).held()] == [BOB]


async def test_their_dead_letters_go_whatever_they_hold_and_however_many_there_are(redis):
    for number in range(600):
        await park(redis, question("bob", number))
    await park(redis, question("ann"))
    await park(redis, answer("ann"), "parvis:outbox:messenger:0", "message")
    await park(redis, b"nobody can read this")
    assert await forget_conversation(redis, ANN) == 2
    letters = await DeadLetters(redis).list(1000)
    assert len(letters) == 601
    assert not any(b'"ann"' in letter.value for letter in letters)


async def test_who_was_never_here_is_forgotten_as_well(redis):
    assert await forget_conversation(redis, ANN) == 0
