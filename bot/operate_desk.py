"""What operators do by hand at the desk: tickets, e-mails that were given up, personal data."""

from dataclasses import asdict
from datetime import timedelta

from rich.console import Console

from bot.configuration import ConfigurationError
from bot.desk import TicketView
from bot.desk.notifications import list_failed, put_back_failed
from bot.desk.retention import Purged, forget_conversation, purge
from bot.inbox import forgetting
from bot.listing import print_list
from bot.settings import Settings
from bot.stores import with_desk, with_redis


def resolve(settings: Settings, console: Console, reference: str) -> None:
    _report(console, with_desk(settings, lambda desk: desk.resolve_ticket(reference)))


def close(settings: Settings, console: Console, reference: str) -> None:
    _report(console, with_desk(settings, lambda desk: desk.close_ticket(reference)))


def _report(console: Console, ticket: TicketView) -> None:
    console.print(f"{ticket.reference}: {ticket.status}", highlight=False)


def print_failed_emails(settings: Settings, console: Console, *, as_json: bool, limit: int) -> None:
    failed = with_desk(settings, lambda desk: list_failed(desk.database, limit))
    columns = {"reference": "ticket", "team": "team", "attempts": "attempts", "reason": "reason"}
    print_list(console, [asdict(one) for one in failed], columns, "No e-mail was given up.", as_json=as_json)


def put_back_emails(settings: Settings, console: Console) -> None:
    number = with_desk(settings, lambda desk: put_back_failed(desk.database))
    console.print(f"Put back: {number}. The desk sends them within a second.", highlight=False)


def purge_now(settings: Settings, console: Console, days: int | None) -> None:
    kept = settings.core.retention_days if days is None else days
    if kept <= 0:
        raise ConfigurationError("Say how many days are kept: --days N, or PARVIS_RETENTION_DAYS")
    _print_purged(console, with_desk(settings, lambda desk: purge(desk.database, timedelta(days=kept))))


def forget(settings: Settings, console: Console, conversation_id: str) -> None:
    parts = conversation_id.split(":", 2)
    if len(parts) != 3 or not all(parts):
        raise ConfigurationError("Name the conversation as a ticket does: channel:account:user")
    # Redis first: if it does not answer, nothing has been removed yet, and the open tickets still say whom to forget.
    letters = with_redis(settings, lambda redis: forgetting.forget_conversation(redis, conversation_id))
    _print_purged(console, with_desk(settings, lambda desk: forget_conversation(desk.database, conversation_id)))
    console.print(f"Forgotten by the assistant; {letters} dead letters dropped", highlight=False)


def _print_purged(console: Console, purged: Purged) -> None:
    console.print(f"Removed: {purged.messages} messages, and the person from {purged.tickets} tickets", highlight=False)
