"""Settings become the parts that several processes are made of."""

import asyncio
from collections.abc import Mapping
from typing import Any

import structlog
import yaml
from redis.asyncio import Redis

from bot.channels.base import Channel
from bot.channels.vocabulary import ChannelName
from bot.configuration import ConfigurationError
from bot.inbox.connection import backoff_seconds
from bot.inbox.keys import Layout
from bot.settings import PROJECT_ROOT, Settings

log = structlog.get_logger()


def open_channels(settings: Settings) -> dict[ChannelName, Channel]:
    from bot.channels.messenger import MessengerChannel
    from bot.channels.x import XChannel

    channels: dict[ChannelName, Channel] = {}
    messenger, x = settings.messenger, settings.x
    if messenger.enabled:
        channels[ChannelName.MESSENGER] = MessengerChannel(
            page_id=messenger.page_id,
            app_id=messenger.app_id,
            app_secret=messenger.app_secret.get_secret_value(),
            page_token=messenger.page_token.get_secret_value(),
            verify_token=messenger.verify_token.get_secret_value(),
            api_url=messenger.api_url,
        )
    if x.enabled:
        channels[ChannelName.X] = XChannel(
            account_id=x.account_id,
            app_id=x.app_id,
            consumer_key=x.consumer_key.get_secret_value(),
            consumer_secret=x.consumer_secret.get_secret_value(),
            access_token=x.access_token.get_secret_value(),
            access_token_secret=x.access_token_secret.get_secret_value(),
            bearer_token=x.bearer_token.get_secret_value(),
            api_url=x.api_url,
        )
    return channels


def open_conversations(settings: Settings, redis: Redis, channels: Mapping[ChannelName, Channel], desk: Any) -> Any:
    """Take-over and hand-back, for the desk process and for the console. Raises ``ConfigurationError``."""
    from bot.desk.conversations import Conversations

    return Conversations(
        redis,
        Layout(settings.inbox.shards),
        channels,
        desk,
        load_replies_of(settings),
        brand=settings.brand.name,
        # 0 turns off take-overs by answers from elsewhere; those of our own agents still end some day.
        silence_seconds=(settings.inbox.human_silence_hours or 24.0) * 3600,
    )


def load_replies_of(settings: Settings) -> Any:
    """Raises ``ConfigurationError`` with the place that is wrong."""
    from bot.desk.replies import RepliesError, load_replies

    try:
        return load_replies(settings.core.replies)
    except RepliesError as error:
        raise ConfigurationError(str(error)) from error


def load_routing_of(settings: Settings) -> Any:
    """Raises ``ConfigurationError`` with the line that is wrong."""
    from bot.desk import RoutingError, load_routing

    try:
        return load_routing(settings.core.routing, time_zone=settings.brand.time_zone, country=settings.brand.country)
    except RoutingError as error:
        raise ConfigurationError(str(error)) from error


def masking_rules(settings: Settings) -> Any:
    """How this brand's personal data is told apart. Raises ``ConfigurationError``."""
    import re

    from bot.desk.masking import Rules
    from bot.desk.masking.public import read_public_facts

    try:
        return Rules(
            settings.brand.country, settings.brand.order_number, read_public_facts(PROJECT_ROOT / "domain.yml")
        )
    except re.error as error:
        raise ConfigurationError(f"PARVIS_BRAND_ORDER_NUMBER is no regular expression: {error}") from error
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise ConfigurationError(f"domain.yml cannot be read: {error}") from error


def load_language_models(rules: Any) -> Any:
    """``LanguageModels``. Raises ``ConfigurationError``. Takes seconds, and memory that only the message log's
    process has to give."""
    try:
        from bot.desk.masking.models import LanguageModels, ModelsMissing
    except ImportError as error:
        raise ConfigurationError(f"{error.name} is missing: install it with make setup") from error
    try:
        return LanguageModels(rules)
    except ModelsMissing as error:
        raise ConfigurationError(str(error)) from error


async def migrate_when_up(settings: Settings) -> None:
    """Bring the database's schema up to date, however long the database takes to come up."""
    from bot.desk import DeskUnavailable, migrate

    settings.core.home.mkdir(parents=True, exist_ok=True)
    attempt = 0
    while True:
        try:
            await migrate(settings.database_url)
        except DeskUnavailable as error:
            attempt += 1
            log.warning("database_away", reason=str(error))
            await asyncio.sleep(0.5 + backoff_seconds(attempt, base=0.5, most=10.0))
        else:
            return
