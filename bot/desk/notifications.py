"""Delivers the e-mails that tickets owe to the teams.

An e-mail is owed by a row that was written with the ticket's change. It is claimed by moving its next attempt into the
future, so that no other process takes it meanwhile; then it is written and handed to the mail server, without any
session; then the outcome is recorded. A process that dies in between leaves the row to be claimed again: an e-mail is
sent at least once, and its Message-ID is the same each time. A ticket's e-mails to a team leave in order.
"""

import asyncio
import contextlib
import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import structlog
from sqlalchemy import ColumnElement, exists, select, update
from sqlalchemy.orm import aliased

from bot.desk.changes import Clock, utc_now
from bot.desk.database import Database
from bot.desk.mail import MailWriter, News
from bot.desk.message_log import read_transcript
from bot.desk.models import Notification, NotificationStatus, Ticket, TicketEvent
from bot.desk.routing import Routing
from bot.desk.smtp import MailNotSent, SmtpServer
from bot.desk.tickets import DeskUnavailable
from bot.settings import BrandSettings, MailSettings

_TRANSCRIPT_LENGTH: Final = 40
_REASON_LENGTH: Final = 500

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How delivery is paced; times in seconds.

    A retry waits twice as long as the one before, from ``first_retry`` to ``longest_retry``. With these numbers an
    e-mail is given up after three days of a mail server that is away, as mail servers themselves do (RFC 5321,
    4.5.4.1).
    """

    poll: float = 0.3
    at_once: int = 4
    first_retry: float = 2.0
    longest_retry: float = 300.0
    attempts: int = 900
    claim: float = 180.0
    """Longer than any delivery takes; after it, a claim of a dead process is void."""

    def delay(self, attempt: int) -> float:
        """Before the try after the ``attempt``-th; spread, so that a server that comes back is not stormed."""
        exact = min(self.longest_retry, self.first_retry * 2.0 ** min(attempt - 1, 30))
        return exact * random.uniform(0.75, 1.25)  # noqa: S311 -- a spread, not a secret


@dataclass(frozen=True, slots=True)
class _Claim:
    notification_id: int
    attempt: int


class NotificationSender:
    """Any number of processes may run one on the same database."""

    def __init__(
        self,
        database: Database,
        routing: Routing,
        mail: MailSettings,
        brand: BrandSettings,
        *,
        pace: Pace | None = None,
        clock: Clock = utc_now,
    ) -> None:
        """Raises ``ValueError`` when the sender of ``mail`` is not an address."""
        self._database = database
        self._routing = routing
        self._writer = MailWriter(sender=mail.sender, brand=brand.name, country=brand.country, routing=routing)
        self._server = SmtpServer(mail, local_name=self._writer.domain)
        self._pace = pace or Pace()
        self._now = clock

    async def run(self, stop: asyncio.Event) -> None:
        """Deliver until ``stop`` is set, then finish what is under way."""
        async with asyncio.TaskGroup() as deliveries:
            under_way: set[asyncio.Task[None]] = set()
            while not stop.is_set():
                for claim in await self._claim_or_wait_out(self._pace.at_once - len(under_way)):
                    task = deliveries.create_task(self._deliver(claim))
                    under_way.add(task)
                    task.add_done_callback(under_way.discard)
                await _pause(self._pace.poll, stop, under_way)

    async def _claim_or_wait_out(self, limit: int) -> Sequence[_Claim]:
        try:
            return await self._claim(limit) if limit else ()
        except DeskUnavailable as error:
            log.warning("notifications_database_away", error=str(error))
            return ()

    async def _claim(self, limit: int) -> Sequence[_Claim]:
        now = self._now()
        due = (
            select(Notification).where(*_due(now)).order_by(Notification.next_attempt_at, Notification.id).limit(limit)
        )
        async with self._database.reading() as session:
            # Most looks find nothing: they must not take SQLite's one write lock.
            if await session.scalar(due.with_only_columns(Notification.id).limit(1)) is None:
                return ()
        async with self._database.writing() as session:
            rows = (await session.scalars(due.with_for_update(skip_locked=True))).all()
            for row in rows:
                row.attempts += 1
                row.next_attempt_at = now + timedelta(seconds=self._pace.claim)
            return [_Claim(row.id, row.attempts) for row in rows]

    async def _deliver(self, claim: _Claim) -> None:
        try:
            await self._try_to_deliver(claim)
        except DeskUnavailable as error:
            # The claim runs out and the e-mail is tried again.
            log.warning("notifications_database_away", error=str(error), notification=claim.notification_id)

    async def _try_to_deliver(self, claim: _Claim) -> None:
        news = await self._load(claim)
        if news is None:
            return  # its ticket was purged meanwhile
        reference = news.ticket.reference
        try:
            async with asyncio.timeout(self._pace.claim / 2):
                await self._server.send(self._writer.write(news), self._writer.sender_address, news.team.email)
        except MailNotSent as error:
            await self._record_failure(claim, reference, error)
        except Exception as error:  # noqa: BLE001 -- one e-mail that cannot be written must not stop all others
            await self._record_failure(
                claim, reference, MailNotSent(type(error).__name__, "it could not be written or sent")
            )
        else:
            await self._record(claim, status=NotificationStatus.SENT, sent_at=self._now(), last_error=None)
            log.info("notification_sent", notification=claim.notification_id, reference=reference, team=news.team.key)

    async def _load(self, claim: _Claim) -> News | None:
        async with self._database.reading() as session:
            found = (
                await session.execute(
                    select(Notification, Ticket, TicketEvent)
                    .join(Ticket, Ticket.id == Notification.ticket_id)
                    .join(TicketEvent, TicketEvent.id == Notification.event_id)
                    .where(Notification.id == claim.notification_id)
                )
            ).one_or_none()
            if found is None:
                return None
            notification, ticket, event = found
            transcript = await read_transcript(session, ticket.conversation_id, _TRANSCRIPT_LENGTH)
        return News(
            notification_id=notification.id,
            team=self._routing.team(notification.team),
            ticket=ticket,
            event=event,
            transcript=transcript,
        )

    async def _record_failure(self, claim: _Claim, reference: str, error: MailNotSent) -> None:
        gives_up = error.permanent or claim.attempt >= self._pace.attempts
        reason = f"{error.code}: {error.reason}"[:_REASON_LENGTH]
        delay = timedelta(seconds=self._pace.delay(claim.attempt))
        await self._record(
            claim,
            status=NotificationStatus.FAILED if gives_up else NotificationStatus.PENDING,
            next_attempt_at=self._now() + delay,
            last_error=reason,
        )
        write = log.error if gives_up else log.warning
        event = "notification_given_up" if gives_up else "notification_delayed"
        write(
            event,
            notification=claim.notification_id,
            reference=reference,
            code=error.code,
            attempt=claim.attempt,
            retry_in_seconds=None if gives_up else round(delay.total_seconds(), 1),
        )

    async def _record(self, claim: _Claim, **outcome: object) -> None:
        """Only while the claim is still ours: one that ran out may have been taken, and settled, by another process."""
        async with self._database.writing() as session:
            await session.execute(
                update(Notification)
                .where(
                    Notification.id == claim.notification_id,
                    Notification.status == NotificationStatus.PENDING,
                    Notification.attempts == claim.attempt,
                )
                .values(outcome)
            )


def _due(now: object) -> tuple[ColumnElement[bool], ...]:
    """Waiting, its time has come, and no earlier e-mail of the same ticket is still waiting."""
    earlier = aliased(Notification)
    is_behind = exists(
        select(earlier.id).where(
            earlier.ticket_id == Notification.ticket_id,
            earlier.team == Notification.team,
            earlier.status == NotificationStatus.PENDING,
            earlier.id < Notification.id,
        )
    )
    return (Notification.status == NotificationStatus.PENDING, Notification.next_attempt_at <= now, ~is_behind)


async def _pause(seconds: float, stop: asyncio.Event, under_way: set[asyncio.Task[None]]) -> None:
    """Until the next look; a delivery that ends makes room at once, and a stop is heeded at once."""
    stopped = asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait({stopped, *under_way}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        stopped.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await stopped


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedNotification:
    """An e-mail that was given up, for operators."""

    notification_id: int
    reference: str
    team: str
    attempts: int
    reason: str


async def list_failed(database: Database, limit: int = 100) -> list[FailedNotification]:
    """The newest e-mails that were given up. Raises ``DeskUnavailable``."""
    async with database.reading() as session:
        rows = await session.execute(
            select(Notification, Ticket.reference)
            .join(Ticket)
            .where(Notification.status == NotificationStatus.FAILED)
            .order_by(Notification.id.desc())
            .limit(limit)
        )
        return [
            FailedNotification(
                notification_id=row.id,
                reference=reference,
                team=row.team,
                attempts=row.attempts,
                reason=row.last_error or "",
            )
            for row, reference in rows
        ]


async def put_back_failed(database: Database) -> int:
    """Try every given-up e-mail again, once the cause is mended; the number put back. Raises ``DeskUnavailable``."""
    async with database.writing() as session:
        put_back = await session.scalars(
            update(Notification)
            .where(Notification.status == NotificationStatus.FAILED)
            .values(status=NotificationStatus.PENDING, attempts=0, next_attempt_at=utc_now())
            .returning(Notification.id)
        )
        return len(put_back.all())
