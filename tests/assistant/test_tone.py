"""How it is said: warm, brief and polite; sober to who is upset; shorter on X."""

import re
from collections.abc import Callable
from typing import Any

import pytest

from bot.channels.vocabulary import AttachmentKind, ChannelName

Customer = Any

EMOJI = re.compile("[\U0001f000-\U0001faff\u2600-\u27bf\ufe0f\u200d]")
APOLOGY = re.compile(r"désolé|excuses|sorry|apolog", re.IGNORECASE)
PUSHES = {"/faq_promotions", "/faq_contest", "/faq_newsletter", "/faq_new_collection", "/faq_tip_of_the_day"}

ANGRY = [
    ("ma lampe est arrivée cassée, c'est inadmissible", "vous livrez en combien de temps ?", "merci beaucoup"),
    ("my lamp arrived broken, this is unacceptable", "how much is delivery?", "thank you very much"),
]


@pytest.mark.parametrize(("complaint", "question", "_thanks"), ANGRY)
async def test_an_apology_comes_before_the_procedure(
    customer: Customer, complaint: str, question: str, _thanks: str
) -> None:
    reply = await customer.says(complaint)
    apology, procedure = APOLOGY.search(reply), re.search(r"numéro|number", reply)
    assert apology
    assert procedure
    assert apology.start() < procedure.start()


@pytest.mark.parametrize(("complaint", "question", "thanks"), ANGRY)
async def test_no_emoji_for_the_upset_until_they_say_thanks(
    customer: Customer, complaint: str, question: str, thanks: str
) -> None:
    """Of every response that has an emoji in one of its two variations several are heard."""
    replies = [await customer.says(complaint), await customer.means("human_contact_later")]
    for _ in range(6):
        replies += [await customer.means("chitchat_how_are_you"), await customer.says(question)]
        replies += [await customer.means("chitchat_compliment"), await customer.sends(AttachmentKind.STICKER)]
    assert not [reply for reply in replies if EMOJI.search(reply)]
    assert all(re.search(r"\w", reply) for reply in replies)
    await customer.says(thanks)
    heard = "".join([await customer.means("chitchat_compliment") for _ in range(12)])
    assert EMOJI.search(heard)


@pytest.mark.parametrize("language", ["fr", "en"])
async def test_a_sign_of_anger_sobers_the_answers_as_well(customer: Customer, language: str) -> None:
    replies = [await customer.means("faq_delivery_cost", sign="anger", language=language)]
    replies += [await customer.means("faq_delivery_cost") for _ in range(8)]
    replies += [await customer.means("chitchat_greet") for _ in range(4)]
    assert not EMOJI.search("".join(replies))


@pytest.mark.parametrize(("language", "sorry"), [("fr", "désolé|excuses"), ("en", "sorry|apologies")])
async def test_an_angry_customer_with_a_private_matter_hears_an_apology_first(
    customer: Customer, language: str, sorry: str
) -> None:
    reply = await customer.means("private_order_status", sign="anger", language=language)
    assert re.search(sorry, reply)
    assert re.search(sorry, reply).start() < reply.index("ML-")


@pytest.mark.parametrize(("complaint", "question", "_thanks"), ANGRY)
async def test_nothing_is_pushed_while_a_complaint_is_open(
    customer: Customer, complaint: str, question: str, _thanks: str
) -> None:
    await customer.says(complaint)
    for intent in ("chitchat_greet", "chitchat_help", "chitchat_how_are_you", "faq_return_policy", "off_topic_other"):
        await customer.means(intent)
        assert not {choice.payload for choice in customer.choices} & PUSHES


@pytest.mark.parametrize(
    ("complaint", "question", "cheer"),
    [
        (
            "ma lampe est arrivée cassée, c'est inadmissible",
            "vous avez des promotions en ce moment ?",
            "Bonne nouvelle",
        ),
        ("my lamp arrived broken, this is unacceptable", "do you have any offers at the moment?", "Good news"),
    ],
)
async def test_who_asks_for_offers_during_a_complaint_gets_a_sober_answer(
    customer: Customer, complaint: str, question: str, cheer: str
) -> None:
    await customer.says(complaint)
    await customer.says("06 12 34 56 78")
    replies = [await customer.says(question) for _ in range(4)]
    assert all("maison-lumen.example" in reply for reply in replies)
    assert not [reply for reply in replies if cheer in reply or EMOJI.search(reply)]


@pytest.mark.parametrize(("language", "hello"), [("fr", "bonjour"), ("en", "hello there")])
async def test_x_is_shorter_than_messenger(new_customer: Callable[..., Customer], language: str, hello: str) -> None:
    lengths = {}
    for channel in (ChannelName.MESSENGER, ChannelName.X):
        someone = new_customer(channel)
        await someone.says(hello)
        replies = [await someone.means(intent) for intent in ("chitchat_help", "chitchat_are_you_a_robot")]
        replies.append(await someone.means("off_topic_attachment"))
        lengths[channel] = sum(map(len, replies))
    assert lengths[ChannelName.X] < 0.8 * lengths[ChannelName.MESSENGER]


@pytest.mark.parametrize(
    ("question", "leads_to"),
    [
        ("c'est combien la livraison ?", "Délais de livraison"),
        ("how much is delivery?", "Delivery times"),
        ("quelle est votre politique de retour ?", "Faire un retour"),
        ("what is your return policy?", "Return something"),
    ],
)
async def test_an_answer_leads_on(customer: Customer, question: str, leads_to: str) -> None:
    await customer.says(question)
    assert leads_to in customer.offers()
    assert await customer.taps(leads_to)
