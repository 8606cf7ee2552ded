"""What a turn is: one customer's message as the assistant takes it.

A message that begins with "/" is a command to Rasa ("/restart", "/any_intent{…}"), so what a customer types is never
passed on as one. Only what a customer taps may be: its payload comes from our own buttons.
"""

import re
import unicodedata
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from bot.channels.vocabulary import AttachmentKind, ChannelName, InboundMessage, QuickReply

GET_STARTED: Final = "GET_STARTED"
"""The payload of Messenger's first button, shown before a conversation has begun."""

_GREETING: Final = "/chitchat_greet"
_STICKER: Final = "/chitchat_sticker"
_UNREADABLE: Final = "/off_topic_attachment"

# What must be understood whatever a model makes of it: leaving, and coming back. The words of the platforms' own rules.
_KEYWORDS: Final = {
    **dict.fromkeys(("stop", "arret", "unsubscribe"), "/chitchat_stop"),
    **dict.fromkeys(("start", "resume", "unstop", "reprendre", "reprise"), "/chitchat_resume"),
}

_COMMAND: Final = re.compile(r"/[A-Za-z_]\w*(\{.*\})?", re.DOTALL)
_LEADING_SLASHES: Final = re.compile(r"^[\s/]+")
_CHOICE: Final = re.compile(r"\s*(\d{1,2})\s*[.):]?\s*")
_ORDINALS: Final = {
    **dict.fromkeys(("premier", "premiere", "1er", "1re", "first", "1st", "former"), 0),
    **dict.fromkeys(("deuxieme", "second", "seconde", "2e", "2eme", "2nd"), 1),
    **dict.fromkeys(("troisieme", "3e", "3eme", "third", "3rd"), 2),
    **dict.fromkeys(("dernier", "derniere", "last", "latter"), -1),
}
# What may stand around a choice: "plutôt le premier, s'il vous plaît", "the first one please".
_AROUND: Final = re.compile(
    r"(?:(?:oui|yes|plutot|c'est|it's|pour|about|le|la|les|the|mes|mon|ma|my)[ ,]+|l')*"
    r"(?P<choice>.+?)"
    r"(?:[ ,]+(?:one|option|choix|please|svp|stp|merci|thanks|s'il vous plait|s'il te plait))*[ .!]*"
)
_KEYCAP: Final = str.maketrans("", "", "\ufe0f\u20e3")


class Turn(msgspec.Struct, frozen=True):
    """``message`` is safe for Rasa: prose, or an intent of ours. ``metadata`` is what actions get to know of it.
    ``version`` of the conversation that is stored, "" where none is."""

    conversation_id: str
    message: str
    message_id: str
    channel: ChannelName
    metadata: dict[str, Any]
    version: str = ""

    @classmethod
    def from_message(cls, message: InboundMessage, choices: Sequence[QuickReply] = (), version: str = "") -> "Turn":
        """``choices`` are the quick replies under the last answer, which a customer may also type."""
        return cls(
            conversation_id=message.conversation_id,
            message=_understandable(message, choices),
            message_id=message.message_id,
            channel=message.channel,
            metadata={
                "channel": str(message.channel),
                "account_id": message.account_id,
                "user_id": message.user_id,
                "message_id": message.message_id,
                "conversation_id": message.conversation_id,
                "occurred_at": message.occurred_at,
            },
            version=version,
        )


def _understandable(message: InboundMessage, choices: Sequence[QuickReply]) -> str:
    if message.payload is not None:
        return _tapped(message.payload, message.text or "")
    text = (message.text or "").strip()
    if text:
        chosen = _chosen(text, choices, numbered=message.channel is ChannelName.X)
        return _tapped(chosen.payload, chosen.title) if chosen else _keyword(text) or prose(text)
    if any(attachment.kind is AttachmentKind.STICKER for attachment in message.attachments):
        return _STICKER
    return _UNREADABLE


def _tapped(payload: str, title: str) -> str:
    if payload == GET_STARTED:
        return _GREETING
    return payload if _COMMAND.fullmatch(payload) else prose(title or payload)


def prose(text: str) -> str:
    """Prose may begin with a slash ("/ 12 rue …"). Of slashes alone nothing is left, and nothing was said."""
    return _LEADING_SLASHES.sub("", text, count=1) or _UNREADABLE


def _keyword(text: str) -> str | None:
    return _KEYWORDS.get(_folded(text).strip(" .!"))


def _chosen(text: str, choices: Sequence[QuickReply], *, numbered: bool) -> QuickReply | None:
    """The choice a customer typed: its title, "the first one", or its number where choices are a numbered list (X)."""
    plain = unicodedata.normalize("NFKC", text).translate(_KEYCAP)
    number = _CHOICE.fullmatch(plain) if numbered else None
    if number and 1 <= int(number[1]) <= len(choices):
        return choices[int(number[1]) - 1]
    folded = _folded(plain)
    wanted = {folded, _bare(folded)}
    chosen = next(
        (choice for choice in choices if {_folded(choice.title), _bare(_folded(choice.title))} & wanted), None
    )
    return chosen or _counted(wanted, choices)


def _counted(words: set[str], choices: Sequence[QuickReply]) -> QuickReply | None:
    """Only where there is something to choose: a lone button is no first one."""
    position = next((_ORDINALS[word] for word in words if word in _ORDINALS), None)
    return choices[position] if position is not None and 1 < len(choices) > position else None


def _bare(folded: str) -> str:
    """Without articles and politeness."""
    match = _AROUND.fullmatch(folded)
    return match["choice"] if match else folded


def _folded(title: str) -> str:
    """Without case, accents and needless spaces."""
    letters = unicodedata.normalize("NFKD", title.casefold().replace("’", "'"))
    return " ".join("".join(letter for letter in letters if not unicodedata.combining(letter)).split())
