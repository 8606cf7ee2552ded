"""The mailbox is a real SMTP server."""

from email.message import EmailMessage

import aiosmtplib
import pytest


def a_mail() -> EmailMessage:
    mail = EmailMessage()
    mail["From"] = "Parvis <parvis@maison-lumen.example>"
    mail["To"] = "commandes@maison-lumen.example"
    mail["Subject"] = "Réf. K7M-2PX — colis non reçu"
    mail["Message-ID"] = "<ticket-1@maison-lumen.example>"
    mail["In-Reply-To"] = "<ticket-0@maison-lumen.example>"
    mail.set_content("Où est ma commande ?\n")
    mail.add_alternative("<p>Où est ma <b>commande</b> ?</p>", subtype="html")
    return mail


async def send(client, mail: EmailMessage) -> None:
    await aiosmtplib.send(mail, hostname="127.0.0.1", port=client.settings.smtp_port, start_tls=False)


async def test_received_mail_is_shown_with_both_bodies(client):
    await send(client, a_mail())
    (mail,) = (await client.http.get("/api/mailbox")).json()
    assert mail["subject"] == "Réf. K7M-2PX — colis non reçu"
    assert mail["message_id"] == "<ticket-1@maison-lumen.example>"
    assert mail["in_reply_to"] == "<ticket-0@maison-lumen.example>"
    assert mail["text"].strip() == "Où est ma commande ?"
    assert "<b>commande</b>" in mail["html"]
    assert mail["headers"]["To"] == "commandes@maison-lumen.example"
    raw = await client.http.get(f"/api/mailbox/{mail['id']}/raw")
    assert raw.text.startswith("From: Parvis")


async def test_emptied_mailbox_is_empty(client):
    await send(client, a_mail())
    await client.http.delete("/api/mailbox")
    assert (await client.http.get("/api/mailbox")).json() == []


async def test_mail_server_refuses_as_often_as_ordered(client):
    await client.http.post("/api/mailbox/faults", json={"status": 451, "times": 2})
    for _ in range(2):
        with pytest.raises(aiosmtplib.SMTPDataError) as refusal:
            await send(client, a_mail())
        assert refusal.value.code == 451
    await send(client, a_mail())
    assert len((await client.http.get("/api/mailbox")).json()) == 1
