"""The console's process, its accounts and its sign-in."""

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING

import structlog
from redis.asyncio import Redis

from bot.bootstrap.parts import (
    load_replies_of,
    load_routing_of,
    masking_rules,
    migrate_when_up,
    open_channels,
    open_conversations,
)
from bot.bootstrap.process import Process, watch_database
from bot.configuration import ConfigurationError
from bot.inbox.connection import open_redis
from bot.inbox.keys import Layout
from bot.operations import Readiness, configure_logging, serve_operations
from bot.settings import Settings

if TYPE_CHECKING:
    from bot.console.accounts.oidc import IdentityProvider
    from bot.console.accounts.secrets import Vault
    from bot.console.application import Console

log = structlog.get_logger()


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
    application.add_task(watch_database(process, console.users.database))
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

    await migrate_when_up(settings)
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
