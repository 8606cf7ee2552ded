from datetime import UTC, datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from string import Formatter
from typing import Any

import pytest

from bot.desk import Contact, Direction, Disposition, LoggedMessage, Priority, TicketStatus, load_routing
from bot.desk.mail import MailWriter, News
from bot.desk.models import EventKind, Ticket, TicketEvent
from bot.desk.routing import Team
from bot.desk.wording import ENGLISH, FRENCH
from bot.settings import PROJECT_ROOT

ROUTING = load_routing(PROJECT_ROOT / "routing.yml")
NOW = datetime(2026, 11, 20, 16, 40, tzinfo=UTC)
WRITER = MailWriter(sender="Parvis <parvis@brand.example>", brand="Maison Lumen", country="FR", routing=ROUTING)
PHONE = Contact("phone", "+33612345678", "ce soir après 18 h")  # type: ignore[arg-type]
EMAIL = Contact("email", "lea+lumen@example.org")  # type: ignore[arg-type]


def ticket(contact: Contact | None = None, **changes: Any) -> Ticket:
    values: dict[str, Any] = {
        "id": 1,
        "reference": "ML-7K3-FQ2",
        "conversation_id": "messenger:10:20",
        "channel": "messenger",
        "account_id": "10",
        "user_id": "20",
        "opened_by": "m1",
        "disposition": Disposition.ESCALATE_PRIVATE,
        "topic": "order_status",
        "language": "fr",
        "text": "Où est ma commande ?",
        "occurred_at": NOW,
        "status": TicketStatus.NEW,
        "priority": Priority.NORMAL,
        "team": "orders",
        "promised_hours": 9.5,
        "contact_kind": contact and contact.kind,
        "contact_value": contact and contact.value,
        "preferred_time": contact and contact.preferred_time,
        "contact_refused": False,
        "opened_at": NOW,
        "due_at": datetime(2026, 11, 23, 9, 40, tzinfo=UTC),
        "updated_at": NOW,
    }
    return Ticket(**values | changes)


def said(text: str, message_id: str = "m9", direction: str = "in", after: float = 1, **more: Any) -> LoggedMessage:
    return LoggedMessage(
        conversation_id="messenger:10:20",
        channel="messenger",
        account_id="10",
        user_id="20",
        message_id=message_id,
        direction=Direction(direction),
        text=text,
        occurred_at=NOW.timestamp() + after,
        **more,
    )


def write(
    about: Ticket,
    kind: EventKind = EventKind.OPENED,
    *,
    transcript: tuple[LoggedMessage, ...] = (),
    team: Team | None = None,
    **event: Any,
) -> EmailMessage:
    happened = TicketEvent(**{"id": 7, "kind": kind, "message_id": "m1", "at": NOW, "text": None, "detail": {}} | event)
    news = News(
        notification_id=31,
        team=team or ROUTING.team(about.team),
        ticket=about,
        event=happened,
        transcript=transcript,
    )
    # What arrives, not what was put in.
    return message_from_bytes(bytes(WRITER.write(news)), policy=default)  # type: ignore[return-value]


def plain(message: EmailMessage) -> str:
    body = message.get_body(("plain",))
    assert body is not None
    return str(body.get_content()).replace("\r\n", "\n").replace("\N{NO-BREAK SPACE}", " ")


def html(message: EmailMessage) -> str:
    body = message.get_body(("html",))
    assert body is not None
    return str(body.get_content())


def test_the_first_email_names_the_ticket_and_starts_the_thread() -> None:
    message = write(ticket())
    assert message["Subject"] == "[ML-7K3-FQ2] Suivi de commande"
    assert message["Message-ID"] == "<ticket.ML-7K3-FQ2@brand.example>"
    assert message["In-Reply-To"] is None
    assert message["From"] == "Parvis <parvis@brand.example>"
    assert message["To"] == "Commandes et livraisons <commandes@maison-lumen.example>"
    assert message["Auto-Submitted"] == "auto-generated"


@pytest.mark.parametrize("kind", [kind for kind in EventKind if kind is not EventKind.OPENED])
def test_a_later_email_answers_the_first_with_an_id_of_its_own(kind: EventKind) -> None:
    message = write(ticket(), kind)
    assert message["Subject"] == "Re: [ML-7K3-FQ2] Suivi de commande"
    assert message["Message-ID"] == "<ticket.ML-7K3-FQ2.31@brand.example>"
    assert message["In-Reply-To"] == message["References"] == "<ticket.ML-7K3-FQ2@brand.example>"


