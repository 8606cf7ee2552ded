"""An agent's work through every process: from the customer's phone to the console and back."""

import asyncio
import re
import secrets
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from tests.browser.console_page import OpenConsole, open_console
from tests.scenarios.installation import Installation
from tests.seeded_console import PASSWORD

pytestmark = pytest.mark.asyncio(loop_scope="session")

INBOX_APP = "263902037430900"
COMPLAINT = {
    "fr": "C'est inadmissible, ma lampe est arrivée cassée !",
    "en": "This is unacceptable, my lamp arrived broken!",
}
SHOP_QUESTION = {"fr": "combien coûte la livraison ?", "en": "how much is delivery?"}
SAYS = {
    "fr": {
        "take": "Je m’en occupe",
        "reply": "Votre réponse",
        "send": "Envoyer",
        "solve": "Envoyer et résoudre",
        "solved": "Résolue",
        "mine": "Vous avez la conversation",
        "bot": "L’assistant répond",
        "inbox": "Quelqu’un répond depuis la plateforme",
        "hand_back": "Rendre à l’assistant",
        "pass": "Confier à la boîte Messenger",
        "release": "Libérer sans un mot",
        "take_over": "Prendre la conversation",
        "standby": "lu en veille",
    },
    "en": {
        "take": "Take it",
        "reply": "Your reply",
        "send": "Send",
        "solve": "Send and solve",
        "solved": "Solved",
        "mine": "You have the conversation",
        "bot": "The assistant answers",
        "inbox": "Somebody answers in the platform’s inbox",
        "hand_back": "Hand back to the assistant",
        "pass": "Pass to Messenger’s inbox",
        "release": "Release without a word",
        "take_over": "Take over",
        "standby": "read on standby",
    },
}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def parvis(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Installation]:
    running = Installation(tmp_path_factory.mktemp("home"))
    try:
        await asyncio.to_thread(running.start)
        yield running
    finally:
        await asyncio.to_thread(running.stop)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def people(parvis: Installation, browser: Browser) -> dict[str, str]:
    """E-mail addresses of two agents, who were invited and chose their passwords."""
    made = {}
    for name in ("Léa Martin", "Tom Baker"):
        email = f"{name.split()[1].lower()}@maison-lumen.example"
        done = await asyncio.to_thread(parvis.parvis, "users", "invite", email, "--name", name, "--role", "agent")
        link = re.search(r"http://\S+/invitation/\S+", done.stdout)
        assert link, done.stdout
        context = await browser.new_context()
        page = await context.new_page()
        await page.goto(link[0])
        await page.fill("[name=password]", PASSWORD)
        await page.click("main form button")
        await page.wait_for_url("**/sign-in*")
        await context.close()
        made[name] = email
    return made


def console_of(parvis: Installation) -> str:
    return f"http://127.0.0.1:{parvis.ports['console']}"


class Customer:
    """Somebody with the simulator's phone in hand."""

    def __init__(self, parvis: Installation, page: Page) -> None:
        self._parvis = parvis
        self.phone = page.locator("#panel-messenger")
        self._page = page

    async def write(self, text: str) -> None:
        field = self.phone.get_by_role("textbox")
        await field.fill(text)
        await field.press("Enter")

    async def user(self) -> str:
        return str(await self._page.evaluate("localStorage.getItem('parvis.messenger.customer')"))

    async def heard(self) -> list[str]:
        found: list[str] = await asyncio.to_thread(self._parvis.replies, "messenger", await self.user())
        return found

    async def hears(self, count: int) -> list[str]:
        for _ in range(300):
            heard = await self.heard()
            if len(heard) >= count:
                return heard
            await asyncio.sleep(0.1)
        raise AssertionError(f"the customer never heard {count} messages")

    async def hears_nothing_more(self, seconds: float = 4.0) -> None:
        before = await self.heard()
        await asyncio.sleep(seconds)
        assert await self.heard() == before


