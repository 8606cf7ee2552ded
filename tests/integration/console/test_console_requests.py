"""The console's pages behind real requests, on both databases: who may see what, and what is written down."""

import asyncio
import os
import re
import shutil
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pyotp
import pytest

from bot.console.accounts import AuditLog, Entry
from bot.desk import Actor, Database, TicketLife, TicketReader, load_routing, open_desk
from bot.settings import PROJECT_ROOT
from tests.conftest import Valkey
from tests.seeded_console import PASSWORD, ConsoleProcess, fill_now

AGENT, COLLEAGUE, LEAD, TRAINER, ADMIN = (
    f"{name}@maison-lumen.example" for name in ("lea", "tom", "nadia", "ana", "paul")
)
AGENTS = {AGENT, LEAD, ADMIN}
LEADS = {LEAD, ADMIN}
RIGHTS = {
    "/tickets": AGENTS,
    "/tickets/{7001}": AGENTS,
    "/tickets/{7001}/fill?key=greeting&language=fr": AGENTS,
    "/conversations": AGENTS,
    "/conversations/messenger%3A1000000000001%3A7001": AGENTS,
    "/callbacks": AGENTS,
    "/team": LEADS,
    "/dead-letters": LEADS,
    "/users": {ADMIN},
    "/audit": {ADMIN},
    "/account": {AGENT, LEAD, TRAINER, ADMIN},
}


@dataclass
class Running:
    address: str
    database_url: str
    references: dict[str, str]
    visitors: list["Visitor"] = field(default_factory=list)

    def path(self, written: str) -> str:
        for customer, reference in self.references.items():
            written = written.replace(f"{{{customer}}}", reference)
        return written

    def reader(self) -> "Visitor":
        self.visitors.append(Visitor(self))
        return self.visitors[-1]

    def sign_in(self, email: str) -> "Visitor":
        visitor = self.reader()
        answer = visitor.http.post("/sign-in", data={"email": email, "password": PASSWORD})
        assert answer.status_code == 303, answer.text
        return visitor

    def audit(self, subject: str = "", actor: str = "") -> list[Entry]:
        """Newest first."""

        async def read() -> list[Entry]:
            database = Database(self.database_url)
            try:
                return [entry for _, entry in await AuditLog(database).newest(subject=subject, actor=actor)]
            finally:
                await database.close()

        return asyncio.run(read())

    def desk(self, act: Any) -> Any:
        async def run() -> Any:
            desk = open_desk(self.database_url, load_routing(PROJECT_ROOT / "routing.yml"))
            try:
                return await act(desk)
            finally:
                await desk.close()

        return asyncio.run(run())

    def ticket(self, customer: str) -> Any:
        return self.desk(lambda desk: TicketReader(desk).ticket(self.references[customer]))