def test_writing_the_same_email_again_gives_the_same_id() -> None:
    assert write(ticket(), EventKind.CANCELLED)["Message-ID"] == write(ticket(), EventKind.CANCELLED)["Message-ID"]


@pytest.mark.parametrize("read", [plain, html])
def test_reason_topic_priority_promise_and_ids_are_in_both_forms(read: Any) -> None:
    content = read(write(ticket()))
    for expected in (
        "Demande privée",
        "Suivi de commande",
        "ormale",
        "réponse avant lundi 23 novembre 2026 à 10:40",
        "messenger:10:20",
        "ML-7K3-FQ2",
        "Où est ma commande ?",
        "Pas encore connu",
    ):
        assert expected in content


@pytest.mark.parametrize("read", [plain, html])
def test_what_the_customer_mentioned_stands_beside_the_masked_words(read: Any) -> None:
    mentioned = {"order_number": ["5520187", "5520188"], "name": ["Ana\nSilva"]}
    content = read(write(ticket(text="commande [order number], je suis [name]", mentioned=mentioned)))
    for expected in ("commande [order number], je suis [name]", "Commande citée", "5520187, 5520188", "Ana Silva"):
        assert expected in content


def test_an_urgent_ticket_says_so_before_it_is_opened() -> None:
    message = write(ticket(priority=Priority.URGENT, disposition=Disposition.ESCALATE_CONTENTIOUS, topic="fraud"))
    assert message["Subject"] == "[ML-7K3-FQ2] URGENT · Fraude ou débit inconnu"
    assert message["Importance"] == "high"


def test_a_phone_number_can_be_tapped_and_read_aloud() -> None:
    message = write(ticket(PHONE), EventKind.CONTACT_GIVEN)
    assert 'href="tel:+33612345678"' in html(message)
    for content in (html(message), plain(message)):
        assert "06 12 34 56 78" in content
        assert "+33 6 12 34 56 78" in content
        assert "ce soir après 18 h" in content
    assert "tel:+33612345678" in plain(message)


def test_a_foreign_number_is_shown_as_it_is_dialled_from_here() -> None:
    content = plain(write(ticket(Contact("phone", "+41446681800")), EventKind.CONTACT_GIVEN))  # type: ignore[arg-type]
    assert "Contact : +41 44 668 18 00" in content
    assert "044 668" not in content


def test_a_number_of_no_known_country_is_shown_as_it_is() -> None:
    assert "+999123456" in plain(write(ticket(Contact("phone", "+999123456"))))  # type: ignore[arg-type]


def test_an_email_address_opens_an_answer_with_the_reference() -> None:
    content = html(write(ticket(EMAIL), EventKind.CONTACT_GIVEN))
    assert 'href="mailto:lea+lumen@example.org?subject=Votre%20demande%20ML-7K3-FQ2"' in content


def test_the_answers_subject_is_in_the_customers_language() -> None:
    assert "subject=Your%20request%20" in html(write(ticket(EMAIL, language="en"), EventKind.CONTACT_GIVEN))


def test_a_customer_without_contact_is_to_be_answered_in_the_conversation() -> None:
    content = plain(write(ticket(contact_refused=True), EventKind.CONTACT_REFUSED))
    assert "répondre dans la conversation" in content


def test_a_team_is_written_to_in_its_language() -> None:
    content = plain(write(ticket(), team=Team("care", "Care", "care@brand.example", "en", ROUTING.hours)))
    assert "New ticket" in content
    assert "an answer by Monday 23 November 2026 at 10:40" in content


def test_the_transcript_is_in_order_with_both_sides_and_attachments() -> None:
    lines = (
        said("Bonjour", "m0", after=-60),
        said("Bonjour, je suis automatique.", "r0", "out", after=-50),
        said("", "m2", after=20, attachments=("image",)),
        said("Je prends la suite.", "h1", "human", after=30),
    )
    content = plain(write(ticket(), transcript=lines))
    transcript = content[content.index("La conversation") :]
    positions = [
        transcript.index(text)
        for text in (
            "Bonjour\n",
            "je suis automatique",
            "Où est ma commande ?",
            "Client [image]",
            "Équipe\n",
            "la suite",
        )
    ]
    assert positions == sorted(positions)


def test_the_triggering_words_are_in_the_transcript_once_whether_or_not_the_log_has_them() -> None:
    for transcript in ((), (said("Où est ma commande ?", "m1", after=0),)):
        content = plain(write(ticket(), transcript=transcript))
        assert content[content.index("La conversation") :].count("Où est ma commande ?") == 1


