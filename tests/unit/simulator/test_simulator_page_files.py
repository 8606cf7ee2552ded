"""The page's files come under a strict policy and nothing else comes at all."""

import pytest

from simulator.mailbox import contact_links


async def test_page_forbids_inline_and_foreign_code(client):
    response = await client.http.get("/")
    assert response.status_code == 200
    policy = response.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "http" not in policy
    assert "<style" not in response.text
    assert " style=" not in response.text


@pytest.mark.parametrize("name", ["main.js", "phone.js", "words.js", "style.css", "phone.css", "mark.svg"])
async def test_files_of_the_page_are_served(client, name):
    response = await client.http.get(f"/static/{name}")
    assert response.status_code == 200
    assert response.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    "path", ["/static/nothing.js", "/static/..%2Fapp.py", "/static/%2e%2e/__main__.py", "/elsewhere"]
)
async def test_nothing_else_is_served(client, path):
    assert (await client.http.get(path)).status_code == 404


async def test_conversations_are_listed_with_their_size(client):
    await client.write("messenger", "42", text="bonjour", wait=True)
    await client.write("x", "43", text="hello", wait=True)
    listed = (await client.http.get("/api/conversations")).json()
    assert [(one["channel"], one["user"], one["count"]) for one in listed] == [("messenger", "42", 1), ("x", "43", 1)]


def test_contact_links_of_a_mail_are_found_once():
    html = (
        '<a href="tel:+331">a</a><a href="https://x.example">b</a><A HREF="mailto:a@b.example">c</A><a href="tel:+331">'
    )
    assert contact_links(html) == ["tel:+331", "mailto:a@b.example"]