class Visitor:
    def __init__(self, running: Running) -> None:
        self._running = running
        self.http = httpx.Client(base_url=running.address, timeout=30)

    def get(self, path: str, **options: Any) -> httpx.Response:
        return self.http.get(self._running.path(path), **options)

    def send(self, path: str, **fields: str) -> httpx.Response:
        """As the page's own form would."""
        found = re.search(r'name="csrf-token" content="([^"]*)"', self.get("/account").text)
        assert found
        return self.http.post(self._running.path(path), data={"csrf_token": found[1], **fields})


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def _running(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    home: Path = tmp_path_factory.mktemp("console")
    if request.param == "sqlite":
        shutil.copy(request.getfixturevalue("migrated_sqlite"), home / "desk.db")
        database_url = f"sqlite+aiosqlite:///{home / 'desk.db'}"
    else:
        server = request.getfixturevalue("postgresql")
        name = f"console_{os.urandom(4).hex()}"
        asyncio.run(server.execute(f"CREATE DATABASE {name}"))
        database_url = server.address(name)
    valkey = Valkey(home)
    valkey.start()
    references = fill_now(database_url, valkey.address)
    console = ConsoleProcess(home, database_url, valkey.address)
    try:
        console.start()
        yield Running(console.address, database_url, references)
    finally:
        console.stop()
        valkey.kill()


@pytest.fixture
def running(_running: Running) -> Iterator[Running]:
    yield _running
    while _running.visitors:
        _running.visitors.pop().http.close()


@pytest.mark.parametrize("email", [AGENT, LEAD, TRAINER, ADMIN])
def test_each_role_sees_its_pages_and_no_other(running: Running, email):
    visitor = running.sign_in(email)
    seen = {path for path in RIGHTS if visitor.get(path).status_code == 200}
    assert seen == {path for path, allowed in RIGHTS.items() if email in allowed}
    assert all(visitor.get(path).status_code == 403 for path in RIGHTS.keys() - seen)


def test_whoever_is_not_signed_in_is_sent_to_the_sign_in(running: Running):
    visitor = running.reader()
    for path in RIGHTS:
        answer = visitor.get(path)
        assert (answer.status_code, answer.headers["location"].partition("?")[0]) == (303, "/sign-in")
    assert visitor.get("/events", headers={"accept": "text/event-stream"}).status_code == 401


def test_a_page_that_asks_for_the_code_does_not_hold_the_password(running: Running):
    """Set up as in a browser: the key is on the page, the code comes from it."""
    visitor = running.sign_in(TRAINER)
    page = visitor.send("/account/totp").text
    key, sealed = (
        re.search(found, page)[1] for found in (r'class="code">([A-Z2-7 ]+)<', r'name="sealed" value="([^"]+)"')
    )
    totp = pyotp.TOTP(key.replace(" ", ""))
    assert visitor.send("/account/totp/confirm", sealed=sealed, code=totp.now()).status_code == 303
    newcomer = running.reader()
    asked = newcomer.http.post("/sign-in", data={"email": TRAINER, "password": PASSWORD, "next": "/account"})
    assert PASSWORD not in asked.text
    proof = re.search(r'name="proof" value="([^"]+)"', asked.text)
    assert proof
    wrong = newcomer.http.post("/sign-in", data={"proof": proof[1], "code": "000000"})
    assert (wrong.status_code, proof[1] in wrong.text) == (401, True)
    forged = newcomer.http.post("/sign-in", data={"proof": proof[1][:-8] + "AAAAAA==", "code": totp.now()})
    assert (forged.status_code, "proof" in forged.text) == (401, False)
    code = totp.at(time.time(), counter_offset=1)
    entered = newcomer.http.post("/sign-in", data={"proof": proof[1], "code": code, "next": "/account"})
    assert (entered.status_code, entered.headers["location"]) == (303, "/account")
    assert visitor.send("/account/totp/remove", current=PASSWORD).status_code == 303


def test_a_form_of_another_session_changes_nothing(running: Running):
    visitor = running.sign_in(AGENT)
    answer = visitor.http.post(running.path("/tickets/{7004}/take"), data={"csrf_token": "guessed"})
    assert answer.status_code == 403
    assert running.ticket("7004").assignee is None


@pytest.mark.parametrize("headers", [{"sec-fetch-site": "cross-site"}, {"origin": "https://evil.example"}])
def test_another_sites_page_changes_nothing(running: Running, headers):
    visitor = running.sign_in(AGENT)
    visitor.http.headers.update(headers)
    assert visitor.send("/tickets/{7004}/take").status_code == 403
    assert running.ticket("7004").assignee is None


@pytest.mark.parametrize("path", ["/tickets", "/tickets/{7001}", "/nowhere", "/sign-in", "/static/console.js"])
def test_every_answer_carries_the_headers_that_keep_strangers_out(running: Running, path):
    headers = running.sign_in(AGENT).get(path).headers
    assert "default-src 'none'" in headers["content-security-policy"]
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["cache-control"] == ("no-cache" if path.startswith("/static") else "no-store")


def test_pages_hold_no_inline_script_or_style(running: Running):
    visitor = running.sign_in(ADMIN)
    for path in RIGHTS:
        page = visitor.get(path).text
        assert not re.search(r"<script(?![^>]*\ssrc=)|<style|\sstyle=|\son\w+=|javascript:", page), path


def test_a_reading_is_in_the_audit_log_once(running: Running):
    visitor = running.sign_in(COLLEAGUE)
    reference = running.references["7006"]
    for _ in range(3):
        visitor.get("/tickets/{7006}")
    read = [entry for entry in running.audit(subject=reference, actor=COLLEAGUE) if entry.action == "ticket_read"]
    assert len(read) == 1
    visitor.get("/conversations/messenger%3A1000000000001%3A7002")
    [entry] = running.audit(subject="messenger:1000000000001:7002", actor=COLLEAGUE)
    assert entry.action == "conversation_read"


def test_a_search_finds_by_phone_and_leaves_no_trace_of_what_was_sought(running: Running):
    visitor = running.sign_in(LEAD)
    found = visitor.get("/tickets", params={"q": "06 12 34 56 78"})
    assert running.references["7001"] in found.text
    assert running.references["7002"] not in found.text
    entry = next(entry for entry in running.audit(actor=LEAD) if entry.action == "tickets_searched")
    assert "06" not in str(entry.detail)


def test_the_audit_log_tells_details_in_the_readers_language(running: Running):
    admin = running.sign_in(ADMIN)
    for language, told in (
        ("fr", ("avec un mot de passe", "rôles\u00a0: Agent")),
        ("en", ("with a password", "roles: Agent")),
    ):
        admin.send("/language", language=language, next="/audit")
        page = admin.get("/audit").text
        assert all(words in page for words in told)


def test_every_search_by_hand_is_in_the_audit_log(running: Running):
    visitor = running.sign_in(COLLEAGUE)

    def searches() -> int:
        return len([entry for entry in running.audit(actor=COLLEAGUE) if entry.action == "tickets_searched"])

    before = searches()
    for sought in ("martin", "06 12 34 56 78", "martin"):
        assert visitor.get("/tickets", params={"q": sought}).status_code == 200
    assert searches() == before + 3
    # The page that keeps itself up to date is still the same reading.
    assert visitor.get("/tickets", params={"q": "martin"}, headers={"x-live": "1"}).status_code == 200
    assert searches() == before + 3


def test_a_search_stays_within_the_filters_beside_it(running: Running):
    visitor = running.sign_in(LEAD)
    reference = running.references["7001"]
    for chosen, is_shown in (({}, True), ({"status": "closed"}, False), ({"channel": "x"}, False)):
        page = visitor.get("/tickets", params={"q": "06 12 34 56 78", **chosen}).text
        assert (f"/tickets/{reference}" in page) is is_shown, chosen


def test_every_command_changes_the_ticket_and_is_in_the_audit_log(running: Running):
    visitor = running.sign_in(LEAD)
    reference = running.references["7004"]

    def seen() -> str:
        return str(running.ticket("7004").version)

    for command, fields in {
        "note": {"text": "Rappelée"},
        "tag": {"tag": "VIP"},
        "watch": {},
        "take": {},
        "priority": {"priority": "urgent"},
        "language": {"language": "en"},
        "category": {"category": "order_status"},
        "contact": {"kind": "phone", "text": "dit merci"},
        "move": {"team": "payments"},
        "assign": {"assignee": "tom"},
        "status": {"status": "solved"},
    }.items():
        answer = visitor.send(f"/tickets/{reference}/{command}", seen=seen(), **fields)
        assert answer.status_code == 303, (command, answer.text)
        assert running.audit(subject=reference)[0].action == f"ticket_{command}"
    ticket = running.ticket("7004")
    assert (ticket.status, ticket.priority, ticket.team, ticket.assignee) == ("solved", "urgent", "payments", "tom")
    assert (ticket.language, ticket.category, ticket.tags, ticket.watchers) == (
        "en",
        "order_status",
        ("vip",),
        ("nadia",),
    )


def test_the_reason_of_a_change_is_in_the_history_and_never_in_the_audit_log(running: Running):
    visitor = running.sign_in(LEAD)
    seen = str(running.ticket("7005").version)
    visitor.send("/tickets/{7005}/priority", seen=seen, priority="low", why="rien de <b>pressé</b>")
    page = visitor.get("/tickets/{7005}").text
    assert "<q>rien de &lt;b&gt;pressé&lt;/b&gt;</q>" in page
    entry = running.audit(subject=running.references["7005"], actor=LEAD)[0]
    assert "pressé" not in str(entry.detail)


def test_the_page_shows_the_signs_for_which_a_ticket_was_handed_over_and_what_was_mentioned(running: Running):
    page = running.sign_in(AGENT).get("/tickets/{7003}").text
    signs = re.search(r'id="signs">(.*?)</p>', page, re.DOTALL)
    assert signs
    assert re.findall(r'class="tag \w+">([^<]+)<', signs[1]) == ["menace de publication", "grave"]
    assert 'id="signs"' not in running.sign_in(AGENT).get("/tickets/{7006}").text
    mentioned = re.search(r'id="mentioned">(.*?)</dl>', running.sign_in(AGENT).get("/tickets/{7002}").text)
    assert mentioned
    assert "48213" in mentioned[1]


def test_tickets_are_linked_from_either_page_and_parted_again(running: Running):
    visitor = running.sign_in(LEAD)
    one, two = running.references["7003"], running.references["7006"]
    assert visitor.send(f"/tickets/{one}/link", ticket=two.lower(), why="même client").status_code == 303
    assert running.ticket("7003").conversations == ("x:2000000000001:7006",)
    assert running.ticket("7006").conversations == ("x:2000000000001:7003",)
    assert two in visitor.get(f"/tickets/{one}").text
    for number in ("7003", "7006"):
        [linked] = running.ticket(number).conversations
        visitor.send(f"/tickets/{running.references[number]}/unlink", conversation=linked)
        assert running.ticket(number).conversations == ()
    here = "/conversations/messenger%3A1000000000001%3A7004"
    assert visitor.send(f"{here}/link", ticket=two, next=here).status_code == 303
    assert running.ticket("7006").conversations == ("messenger:1000000000001:7004",)
    assert running.audit(subject="messenger:1000000000001:7004")[0].action == "conversation_linked"
    assert visitor.send(f"{here}/link", ticket="ML-000-000", next=here).status_code == 409
    nowhere = "/conversations/messenger%3A1000000000001%3A9999"
    assert visitor.send(f"{nowhere}/link", ticket=two).status_code == 404
    visitor.send("/tickets/{7006}/unlink", conversation="messenger:1000000000001:7004")


def test_a_conversation_without_a_ticket_is_written_in_taken_over_and_written_down(running: Running):
    visitor, colleague = running.sign_in(AGENT), running.sign_in(COLLEAGUE)
    conversation, here = "messenger:1000000000001:7007", "/conversations/messenger%3A1000000000001%3A7007"
    page = visitor.get(here).text
    assert 'id="reply-text"' in page
    filled = visitor.get(f"{here}/fill?key=greeting&language=en").json()
    assert "Léa Martin" in filled["text"]
    assert "reference" in filled["missing"] or "référence" in filled["missing"]
    for _ in range(2):  # a double click
        assert visitor.send(f"{here}/reply", key="k-7007", text="Bonjour !", next=here).status_code == 303
    assert "Vous avez la conversation" in visitor.get(here).text
    refused = colleague.send(f"{here}/reply", key="k-other", text="Me <too>", next=here)
    assert (refused.status_code, "Léa Martin" in refused.text, "Me &lt;too&gt;" in refused.text) == (409, True, True)
    assert colleague.send(f"{here}/reply", key="k-none", text=" ", next=here).status_code == 409
    actions = [entry.action for entry in running.audit(subject=conversation)]
    assert actions.count("conversation_replied") == 4
    assert actions.count("conversation_unchanged") == 2
    assert visitor.send(f"{here}/dance").status_code == 404


def test_where_a_ticket_is_open_the_conversations_page_leads_to_it(running: Running):
    page = running.sign_in(AGENT).get("/conversations/messenger%3A1000000000001%3A7001").text
    assert f'href="/tickets/{running.references["7001"]}"' in page
    assert 'id="reply-text"' not in page


def test_a_thread_that_the_platform_refuses_to_pass_stays_and_the_page_says_so(running: Running):
    """The account of these conversations is not configured here."""
    visitor, here = running.sign_in(LEAD), "/conversations/messenger%3A1000000000001%3A7002"
    refused = visitor.send(f"{here}/pass", next=here)
    assert refused.status_code == 409
    assert "La plateforme a refusé" in refused.text
    assert "Vous avez la conversation" in refused.text
    assert visitor.send(f"{here}/release", next=here).status_code == 409
    assert visitor.send(f"{here}/hand-back", next=here).status_code == 303
    on_x = "/conversations/x%3A2000000000001%3A7006"
    assert visitor.send(f"{on_x}/pass", next=on_x).status_code == 409
    assert "L’assistant répond" in visitor.get(on_x).text


def test_topics_are_called_in_the_agents_language(running: Running):
    french, english = running.sign_in(AGENT), running.sign_in(COLLEAGUE)
    assert "Article abîmé ou défectueux" in french.get("/tickets/{7001}").text
    assert "Damaged or faulty item" in english.get("/tickets/{7001}").text
    assert "Disputed price" in english.get("/tickets").text


def test_the_language_switch_on_a_refused_form_leads_to_a_page(running: Running):
    visitor = running.sign_in(COLLEAGUE)
    referer = {"referer": f"{running.address}{running.path('/tickets/{7006}')}"}
    visitor.http.headers.update(referer)
    refused = visitor.send("/tickets/{7006}/note", text=" ")
    assert refused.status_code == 409
    assert running.path('name="next" value="/tickets/{7006}"') in refused.text


def test_a_stale_page_is_told_who_was_faster_and_keeps_what_was_typed(running: Running):
    visitor = running.sign_in(AGENT)
    seen = running.ticket("7003").version
    running.desk(lambda desk: TicketLife(desk).take(running.references["7003"], Actor.agent("tom")))
    answer = visitor.send("/tickets/{7003}/reply", seen=str(seen), text="Nous cherchons <b>votre</b> colis", key="k1")
    assert answer.status_code == 409
    assert "Tom Baker" in answer.text
    assert "Nous cherchons &lt;b&gt;votre&lt;/b&gt; colis" in answer.text
    entries = running.audit(subject=running.references["7003"], actor=AGENT)
    assert "ticket_unchanged" in {entry.action for entry in entries}


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/tickets?after=nonsense", 400),
        ("/tickets?status=lost", 400),
        ("/tickets/ML-000-000", 404),
        ("/tickets/{7001}/fill?key=none&language=fr", 404),
        ("/conversations/messenger%3A1%3A2", 404),
        ("/conversations/nonsense", 404),
    ],
)
def test_what_cannot_be_read_is_answered_with_a_page_that_says_so(running: Running, path, status):
    answer = running.sign_in(AGENT).get(path)
    assert answer.status_code == status
    assert "<h1>" in answer.text


