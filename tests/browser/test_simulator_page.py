"""The simulator's page in a real browser: what a newcomer sees and does."""

from collections.abc import AsyncIterator
from email.message import EmailMessage

import aiosmtplib
import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

pytestmark = pytest.mark.asyncio(loop_scope="session")

WIDE = {"width": 1440, "height": 900}
NARROW = {"width": 390, "height": 844}


class OpenPage:
    def __init__(self, page: Page, errors: list[str]) -> None:
        self.page = page
        self.errors = errors

    def phone(self, channel: str):
        return self.page.locator(f"#panel-{channel}")

    async def write(self, channel: str, text: str) -> None:
        field = self.phone(channel).get_by_role("textbox")
        await field.fill(text)
        await field.press("Enter")

    async def user(self, channel: str) -> str:
        return await self.page.evaluate(f"localStorage.getItem('parvis.{channel}.customer')")


async def open_page(browser: Browser, brand, locale: str = "fr-FR", viewport=WIDE) -> OpenPage:
    context = await browser.new_context(locale=locale, viewport=viewport)
    page = await context.new_page()
    page.set_default_timeout(8_000)
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    await page.goto(f"http://127.0.0.1:{brand.settings.port}/")
    await expect(page.locator("#connection.on")).to_be_visible()
    return OpenPage(page, errors)


@pytest_asyncio.fixture(loop_scope="session")
async def opened(browser: Browser, brand) -> AsyncIterator[OpenPage]:
    opened = await open_page(browser, brand)
    yield opened
    assert opened.errors == []


async def test_typed_message_is_answered_without_reload(opened):
    await opened.write("messenger", "vous ouvrez à quelle heure à Lyon ?")
    phone = opened.phone("messenger")
    await expect(phone.locator(".user .bubble")).to_have_text("vous ouvrez à quelle heure à Lyon ?")
    await expect(phone.locator(".brand .bubble")).to_have_text("Reçu : vous ouvrez à quelle heure à Lyon ?")
    await expect(phone.locator(".user .marks")).to_contain_text("Distribué")
    await expect(phone.get_by_role("textbox")).to_have_value("")


async def test_tapped_quick_reply_sends_its_payload_and_disappears(opened):
    await opened.write("messenger", "Bonjour")
    phone = opened.phone("messenger")
    await phone.get_by_role("button", name="Livraison", exact=True).click()
    await expect(phone.locator(".user .bubble").last).to_have_text("Livraison")
    await expect(phone.locator(".brand .bubble").last).to_have_text("Reçu : /Livraison")


async def test_conversation_starter_writes_for_the_customer(opened):
    await opened.phone("x").get_by_role("button", name="where is my order??").click()
    phone = opened.phone("x")
    await expect(phone.locator(".user .bubble")).to_have_text("where is my order??")
    await expect(phone.locator(".brand .bubble")).to_have_text("1. A phone call\n2. An e-mail")


async def test_photo_and_thumb_are_shown_and_delivered(opened, brand):
    phone = opened.phone("messenger")
    await phone.get_by_role("button", name="Envoyer une photo").click()
    await phone.get_by_role("button", name="Envoyer un pouce").click()
    await expect(phone.get_by_role("img", name="Photo")).to_be_visible()
    await expect(phone.get_by_role("img", name="Pouce levé")).to_be_visible()
    await expect(phone.locator(".user .marks").last).to_contain_text("Distribué")
    kinds = [taken["entry"][0]["messaging"][0]["message"]["attachments"][0]["type"] for taken in brand.taken]
    assert kinds == ["image", "sticker"]


async def test_typing_dots_come_and_go_and_the_message_is_seen(opened, brand):
    brand.answers = False
    await opened.write("messenger", "Bonjour")
    phone = opened.phone("messenger")
    await expect(phone.locator(".user .marks")).to_contain_text("Distribué")
    user = await opened.user("messenger")
    await brand.act_messenger(user, "mark_seen")
    await brand.act_messenger(user, "typing_on")
    await expect(phone.locator(".typing")).to_be_visible()
    await expect(phone.locator(".user .marks")).to_contain_text("Vu")
    await brand.write_messenger(user, "Bonjour !", [])
    await expect(phone.locator(".brand .bubble")).to_have_text("Bonjour !")
    await expect(phone.locator(".typing")).to_be_hidden()


async def test_waiting_for_the_gateway_is_shown_until_it_is_back(opened, brand):
    brand.open = False
    await opened.write("x", "anybody?")
    await expect(opened.phone("x").locator(".user .marks")).to_have_text("En attente de la passerelle…")
    brand.open = True
    await expect(opened.phone("x").locator(".brand .bubble")).to_be_visible()
    await expect(opened.phone("x").locator(".user .marks")).to_contain_text("Distribué")


async def test_markup_in_a_message_stays_text(opened):
    await opened.write("messenger", "<img src=x onerror=alert(1)><b>hi</b>")
    bubble = opened.phone("messenger").locator(".user .bubble")
    await expect(bubble).to_have_text("<img src=x onerror=alert(1)><b>hi</b>")
    assert await bubble.locator("img, b").count() == 0


async def test_links_mail_addresses_and_numbers_can_be_followed(opened, brand):
    brand.answers = False
    await opened.write("messenger", "Bonjour")
    user = await opened.user("messenger")
    await expect(opened.phone("messenger").locator(".user .marks")).to_contain_text("Distribué")
    await brand.write_messenger(
        user, "Voir https://maison.example/lyon. Ou +33 6 12 34 56 78, a.b@maison.example !", []
    )
    links = opened.phone("messenger").locator(".brand .bubble a")
    await expect(links).to_have_count(3)
    assert [await links.nth(number).get_attribute("href") for number in range(3)] == [
        "https://maison.example/lyon",
        "tel:+33612345678",
        "mailto:a.b@maison.example",
    ]


