"""Conversation Routing: which application has a customer's thread on Messenger.

Source: developers.facebook.com, Messenger Platform, "Conversation Routing" and the pages of "messaging_handovers" and
"standby". The brand's own application is the Page's default one, so that an idle thread is its own to answer and it may
take any thread back.
"""

import time
from dataclasses import dataclass
from typing import Final

LAPSES_AFTER_SECONDS: Final = 24 * 3600
"""Of inactivity of whoever has the thread."""


class NotTheirs(Exception):
    """Another application has the thread."""


@dataclass(slots=True)
class _Thread:
    owner: str
    active_at: float


class Threads:
    """Applications by their id; a thread without an owner is idle."""

    def __init__(self, default_application: str) -> None:
        self._default = default_application
        self._threads: dict[str, _Thread] = {}

    def owner(self, user: str) -> str | None:
        thread = self._threads.get(user)
        if thread is None or time.time() - thread.active_at > LAPSES_AFTER_SECONDS:
            self._threads.pop(user, None)
            return None
        return thread.owner

    def is_open_to(self, user: str, application: str) -> bool:
        """Whether the application is told of the customer's messages as its own, and may answer them."""
        return (self.owner(user) or self._default) == application

    def use(self, user: str, application: str) -> None:
        """A message of the application. Raises ``NotTheirs``."""
        if not self.is_open_to(user, application):
            raise NotTheirs
        self.give(user, application)

    def give(self, user: str, application: str) -> None:
        self._threads[user] = _Thread(application, time.time())

    def hand_over(self, user: str, by: str, to: str) -> None:
        """Raises ``NotTheirs``."""
        if not self.is_open_to(user, by):
            raise NotTheirs
        self.give(user, to)

    def release(self, user: str, by: str) -> None:
        """Raises ``NotTheirs``."""
        if self.owner(user) != by:
            raise NotTheirs
        del self._threads[user]
