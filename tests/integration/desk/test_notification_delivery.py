import asyncio
import socket
import ssl
import subprocess
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import structlog
from aiosmtpd.smtp import AuthResult, LoginPassword
from pydantic import SecretStr
from sqlalchemy import select, update

from bot.desk import Contact, Database, Desk, Direction, MessageLog, OpenTicket, Routing
from bot.desk.desk import utc_now
from bot.desk.masking import Rules
from bot.desk.models import Notification, NotificationStatus
from bot.desk.notifications import NotificationSender, Pace, list_failed, put_back_failed
from bot.desk.retention import forget_conversation
from bot.settings import BrandSettings, MailSettings
from tests.integration.desk.conftest import ClosingController, logged

Make = Callable[..., OpenTicket]
PHONE = Contact("phone", "+33612345678", "ce soir")  # type: ignore[arg-type]
FAST = Pace(poll=0.05, first_retry=0.1, longest_retry=0.4)


def mail_settings(port: int, **changes: Any) -> MailSettings:
    values: dict[str, Any] = {"host": "127.0.0.1", "port": port, "sender": "Parvis <parvis@brand.example>"}
    return MailSettings(**values | changes)


def sender(desk: Desk, mail: MailSettings, pace: Pace = FAST) -> NotificationSender:
    return NotificationSender(desk.database, desk.routing, mail, BrandSettings(), pace=pace)


@asynccontextmanager
async def running(*senders: NotificationSender) -> AsyncIterator[None]:
    stop = asyncio.Event()
    tasks = [asyncio.create_task(each.run(stop)) for each in senders]
    try:
        yield
    finally:
        stop.set()
        await asyncio.gather(*tasks)


