"""A message becomes a turn, and a turn's replies enter the outbox with the message's acknowledgement."""

import asyncio
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable

import pytest

from bot.assistant import Answer, AssistantAway, AssistantReply, Conversation, TurnFailed
from bot.channels.vocabulary import (
    Activity,
    ChannelName,
    Echo,
    EchoOrigin,
    InboundMessage,
    QuickReply,
    decode_outbound,
)
from bot.inbox import keys
from bot.inbox.consumer import ShardConsumer
from bot.inbox.dead_letters import DeadLetters
from bot.inbox.worker import Memory, Worker, WorkerLimits
from tests.integration.inbox.platform import MemoryPlatform

HOLDING = {"fr": "Message bien reçu.", "en": "We have your message."}


class EchoingAssistant:
    """Answers with the customer's own words, unless told to be away or to fail."""

    def __init__(self) -> None:
        self.away = False
        self.failing: set[str] = set()
        self.asked: list[str] = []
        self.choices: tuple[QuickReply, ...] = ()
        self.silent = False
        self.replies = 1
        self.before_answering: Callable[[], Awaitable[None]] | None = None

    async def ask(self, turn):
        if self.away:
            raise AssistantAway("unreachable")
        self.asked.append(turn.message)
        if turn.message in self.failing:
            raise TurnFailed("turn_broken")
        if self.silent:
            return Answer((), language="fr", silent=True)
        if self.before_answering:
            await self.before_answering()
        conversation = Conversation(
            turn.version, f"{turn.version}+{turn.message_id}", f"[{turn.message}]", bool(turn.version), 60
        )
        reply = AssistantReply(f"re: {turn.message}", self.choices)
        return Answer((reply,) * self.replies, language="fr", conversation=conversation)


class Working:
    def __init__(self, redis, layout, intake, *, holding_after: float = 0.5, attempts: int = 2) -> None:
        self.redis, self.layout, self.intake = redis, layout, intake
        self.assistant = EchoingAssistant()
        self.stop = asyncio.Event()
        platforms = {ChannelName.MESSENGER: MemoryPlatform(), ChannelName.X: MemoryPlatform(ChannelName.X, "900")}
        limits = WorkerLimits(8, attempts, holding_after, human_silence_seconds=60)
        worker = Worker(redis, layout, platforms, self.assistant, limits, lambda language: HOLDING.get(language, "…"))
        self.consumer = ShardConsumer(redis, layout, keys.WORKERS, layout.inbox_streams(), worker, lease_seconds=1.0)
        self.task = asyncio.create_task(self.consumer.run(self.stop))
        self._numbers: dict[str, int] = defaultdict(int)

    async def write(self, text: str, user: str = "ann", channel: ChannelName = ChannelName.MESSENGER) -> None:
        self._numbers[user] += 1
        account = "PAGE" if channel is ChannelName.MESSENGER else "900"
        message_id = f"{user}-{self._numbers[user]}"
        await self.intake.append([InboundMessage(channel, account, user, time.time(), message_id, text)])

    async def outbox(self, user: str = "ann", channel: ChannelName = ChannelName.MESSENGER) -> list[str]:
        account = "PAGE" if channel is ChannelName.MESSENGER else "900"
        stream = self.layout.outbox(channel, f"{channel}:{account}:{user}")
        entries = await self.redis.xrange(stream)
        messages = [decode_outbound(fields[b"message"]) for _, fields in entries if b"message" in fields]
        return [message.text for message in messages if message.user_id == user]

    async def wait_for(self, expected: list[str], user: str = "ann", channel=ChannelName.MESSENGER) -> None:
        deadline = time.monotonic() + 30
        while (found := await self.outbox(user, channel)) != expected:
            assert time.monotonic() < deadline, found
            await asyncio.sleep(0.02)

    async def end(self) -> None:
        self.stop.set()
        await self.task


@pytest.fixture
async def working(redis, layout, intake):
    running = Working(redis, layout, intake)
    yield running
    await running.end()


async def test_fifteen_messages_in_a_row_are_answered_in_order(working):
    for number in range(15):
        await working.write(f"{number}")
    await working.wait_for([f"re: {number}" for number in range(15)])


async def test_the_conversation_is_stored_with_the_replies_of_its_turn(working, redis):
    await working.write("first")
    await working.write("second")
    await working.wait_for(["re: first", "re: second"])
    assert await redis.get(keys.version("messenger:PAGE:ann")) == b"+ann-1+ann-2"
    assert await redis.get(keys.events("messenger:PAGE:ann")) == b"[first][second]"
    for key in (keys.version, keys.events):
        assert 50 < await redis.ttl(key("messenger:PAGE:ann")) <= 60


