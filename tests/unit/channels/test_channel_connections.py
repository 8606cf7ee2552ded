"""What a broken connection says about a message: surely not sent, or perhaps. Real sockets."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable

import aiohttp
import pytest

from bot.channels import http
from bot.channels.base import Channel, OutcomeUnknown, SendFailed, TryAgain
from bot.channels.messenger import MessengerChannel
from bot.channels.vocabulary import Activity, ChannelName, OutboundMessage
from bot.channels.x import XChannel

Behaviour = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def channel_of(name: ChannelName, api_url: str) -> Channel:
    if name is ChannelName.MESSENGER:
        return MessengerChannel("PAGE1", "111", "secret", "token", "word", api_url)
    return XChannel("900", "13", "key", "secret", "token", "token-secret", "bearer", api_url)


def message_of(name: ChannelName) -> OutboundMessage:
    return OutboundMessage(name, "acc", "42", "r1.0", "Bonjour")


@contextlib.asynccontextmanager
async def platform(behaviour: Behaviour, until: bytes = b"\r\n\r\n") -> AsyncIterator[str]:
    """Behaves so as soon as it has read ``until``."""
    serving: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            if until:
                await reader.readuntil(until)
            await behaviour(reader, writer)
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        serving.add(asyncio.create_task(serve(reader, writer)))

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    await asyncio.gather(*serving)


async def hang_up(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    """Close after the request, without a word."""


async def break_off(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{")
    await writer.drain()


async def talk_nonsense(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"SMTP ready\r\n\r\n")
    await writer.drain()


async def stay_silent(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    await reader.read()


CHANNELS = pytest.mark.parametrize("name", list(ChannelName))
CUTS = pytest.mark.parametrize("behaviour", [hang_up, break_off, talk_nonsense])


@CHANNELS
async def test_refused_connection_means_that_nothing_was_sent(name: ChannelName) -> None:
    async with platform(hang_up) as address:
        pass
    channel = channel_of(name, address)
    with pytest.raises(TryAgain):
        await channel.send(message_of(name))
    await channel.close()


@CHANNELS
async def test_unknown_host_means_that_nothing_was_sent(name: ChannelName) -> None:
    channel = channel_of(name, "https://platform.invalid")
    with pytest.raises(TryAgain):
        await channel.send(message_of(name))
    await channel.close()


@CHANNELS
async def test_line_that_cannot_be_secured_means_that_nothing_was_sent(name: ChannelName) -> None:
    async with platform(hang_up, until=b"") as address:
        channel = channel_of(name, address.replace("http:", "https:"))
        with pytest.raises(TryAgain):
            await channel.send(message_of(name))
        await channel.close()


@CHANNELS
async def test_line_that_is_not_open_in_time_means_that_nothing_was_sent(
    name: ChannelName, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "_TIMEOUT", aiohttp.ClientTimeout(sock_connect=0.2))
    async with platform(stay_silent) as address:
        channel = channel_of(name, address.replace("http:", "https:"))
        with pytest.raises(TryAgain):
            await channel.send(message_of(name))
        await channel.close()


@CHANNELS
@CUTS
async def test_connection_lost_after_the_request_leaves_the_outcome_open(
    name: ChannelName, behaviour: Behaviour
) -> None:
    async with platform(behaviour) as address:
        channel = channel_of(name, address)
        with pytest.raises(OutcomeUnknown):
            await channel.send(message_of(name))
        await channel.close()


@CHANNELS
async def test_answer_that_does_not_come_in_time_leaves_the_outcome_open(
    name: ChannelName, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "_TIMEOUT", aiohttp.ClientTimeout(sock_read=0.2))
    async with platform(stay_silent) as address:
        channel = channel_of(name, address)
        with pytest.raises(OutcomeUnknown):
            await channel.send(message_of(name))
        await channel.close()


@CHANNELS
@CUTS
async def test_question_that_was_cut_off_can_be_asked_again(name: ChannelName, behaviour: Behaviour) -> None:
    async with platform(behaviour) as address:
        channel = channel_of(name, address)
        with pytest.raises(TryAgain):
            await channel.check("https://brand.example")
        if name is ChannelName.X:
            with pytest.raises(TryAgain):
                await channel.poll(0)
            with pytest.raises(TryAgain):
                await channel.find_sent(message_of(name), 0, frozenset())
        else:
            with pytest.raises(TryAgain):
                await channel.show_activity("42", Activity.TYPING)
        await channel.close()


TAKEN = b'HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n{"message_id":"m_1"}'


async def test_connection_is_kept_for_the_next_message() -> None:
    connections = 0

    async def take_two(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        for _ in range(2):
            await reader.readuntil(b"}}")
            writer.write(TAKEN)
            await writer.drain()

    async with platform(take_two, until=b"") as address:
        channel = channel_of(ChannelName.MESSENGER, address)
        for _ in range(2):
            assert (await channel.send(message_of(ChannelName.MESSENGER))).message_id == "m_1"
        await channel.close()
    assert connections == 1


async def test_proxy_that_the_environment_names_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[bytes] = []

    async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readline())
        writer.write(TAKEN)
        await writer.drain()

    async with platform(pass_on, until=b"") as address:
        monkeypatch.setenv("http_proxy", address)
        monkeypatch.setenv("no_proxy", "")
        channel = channel_of(ChannelName.MESSENGER, "http://platform.invalid")
        await channel.send(message_of(ChannelName.MESSENGER))
        await channel.close()
    assert asked[0].startswith(b"POST http://platform.invalid/PAGE1/messages?")


@CHANNELS
async def test_neither_log_nor_error_names_customer_or_token(
    name: ChannelName, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    async with platform(hang_up) as address:
        channel = channel_of(name, address)
        with pytest.raises(SendFailed) as failure:
            await channel.send(message_of(name))
        await channel.close()
    told = caplog.text + str(failure.value)
    assert "token" not in told
    assert "Bonjour" not in told
    assert "appsecret_proof" not in told
