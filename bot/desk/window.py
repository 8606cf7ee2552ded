"""How long a customer may still be written to in the conversation. No I/O.

Messenger: anybody within 24 hours of the customer's last message; then only a person, within 7 days, under the tag
HUMAN_AGENT (Messenger Platform, "Send Messages"). X: whoever has written may be answered; its rules name no hour.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from bot.channels.vocabulary import ChannelName

_MESSENGER: Final = timedelta(hours=24)
_MESSENGER_PERSON: Final = timedelta(days=7)
# A reply on its way, and clocks that differ, must not fall outside.
_MARGIN: Final = timedelta(minutes=2)
_SOON: Final = timedelta(hours=3)
_SOON_FOR_A_PERSON: Final = timedelta(hours=24)


class WindowState(StrEnum):
    OPEN = "open"
    PERSON_ONLY = "person_only"
    """Only words that a person typed."""
    SHUT = "shut"


@dataclass(frozen=True, slots=True)
class Window:
    """``closes_at``: from then on only a person may write; ``shuts_at``: nobody. None where the platform sets no end.

    ``propose_other_way``: it closes soon, or has; ask for a phone number or an e-mail address now.
    """

    state: WindowState
    closes_at: datetime | None
    shuts_at: datetime | None
    propose_other_way: bool


def messaging_window(channel: str, last_heard_at: datetime | None, now: datetime) -> Window:
    """``last_heard_at`` is the customer's last message; without one nobody may write first."""
    if last_heard_at is None:
        return Window(WindowState.SHUT, None, None, propose_other_way=True)
    if channel != ChannelName.MESSENGER:
        return Window(WindowState.OPEN, None, None, propose_other_way=False)
    closes_at, shuts_at = last_heard_at + _MESSENGER - _MARGIN, last_heard_at + _MESSENGER_PERSON - _MARGIN
    if now < closes_at:
        return Window(WindowState.OPEN, closes_at, shuts_at, propose_other_way=closes_at - now < _SOON)
    if now < shuts_at:
        soon = shuts_at - now < _SOON_FOR_A_PERSON
        return Window(WindowState.PERSON_ONLY, closes_at, shuts_at, propose_other_way=soon)
    return Window(WindowState.SHUT, closes_at, shuts_at, propose_other_way=True)
