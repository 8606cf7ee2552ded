"""The one shape that nearly every webhook has, a customer's plain text, read in a fraction of the time.

Typed decoding skips the objects that the lenient reader walks through. It is strict: a body with anything else in it,
or with a value that the lenient reader would mend, is left to that reader, so that both always say the same.
"""

from typing import Final, Literal

import msgspec

from bot.channels.vendor_json import holds_ink, is_clean_id, time_of_milliseconds
from bot.channels.vocabulary import ChannelName, Event, InboundMessage


class _Party(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    id: str


class _Text(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    mid: str
    text: str


class _Item(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    sender: _Party
    recipient: _Party
    timestamp: int
    message: _Text


class _Entry(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    id: str
    time: int
    messaging: list[_Item]


class _Body(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    object: Literal["page"]
    entry: list[_Entry]


_decoder: Final = msgspec.json.Decoder(_Body)


def read_plain_texts(body: bytes, page_id: str) -> list[Event] | None:
    """The messages of a body that holds nothing but customers' plain texts to the page; None for any other."""
    try:
        entries = _decoder.decode(body).entry
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None
    events: list[Event] = []
    for entry in entries:
        if entry.id != page_id:
            return None
        for item in entry.messaging:
            event = _read(item, page_id)
            if event is None:
                return None
            events.append(event)
    return events


def _read(item: _Item, page_id: str) -> InboundMessage | None:
    user, message = item.sender.id, item.message
    at = time_of_milliseconds(item.timestamp)
    if (
        at is None
        or user == page_id
        or not (is_clean_id(user) and is_clean_id(message.mid) and holds_ink(message.text))
    ):
        return None
    return InboundMessage(ChannelName.MESSENGER, page_id, user, at, message.mid, message.text)