async def until(condition: Callable[[], Any], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while True:
        found = condition()
        if await found if asyncio.iscoroutine(found) else found:
            return
        assert time.monotonic() < deadline, "waited in vain"
        await asyncio.sleep(0.02)


async def rows(database: Database) -> list[Notification]:
    async with database.reading() as session:
        return list((await session.scalars(select(Notification).order_by(Notification.id))).all())


def nothing_is_owed(desk: Desk) -> Callable[[], Any]:
    async def check() -> bool:
        return await desk.pending_notifications() == 0

    return check


async def test_an_email_reaches_the_team_within_a_second_of_the_ticket(
    desk: Desk, postmaster: Any, request_for: Make
) -> None:
    async with running(sender(desk, mail_settings(postmaster.port), Pace())):
        await asyncio.sleep(0.2)  # the loop is idle
        ticket = await desk.open_ticket(request_for())
        started = time.monotonic()
        await until(lambda: postmaster.accepted)
        assert time.monotonic() - started < 1.0
        await until(nothing_is_owed(desk))
    assert postmaster.recipients == ["commandes@maison-lumen.example"]
    assert postmaster.accepted[0]["Message-ID"] == f"<ticket.{ticket.reference}@brand.example>"


async def test_the_emails_of_a_ticket_arrive_once_each_in_order_and_in_one_thread(
    desk: Desk, postmaster: Any, request_for: Make
) -> None:
    ticket = await desk.open_ticket(request_for())
    await desk.complete_ticket(ticket.reference, PHONE, "m2")
    await desk.cancel_ticket("messenger:10:20", ticket.reference)
    async with running(sender(desk, mail_settings(postmaster.port))):
        await until(nothing_is_owed(desk))
    first, contact, cancelled = postmaster.accepted
    assert contact["In-Reply-To"] == cancelled["In-Reply-To"] == first["Message-ID"]
    assert len({message["Message-ID"] for message in postmaster.accepted}) == 3
    assert "tel:+33612345678" in contact.get_body(("plain",)).get_content()


async def test_the_transcript_is_the_one_of_the_moment_of_delivery(
    desk: Desk, database: Database, postmaster: Any, request_for: Make
) -> None:
    await desk.open_ticket(request_for())
    later = logged("r1", "Un collègue va vous répondre.", at=1_790_000_001.0, direction=Direction.OUT)
    await MessageLog(database, Rules()).record([later])
    async with running(sender(desk, mail_settings(postmaster.port))):
        await until(lambda: postmaster.accepted)
    content = postmaster.accepted[0].get_body(("plain",)).get_content()
    assert content.index("Où est ma commande ?") < content.index("Un collègue va vous répondre.")


async def test_two_senders_on_one_database_send_nothing_twice(
    desk: Desk, database_url: str, routing: Routing, postmaster: Any, request_for: Make
) -> None:
    other = Desk(Database(database_url), routing)
    for number in range(30):
        await desk.open_ticket(request_for(conversation_id=f"messenger:10:{number}"))
    mail = mail_settings(postmaster.port)
    async with running(sender(desk, mail), sender(other, mail)):
        await until(nothing_is_owed(desk))
    await other.close()
    assert len(postmaster.accepted) == 30
    assert len({message["Message-ID"] for message in postmaster.accepted}) == 30


async def test_a_busy_mailbox_is_tried_again_until_it_takes_the_email(
    desk: Desk, database: Database, postmaster: Any, request_for: Make
) -> None:
    postmaster.refuse("RCPT", "451 4.7.1 Greylisted, come back later", times=2)
    await desk.open_ticket(request_for())
    async with running(sender(desk, mail_settings(postmaster.port))):
        await until(nothing_is_owed(desk))
    (row,) = await rows(database)
    assert (row.status, row.attempts, row.last_error) == (NotificationStatus.SENT, 3, None)
    assert row.sent_at is not None
    assert len(postmaster.accepted) == 1


async def test_a_refusal_of_the_content_is_told_apart_in_the_same_way(
    desk: Desk, database: Database, postmaster: Any, request_for: Make
) -> None:
    postmaster.refuse("DATA", "452 4.3.1 Disk full", times=1)
    await desk.open_ticket(request_for())
    async with running(sender(desk, mail_settings(postmaster.port))):
        await until(nothing_is_owed(desk))
    assert (await rows(database))[0].attempts == 2


@pytest.mark.parametrize("step", ["RCPT", "DATA"])
async def test_a_final_refusal_is_given_up_with_its_reason_and_can_be_put_back(
    desk: Desk, database: Database, postmaster: Any, request_for: Make, step: str
) -> None:
    postmaster.refuse(step, "550 5.1.1 No such mailbox", times=1)
    ticket = await desk.open_ticket(request_for())
    async with running(sender(desk, mail_settings(postmaster.port))):
        await until(nothing_is_owed(desk))
        assert await desk.failed_notifications() == 1
        (failed,) = await list_failed(database)
        assert (failed.reference, failed.team, failed.attempts) == (ticket.reference, "orders", 1)
        assert "550" in failed.reason
        assert "No such mailbox" in failed.reason
        assert await put_back_failed(database) == 1
        await until(lambda: postmaster.accepted)
        await until(nothing_is_owed(desk))
    assert await desk.failed_notifications() == 0


async def test_a_given_up_email_does_not_hold_back_the_next_of_its_ticket(
    desk: Desk, postmaster: Any, request_for: Make
) -> None:
    postmaster.refuse("DATA", "554 5.7.1 Looks like spam", times=1)
    ticket = await desk.open_ticket(request_for())
    await desk.complete_ticket(ticket.reference, PHONE, "m2")
    async with running(sender(desk, mail_settings(postmaster.port))):
        await until(nothing_is_owed(desk))
    assert (await desk.failed_notifications(), len(postmaster.accepted)) == (1, 1)


async def test_a_delayed_first_email_holds_back_the_next_of_its_ticket_only(
    desk: Desk, postmaster: Any, request_for: Make
) -> None:
    postmaster.refuse("DATA", "451 4.3.0 Later", times=1)
    ticket = await desk.open_ticket(request_for())
    await desk.complete_ticket(ticket.reference, PHONE, "m2")
    async with running(sender(desk, mail_settings(postmaster.port), Pace(poll=0.05, first_retry=1.0))):
        await until(lambda: postmaster.asked)
        other = await desk.open_ticket(request_for(conversation_id="messenger:10:21"))
        await until(nothing_is_owed(desk))
    references = [message["X-Ticket-Reference"] for message in postmaster.accepted]
    assert references == [other.reference, ticket.reference, ticket.reference]
    assert postmaster.accepted[1]["In-Reply-To"] is None


async def test_a_mail_server_that_is_away_gets_the_email_when_it_is_back(
    desk: Desk, database: Database, postmaster: Any, request_for: Make
) -> None:
    postmaster.stop()
    await desk.open_ticket(request_for())

    async def was_tried() -> bool:
        return (await rows(database))[0].last_error is not None

    async with running(sender(desk, mail_settings(postmaster.port))):
        await until(was_tried)
        assert "Connect" in str((await rows(database))[0].last_error)
        postmaster.start()
        await until(nothing_is_owed(desk))
    assert len(postmaster.accepted) == 1


async def test_a_mail_server_that_restarts_amid_deliveries_gets_every_email(
    desk: Desk, postmaster: Any, request_for: Make
) -> None:
    async with running(sender(desk, mail_settings(postmaster.port))):
        for number in range(20):
            await desk.open_ticket(request_for(conversation_id=f"messenger:10:{number}"))
            if number == 8:
                postmaster.stop()
            if number == 14:
                postmaster.start()
        await until(nothing_is_owed(desk))
    identifiers = [message["Message-ID"] for message in postmaster.accepted]
    assert len(set(identifiers)) == 20


async def test_a_mail_server_that_never_answers_is_given_up_after_so_many_attempts(
    desk: Desk, database: Database, request_for: Make
) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # bound but not listening: refused
        await desk.open_ticket(request_for())
        pace = Pace(poll=0.02, first_retry=0.02, longest_retry=0.02, attempts=3)
        async with running(sender(desk, mail_settings(closed.getsockname()[1]), pace)):
            await until(nothing_is_owed(desk))
    (failed,) = await list_failed(database)
    assert failed.attempts == 3


async def test_a_claim_of_a_dead_process_runs_out(
    desk: Desk, database: Database, postmaster: Any, request_for: Make
) -> None:
    await desk.open_ticket(request_for())
    async with database.writing() as session:  # what a process that was killed while it sent leaves behind
        claimed = {"attempts": 1, "next_attempt_at": utc_now() + timedelta(seconds=0.5)}
        await session.execute(update(Notification).values(claimed))
    async with running(sender(desk, mail_settings(postmaster.port))):
        await asyncio.sleep(0.2)
        assert postmaster.accepted == []
        await until(nothing_is_owed(desk))
    assert len(postmaster.accepted) == 1


async def test_stopping_lets_the_email_under_way_finish(
    desk: Desk, database: Database, postmaster: Any, request_for: Make
) -> None:
    await desk.open_ticket(request_for())
    stop = asyncio.Event()
    task = asyncio.create_task(sender(desk, mail_settings(postmaster.port)).run(stop))

    async def is_claimed() -> bool:
        return (await rows(database))[0].attempts == 1

    await until(is_claimed)
    stop.set()
    await task
    assert (await rows(database))[0].status is NotificationStatus.SENT
    assert len(postmaster.accepted) == 1


async def test_a_forgotten_customer_is_not_written_about(
    desk: Desk, database: Database, postmaster: Any, request_for: Make
) -> None:
    await desk.open_ticket(request_for())
    await forget_conversation(database, "messenger:10:20")
    async with running(sender(desk, mail_settings(postmaster.port))):
        await asyncio.sleep(0.3)
    assert postmaster.accepted == []


async def test_an_email_that_cannot_be_written_does_not_stop_the_others(
    desk: Desk, postmaster: Any, request_for: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    deliveries = sender(desk, mail_settings(postmaster.port))
    write = deliveries._writer.write

    def write_or_fail(news: Any) -> Any:
        if news.ticket.conversation_id.endswith(":bad"):
            raise RuntimeError("mon secret")
        return write(news)

    monkeypatch.setattr(deliveries._writer, "write", write_or_fail)
    await desk.open_ticket(request_for(conversation_id="messenger:10:bad"))
    await desk.open_ticket(request_for(conversation_id="messenger:10:good"))
    with structlog.testing.capture_logs() as logs:
        async with running(deliveries):
            await until(lambda: postmaster.accepted)
    assert await desk.pending_notifications() == 1
    assert "secret" not in str(logs)


async def test_logs_hold_neither_words_nor_contacts(desk: Desk, postmaster: Any, request_for: Make) -> None:
    postmaster.refuse("DATA", "451 4.3.0 Later", times=1)
    with structlog.testing.capture_logs() as logs:
        async with running(sender(desk, mail_settings(postmaster.port))):
            ticket = await desk.open_ticket(request_for(text="mon secret"))
            await desk.complete_ticket(ticket.reference, PHONE, "m2")
            await desk.cancel_ticket("messenger:10:20", ticket.reference)
            await until(nothing_is_owed(desk))
    assert {"ticket_opened", "notification_delayed", "notification_sent"} <= {entry["event"] for entry in logs}
    for personal in ("secret", "+33612345678", "ce soir"):
        assert personal not in str(logs)


# --- log-in and encryption --------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("certificate")
    names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    files = ["-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem")]
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", *names, *files],
        check=True,
        stderr=subprocess.DEVNULL,
    )
    return folder