@pytest_asyncio.fixture(loop_scope="session")
async def customer(parvis: Installation, browser: Browser, language: str) -> AsyncIterator[Customer]:
    context = await browser.new_context(locale=language)
    page = await context.new_page()
    await page.goto(f"http://127.0.0.1:{parvis.ports['simulator']}/")
    yield Customer(parvis, page)
    await context.close()


@pytest.fixture(params=["fr", "en"])
def language(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def says(language: str) -> dict[str, str]:
    return SAYS[language]


async def complain(customer: Customer, language: str) -> str:
    """The customer's own words, which tell the ticket from all others."""
    text = f"{COMPLAINT[language]} ({secrets.token_hex(3)})"
    await customer.write(text)
    await customer.hears(1)
    return text


async def open_ticket_of(console: OpenConsole, words: str) -> str:
    await console.open("/tickets")
    row = console.page.locator("[data-row]", has_text=words)
    await expect(row).to_be_visible(timeout=20_000)
    await row.locator("[data-open]").click()
    await expect(console.page.locator("#reply-text")).to_be_visible()
    return str(await console.page.get_attribute("main", "data-ticket"))


async def test_a_ticket_is_picked_up_answered_on_the_customers_phone_and_solved(
    parvis: Installation, people: dict[str, str], browser: Browser, customer: Customer, language: str, says: Any
):
    agent = await open_console(browser, console_of(parvis), people["Léa Martin"], language)
    await agent.open("/tickets")
    words = await complain(customer, language)
    # No reload: the list itself learns of the ticket.
    await expect(agent.page.locator("[data-row]", has_text=words)).to_be_visible(timeout=20_000)
    await open_ticket_of(agent, words)
    await expect(agent.page.locator("#transcript")).to_contain_text(words)
    await agent.page.get_by_role("button", name=says["take"]).click()
    await agent.page.get_by_label(says["reply"]).fill("Une lampe neuve part ce soir. <b>Léa</b>")
    await agent.page.get_by_role("button", name=says["send"], exact=True).click()
    await expect(customer.phone).to_contain_text("Une lampe neuve part ce soir. <b>Léa</b>", timeout=20_000)
    await expect(agent.page.locator("#transcript .human")).to_contain_text("<b>Léa</b>", timeout=20_000)
    await expect(agent.page.locator("#owner")).to_contain_text(says["mine"])

    await agent.page.get_by_label(says["reply"]).fill("Voilà, c'est réglé.")
    await agent.page.get_by_role("button", name=says["solve"]).click()
    await expect(agent.page.locator("#status")).to_have_text(says["solved"])
    await expect(customer.phone).to_contain_text("Voilà, c'est réglé.", timeout=20_000)
    assert agent.errors == []
    await agent.close()


async def test_the_assistant_is_silent_while_an_agent_has_the_conversation_and_returns_when_handed_back(
    parvis: Installation, people: dict[str, str], browser: Browser, customer: Customer, language: str, says: Any
):
    words = await complain(customer, language)
    agent = await open_console(browser, console_of(parvis), people["Léa Martin"], language)
    await open_ticket_of(agent, words)
    await agent.page.get_by_label(says["reply"]).fill("Je regarde tout de suite.")
    await agent.page.get_by_role("button", name=says["send"], exact=True).click()
    await expect(customer.phone).to_contain_text("Je regarde tout de suite.", timeout=20_000)

    await customer.write(SHOP_QUESTION[language])
    await expect(agent.page.locator("#transcript")).to_contain_text(SHOP_QUESTION[language], timeout=20_000)
    await customer.hears_nothing_more()

    heard = len(await customer.heard())
    await agent.page.get_by_role("button", name=says["hand_back"]).click()
    await expect(agent.page.locator("#owner")).to_contain_text(says["bot"])
    await customer.hears(heard + 1)
    await customer.write(SHOP_QUESTION[language])
    await customer.hears(heard + 2)
    await agent.close()


async def test_the_assistant_is_silent_when_somebody_answers_from_the_platforms_own_inbox(
    parvis: Installation, people: dict[str, str], browser: Browser, customer: Customer, language: str, says: Any
):
    words = await complain(customer, language)
    agent = await open_console(browser, console_of(parvis), people["Tom Baker"], language)
    await open_ticket_of(agent, words)
    answer = {"text": "Bonjour, je m'occupe de votre lampe."}
    path = f"/api/messenger/users/{await customer.user()}/human_reply"
    (await asyncio.to_thread(parvis.simulator.post, path, json=answer)).raise_for_status()
    await expect(agent.page.locator("#owner")).to_contain_text(says["inbox"], timeout=20_000)
    await customer.write(SHOP_QUESTION[language])
    await expect(agent.page.locator("#transcript")).to_contain_text(SHOP_QUESTION[language], timeout=20_000)
    await customer.hears_nothing_more()
    await agent.close()


class Thread:
    """A customer's thread as the people in the Page's own inbox see it."""

    def __init__(self, parvis: Installation, user: str) -> None:
        self._parvis = parvis
        self._path = f"/api/messenger/users/{user}"

    async def owner(self) -> str | None:
        told = await asyncio.to_thread(self._parvis.simulator.get, f"{self._path}/thread")
        owner: str | None = told.json()["owner"]
        return owner

    async def act(self, act: str) -> None:
        done = await asyncio.to_thread(self._parvis.simulator.post, f"{self._path}/thread", json={"act": act})
        done.raise_for_status()


async def test_a_conversation_goes_to_messengers_inbox_and_is_taken_back_with_all_that_was_said_meanwhile(
    parvis: Installation, people: dict[str, str], browser: Browser, customer: Customer, language: str, says: Any
):
    words = await complain(customer, language)
    thread = Thread(parvis, await customer.user())
    agent = await open_console(browser, console_of(parvis), people["Léa Martin"], language)
    await open_ticket_of(agent, words)
    await agent.page.get_by_role("button", name=says["pass"]).click()
    await expect(agent.page.locator("#owner")).to_contain_text(says["inbox"])
    assert await thread.owner() == INBOX_APP

    # The application only reads along now: nothing is answered, and the agent still sees it.
    await customer.write(SHOP_QUESTION[language])
    line = agent.page.locator("#transcript .line", has_text=SHOP_QUESTION[language])
    await expect(line).to_contain_text(says["standby"], timeout=20_000)
    await customer.hears_nothing_more()

    await agent.page.get_by_role("button", name=says["take_over"]).click()
    await expect(agent.page.locator("#owner")).to_contain_text(says["mine"])
    assert await thread.owner() != INBOX_APP
    await agent.page.get_by_label(says["reply"]).fill("Me revoici.")
    await agent.page.get_by_role("button", name=says["send"], exact=True).click()
    await expect(customer.phone).to_contain_text("Me revoici.", timeout=20_000)
    await expect(agent.page.locator("#transcript .human")).to_contain_text("Me revoici.", timeout=20_000)

    await agent.page.get_by_role("button", name=says["release"]).click()
    await expect(agent.page.locator("#owner")).to_contain_text(says["bot"])
    assert await thread.owner() is None
    heard = len(await customer.heard())
    await customer.write(SHOP_QUESTION[language])
    await customer.hears(heard + 1)
    assert agent.errors == []
    await agent.close()


async def test_people_in_messengers_inbox_take_a_thread_and_pass_it_back(
    parvis: Installation, people: dict[str, str], browser: Browser, customer: Customer, language: str, says: Any
):
    words = await complain(customer, language)
    thread = Thread(parvis, await customer.user())
    agent = await open_console(browser, console_of(parvis), people["Tom Baker"], language)
    await open_ticket_of(agent, words)
    await thread.act("request")
    await thread.act("take")
    await expect(agent.page.locator("#owner")).to_contain_text(says["inbox"], timeout=20_000)
    await customer.write(SHOP_QUESTION[language])
    await customer.hears_nothing_more()
    heard = len(await customer.heard())
    await thread.act("pass")
    await expect(agent.page.locator("#owner")).to_contain_text(says["bot"], timeout=20_000)
    await customer.hears(heard + 1)  # the assistant says that it is back
    await customer.write(SHOP_QUESTION[language])
    await customer.hears(heard + 2)
    await agent.close()
