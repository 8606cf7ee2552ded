import pytest

from bot.desk import Contact, ContactKind, Disposition, OpenTicket


@pytest.mark.parametrize(("kind", "value"), [("phone", "+33612345678"), ("email", "lea.martin@example.org")])
def test_a_contact_in_the_desks_form_is_taken(kind: str, value: str) -> None:
    assert Contact(kind, value).kind is ContactKind(kind)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("phone", "0612345678"),
        ("phone", "+33 6 12 34 56 78"),
        ("phone", "+0612345678"),
        ("phone", "+33612345678\n"),
        ("phone", "+1234567890123456"),
        ("email", "lea"),
        ("email", "lea@x.org\r\nBcc: all@x.org"),
        ("email", "<lea@x.org>"),
        ("email", "a@x.org,b@x.org"),
        ("fax", "+33612345678"),
    ],
)
def test_a_contact_of_another_form_is_refused_without_repeating_it(kind: str, value: str) -> None:
    with pytest.raises(ValueError, match="not a") as raised:
        Contact(kind, value)  # type: ignore[arg-type]
    assert value not in str(raised.value)


def test_a_disposition_may_be_given_by_its_name() -> None:
    request = OpenTicket(
        conversation_id="x:1:2",
        channel="x",
        account_id="1",
        user_id="2",
        message_id="m",
        disposition="human",  # type: ignore[arg-type]
        topic="person",
        language="en",
        text="",
        occurred_at=0,
    )
    assert request.disposition is Disposition.HUMAN
