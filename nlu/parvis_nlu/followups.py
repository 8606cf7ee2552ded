"""Follow-ups without a topic of their own: "et le dimanche ?", "and in Geneva?", "même le soir ?", "Lyon".

What such a message is about was said before; it only names another day, place or thing. So it is known by what it
lacks: beside the names and the small words around them nothing is left.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cache
from importlib import resources

from parvis_nlu.mentions import Mention, fold

_MOST_WORDS = 8
_NAMING = frozenset({"weekday", "date", "store", "product_family"})
_WORD = re.compile(r"[^\W_]+")


@cache
def _words(section: str) -> frozenset[str]:
    """Of ``words/follow_ups.txt``."""
    text = (resources.files("parvis_nlu") / "words" / "follow_ups.txt").read_text(encoding="utf-8")
    lines = text.partition(f"[{section}]\n")[2].partition("[")[0].splitlines()
    return frozenset(word for line in lines if not line.startswith("#") for word in fold(line).split())


def is_elliptic(text: str, mentions: Iterable[Mention]) -> bool:
    """Whether ``text``, in which ``mentions`` were found, names something and says nothing about it."""
    names = [mention for mention in mentions if mention.kind in _NAMING]
    folded = fold(text)
    words = [(match[0], match.start()) for match in _WORD.finditer(folded)]
    if len(words) > _MOST_WORDS:
        return False
    left = [word for word, at in words if not any(name.start <= at < name.end for name in names)]
    telling = [word for word in left if word not in _words("small")]
    named = bool(names) or bool(telling)
    return named and all(word in _words("times") or word in _words("countries") for word in telling)