async def test_a_turn_that_followed_another_state_of_the_conversation_is_taken_again(working, redis):
    async def somebody_else_stores() -> None:
        working.assistant.before_answering = None
        await redis.mset({keys.version("messenger:PAGE:ann"): "another", keys.events("messenger:PAGE:ann"): "[theirs]"})

    working.assistant.before_answering = somebody_else_stores
    await working.write("hello")
    await working.wait_for(["re: hello"])
    assert working.assistant.asked == ["hello", "hello"]
    assert await redis.get(keys.version("messenger:PAGE:ann")) == b"another+ann-1"
    assert await redis.get(keys.events("messenger:PAGE:ann")) == b"[theirs][hello]"


async def test_nothing_is_appended_to_a_conversation_that_has_expired(working, redis):
    await working.write("first")
    await working.wait_for(["re: first"])

    async def expire() -> None:
        working.assistant.before_answering = None
        await redis.delete(keys.events("messenger:PAGE:ann"))
        await redis.pexpire(keys.version("messenger:PAGE:ann"), 50)

    working.assistant.before_answering = expire
    await working.write("second")
    await working.wait_for(["re: first", "re: second"])
    assert await redis.get(keys.events("messenger:PAGE:ann")) == b"[second]"


async def marks(redis, layout) -> list[tuple[bytes | None, dict[bytes, bytes]]]:
    """Of each of Ann's replies: since when it is cleared, and what is noted of its attempts."""
    entries = await redis.xrange(layout.outbox(ChannelName.MESSENGER, "messenger:PAGE:ann"))
    replies = [decode_outbound(fields[b"message"]) for _, fields in entries]
    attempts = [await redis.hgetall(keys.attempt(reply.reply_id)) for reply in replies]
    return [(fields.get(b"cleared"), attempt) for (_, fields), attempt in zip(entries, attempts, strict=True)]


async def test_the_first_reply_of_a_turn_is_cleared_and_marked_as_in_flight(working, redis, layout):
    working.assistant.replies = 2
    await working.write("hello")
    await working.wait_for(["re: hello", "re: hello"])
    [(cleared, attempt), second] = await marks(redis, layout)
    assert attempt == {b"attempts": b"1", b"in_flight_since": cleared}
    assert second == (None, {}), "it comes when the first has left"
    assert await redis.zcard(keys.expected("messenger:PAGE:ann")) == 1


@pytest.mark.parametrize("obstacle", ["paused", "throttled", "exhausted", "a person has it"])
async def test_a_reply_that_may_not_go_out_now_is_not_cleared(working, redis, layout, obstacle):
    async def put_obstacle() -> None:
        allowance, later = keys.allowance("messenger", "PAGE"), int((time.time() + 60) * 1000)
        match obstacle:
            case "paused":
                await redis.set(keys.pause("messenger", "PAGE"), "reason")
            case "throttled":
                await redis.hset(allowance, "blocked_until", later)
            case "exhausted":
                await redis.hset(allowance, mapping={"remaining": 0, "resets_at": later})
            case _:
                await redis.set(keys.human("messenger:PAGE:ann"), "agent:lea")

    working.assistant.before_answering = put_obstacle
    await working.write("hello")
    await working.wait_for(["re: hello"])
    assert await marks(redis, layout) == [(None, {})]


@pytest.mark.usefixtures("nothing_grows_old")
async def test_what_a_turn_must_know_comes_with_its_message(working, redis, layout):
    working.assistant.choices = (QuickReply("Retours", "/faq_returns"),)
    await working.write("first")
    await working.wait_for(["re: first"])
    while working.consumer.waiting:
        await asyncio.sleep(0.01)
    await working.write("Retours")
    await working.wait_for(["re: first", "re: /faq_returns"])
    stream = layout.inbox("messenger:PAGE:ann")
    recalled = [Memory.read(fields[b"recalled"]) for _, fields in await redis.xrange(stream)]
    assert [(memory.version, memory.choices) for memory in recalled] == [
        ("", ()),
        ("+ann-1", working.assistant.choices),
    ]


@pytest.mark.usefixtures("nothing_grows_old")
async def test_what_came_with_a_message_is_not_believed_when_the_conversation_went_on_meanwhile(working):
    working.assistant.choices = (QuickReply("Retours", "/faq_returns"),)

    async def wait() -> None:
        working.assistant.before_answering = None
        await working.write("Retours")  # at which nothing has been offered yet

    working.assistant.before_answering = wait
    await working.write("first")
    await working.wait_for(["re: first", "re: /faq_returns"])


async def test_a_message_without_an_answer_leaves_the_conversation_as_it_was(working, redis):
    await working.write("first")
    await working.wait_for(["re: first"])
    working.assistant.failing = {"broken"}
    await working.write("broken")
    deadline = time.monotonic() + 30
    while not await DeadLetters(redis).count():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)
    assert await redis.get(keys.version("messenger:PAGE:ann")) == b"+ann-1"


