"""How a response is said: sober to the upset, not at all to who asked for silence."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from rasa.shared.core.domain import Domain
from rasa.shared.core.events import SlotSet, UserUttered
from rasa.shared.core.trackers import DialogueStateTracker
from rasa.utils.endpoints import EndpointConfig

from parvis_nlu.manner import Manner, without_emoji

DOMAIN = Domain.from_dict(
    {
        "version": "3.1",
        "intents": ["faq_promotions", "faq_care", "chitchat_resume"],
        "slots": {
            "mood": {"type": "text", "mappings": [{"type": "custom"}]},
            "complaint": {"type": "text", "mappings": [{"type": "custom"}]},
            "opted_out": {"type": "bool", "mappings": [{"type": "custom"}]},
        },
        "responses": {
            "utter_care": [
                {
                    "text": "À 30 degrés 🧺 {{5 €}} ✨",
                    "buttons": [
                        {"title": "Offres", "payload": "/faq_promotions{{}}"},
                        {"title": "Entretien", "payload": "/faq_care"},
                    ],
                }
            ],
            "utter_greet": [{"text": "Bonjour 👋"}],
            "utter_greet_sober": [{"text": "Bonjour."}],
        },
    }
)


def said(response: str, intent: str = "faq_care", **slots: Any) -> dict[str, Any] | None:
    tracker = DialogueStateTracker("messenger:PAGE:1", DOMAIN.slots)
    tracker.update_with_events([SlotSet(name, value) for name, value in slots.items()], DOMAIN)
    tracker.update(UserUttered("…", {"name": intent}))
    endpoint = EndpointConfig(type="parvis_nlu.manner.Manner", promotional_intents=["faq_promotions"])
    return asyncio.run(Manner(endpoint, DOMAIN).generate(response, tracker, "messenger"))


def test_to_everybody_else_it_is_said_as_written() -> None:
    words = said("utter_care")
    assert words is not None
    assert "🧺" in words["text"]
    assert len(words["buttons"]) == 2


def test_to_the_upset_without_emoji_and_without_pushes() -> None:
    words = said("utter_care", mood="anger")
    assert words is not None
    assert words["text"] == "À 30 degrés {5 €}"
    assert [button["title"] for button in words["buttons"]] == ["Entretien"]


def test_nothing_is_pushed_while_a_complaint_is_open() -> None:
    words = said("utter_care", complaint="ML-7K3-FQ2")
    assert words is not None
    assert [button["title"] for button in words["buttons"]] == ["Entretien"]


def test_a_sober_sibling_is_said_instead() -> None:
    words = said("utter_greet", mood="anger")
    assert words == {"text": "Bonjour."}


def test_silence_is_kept_until_the_customer_ends_it() -> None:
    assert said("utter_care", opted_out=True) is None
    assert said("utter_care", intent="chitchat_resume", opted_out=True) is not None


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("Merci 💛", "Merci"),
        ("Merci 👍🏽 !", "Merci !"),
        ("Une famille 👨‍👩‍👧 heureuse", "Une famille heureuse"),
        ("Oui ☀️, 10 % dès 60 €", "Oui, 10 % dès 60 €"),
        ("1. Paris\n2. Lyon #1 *", "1. Paris\n2. Lyon #1 *"),
        ("Lumen® ™ ©", "Lumen® ™ ©"),
        ("Un point. 😊\nUn autre.", "Un point.\nUn autre."),
        ("😊", "😊"),
    ],
)
def test_only_pictographs_are_taken_out(text: str, plain: str) -> None:
    assert without_emoji(text) == plain