async def test_new_customer_starts_with_an_empty_phone(opened):
    await opened.write("messenger", "Bonjour")
    phone = opened.phone("messenger")
    await expect(phone.locator(".brand .bubble")).to_be_visible()
    before = await opened.user("messenger")
    await phone.get_by_role("button", name="Nouveau client").click()
    await expect(phone.locator(".message")).to_have_count(0)
    assert await opened.user("messenger") != before
    await opened.write("messenger", "C’est moi")
    await expect(phone.locator(".brand .bubble")).to_have_text("Reçu : C’est moi")


async def test_conversation_is_still_there_after_a_reload(opened):
    await opened.write("x", "hello")
    await expect(opened.phone("x").locator(".brand .bubble")).to_be_visible()
    await opened.page.reload()
    await expect(opened.phone("x").locator(".user .bubble")).to_have_text("hello")


async def send_mail(brand) -> None:
    mail = EmailMessage()
    mail["From"] = "Parvis <parvis@maison-lumen.example>"
    mail["To"] = "commandes@maison-lumen.example"
    mail["Subject"] = "K7M-2PX : commande non reçue"
    mail["X-Reference"] = "K7M-2PX"
    mail.set_content("Téléphone : +33 6 12 34 56 78")
    html = '<h1>Ticket</h1><a href="tel:+33612345678">appeler</a><script>document.title="owned"</script>'
    mail.add_alternative(html, subtype="html")
    await aiosmtplib.send(mail, hostname="127.0.0.1", port=brand.settings.smtp_port, start_tls=False)


@pytest_asyncio.fixture(loop_scope="session")
async def with_mail(browser: Browser, brand) -> OpenPage:
    opened = await open_page(browser, brand)
    await send_mail(brand)
    await opened.page.locator("#panel-mailbox").get_by_role("button", name="K7M-2PX").click()
    return opened


async def test_mail_appears_by_itself_and_opens_in_a_sandbox(with_mail):
    page = with_mail.page
    frame = page.frame_locator("#panel-mailbox iframe")
    await expect(frame.get_by_role("heading", name="Ticket")).to_be_visible()
    assert "allow-scripts" not in await page.locator("#panel-mailbox iframe").get_attribute("sandbox")
    call = page.get_by_role("link", name="Appeler +33612345678")
    assert await call.get_attribute("href") == "tel:+33612345678"
    assert "owned" not in await page.title()


async def test_mail_is_also_read_as_text_and_headers_with_the_keyboard(with_mail):
    page = with_mail.page
    await page.get_by_role("tab", name="Mis en forme").focus()
    await page.keyboard.press("ArrowRight")
    await expect(page.locator(".mail-text")).to_contain_text("Téléphone : +33 6 12 34 56 78")
    await expect(page.locator(".mail-text a")).to_have_attribute("href", "tel:+33612345678")
    await page.keyboard.press("ArrowRight")
    await expect(page.locator(".mail-raw")).to_contain_text("X-Reference: K7M-2PX")


async def test_page_speaks_the_browsers_language_and_can_be_switched(browser, brand):
    opened = await open_page(browser, brand, locale="en-GB")
    await expect(opened.page.get_by_role("heading", name="The team’s mailbox")).to_be_visible()
    assert await opened.page.locator("html").get_attribute("lang") == "en"
    await opened.write("messenger", "kept while switching")
    await expect(opened.phone("messenger").locator(".brand .bubble")).to_be_visible()
    await opened.page.get_by_role("button", name="Français").click()
    await expect(opened.page.get_by_role("heading", name="Messagerie de l’équipe")).to_be_visible()
    await expect(opened.phone("messenger").locator(".user .bubble")).to_have_text("kept while switching")
    await opened.page.reload()
    await expect(opened.page.get_by_role("heading", name="Messagerie de l’équipe")).to_be_visible()


async def test_narrow_screen_shows_one_part_at_a_time(browser, brand):
    opened = await open_page(browser, brand, viewport=NARROW)
    page = opened.page
    await expect(opened.phone("messenger")).to_be_visible()
    await expect(opened.phone("x")).to_be_hidden()
    await page.get_by_role("tab", name="X").click()
    await expect(opened.phone("x")).to_be_visible()
    await send_mail(brand)
    await expect(page.get_by_role("tab", name="E-mails 1")).to_be_visible()
    width = await page.evaluate("document.documentElement.scrollWidth")
    assert width <= NARROW["width"]


async def test_message_that_could_not_be_sent_stays_in_the_field(opened):
    await opened.page.context.set_offline(True)
    await opened.write("messenger", "lost?")
    phone = opened.phone("messenger")
    await expect(phone.get_by_role("alert")).to_be_visible()
    await expect(phone.get_by_role("textbox")).to_have_value("lost?")
    await opened.page.context.set_offline(False)
    await phone.get_by_role("textbox").press("Enter")
    await expect(phone.locator(".brand .bubble")).to_have_text("Reçu : lost?")
    await expect(phone.get_by_role("alert")).to_be_hidden()
    # The browser itself reports the request that failed.
    assert all("ERR_INTERNET_DISCONNECTED" in error for error in opened.errors)
    opened.errors.clear()


async def test_page_finds_a_restarted_simulator_by_itself(opened, brand):
    await brand.restart_simulator()
    await opened.write("messenger", "encore là ?")
    await expect(opened.page.locator("#connection.on")).to_be_visible()
    await expect(opened.phone("messenger").locator(".brand .bubble")).to_have_text("Reçu : encore là ?")
    opened.errors.clear()
