"""An intent's prefix is its disposition and the rest its topic: the whole policy can be read off the names."""

from typing import Final

from bot.desk import Disposition

_DISPOSITIONS: Final = {
    "faq": Disposition.ANSWER,
    "chitchat": Disposition.ANSWER,
    "private": Disposition.ESCALATE_PRIVATE,
    "contentious": Disposition.ESCALATE_CONTENTIOUS,
    "human": Disposition.HUMAN,
}

# The human_ intents that want a person; the others speak of the ticket that is there already.
WANTS_PERSON: Final = frozenset({"human_person", "human_callback", "human_email"})


def disposition_of(intent: str) -> Disposition:
    """What is not understood (``nlu_fallback``) and every unknown prefix is off topic."""
    return _DISPOSITIONS.get(intent.partition("_")[0], Disposition.OFF_TOPIC)


def topic_of(intent: str) -> str:
    return intent.partition("_")[2] or intent


def is_taken_inside(intent: str) -> bool:
    """Whether a message of this intent opens a ticket."""
    return intent in WANTS_PERSON or disposition_of(intent) in (
        Disposition.ESCALATE_PRIVATE,
        Disposition.ESCALATE_CONTENTIOUS,
    )
