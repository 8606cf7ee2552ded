"""The pictures of the documentation: ``python -m tests.browser.screenshots [FOLDER]``."""

import asyncio
import sys
import tempfile
from pathlib import Path

from playwright.async_api import Browser, async_playwright

from bot.settings import PROJECT_ROOT
from tests.browser.conftest import launch
from tests.browser.console_page import sign_in
from tests.conftest import Valkey
from tests.seeded_console import ConsoleProcess, fill

PAGES = {
    "queue": "/tickets",
    "ticket": "/tickets/{c7001}",
    "late": "/tickets?late=1",
    "waiting": "/tickets/{c7002}",
    "shut": "/tickets/{c7006}",
    "conversations": "/conversations",
    "conversation": "/conversations/messenger%3A1000000000001%3A7001",
    "callbacks": "/callbacks",
    "team": "/team",
    "dead_letters": "/dead-letters",
    "users": "/users",
    "audit": "/audit",
}


async def take_pictures(folder: Path) -> None:
    with tempfile.TemporaryDirectory() as home:
        valkey = Valkey(Path(home))
        valkey.start()
        database_url = f"sqlite+aiosqlite:///{home}/desk.db"
        references = await fill(database_url, valkey.address)
        console = ConsoleProcess(Path(home), database_url, valkey.address)
        try:
            await asyncio.to_thread(console.start)
            async with async_playwright() as playwright:
                browser = await launch(playwright)
                for email, language in (("paul@maison-lumen.example", "fr"), ("paul@maison-lumen.example", "en")):
                    for width, height in ((1280, 860), (390, 844)):
                        await _walk(browser, console, references, folder, email, language, width, height)
                await browser.close()
        finally:
            console.stop()
            valkey.kill()


async def _walk(
    browser: Browser,
    console: ConsoleProcess,
    references: dict[str, str],
    folder: Path,
    email: str,
    language: str,
    width: int,
    height: int,
) -> None:
    context = await browser.new_context(viewport={"width": width, "height": height}, locale=language)
    page = await context.new_page()
    await sign_in(page, console.address, email)
    if await page.get_attribute("html", "lang") != language:
        await page.click(f"button[name=language][value={language}]")
    for name, path in PAGES.items():
        await page.goto(
            console.address + path.format(**{f"c{user}": reference for user, reference in references.items()})
        )
        await page.wait_for_timeout(200)
        await page.screenshot(path=folder / f"{name}-{language}-{width}.png", full_page=True)
    await context.close()


if __name__ == "__main__":
    chosen = Path(sys.argv[1]) if len(sys.argv) > 1 else PROJECT_ROOT / "docs" / "images"
    chosen.mkdir(parents=True, exist_ok=True)
    asyncio.run(take_pictures(chosen))