def let_in(_server: Any, _session: Any, _envelope: Any, _mechanism: str, data: Any) -> AuthResult:
    is_known = isinstance(data, LoginPassword) and (data.login, data.password) == (b"parvis", b"right")
    return AuthResult(success=is_known, handled=is_known)


async def test_starttls_with_a_log_in_is_used_where_it_is_asked_for(
    desk: Desk, postmaster: Any, certificate: Path, request_for: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate / "cert.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate / "cert.pem", certificate / "key.pem")
    postmaster.stop()
    secure = ClosingController(
        postmaster,
        hostname="127.0.0.1",
        port=postmaster.port,
        tls_context=context,
        require_starttls=True,
        auth_required=True,
        authenticator=let_in,
    )
    secure.start()
    await desk.open_ticket(request_for())
    login: dict[str, Any] = {"host": "localhost", "tls": "starttls", "username": "parvis"}

    async def count_errors() -> bool:
        return "535" in str((await rows(desk.database))[0].last_error)

    try:
        async with running(sender(desk, mail_settings(postmaster.port, **login, password=SecretStr("wrong")))):
            await until(count_errors)
        assert await desk.failed_notifications() == 0  # a wrong password says nothing about the e-mail
        async with running(sender(desk, mail_settings(postmaster.port, **login, password=SecretStr("right")))):
            await until(nothing_is_owed(desk))
    finally:
        secure.stop()
    assert len(postmaster.accepted) == 1


async def test_an_email_never_leaves_in_the_clear_where_encryption_is_asked_for(
    desk: Desk, database: Database, postmaster: Any, request_for: Make
) -> None:
    await desk.open_ticket(request_for())

    async def was_tried() -> bool:
        return (await rows(database))[0].last_error is not None

    async with running(sender(desk, mail_settings(postmaster.port, tls="starttls"))):
        await until(was_tried)
    assert postmaster.accepted == []
    assert await desk.pending_notifications() == 1
