"""An intent's prefix is its disposition and the rest its topic: the whole policy can be read off the names."""

from collections.abc import Iterable
from typing import Final

from bot.desk import Disposition

_DISPOSITIONS: Final = {
    "faq": Disposition.ANSWER,
    "chitchat": Disposition.ANSWER,
    "private": Disposition.ESCALATE_PRIVATE,
    "contentious": Disposition.ESCALATE_CONTENTIOUS,
    "human": Disposition.HUMAN,
}

# Somebody may be in danger: advice and a person come before every procedure.
URGES: Final = frozenset({"contentious_safety", "contentious_distress"})

# The human_ intents that want a person; the others speak of the ticket that is there already.
WANTS_PERSON: Final = frozenset({"human_person", "human_callback", "human_email"})


def disposition_of(intent: str) -> Disposition:
    """What is not understood (``nlu_fallback``) and every unknown prefix is off topic."""
    return _DISPOSITIONS.get(intent.partition("_")[0], Disposition.OFF_TOPIC)


def topic_of(intent: str) -> str:
    return intent.partition("_")[2] or intent


def gravest(intents: Iterable[str]) -> str:
    """The intent of the gravest disposition, the first of several; empty for none."""
    return max(intents, key=lambda intent: disposition_of(intent).rank, default="")


def is_contentious(intent: str) -> bool:
    return disposition_of(intent) is Disposition.ESCALATE_CONTENTIOUS


def is_taken_inside(intent: str) -> bool:
    """Whether a message of this intent opens a ticket."""
    return intent in WANTS_PERSON or disposition_of(intent) in (
        Disposition.ESCALATE_PRIVATE,
        Disposition.ESCALATE_CONTENTIOUS,
    )
