"""How X writes down what somebody typed: three characters escaped, a t.co link in the place of every address.

Source: docs.x.com, fundamentals/counting-characters and the entities of a direct message.
"""

import hashlib
import re
from dataclasses import dataclass, field
from typing import Any

_ADDRESS = re.compile(r"https?://[^\s<>\"]+[^\s<>\".,;:!?)\]»]")
_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})


@dataclass(slots=True)
class Written:
    text: str = ""
    urls: list[dict[str, Any]] = field(default_factory=list)

    @property
    def entities(self) -> dict[str, list[Any]]:
        return {"hashtags": [], "symbols": [], "user_mentions": [], "urls": self.urls}

    def add_plain(self, text: str) -> None:
        self.text += text.translate(_ESCAPES)

    def add_link(self, expanded: str, display: str) -> None:
        short = f"https://t.co/{hashlib.sha256(expanded.encode()).hexdigest()[:10]}"
        start = len(self.text)
        self.text += short
        link = {"url": short, "expanded_url": expanded, "display_url": display}
        self.urls.append(link | {"indices": [start, len(self.text)]})


def write_down(text: str, media_of: str | None = None) -> Written:
    """``media_of`` is the id of a message with media, whose own link then ends the text."""
    written = Written()
    end = 0
    for address in _ADDRESS.finditer(text):
        written.add_plain(text[end : address.start()])
        written.add_link(address[0], address[0].split("://", 1)[1][:30])
        end = address.end()
    written.add_plain(text[end:])
    if media_of is not None:
        if written.text:
            written.text += " "
        written.add_link(f"https://x.com/messages/media/{media_of}", "pic.x.com/media")
    return written