@pytest.mark.parametrize(
    ("command", "fields", "status"),
    [
        ("status", {"seen": "x", "status": "open"}, 400),
        ("status", {"seen": "1", "status": "lost"}, 400),
        ("assign", {"seen": "1", "assignee": "nobody-we-know"}, 400),
        ("merge", {"seen": "1", "into": "ML-000-000"}, 400),
        ("link", {"ticket": "ML-000-000"}, 400),
        ("link", {"ticket": "{7006}"}, 409),
        ("note", {"text": "  "}, 409),
        ("dance", {}, 404),
    ],
)
def test_a_command_that_makes_no_sense_changes_nothing(running: Running, command, fields, status):
    before = running.ticket("7006")
    sent = {name: running.path(value) for name, value in fields.items()}
    assert running.sign_in(AGENT).send(f"/tickets/{{7006}}/{command}", **sent).status_code == status
    assert running.ticket("7006") == before


def test_a_view_is_its_owners_alone(running: Running):
    visitor = running.sign_in(AGENT)
    visitor.send("/views", name="Litiges X", chosen="channel=x&evil=1")
    page = visitor.get("/tickets").text
    assert 'href="/tickets?channel=x">★ Litiges X' in page
    number = re.search(r"/views/(\d+)/delete", page)
    assert number
    colleague = running.sign_in(COLLEAGUE)
    assert "Litiges X" not in colleague.get("/tickets").text
    colleague.send(f"/views/{number[1]}/delete")
    assert "Litiges X" in visitor.get("/tickets").text
    visitor.send(f"/views/{number[1]}/delete")
    assert "Litiges X" not in visitor.get("/tickets").text


