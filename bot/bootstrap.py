"""The one place of wiring: settings become channels, inbox, assistant and desk, and these become processes."""

import asyncio
import gc
import signal
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import structlog
import yaml
from redis.asyncio import Redis

from bot.channels.base import Channel
from bot.channels.vocabulary import ChannelName
from bot.configuration import ConfigurationError
from bot.inbox.connection import REDIS_AWAY, backoff_seconds, open_redis, until_redis_answers
from bot.inbox.keys import Layout
from bot.operations import Readiness, configure_logging, serve_operations
from bot.settings import PROJECT_ROOT, Settings

# A language model that is missing comes back by a person's hand only.
_MODELS_AGAIN_SECONDS = 30.0

if TYPE_CHECKING:
    from bot.console.accounts.oidc import IdentityProvider
    from bot.console.accounts.secrets import Vault
    from bot.console.application import Console
    from bot.desk import Database

log = structlog.get_logger()


# Parts


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


@dataclass(frozen=True)
class Process:
    """What every process of ours has."""

    settings: Settings
    redis: Redis
    layout: Layout
    readiness: Readiness
    stop: asyncio.Event

    async def watch_redis(self) -> None:
        """Keep the ``redis`` condition of ``/ready`` true to the facts."""
        while True:
            try:
                await self.redis.ping()
            except REDIS_AWAY as error:
                self.readiness.set("redis", f"{type(error).__name__}: start it, or set PARVIS_REDIS_URL")
            else:
                self.readiness.set("redis", None)
            await asyncio.sleep(1.0)


