"""Several processes write to one database, as worker, action server and desk do."""

import asyncio
import sys
from collections.abc import Sequence

from sqlalchemy import func, select

from bot.desk import Database
from bot.desk.models import Message, Notification, Ticket, TicketEvent
from bot.settings import PROJECT_ROOT

WRITER = """
import asyncio, sys
from bot.desk import Database, LoggedMessage, MessageLog, OpenTicket, Desk, load_routing
from bot.desk.masking import Rules
from bot.settings import PROJECT_ROOT

async def main(url, own, tickets):
    database = Database(url)
    desk = Desk(database, load_routing(PROJECT_ROOT / "routing.yml"))
    log = MessageLog(database, Rules())

    def request(user):
        return OpenTicket(conversation_id=f"x:1:{user}", channel="x", account_id="1", user_id=user, language="fr",
                          message_id=f"m{user}", disposition="human", topic="person", text="bonjour", occurred_at=1.0)

    def lines(batch):
        return [LoggedMessage(conversation_id=f"x:1:{own}", channel="x", account_id="1", user_id=own, direction="in",
                              message_id=f"{batch}.{n}", text="bonjour", occurred_at=n) for n in range(20)]

    await asyncio.gather(
        *(desk.open_ticket(request(f"shared{n}")) for n in range(tickets)),
        *(desk.open_ticket(request(f"{own}-{n}")) for n in range(tickets)),
        *(log.record(lines(batch)) for batch in range(tickets)),
    )
    await database.close()

asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))
"""


async def run_writers(url: str, names: Sequence[str], tickets: int) -> None:
    processes = [
        await asyncio.create_subprocess_exec(
            sys.executable, "-c", WRITER, url, name, str(tickets), cwd=PROJECT_ROOT, stderr=asyncio.subprocess.PIPE
        )
        for name in names
    ]
    for process in processes:
        _, errors = await process.communicate()
        assert process.returncode == 0, errors.decode()


async def count(database: Database, table: type) -> int:
    async with database.reading() as session:
        return await session.scalar(select(func.count()).select_from(table)) or 0


async def test_three_processes_write_at_once_and_every_write_counts_once(database_url: str, database: Database) -> None:
    await run_writers(database_url, ("a", "b", "c"), tickets=40)
    opened = 40 + 3 * 40  # those that all three open, and each one's own
    assert await count(database, Ticket) == opened
    assert await count(database, TicketEvent) == opened
    assert await count(database, Notification) == opened
    assert await count(database, Message) == 3 * 40 * 20