def test_an_open_page_hears_of_a_change_and_only_of_its_own(running: Running):
    visitor = running.sign_in(AGENT)
    changed = threading.Timer(
        1.5,
        lambda: running.desk(
            lambda desk: TicketLife(desk).add_note(running.references["7005"], Actor.agent("tom"), "vu")
        ),
    )
    changed.start()
    other = running.references["7002"]
    with (
        visitor.http.stream("GET", "/events", params={"ticket": other}, timeout=6) as deaf,
        visitor.http.stream("GET", "/events?on=tickets", timeout=15) as events,
    ):
        assert events.headers["content-type"].startswith("text/event-stream")
        assert "event: changed" in _until(events, "event: changed")
        assert "event: changed" not in _until(deaf, ": beat")
    changed.join()


def test_a_dead_letter_is_dropped_by_a_lead_and_written_down(running: Running):
    lead = running.sign_in(LEAD)
    letter = re.search(r'name="id" value="([^"]+)"', lead.get("/dead-letters").text)
    assert letter
    assert running.sign_in(AGENT).send("/dead-letters", id=letter[1], act="drop").status_code == 403
    assert lead.send("/dead-letters", id=letter[1], act="drop").status_code == 303
    assert letter[1] not in lead.get("/dead-letters").text
    assert running.audit(subject=letter[1])[0].action == "dead_letter_dropped"


def test_whoever_goes_away_is_not_present(running: Running):
    agent, lead = running.sign_in(AGENT), running.sign_in(LEAD)
    agent.send("/away", away="no", next="/tickets")
    assert re.search(r"Léa Martin.*?Disponible", lead.get("/team").text, re.DOTALL)
    assert (
        "Je suis de retour" in agent.http.get(agent.send("/away", away="yes", next="/tickets").headers["location"]).text
    )


def _until(events: httpx.Response, mark: str) -> str:
    heard = ""
    for part in events.iter_text():
        heard += part
        if mark in heard:
            break
    return heard
