"""Somebody of the brand at the console, by its own forms."""

import re

import httpx

from tests.scenarios.installation import Installation

PASSWORD = "lavande soleil neuf"


class Agent:
    def __init__(self, parvis: Installation, email: str, name: str) -> None:
        self.http = httpx.Client(base_url=f"http://127.0.0.1:{parvis.ports['console']}", timeout=30)
        printed = parvis.parvis("users", "invite", email, "--name", name, "--role", "agent").stdout
        invitation = re.search(r"/invitation/\S+", printed)
        assert invitation, printed
        self._submit(invitation[0], email=email, password=PASSWORD)
        self._submit("/sign-in", email=email, password=PASSWORD)

    def close(self) -> None:
        self.http.close()

    def page_of(self, reference: str) -> str:
        answer = self.http.get(f"/tickets/{reference}")
        answer.raise_for_status()
        return answer.text

    def reply(self, reference: str, text: str) -> None:
        [form] = re.findall(r'<form [^>]*id="reply".*?</form>', self.page_of(reference), re.DOTALL)
        hidden = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', form))
        self._submit(f"/tickets/{reference}/reply", **hidden, text=text)

    def _submit(self, path: str, **fields: str) -> None:
        """What succeeds leads to another page."""
        answer = self.http.post(path, data=fields)
        assert answer.status_code == 303, answer.text