def test_new_words_on_an_open_ticket_are_shown_first() -> None:
    content = plain(write(ticket(), EventKind.NOTED, message_id="m5", text="Et ma facture ?"))
    assert content.index("Et ma facture ?") < content.index("Où est ma commande ?")


def test_the_team_that_loses_a_ticket_is_told_who_has_it() -> None:
    raised = ticket(team="resolution", disposition=Disposition.ESCALATE_CONTENTIOUS, topic="complaint")
    detail = {"team": "resolution"}
    to_old = plain(write(raised, EventKind.RAISED, team=ROUTING.team("orders"), detail=detail))
    to_new = plain(write(raised, EventKind.RAISED, team=ROUTING.team("resolution"), detail=detail))
    assert "Ticket confié à une autre équipe" in to_old
    assert "« Réclamations » a pris le relais" in to_old
    assert "Le ticket devient plus grave" in to_new


@pytest.mark.parametrize(
    ("kind", "detail", "headline"),
    [
        (EventKind.NOTED, {"topic": "order_status"}, "Le client a écrit de nouveau"),
        (EventKind.NOTED, {"topic": "invoice"}, "Le client parle d’un autre sujet"),
        (EventKind.RAISED, {"team": "orders", "before": "human", "disposition": "escalate_private"}, "se précise"),
        (EventKind.RAISED, {"team": "orders", "before": "human", "disposition": "escalate_contentious"}, "plus grave"),
        (EventKind.RAISED, {"team": "orders", "before": "escalate_private"}, "plus grave"),
    ],
)
def test_the_headline_says_what_the_customers_new_words_mean(
    kind: EventKind, detail: dict[str, str], headline: str
) -> None:
    content = plain(write(ticket(), kind, message_id="m5", text="…", detail=detail))
    assert headline in content.splitlines()[0]


def test_a_cancelled_ticket_promises_nothing_any_more() -> None:
    content = plain(write(ticket(status=TicketStatus.CLOSED), EventKind.CANCELLED))
    assert "Promis" not in content
    assert "annulé" in content


def test_words_of_a_customer_cannot_become_html() -> None:
    evil = '<script>alert(1)</script><img src=x onerror=1> " onmouseover="x & co'
    message = write(
        ticket(Contact("phone", "+33612345678", evil), text=evil),  # type: ignore[arg-type]
        EventKind.NOTED,
        text=evil,
        message_id="m5",
        transcript=(said(evil),),
    )
    assert "<script>" not in html(message)
    assert "<img" not in html(message)
    assert 'onmouseover="x' not in html(message)
    assert "&lt;script&gt;" in html(message)
    assert evil in plain(message)


def test_a_topic_with_line_breaks_cannot_add_headers() -> None:
    message = write(ticket(topic="x\r\nBcc: all@brand.example\r\n\r\nbody"))
    assert message["Bcc"] is None
    assert message["Subject"].startswith("[ML-7K3-FQ2] X bcc: all@brand.example")


def test_lines_of_a_message_stay_lines() -> None:
    message = write(ticket(text="un\ndeux"))
    assert "un<br>deux" in html(message)
    assert "    un\n    deux" in plain(message)


def test_emoji_and_long_lines_survive_the_journey() -> None:
    text = "très déçue 😡 " + "x" * 5000
    message = write(ticket(text=text))
    assert text in plain(message)
    assert text in html(message)
    assert max(map(len, bytes(message).splitlines())) <= 998  # RFC 5322, 2.1.1


def test_there_is_no_link_but_the_contact() -> None:
    assert html(write(ticket(PHONE))).count("href=") == 1
    assert "http" not in html(write(ticket(PHONE)))


def test_a_sender_that_is_no_address_is_refused() -> None:
    with pytest.raises(ValueError, match="sender"):
        MailWriter(sender="Parvis", brand="Maison Lumen", country="FR", routing=ROUTING)


def test_both_languages_say_the_same_things_with_the_same_blanks() -> None:
    def blanks(text: str) -> set[str | None]:
        return {field for _, field, _, _ in Formatter().parse(text) if field}

    assert FRENCH.keys() == ENGLISH.keys()
    assert {key: blanks(text) for key, text in FRENCH.items()} == {key: blanks(text) for key, text in ENGLISH.items()}


def test_every_event_disposition_priority_and_direction_has_its_words() -> None:
    needed = {
        *EventKind,
        *(f"disposition_{disposition}" for disposition in Disposition),
        *(f"priority_{priority}" for priority in Priority),
        *(f"who_{direction}" for direction in Direction),
    }
    assert needed <= FRENCH.keys()
