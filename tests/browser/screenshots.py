"""Pictures of the console: ``python -m tests.browser.screenshots`` takes those of the documentation, and with a folder
every page in both languages, wide and narrow, into that folder."""

import asyncio
import sys
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from playwright.async_api import Browser, async_playwright
from sqlalchemy import update

from bot.console.accounts import AuditLog, Invitations, Role, Users
from bot.desk import ContactKind, Database
from bot.desk.models import Ticket
from bot.settings import PROJECT_ROOT
from tests.browser.conftest import launch
from tests.browser.console_page import OpenConsole, open_console
from tests.conftest import Valkey
from tests.seeded_console import ConsoleProcess, fill

ADMIN, AGENT = "paul@maison-lumen.example", "lea@maison-lumen.example"
PAGES = {
    "queue": "/tickets",
    "ticket": "/tickets/{7001}",
    "waiting": "/tickets/{7002}",
    "shut": "/tickets/{7006}",
    "conversations": "/conversations",
    "signs": "/tickets/{7003}",
    "conversation": "/conversations/messenger%3A1000000000001%3A7001",
    "no-ticket": "/conversations/messenger%3A1000000000001%3A7007",
    "callbacks": "/callbacks",
    "team": "/team",
    "dead-letters": "/dead-letters",
    "users": "/users",
    "audit": "/audit",
    "found": "/tickets?q=lampe",
    "nothing-found": "/tickets?q=perceuse",
    "account": "/account",
    "filters": "/tickets?status=new",
    "error": "/tickets/ML-222-222",
}
SIGNED_OUT = {"sign-in": "/sign-in", "invitation": "/invitation/{invitation}"}
AFTER_A_CLICK = {
    "second-factor": ("/account", "form[action='/account/totp'] button"),
    "people-open": ("/users", ".people summary >> nth=1"),
    "keys": ("/tickets", "#keys-open"),
}
_ZONE = ZoneInfo("Europe/Paris")
WIDE, NARROW = 1280, 390


@dataclass(frozen=True)
class Picture:
    page: str
    language: str
    width: int
    email: str = ADMIN
    whole: bool = True

    @property
    def name(self) -> str:
        return f"console-{self.page}-{self.language}{'-phone' if self.width == NARROW else ''}.png"


ALL = [
    Picture(page, language, width)
    for language in ("fr", "en")
    for width in (WIDE, NARROW)
    for page in (*PAGES, *SIGNED_OUT, *AFTER_A_CLICK)
]
DOCUMENTATION = [
    Picture("queue", "en", WIDE, AGENT, whole=False),
    Picture("ticket", "en", WIDE, AGENT, whole=False),
    Picture("signs", "en", WIDE, AGENT, whole=False),
    Picture("ticket", "fr", NARROW, AGENT, whole=False),
    Picture("callbacks", "en", WIDE, AGENT, whole=False),
    Picture("conversations", "en", WIDE, AGENT, whole=False),
    Picture("no-ticket", "en", WIDE, AGENT, whole=False),
    Picture("team", "en", WIDE, whole=False),
]


async def take(pictures: list[Picture], folder: Path) -> None:
    with tempfile.TemporaryDirectory() as home:
        valkey = Valkey(Path(home))
        valkey.start()
        database_url = f"sqlite+aiosqlite:///{home}/desk.db"
        references = await fill(database_url, valkey.address)
        await _ask_for_calls_today(database_url)
        references["invitation"] = await _invite(database_url)
        console = ConsoleProcess(Path(home), database_url, valkey.address)
        try:
            await asyncio.to_thread(console.start)
            async with async_playwright() as playwright:
                browser = await launch(playwright)
                for picture in pictures:
                    await _take(browser, console.address, references, picture, folder)
                await browser.close()
        finally:
            console.stop()
            valkey.kill()


async def _ask_for_calls_today(database_url: str) -> None:
    """So that the page of call-backs has some on any day."""
    midnight = datetime.combine(datetime.now(_ZONE).date() + timedelta(days=1), time.min, tzinfo=_ZONE)
    due_at = min(datetime.now(UTC) + timedelta(hours=2), midnight - timedelta(minutes=1))
    database = Database(database_url)
    async with database.writing() as session:
        await session.execute(update(Ticket).where(Ticket.contact_kind == ContactKind.PHONE).values(due_at=due_at))
    await database.close()


async def _invite(database_url: str) -> str:
    database = Database(database_url)
    users = Users(database, AuditLog(database))
    user = await users.create("zoe@maison-lumen.example", "Zoé Roy", {Role.AGENT}, "fr", by="parvis")
    token = await Invitations(users).for_user(user, by="parvis")
    await database.close()
    return token


async def _take(browser: Browser, address: str, filled_in: dict[str, str], picture: Picture, folder: Path) -> None:
    if picture.page in SIGNED_OUT:
        context = await browser.new_context(locale=picture.language, viewport={"width": picture.width, "height": 900})
        opened = OpenConsole(await context.new_page(), context, address)
        path, button = SIGNED_OUT[picture.page], ""
    else:
        opened = await open_console(browser, address, picture.email, picture.language, width=picture.width)
        path, button = AFTER_A_CLICK.get(picture.page) or (PAGES[picture.page], "")
    for name, value in filled_in.items():
        path = path.replace(f"{{{name}}}", value)
    await opened.open(path)
    if button:
        await opened.page.click(button)
    await opened.page.wait_for_load_state()
    await opened.page.screenshot(path=folder / picture.name, full_page=picture.whole)
    await opened.close()


if __name__ == "__main__":
    chosen = Path(sys.argv[1]) if len(sys.argv) > 1 else PROJECT_ROOT / "docs" / "images"
    chosen.mkdir(parents=True, exist_ok=True)
    asyncio.run(take(ALL if len(sys.argv) > 1 else DOCUMENTATION, chosen))
