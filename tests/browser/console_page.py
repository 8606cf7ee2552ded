"""The console in a browser: who is signed in, and what went wrong unseen."""

from dataclasses import dataclass, field
from urllib.parse import urlsplit

from playwright.async_api import Browser, BrowserContext, Page

from tests.seeded_console import PASSWORD


@dataclass
class OpenConsole:
    page: Page
    context: BrowserContext
    address: str
    errors: list[str] = field(default_factory=list)
    """Of the browser's console, and every request that would have left the origin."""

    async def open(self, path: str) -> None:
        await self.page.goto(self.address + path)

    async def close(self) -> None:
        await self.context.close()


async def open_console(
    browser: Browser, address: str, email: str, language: str = "fr", *, live: bool = True, width: int = 1280
) -> OpenConsole:
    """Signed in, in that language. Without ``live`` the page never learns that it is out of date."""
    context = await browser.new_context(locale=language, viewport={"width": width, "height": 900})
    page = await context.new_page()
    page.set_default_timeout(15_000)
    opened = OpenConsole(page, context, address)
    page.on("pageerror", lambda error: opened.errors.append(str(error)))
    page.on("console", lambda message: opened.errors.append(message.text) if message.type == "error" else None)
    origin = urlsplit(address).netloc
    page.on(
        "request",
        lambda request: None if urlsplit(request.url).netloc in (origin, "") else opened.errors.append(request.url),
    )
    if not live:
        await context.route("**/events?*", lambda route: route.abort())
    await sign_in(page, address, email)
    if await page.get_attribute("html", "lang") != language:
        await page.click(f"button[name=language][value={language}]")
    return opened


async def sign_in(page: Page, address: str, email: str, password: str = PASSWORD) -> None:
    await page.goto(f"{address}/sign-in")
    await page.fill("[name=email]", email)
    await page.fill("[name=password]", password)
    await page.click("main form button")
    await page.wait_for_selector(".person")
