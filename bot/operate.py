"""What operators do by hand: dead letters and channels."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime

from redis.asyncio import Redis
from rich.console import Console

from bot.bootstrap import open_channels
from bot.channels.base import Channel, SendFailed, WebhookState
from bot.channels.vocabulary import ChannelName
from bot.configuration import ConfigurationError
from bot.inbox.dead_letters import DeadLetter, DeadLetters
from bot.inbox.pauses import Pauses
from bot.listing import print_list
from bot.settings import Settings
from bot.stores import with_redis


def print_dead_letters(settings: Settings, console: Console, *, as_json: bool, limit: int) -> None:
    letters = with_redis(settings, lambda redis: DeadLetters(redis).list(limit))
    columns = {"id": "id", "parked_at": "parked at (UTC)", "stream": "stream", "reason": "reason"}
    print_list(console, [_summary(letter) for letter in letters], columns, "No dead letters.", as_json=as_json)


def _summary(letter: DeadLetter) -> dict[str, str]:
    parked_at = datetime.fromtimestamp(letter.parked_at, UTC).isoformat(timespec="seconds")
    return {"id": letter.id, "parked_at": parked_at, "stream": letter.stream, "reason": letter.reason}


def replay(settings: Settings, console: Console, ids: Sequence[str], *, every: bool) -> None:
    async def work(redis: Redis) -> list[tuple[str, bool]]:
        letters = DeadLetters(redis)
        chosen = [letter.id async for letter in letters.all()] if every else ids
        return [(letter_id, await letters.replay(letter_id)) for letter_id in chosen]

    if not ids and not every:
        raise ConfigurationError("Name the ids to replay (parvis dead-letters list shows them), or --all")
    _report(console, with_redis(settings, work), "replayed")


def drop(settings: Settings, console: Console, ids: Sequence[str]) -> None:
    async def work(redis: Redis) -> list[tuple[str, bool]]:
        letters = DeadLetters(redis)
        return [(letter_id, await letters.drop(letter_id)) for letter_id in ids]

    _report(console, with_redis(settings, work), "dropped")


def _report(console: Console, outcomes: list[tuple[str, bool]], done: str) -> None:
    for letter_id, found in outcomes:
        console.print(f"{letter_id}: {done if found else 'no such dead letter'}")
    if not outcomes:
        console.print("No dead letters.")


# Channels


def register(settings: Settings, console: Console, name: str) -> None:
    _for_each_webhook(settings, console, name, lambda channel: channel.register(settings.public_url))


def check(settings: Settings, console: Console, name: str) -> None:
    _for_each_webhook(settings, console, name, lambda channel: channel.check(settings.public_url))


def _for_each_webhook(
    settings: Settings, console: Console, name: str, ask: Callable[[Channel], Awaitable[WebhookState]]
) -> None:
    async def work() -> list[tuple[ChannelName, str | None]]:
        found: list[tuple[ChannelName, str | None]] = []
        for channel in _chosen(settings, name):
            try:
                state = await ask(channel)
                found.append((channel.name, state.problem))
            except SendFailed as error:
                found.append((channel.name, f"the platform refused: {error}"))
            finally:
                await channel.close()
        return found

    outcomes = asyncio.run(work())
    for channel_name, problem in outcomes:
        console.print(f"{channel_name}: {problem or 'subscribed and valid'}", highlight=False)
    if any(problem for _, problem in outcomes):
        raise SystemExit(1)


def resume(settings: Settings, console: Console, name: str) -> None:
    async def work(redis: Redis) -> bool:
        [channel] = _chosen(settings, name)
        try:
            return await Pauses(redis).resume(channel)
        finally:
            await channel.close()

    if not name:
        raise ConfigurationError(f"Name the channel: {' or '.join(ChannelName)}")
    was_paused = with_redis(settings, work)
    console.print(f"{name}: sends again" if was_paused else f"{name}: was not paused")


def _chosen(settings: Settings, name: str) -> list[Channel]:
    opened = open_channels(settings)
    if not name:
        return list(opened.values())
    chosen = [channel for channel_name, channel in opened.items() if channel_name == name]
    if not chosen:
        raise ConfigurationError(f"No channel {name!r} is configured; configured are: {', '.join(opened) or 'none'}")
    return chosen


def print_invitation(settings: Settings, console: Console, email: str, name: str, roles: Sequence[str]) -> None:
    """Raises ``ConfigurationError``."""
    from bot.bootstrap import prepare_accounts
    from bot.console.accounts import AuditLog, Invitations, Role, Users
    from bot.desk import Database

    if unknown := set(roles) - set(Role):
        raise ConfigurationError(f"Unknown roles: {', '.join(sorted(unknown))}; known are {', '.join(Role)}")

    async def work() -> str:
        await prepare_accounts(settings)
        database = Database(settings.database_url)
        users = Users(database, AuditLog(database))
        try:
            user = await users.find(email)
            if user is None:
                if not name or not roles or "@" not in email:
                    raise ConfigurationError("Somebody new needs an e-mail address, --name and at least one --role")
                user = await users.create(email, name, {Role(role) for role in roles}, "fr", by="parvis")
            return await Invitations(users).for_user(user, by="parvis")
        finally:
            await database.close()

    token = asyncio.run(work())
    console.print("Good once, for three days:")
    console.print(f"{settings.console.address}/invitation/{token}", style="bold", soft_wrap=True)
