"""Both channels against the simulator: its signatures, its protocols, its faults, over real sockets."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any

import httpx
import pytest
from aiohttp import web

from benchmarks.ports import free_port
from bot.channels.base import Channel, GiveUp, OutcomeUnknown, PauseChannel, TryAgain, WaitUntil
from bot.channels.messenger import MessengerChannel
from bot.channels.vocabulary import (
    Activity,
    AttachmentKind,
    ChannelName,
    Echo,
    EchoOrigin,
    Event,
    InboundMessage,
    QuickReply,
)
from bot.channels.x import XChannel
from simulator.app import Simulator
from simulator.settings import SimulatorSettings, XShape

MESSENGER, X = ChannelName.MESSENGER, ChannelName.X
BOTH = pytest.mark.parametrize("name", [MESSENGER, X])


def build_channels(settings: SimulatorSettings) -> dict[ChannelName, Channel]:
    base = f"http://127.0.0.1:{settings.port}"
    page, account = settings.messenger, settings.x
    return {
        MESSENGER: MessengerChannel(
            page.page_id, page.app_id, page.app_secret, page.page_token, page.verify_token, f"{base}/v25.0"
        ),
        X: XChannel(
            account.account_id,
            account.app_id,
            account.consumer_key,
            account.consumer_secret,
            account.access_token,
            account.access_token_secret,
            account.bearer_token,
            base,
        ),
    }


class World:
    """The simulator, the two channels, and a webhook that verifies and parses with them."""

    def __init__(self, shape: XShape = "activity") -> None:
        self.gateway_url = f"http://127.0.0.1:{free_port()}"
        settings = SimulatorSettings(free_port(), free_port(), self.gateway_url)
        self.settings = replace(settings, x=replace(settings.x, shape=shape))
        self.channels = build_channels(self.settings)
        self.events: list[Event] = []
        self._simulator = Simulator(self.settings)
        self.http = httpx.AsyncClient(base_url=f"http://127.0.0.1:{self.settings.port}")

    async def open(self) -> None:
        application = web.Application()
        application.router.add_get("/webhooks/{name}", self._shake_hands)
        application.router.add_post("/webhooks/{name}", self._receive)
        self._runner = web.AppRunner(application)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", int(self.gateway_url.rpartition(":")[2])).start()
        await self._simulator.start()

    async def close(self) -> None:
        await self.http.aclose()
        for channel in self.channels.values():
            await channel.close()
        await self._simulator.stop()
        await self._runner.cleanup()

    async def _shake_hands(self, request: web.Request) -> web.Response:
        answer = self.channels[ChannelName(request.match_info["name"])].answer_handshake(request.query)
        return web.Response(status=answer.status, text=answer.body, content_type=answer.content_type)

    async def _receive(self, request: web.Request) -> web.Response:
        channel = self.channels[ChannelName(request.match_info["name"])]
        body = await request.read()
        channel.verify(request.headers, body)
        self.events.extend(channel.parse(body))
        return web.Response()

    async def customer_writes(self, name: ChannelName, **body: Any) -> None:
        answer = await self.http.post(f"/api/{name}/users/42/messages", json=body)
        answer.raise_for_status()

    async def person_answers(self, name: ChannelName, text: str) -> None:
        (await self.http.post(f"/api/{name}/users/42/human_reply", json={"text": text})).raise_for_status()

    async def fault(self, **body: Any) -> None:
        (await self.http.post("/api/faults", json=body)).raise_for_status()

    async def conversation(self, name: ChannelName) -> list[dict[str, Any]]:
        return list((await self.http.get(f"/api/{name}/users/42/messages")).json())

    async def wait_for(self, wanted: Callable[[Event], bool]) -> Event:
        deadline = time.monotonic() + 30
        while True:
            for event in self.events:
                if wanted(event):
                    return event
            assert time.monotonic() < deadline, self.events
            await asyncio.sleep(0.01)

    async def message(self) -> InboundMessage:
        event = await self.wait_for(lambda event: isinstance(event, InboundMessage))
        assert isinstance(event, InboundMessage)
        return event

    async def echo(self) -> Echo:
        event = await self.wait_for(lambda event: isinstance(event, Echo))
        assert isinstance(event, Echo)
        return event


@pytest.fixture
async def world() -> AsyncIterator[World]:
    opened = World()
    await opened.open()
    yield opened
    await opened.close()


@pytest.fixture
async def older_world() -> AsyncIterator[World]:
    """X as the Account Activity API."""
    opened = World("account_activity")
    await opened.open()
    yield opened
    await opened.close()


@BOTH
async def test_customers_message_arrives_and_our_answer_comes_back_as_an_echo(world: World, name: ChannelName) -> None:
    channel = world.channels[name]
    await world.customer_writes(name, text="Vous ouvrez à quelle heure à Lyon ? 😀 <ici>")
    message = await world.message()
    assert (message.user_id, message.text) == ("42", "Vous ouvrez à quelle heure à Lyon ? 😀 <ici>")
    assert message.occurred_at == pytest.approx(time.time(), abs=10)

    offered = (QuickReply("Oui", "/affirm"), QuickReply("Non", "/deny"))
    (reply,) = channel.compose("42", "r1", "À 10 h. Cela vous aide ?", offered, message.occurred_at)
    sent = await channel.send(reply)
    echo = await world.echo()
    assert (echo.message_id, echo.user_id, echo.text) == (sent.message_id, "42", reply.text)
    if name is MESSENGER:
        assert (echo.origin, echo.reply_id) == (EchoOrigin.OWN, "r1.0")
    else:
        assert echo.origin is EchoOrigin.UNKNOWN
        assert sent.allowance is not None
    assert [said["text"] for said in await world.conversation(name) if said["from"] == "brand"] == [reply.text]


async def test_older_shape_of_x_tells_whose_answer_it_is(older_world: World) -> None:
    world, channel = older_world, older_world.channels[X]
    await world.customer_writes(X, text="where is my order??")
    message = await world.message()
    (reply,) = channel.compose("42", "r1", "One moment.", (), message.occurred_at)
    await channel.send(reply)
    assert (await world.echo()).origin is EchoOrigin.OWN
    await world.person_answers(X, "Ann here")
    foreign = await world.wait_for(lambda event: isinstance(event, Echo) and event.origin is EchoOrigin.FOREIGN)
    assert isinstance(foreign, Echo)
    assert foreign.text == "Ann here"


@BOTH
async def test_persons_answer_on_the_platform_is_not_ours(world: World, name: ChannelName) -> None:
    await world.customer_writes(name, text="Bonjour")
    await world.person_answers(name, "Ann à votre service")
    echo = await world.echo()
    assert echo.origin is (EchoOrigin.FOREIGN if name is MESSENGER else EchoOrigin.UNKNOWN)


@BOTH
@pytest.mark.parametrize("attachment", ["image", "sticker"])
async def test_attachment_arrives_without_text(world: World, name: ChannelName, attachment: str) -> None:
    await world.customer_writes(name, attachment=attachment)
    message = await world.message()
    assert message.text is None
    kinds = {AttachmentKind(attachment)} if name is MESSENGER else {AttachmentKind.IMAGE}
    assert {item.kind for item in message.attachments} == kinds


async def test_signs_of_life_are_shown_on_messenger(world: World) -> None:
    await world.customer_writes(MESSENGER, text="Bonjour")
    await world.message()
    await world.channels[MESSENGER].show_activity("42", Activity.SEEN)
    await world.channels[MESSENGER].show_activity("42", Activity.TYPING)


@BOTH
@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        ({"send_status": 500}, TryAgain),
        ({"send_status": 429}, WaitUntil),
        ({"send_status": 401}, PauseChannel),
        ({"send_status": 400}, GiveUp),
        ({"cut": True}, OutcomeUnknown),
        ({"cut_before": True}, OutcomeUnknown),
    ],
)
async def test_faults_have_their_consequence(
    world: World, name: ChannelName, fault: dict[str, Any], expected: type[Exception]
) -> None:
    channel = world.channels[name]
    await world.customer_writes(name, text="Bonjour")
    message = await world.message()
    (reply,) = channel.compose("42", "r1", "Bonjour !", (), message.occurred_at)
    await world.fault(**fault)
    with pytest.raises(expected):
        await channel.send(reply)
    assert (await channel.send(reply)).message_id


async def test_cut_off_send_on_x_is_settled_by_asking(world: World) -> None:
    channel = world.channels[X]
    await world.customer_writes(X, text="Bonjour")
    message = await world.message()
    (reply,) = channel.compose("42", "r1", "Bonjour !", (), message.occurred_at)
    for fault, went_out in (({"cut_before": True}, False), ({"cut": True}, True)):
        started_at = time.time()
        await world.fault(**fault)
        with pytest.raises(OutcomeUnknown):
            await channel.send(reply)
        assert (await channel.find_sent(reply, started_at, frozenset()) is not None) is went_out


async def test_polling_finds_what_the_webhook_told_with_the_same_ids(world: World) -> None:
    channel = world.channels[X]
    await world.customer_writes(X, text="first")
    (reply,) = channel.compose("42", "r1", "answer", (), None)
    await channel.send(reply)
    await world.customer_writes(X, text="second")
    await world.wait_for(lambda event: isinstance(event, InboundMessage) and event.text == "second")
    await world.echo()
    polled = await channel.poll(time.time() - 60)
    assert [(type(event), event.text) for event in polled if isinstance(event, InboundMessage | Echo)] == [
        (InboundMessage, "first"),
        (Echo, "answer"),
        (InboundMessage, "second"),
    ]
    told = {event.message_id for event in world.events if isinstance(event, InboundMessage | Echo)}
    assert {event.message_id for event in polled if isinstance(event, InboundMessage | Echo)} == told


# Registering


@BOTH
async def test_registered_webhook_is_found_in_order(world: World, name: ChannelName) -> None:
    channel = world.channels[name]
    for _ in range(2):
        assert (await channel.register(world.gateway_url)).problem is None
    assert (await channel.check(world.gateway_url)).problem is None


@BOTH
async def test_webhook_elsewhere_is_a_problem_that_registering_solves(world: World, name: ChannelName) -> None:
    channel = world.channels[name]
    here = world.gateway_url.replace("127.0.0.1", "localhost")
    problem = (await channel.check(here)).problem
    assert problem is not None
    assert "parvis channels register" in problem
    assert (await channel.register(here)).problem is None
    assert (await channel.check(here)).problem is None


@BOTH
async def test_address_that_answers_no_challenge_is_a_problem(world: World, name: ChannelName) -> None:
    problem = (await world.channels[name].register(f"http://127.0.0.1:{free_port()}")).problem
    assert problem is not None
    assert "https://" in problem


async def test_page_that_was_unsubscribed_is_a_problem_that_registering_solves(world: World) -> None:
    channel, page = world.channels[MESSENGER], world.settings.messenger
    world._simulator.messenger.registrations.subscribed_fields = []
    problem = (await channel.check(world.gateway_url)).problem
    assert problem is not None
    assert page.page_token not in problem
    assert (await channel.register(world.gateway_url)).problem is None


async def test_invalid_webhook_of_x_is_validated_again_and_lost_subscriptions_are_made_again(world: World) -> None:
    channel = world.channels[X]
    for webhook in world._simulator.x.registrations.webhooks.values():
        webhook.valid = False
    problem = (await channel.check(world.gateway_url)).problem
    assert problem is not None
    assert "invalid" in problem
    world._simulator.x.registrations.subscriptions.clear()
    assert (await channel.register(world.gateway_url)).problem is None
    assert len(world._simulator.x.registrations.subscriptions) == 2


async def test_dead_token_pauses_the_check_as_well(world: World) -> None:
    page, account = world.settings.messenger, world.settings.x
    settings = replace(world.settings, messenger=replace(page, app_secret="x"), x=replace(account, bearer_token="x"))
    for channel in build_channels(settings).values():
        with pytest.raises(PauseChannel):
            await channel.check(world.gateway_url)
        await channel.close()