async def _run(settings: Settings, port: int, conditions: tuple[str, ...], body: Callable[[Process], Any]) -> None:
    """Run ``body`` with what every process has, until SIGTERM or SIGINT."""
    from bot.inbox.consumer import ensure_groups

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop.set)
    readiness = Readiness("redis", *conditions)
    serve_operations(port, readiness)
    redis = open_redis(settings.redis.address)
    process = Process(settings, redis, Layout(settings.inbox.shards), readiness, stop)
    log.info("started", port=port)
    watching = asyncio.create_task(process.watch_redis())
    try:
        starting = asyncio.create_task(until_redis_answers(lambda: ensure_groups(redis, process.layout)))
        stopping = asyncio.create_task(stop.wait())
        await asyncio.wait({starting, stopping}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if starting.done():
            starting.result()
            # What is loaded by now stays: no collection needs to walk it again.
            gc.collect()
            gc.freeze()
            await body(process)
        starting.cancel()
    finally:
        watching.cancel()
        await redis.aclose()
        log.info("stopped")


def _start(name: str, settings: Settings, main: Callable[[Settings], Coroutine[Any, Any, None]]) -> None:
    configure_logging(name, settings.core.log_format, settings.core.log_level)
    try:
        import uvloop

        loop_factory: Callable[[], asyncio.AbstractEventLoop] | None = uvloop.new_event_loop
    except ImportError:  # where uvloop does not exist, asyncio's own loop does
        loop_factory = None
    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(main(settings))


# Processes


def run_gateway(settings: Settings) -> None:
    from bot.gateway.application import create_gateway
    from bot.gateway.watch import WebhookWatch
    from bot.inbox.intake import Intake

    configure_logging("gateway", settings.core.log_format, settings.core.log_level)
    readiness = Readiness("redis")
    serve_operations(settings.operations.gateway_port, readiness)
    redis = open_redis(settings.redis.address, timeout=2.0)
    layout = Layout(settings.inbox.shards)
    intake = Intake(redis, layout)
    channels = open_channels(settings)
    watches = [WebhookWatch(redis, channel, intake, settings.public_url) for channel in channels.values()]
    gateway = create_gateway(channels, intake, readiness, watches)
    process = Process(settings, redis, layout, readiness, asyncio.Event())
    gateway.add_task(process.watch_redis())
    log.info("started", port=settings.gateway.port)
    gateway.run(
        host=settings.gateway.host,
        port=settings.gateway.port,
        single_process=True,
        access_log=False,
        motd=False,
    )


def run_worker(settings: Settings) -> None:
    _start("worker", settings, _worker)


async def _worker(settings: Settings) -> None:
    await _run(settings, settings.operations.worker_port, ("shards", "rasa"), _work)


async def _work(process: Process) -> None:
    from bot.assistant import AssistantClient, load_holding_text
    from bot.inbox import keys
    from bot.inbox.consumer import ShardConsumer
    from bot.inbox.worker import Worker, WorkerLimits

    inbox = process.settings.inbox
    rasa = process.settings.rasa
    assistant = AssistantClient(rasa.address, rasa.timeout_seconds, rasa.token.get_secret_value())
    limits = WorkerLimits(
        concurrent_turns=inbox.concurrent_turns,
        turn_attempts=inbox.turn_attempts,
        holding_after_seconds=inbox.holding_after_seconds,
        human_silence_seconds=inbox.human_silence_hours * 3600,
    )
    channels = open_channels(process.settings)
    worker = Worker(process.redis, process.layout, channels, assistant, limits, load_holding_text())
    consumer = ShardConsumer(
        process.redis,
        process.layout,
        keys.WORKERS,
        process.layout.inbox_streams(),
        worker,
        lease_seconds=inbox.lease_seconds,
    )

    async def watch() -> None:
        while True:
            is_ready = await assistant.ready()
            process.readiness.set("rasa", None if is_ready else "the assistant is not loaded yet, or away")
            _report_shards(process, keys.WORKERS, [consumer])
            await asyncio.sleep(1.0)

    watching = asyncio.create_task(watch())
    try:
        await consumer.run(process.stop)
    finally:
        watching.cancel()
        await assistant.close()
        for channel in channels.values():
            await channel.close()


def _report_shards(process: Process, group: str, consumers: list[Any]) -> None:
    from bot.inbox import metrics

    held = sum(consumer.shards_held for consumer in consumers)
    metrics.SHARDS.labels(group).set(held)
    metrics.WAITING.labels(group).set(sum(consumer.waiting for consumer in consumers))
    # More processes than shards is no fault, but one that holds none does nothing.
    process.readiness.set("shards", None if held else "holds no shard: others do, or their leases must run out first")


def run_sender(settings: Settings) -> None:
    _start("sender", settings, _sender)


async def _sender(settings: Settings) -> None:
    conditions = ("shards", *(f"channel_{name}" for name in open_channels(settings)))
    await _run(settings, settings.operations.sender_port, conditions, _send)


async def _send(process: Process) -> None:
    from bot.inbox import keys, metrics
    from bot.inbox.consumer import ShardConsumer
    from bot.inbox.pauses import Pauses
    from bot.inbox.sender import Sender, SenderLimits

    inbox = process.settings.inbox
    limits = SenderLimits(
        concurrent_sends=inbox.concurrent_sends,
        send_attempts=inbox.send_attempts,
        echo_wait_seconds=inbox.echo_wait_seconds,
    )
    channels = open_channels(process.settings)
    pauses = Pauses(process.redis)
    consumers = {
        name: ShardConsumer(
            process.redis,
            process.layout,
            keys.SENDERS,
            process.layout.outbox_streams(name),
            Sender(process.redis, process.layout, channel, limits),
            lease_seconds=inbox.lease_seconds,
        )
        for name, channel in channels.items()
    }

    async def watch() -> None:
        while True:
            for name, channel in channels.items():
                problem = await until_redis_answers(lambda channel=channel: pauses.reason(channel))  # type: ignore[misc]
                metrics.CHANNEL_PAUSED.labels(name).set(1 if problem else 0)
                process.readiness.set(f"channel_{name}", problem)
            _report_shards(process, keys.SENDERS, list(consumers.values()))
            await asyncio.sleep(1.0)

    watching = asyncio.create_task(watch())
    try:
        await asyncio.gather(*(consumer.run(process.stop) for consumer in consumers.values()))
    finally:
        watching.cancel()
        for channel in channels.values():
            await channel.close()


def run_desk(settings: Settings) -> None:
    _start("desk", settings, _desk)


async def _desk(settings: Settings) -> None:
    await _run(settings, settings.operations.desk_port, ("database", "masking"), _deliver)


async def _deliver(process: Process) -> None:
    from bot.desk import open_desk
    from bot.desk.notifications import NotificationSender
    from bot.desk.outgoing import Outgoing
    from bot.desk.retention import Retention
    from bot.desk.rounds import Rounds
    from bot.inbox.outbox import Outbox

    settings = process.settings
    replies, rules = load_replies_of(settings), masking_rules(settings)
    await _migrate(settings)
    desk = open_desk(settings.database_url, load_routing_of(settings), rules=rules)
    channels = open_channels(settings)
    outgoing = Outgoing(desk.database, Outbox(process.redis, process.layout, channels))
    conversations = open_conversations(settings, process.redis, channels, desk)
    retention = Retention(desk.database, settings.core.retention_days)
    sender = NotificationSender(desk.database, desk.routing, settings.mail, settings.brand)

    watching = asyncio.create_task(_watch_database(process, desk.database))
    try:
        parts = (sender, outgoing, conversations, Rounds(desk, replies), retention)
        await asyncio.gather(_feed_log(process, desk.database, rules), *(part.run(process.stop) for part in parts))
    finally:
        watching.cancel()
        for channel in channels.values():
            await channel.close()
        await desk.close()


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


async def _feed_log(process: Process, database: Any, rules: Any) -> None:
    """Nothing is recorded before everything can be masked: until then the streams keep it."""
    from bot.desk.log_feeder import LogFeeder
    from bot.desk.message_log import MessageLog

    loading = asyncio.create_task(_load_models(process, rules))
    stopping = asyncio.create_task(process.stop.wait())
    await asyncio.wait({loading, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if not loading.done():
        loading.cancel()
        return
    message_log = MessageLog(database, loading.result())
    process.readiness.set("masking", None)
    await LogFeeder(process.redis, process.layout, message_log, process.settings.inbox.lease_seconds).run(process.stop)


async def _load_models(process: Process, rules: Any) -> Any:
    """In a thread: e-mails to teams leave meanwhile."""
    process.readiness.set("masking", "the language models are being loaded")
    while True:
        try:
            return await asyncio.to_thread(load_language_models, rules)
        except ConfigurationError as error:
            process.readiness.set("masking", f"{error}; the message log waits")
            log.error("masking_unavailable", reason=str(error))  # noqa: TRY400 -- it is said whole
            await asyncio.sleep(_MODELS_AGAIN_SECONDS)


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


def load_routing_of(settings: Settings) -> Any:
    """Raises ``ConfigurationError`` with the line that is wrong."""
    from bot.desk import RoutingError, load_routing

    try:
        return load_routing(settings.core.routing, time_zone=settings.brand.time_zone, country=settings.brand.country)
    except RoutingError as error:
        raise ConfigurationError(str(error)) from error


async def _migrate(settings: Settings) -> None:
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


def run_console(settings: Settings) -> None:
    """Serve the console until told to stop."""
    from bot.console.application import create_console

    configure_logging("console", settings.core.log_format, settings.core.log_level)
    readiness = Readiness("redis", "database")
    serve_operations(settings.operations.console_port, readiness)
    asyncio.run(prepare_accounts(settings))
    redis = open_redis(settings.redis.address, timeout=2.0)
    process = Process(settings, redis, Layout(settings.inbox.shards), readiness, asyncio.Event())
    console = open_console(settings, redis)
    application = create_console(console, readiness)
    application.add_task(process.watch_redis())
    application.add_task(_watch_database(process, console.users.database))
    log.info("started", port=settings.console.port)
    application.run(
        host=settings.console.host, port=settings.console.port, single_process=True, access_log=False, motd=False
    )


def open_console(settings: Settings, redis: Redis) -> "Console":
    """Raises ``ConfigurationError``."""
    from bot.console.accounts import AuditLog, Invitations, SavedViews, Sessions, SignIn, Throttle, Users
    from bot.console.application import Console
    from bot.console.live import Availability, Live, Looking
    from bot.console.readings import Readings
    from bot.desk import Presence, TicketLife, TicketReader, open_desk
    from bot.desk.outgoing import Outgoing
    from bot.desk.writing import Writing
    from bot.inbox.dead_letters import DeadLetters
    from bot.inbox.outbox import Outbox

    desk = open_desk(settings.database_url, load_routing_of(settings), rules=masking_rules(settings))
    database = desk.database
    audit = AuditLog(database)
    users = Users(database, audit)
    vault = _vault(settings)
    hours = timedelta(hours=settings.console.session_hours)
    channels = open_channels(settings)
    conversations = open_conversations(settings, redis, channels, desk)
    outgoing = Outgoing(database, Outbox(redis, Layout(settings.inbox.shards), channels))
    looking = Looking(redis)
    return Console(
        brand=settings.brand.name,
        time_zone=settings.brand.time_zone,
        public_url=settings.console.address,
        users=users,
        sessions=Sessions(database, idle=timedelta(minutes=settings.console.session_idle_minutes), absolute=hours),
        sign_in=SignIn(users, Throttle(redis), vault),
        invitations=Invitations(users),
        audit=audit,
        vault=vault,
        provider=_identity_provider(settings, vault),
        session_seconds=int(hours.total_seconds()),
        proxies=settings.console.proxies,
        views=SavedViews(database),
        readings=Readings(audit, redis),
        desk=desk,
        reader=TicketReader(desk),
        life=TicketLife(desk),
        conversations=conversations,
        writing=Writing(desk, conversations, outgoing, load_replies_of(settings), brand=settings.brand.name),
        presence=Presence(database),
        dead_letters=DeadLetters(redis),
        live=Live(database, looking),
        looking=looking,
        availability=Availability(redis),
        channels=tuple(channels.values()),
    )


def _vault(settings: Settings) -> "Vault":
    from bot.console.accounts.secrets import Vault, read_or_make_key

    key = settings.console.secret.get_secret_value() or read_or_make_key(settings.core.home / "console.key")
    try:
        return Vault(key)
    except ValueError as error:
        raise ConfigurationError(str(error)) from error


def _identity_provider(settings: Settings, vault: "Vault") -> "IdentityProvider | None":
    from bot.console.accounts import Role
    from bot.console.accounts.oidc import IdentityProvider, ProviderSettings

    console = settings.console
    if not console.oidc_issuer:
        return None
    if unknown := set(console.oidc_roles.values()) - set(Role):
        raise ConfigurationError(
            f"PARVIS_CONSOLE_OIDC_ROLES names unknown roles: {', '.join(sorted(unknown))}; known are {', '.join(Role)}"
        )
    provider = ProviderSettings(
        issuer=console.oidc_issuer,
        client_id=console.oidc_client_id,
        client_secret=console.oidc_client_secret.get_secret_value(),
        label=console.oidc_label,
        roles_claim=console.oidc_roles_claim,
        roles={value: Role(role) for value, role in console.oidc_roles.items()},
    )
    return IdentityProvider(provider, f"{console.address}/oidc/callback", vault)


async def prepare_accounts(settings: Settings) -> None:
    """Bring the tables up to date; while nobody has an account, leave a link for the first administrator."""
    from bot.console.accounts import AuditLog, Invitations, Users, migrate_accounts
    from bot.desk import Database

    await _migrate(settings)
    await migrate_accounts(settings.database_url)
    database = Database(settings.database_url)
    try:
        token = await Invitations(Users(database, AuditLog(database))).for_first_admin()
    finally:
        await database.close()
    link = settings.first_admin_link
    link.unlink(missing_ok=True)
    if token is not None:
        link.touch(mode=0o600)
        link.write_text(f"{settings.console.address}/first-admin/{token}\n", encoding="utf-8")


async def _watch_database(process: Process, database: "Database") -> None:
    from bot.desk import DeskUnavailable

    while True:
        try:
            await database.ping()
        except DeskUnavailable as error:
            process.readiness.set("database", f"{error}: check PARVIS_DATABASE_URL")
        else:
            process.readiness.set("database", None)
        await asyncio.sleep(1.0)


def run_actions(settings: Settings) -> None:
    """Serve the custom actions until told to stop."""
    from actions.server import serve
    from bot.desk import open_desk

    configure_logging("actions", settings.core.log_format, settings.core.log_level)
    asyncio.run(_migrate(settings))
    desk = open_desk(settings.database_url, load_routing_of(settings), rules=masking_rules(settings))
    serve(desk, settings.brand, settings.actions.port)