async def test_a_typed_number_on_x_chooses_among_the_quick_replies_last_offered(working):
    working.assistant.choices = (QuickReply("Horaires", "/faq_opening_hours"), QuickReply("Retours", "/faq_returns"))
    await working.write("bonjour", channel=ChannelName.X)
    await working.wait_for(["re: bonjour"], channel=ChannelName.X)
    await working.write("2", channel=ChannelName.X)
    await working.wait_for(["re: bonjour", "re: /faq_returns"], channel=ChannelName.X)


async def test_a_customer_who_asked_for_silence_gets_no_word_whatever_happens(working, redis):
    working.assistant.silent = True
    await working.write("stop")
    await working.write("hello?")
    deadline = time.monotonic() + 30
    while working.assistant.asked != ["/chitchat_stop", "hello?"]:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)
    working.assistant.away = True
    await working.write("anybody?")
    await asyncio.sleep(1.2)  # longer than a holding word would take
    assert await working.outbox() == []
    working.assistant.away = False
    working.assistant.failing = {"broken"}
    await working.write("broken")
    while not await DeadLetters(redis).count():
        assert time.monotonic() < deadline + 10
        await asyncio.sleep(0.02)
    working.assistant.silent = False
    await working.write("hello again")
    await working.wait_for(["re: hello again"])


async def test_what_a_customer_types_is_never_a_command(working):
    await working.write("/restart")
    await working.wait_for(["re: restart"])


async def test_while_the_assistant_is_away_the_customer_hears_once_and_is_answered_later(working):
    await working.write("first")
    await working.wait_for(["re: first"])
    working.assistant.away = True
    for text in ("second", "third", "fourth"):
        await working.write(text)
    await working.wait_for(["re: first", HOLDING["fr"]])
    await asyncio.sleep(0.8)
    assert await working.outbox() == ["re: first", HOLDING["fr"]], "one word for the whole outage"
    working.assistant.away = False
    answered = ["re: second", "re: third", "re: fourth"]
    await working.wait_for(["re: first", HOLDING["fr"], *answered])
    working.assistant.away = True
    await working.write("fifth")
    await working.wait_for(["re: first", HOLDING["fr"], *answered, HOLDING["fr"]])


async def test_a_waiting_customer_sees_that_somebody_is_there(redis, layout, working):
    working.assistant.away = True
    await working.write("hello")
    stream = layout.outbox(ChannelName.MESSENGER, "messenger:PAGE:ann")
    shown: list[bytes] = []
    deadline = time.monotonic() + 30
    while len(shown) < 2:
        assert time.monotonic() < deadline
        entries = await redis.xrange(stream)
        shown = [fields[b"activity"] for _, fields in entries if b"activity" in fields]
        await asyncio.sleep(0.02)
    assert shown == [Activity.SEEN.encode(), Activity.TYPING.encode()]


async def test_a_turn_that_keeps_failing_is_parked_and_the_next_message_answered(redis, working):
    working.assistant.failing = {"poison"}
    await working.write("poison")
    await working.write("bonjour")
    deadline = time.monotonic() + 30
    while "re: bonjour" not in await working.outbox():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)
    [letter] = await DeadLetters(redis).list()
    assert letter.reason == "assistant: turn_broken"
    assert working.assistant.asked.count("poison") == 2
    replies = await working.outbox()
    assert len(replies) == 2, "the customer of the parked message is not left without a word"


async def test_the_assistant_is_silent_after_a_person_answered(working, intake):
    human = Echo(ChannelName.MESSENGER, "PAGE", "ann", time.time(), "m_h", EchoOrigin.FOREIGN, text="I take over")
    await intake.append([human])
    await working.write("thanks")
    await working.write("bonjour", user="bob")
    await working.wait_for(["re: bonjour"], user="bob")
    await asyncio.sleep(0.2)
    assert await working.outbox() == []


async def test_an_echo_of_our_own_on_x_silences_nobody(redis, working, intake):
    from bot.inbox.echoes import digest

    await redis.zadd(keys.expected("x:900:ann"), {digest("re: hello"): time.time() * 1000})
    echo = Echo(ChannelName.X, "900", "ann", time.time(), "56", EchoOrigin.UNKNOWN, text="re: hello")
    await intake.append([echo])
    await working.write("again", channel=ChannelName.X)
    await working.wait_for(["re: again"], channel=ChannelName.X)


async def test_an_unexpected_message_from_our_account_on_x_is_a_persons(working, intake):
    echo = Echo(ChannelName.X, "900", "ann", time.time(), "57", EchoOrigin.UNKNOWN, text="Hello, this is Léa")
    await intake.append([echo])
    await working.write("thanks", channel=ChannelName.X)
    await working.write("bonjour", user="bob", channel=ChannelName.X)
    await working.wait_for(["re: bonjour"], user="bob", channel=ChannelName.X)
    await asyncio.sleep(0.2)
    assert await working.outbox(channel=ChannelName.X) == []
