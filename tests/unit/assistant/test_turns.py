"""What a customer wrote, tapped or sent, as the assistant takes it."""

from typing import Any

import pytest

from bot.assistant import Turn
from bot.channels.vocabulary import Attachment, AttachmentKind, ChannelName, InboundMessage, QuickReply

CHOICES = (
    QuickReply("Horaires", "/faq_opening_hours"),
    QuickReply("Ma commande", '/private_order_status{"source": "menu"}'),
    QuickReply("Parler à quelqu'un", "/human_agent"),
)


def message(channel: ChannelName = ChannelName.MESSENGER, **content: Any) -> InboundMessage:
    return InboundMessage(
        channel=channel, account_id="PAGE", user_id="PSID", occurred_at=1_790_000_000.5, message_id="m_1", **content
    )


def heard(*, choices: tuple[QuickReply, ...] = (), channel: ChannelName = ChannelName.MESSENGER, **content: Any) -> str:
    return Turn.from_message(message(channel, **content), choices).message


def test_prose_is_passed_on_as_it_is() -> None:
    assert heard(text="Où est ma commande ?\nElle date de mai") == "Où est ma commande ?\nElle date de mai"


@pytest.mark.parametrize(
    "typed",
    [
        "/restart",
        " /restart",
        "//restart",
        "/ /restart",
        "\n/\t/restart",
        "\u00a0/restart",
        "\x1f/restart",
        '/human_agent{"a": "b"}',
        "/session_start",
    ],
)
def test_what_a_customer_types_is_never_a_command(typed: str) -> None:
    understood = heard(text=typed)
    assert not understood.strip().startswith("/")
    assert understood in {"restart", 'human_agent{"a": "b"}', "session_start"}


def test_slashes_inside_a_message_stay() -> None:
    assert heard(text="le 24/12 et/ou le 31/12") == "le 24/12 et/ou le 31/12"


def test_slashes_alone_say_nothing() -> None:
    assert heard(text=" // / ") == "/off_topic_attachment"


def test_a_tapped_button_is_its_intent() -> None:
    assert heard(text="Horaires", payload="/faq_opening_hours") == "/faq_opening_hours"
    assert heard(text="Ma commande", payload=CHOICES[1].payload) == CHOICES[1].payload


def test_the_first_button_of_messenger_greets() -> None:
    assert heard(text="Démarrer", payload="GET_STARTED") == "/chitchat_greet"


@pytest.mark.parametrize("payload", ["CONFIRM", "", "/", "/two words", "/intent extra"])
def test_a_payload_that_is_no_intent_is_read_by_its_title(payload: str) -> None:
    assert heard(text="Oui, volontiers", payload=payload) == "Oui, volontiers"


def test_a_payload_cannot_smuggle_a_command_through_its_title() -> None:
    assert heard(text="/restart", payload="CONFIRM") == "restart"


@pytest.mark.parametrize(
    ("kind", "understood"),
    [
        (AttachmentKind.STICKER, "/chitchat_sticker"),
        (AttachmentKind.IMAGE, "/off_topic_attachment"),
        (AttachmentKind.AUDIO, "/off_topic_attachment"),
        (AttachmentKind.LOCATION, "/off_topic_attachment"),
    ],
)
def test_an_attachment_without_words_has_an_intent_of_its_own(kind: AttachmentKind, understood: str) -> None:
    assert heard(attachments=(Attachment(kind),)) == understood


def test_words_beside_an_attachment_are_what_counts() -> None:
    assert heard(text="reçu comme ça", attachments=(Attachment(AttachmentKind.IMAGE),)) == "reçu comme ça"


@pytest.mark.parametrize("typed", ["2", "2.", " 2 ", "2)", "2️⃣", "２", "ma commande", "MA  COMMANDE "])
def test_on_x_a_choice_is_typed_by_number_or_title(typed: str) -> None:
    assert heard(channel=ChannelName.X, text=typed, choices=CHOICES) == CHOICES[1].payload


@pytest.mark.parametrize("typed", ["0", "4", "22", "2 colis", "-2", "2 ou 3"])
def test_a_number_that_is_no_choice_is_prose(typed: str) -> None:
    assert heard(channel=ChannelName.X, text=typed, choices=CHOICES) == typed


def test_a_number_means_no_choice_where_choices_have_no_numbers() -> None:
    assert heard(text="2", choices=CHOICES) == "2"
    assert heard(text="horaires", choices=CHOICES) == "/faq_opening_hours"


@pytest.mark.parametrize(
    ("typed", "understood"),
    [
        ("le premier", "/faq_opening_hours"),
        ("plutôt la première, s'il vous plaît", "/faq_opening_hours"),
        ("The first one please!", "/faq_opening_hours"),
        ("les horaires", "/faq_opening_hours"),
        ("the second one", '/private_order_status{"source": "menu"}'),
        ("commande", '/private_order_status{"source": "menu"}'),
        ("le dernier", "/human_agent"),
        ("parler a quelqu’un", "/human_agent"),
    ],
)
def test_a_choice_may_be_named_in_words(typed: str, understood: str) -> None:
    assert heard(text=typed, choices=CHOICES) == understood


@pytest.mark.parametrize("typed", ["le quatrième", "horaires de Lyon", "la première fois que je commande", "first"])
def test_other_words_are_no_choice(typed: str) -> None:
    assert heard(text=typed, choices=() if typed == "first" else CHOICES) == typed


def test_a_lone_button_is_no_first_of_several() -> None:
    assert heard(text="le premier", choices=CHOICES[:1]) == "le premier"


@pytest.mark.parametrize("typed", ["STOP", "stop !", " Stop.", "arrêt"])
def test_stop_is_understood_whatever_the_model_thinks(typed: str) -> None:
    assert heard(text=typed) == "/chitchat_stop"


@pytest.mark.parametrize("typed", ["START", "reprendre", "Resume", "reprise."])
def test_so_is_the_way_back(typed: str) -> None:
    assert heard(text=typed) == "/chitchat_resume"


def test_stop_inside_a_sentence_is_prose() -> None:
    assert heard(text="le stop de bus est où") == "le stop de bus est où"


def test_actions_learn_where_the_message_came_from() -> None:
    turn = Turn.from_message(message(text="bonjour"))
    assert turn.conversation_id == "messenger:PAGE:PSID"
    assert turn.message_id == "m_1"
    assert turn.metadata == {
        "channel": "messenger",
        "account_id": "PAGE",
        "user_id": "PSID",
        "message_id": "m_1",
        "conversation_id": "messenger:PAGE:PSID",
        "occurred_at": 1_790_000_000.5,
    }
