"""The safety layer raises a message and never lowers one."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rasa.shared.exceptions import InvalidConfigException
from rasa.shared.nlu.constants import ENTITIES, INTENT, INTENT_RANKING_KEY, TEXT
from rasa.shared.nlu.training_data.message import Message

from parvis_nlu.gravity import gravity_of
from parvis_nlu.safety import SafetyLayer

LAYER = SafetyLayer(SafetyLayer.get_default_config())
INTENTS = [
    *(
        "faq_press",
        "faq_warranty",
        "chitchat_thanks",
        "chitchat_abuse",
        "off_topic_other",
        "nlu_fallback",
        "nlu_ambiguous",
    ),
    *("private_order_status", "human_person", "human_cancel_ticket"),
    *("contentious_complaint", "contentious_damaged_item", "contentious_legal_threat", "contentious_safety"),
    *("contentious_distress", "contentious_public_shaming", "contentious_fraud"),
]
# The order in which the default configuration ranks contentious intents, the mildest first.
GRAVER = ["contentious_complaint", "contentious_public_shaming", "contentious_legal_threat", "contentious_fraud"]
GRAVER += ["contentious_discrimination", "contentious_minors", "contentious_safety", "contentious_distress"]
PHRASES = [
    *("je porte plainte", "my lamp caught fire", "scandaleux", "I want to kill myself", "phishing email", "the press"),
    *(
        "je contacte la presse",
        "racist staff",
        "j'ai 12 ans",
        "bonjour",
        "merci",
        "où est mon colis",
        "avocat",
        "danger",
    ),
    *("you will regret this", "not", "pas", "!!!", "🤬", "how long is the warranty?"),
]


def judged(text: str, intent: str, runner_up: str = "contentious_delivery_lost") -> Message:
    ranking = [{"name": intent, "confidence": 0.8}, {"name": runner_up, "confidence": 0.1}]
    message = Message(data={TEXT: text, INTENT: ranking[0], INTENT_RANKING_KEY: ranking, ENTITIES: []})
    return LAYER.process([message])[0]


def intent_of(message: Message) -> str:
    return str(message.get(INTENT)["name"])


def entities_of(message: Message) -> dict[str, set[Any]]:
    found: dict[str, set[Any]] = {}
    for entity in message.get(ENTITIES):
        found.setdefault(entity["entity"], set()).add(entity["value"])
    return found


def rank(intent: str) -> tuple[int, int]:
    return gravity_of(intent), GRAVER.index(intent) if intent in GRAVER else 0


@given(st.lists(st.sampled_from(PHRASES), max_size=4).map(" ".join) | st.text(max_size=80), st.sampled_from(INTENTS))
def test_a_message_is_never_lowered(text: str, intent: str) -> None:
    message = judged(text, intent)
    assert intent_of(message) == intent or rank(intent_of(message)) > rank(intent)
    assert message.get(INTENT_RANKING_KEY)[0]["name"] == intent


@pytest.mark.parametrize(
    ("text", "intent", "raised"),
    [
        ("je vais porter plainte", "private_refund_status", "contentious_legal_threat"),
        ("love it, but my son swallowed a button", "chitchat_compliment", "contentious_safety"),
        ("the lamp caught fire", "contentious_damaged_item", "contentious_safety"),
        ("la lampe a pris feu, je porte plainte", "contentious_legal_threat", "contentious_safety"),
        ("la lampe a pris feu, je porte plainte", "nlu_fallback", "contentious_safety"),
        ("bande de voleurs, où est mon colis", "private_order_status", "contentious_complaint"),
        ("bande de voleurs, où est mon colis", "contentious_delivery_late", "contentious_delivery_late"),
        ("stupid thieves of a robot", "chitchat_abuse", "chitchat_abuse"),
    ],
)
def test_the_gravest_sign_decides(text: str, intent: str, raised: str) -> None:
    assert intent_of(judged(text, intent)) == raised


@pytest.mark.parametrize(
    ("text", "intent"),
    [
        ("wrong postcode!!! it is SE not SW", "private_order_change"),
        ("never ordered from you, do I pay in the shop?", "faq_click_and_collect"),
        ("c'est du vol de vendre un plaid aussi doux", "chitchat_compliment"),
    ],
)
def test_what_people_say_without_anger_too_raises_only_what_may_be_a_complaint(text: str, intent: str) -> None:
    assert intent_of(judged(text, intent, "faq_jobs")) == intent
    assert gravity_of(intent_of(judged(text, intent, "contentious_complaint"))) == gravity_of("contentious_")
    assert intent_of(judged("my son swallowed a button", intent, "faq_jobs")) == "contentious_safety"


@pytest.mark.parametrize(
    ("text", "intent"),
    [
        ("do you have a page for the press?", "faq_press"),
        ("I'm a journalist, whom do I contact?", "faq_press"),
        ("la garantie légale dure combien ?", "faq_warranty"),
        ("is the lamp dangerous for cats?", "faq_care"),
    ],
)
def test_a_weak_word_leaves_a_question_alone(text: str, intent: str) -> None:
    message = judged(text, intent)
    assert intent_of(message) == intent
    assert not message.get(ENTITIES)


def test_signs_and_severity_are_told() -> None:
    told = entities_of(judged("la lampe a pris feu, je porte plainte", "private_return_request"))
    assert told == {"sign": {"injury", "law"}, "severity": {"critical"}}
    assert entities_of(judged("bande de voleurs", "nlu_fallback")) == {"sign": {"anger"}, "severity": {"high"}}


def test_a_weak_sign_is_told_in_a_complaint_but_makes_nothing_critical() -> None:
    told = entities_of(judged("the broken shelf is a danger", "contentious_damaged_item"))
    assert told == {"sign": {"injury"}, "severity": {"high"}}


def test_a_tapped_button_is_nobodys_words() -> None:
    assert intent_of(judged("/contentious_fraud phishing", "faq_jobs")) == "faq_jobs"


def test_a_sign_that_no_list_knows_is_refused() -> None:
    with pytest.raises(InvalidConfigException, match="boredom"):
        SafetyLayer({**SafetyLayer.get_default_config(), "raises": [{"boredom": "contentious_complaint"}]})
