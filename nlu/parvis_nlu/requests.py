"""Two requests in one message: "my lamp arrived broken, and do you open on Sundays?"

A message that could hold two is taken apart where sentences end and where people turn to another matter ("sinon", "by
the way"); each part is read by the same classifier. A part is a request of its own if it asks or complains and is
understood with certainty: what leads up to a question is its story, and small talk accompanies a request. A message
without such a border costs nothing more.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import asdict, dataclass, field

from parvis_nlu.gravity import gravity_of
from parvis_nlu.head import Prediction
from parvis_nlu.mentions import fold

_WORDS_OF_TWO_REQUESTS = 7
_WORDS_OF_A_REQUEST = 3
_MOST_PARTS = 5
_CERTAIN = 0.7
"""Of a part on its own; half way between the hand-over point and the median example."""
_BEYOND_DOUBT = 0.97
_HEARD_AMONG = 2
"""So many first intents of the whole message."""

_TURNS = (
    r"et aussi|et sinon|et puis|sinon|au passage|au fait|d'ailleurs|par ailleurs|autre chose|autre question|en plus"
    r"|and also|also|by the way|btw|another thing|another question|one more thing|plus|on top of that"
)
# "and" and "et" join things as often as requests: these words after them begin a sentence.
_BEGINS = (
    r"je|j'|vous|est[ -]ce|es[ -]ce|quel|quels|quelle|quelles|combien|comment|quand|c'est|c |ou (?:est|sont|en|se|puis)"
    r"|pouvez|pourriez|peut[ -]on|faites|livrez|acceptez|prenez|avez|il y a|y a|mon|ma|mes|puis[ -]je|que|qu'"
    r"|do|does|did|can|could|would|is|are|what|what's|when|where|where's|how|my|i|i'd|i'm|please|which|will"
)
_BORDER = re.compile(
    rf"(?<=[.!?;\n\u2026])\s+|\n+|,?\s+(?=(?:{_TURNS})\b)|,?\s+(?:et|and|mais|but)\s+(?=(?:{_BEGINS})\b)", re.IGNORECASE
)
_ASKS = re.compile(
    r"\?|\b(?:je (?:veux|voudrais|souhaite|souhaiterais|peux|dois|cherche)|j'aimerais|pouvez|pourriez|puis[ -]je"
    r"|peut[ -]on"
    r"|est[ -]ce|combien|comment|quand|quels?|quelles?|ou (?:est|en|sont|se)|avez[ -]vous|livrez[ -]vous|faites[ -]vous"
    r"|acceptez[ -]vous|prenez[ -]vous|vous (?:avez|faites|livrez|prenez|acceptez|etes|ouvrez|fermez)|dites|envoyez"
    r"|remboursez|annulez|rappelez|changez|merci de|svp|stp"
    r"|i (?:want|need|would like|wish)|i'd like|can|could|please|pls|do you|does|is there|are (?:you|there)"
    r"|where|when|what|what's|how|which|send|cancel|refund|call|change|tell)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Request:
    text: str
    intent: str
    confidence: float

    def as_dict(self) -> dict[str, str | float]:
        return asdict(self)


@dataclass(frozen=True)
class Reading:
    """``prediction`` is the message's own: the gravest request. ``further`` are the others, as they were written."""

    prediction: Prediction
    further: list[Request] = field(default_factory=list)


def read_requests(text: str, predict: Callable[[list[str]], list[Prediction]]) -> Reading:
    """``predict`` is called once, with the whole text first."""
    parts = parts_of(text)
    whole, *of_parts = predict([text, *parts])
    requests = {
        prediction.intent: (part, prediction)
        for part, prediction in reversed(list(zip(parts, of_parts, strict=True)))
        if _stands_alone(part, prediction) and _is_heard(prediction, whole)
    }
    if len(requests) < 2:
        return Reading(whole)
    in_order = list(reversed(requests.values()))
    own = max((prediction for _, prediction in in_order), key=lambda prediction: gravity_of(prediction.intent))
    if whole.confidence >= _CERTAIN and gravity_of(whole.intent) > gravity_of(own.intent):
        own = whole
    further = [
        Request(part, prediction.intent, round(prediction.confidence, 4))
        for part, prediction in in_order
        if prediction.intent != own.intent
    ]
    return Reading(own, further)


def parts_of(text: str) -> list[str]:
    """The parts of a text that may be requests of their own; none if it is in one piece."""
    if len(text.split()) < _WORDS_OF_TWO_REQUESTS:
        return []
    folded = fold(text)  # letter for letter as long as the text
    parts: list[str] = []
    end = 0
    for border in _BORDER.finditer(folded):
        if len(text[end : border.start()].split()) >= _WORDS_OF_A_REQUEST:
            parts.append(text[end : border.start()].strip())
            end = border.end()
    rest = text[end:].strip()
    if len(rest.split()) >= _WORDS_OF_A_REQUEST:
        parts.append(rest)
    return parts[:_MOST_PARTS] if len(parts) > 1 else []


def _is_heard(prediction: Prediction, whole: Prediction) -> bool:
    """A few words out of their context often sound graver than they are. They are heard for more than the whole only
    where a person would not read the message anyway, and if they leave no doubt or the whole, too, lets hear it."""
    if gravity_of(prediction.intent) <= gravity_of(whole.intent):
        return True
    if gravity_of(whole.intent) >= gravity_of("human_"):
        return False
    among = [intent for intent, _ in whole.ranking[:_HEARD_AMONG]]
    return prediction.confidence >= _BEYOND_DOUBT or prediction.intent in among


def _stands_alone(part: str, prediction: Prediction) -> bool:
    gravity = gravity_of(prediction.intent)
    if prediction.confidence < _CERTAIN or gravity <= gravity_of("chitchat_"):
        return False
    return gravity == gravity_of("contentious_") or bool(_ASKS.search(fold(part)))
