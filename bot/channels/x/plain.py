"""The one shape that nearly every webhook has, a customer's plain text, read in a fraction of the time.

As with Messenger's: typed, strict, and whatever it does not know is left to the lenient reader. Only of the X Activity
API; the older one is deprecated.
"""

from typing import Final, Literal

import msgspec

from bot.channels.vendor_json import holds_ink, is_clean_id, time_of_milliseconds
from bot.channels.vocabulary import ChannelName, Event, InboundMessage


class _Entities(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    urls: tuple[()] = ()
    hashtags: msgspec.Raw = msgspec.Raw()
    symbols: msgspec.Raw = msgspec.Raw()
    user_mentions: msgspec.Raw = msgspec.Raw()


class _Data(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    text: str
    entities: _Entities


class _Target(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    recipient_id: str


class _Create(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    target: _Target
    sender_id: str
    message_data: _Data


class _Message(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    type: Literal["message_create"]
    id: str
    created_timestamp: str
    message_create: _Create


class _Payload(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    direct_message_events: list[_Message]
    users: msgspec.Raw = msgspec.Raw()


class _Filter(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    user_id: str


class _Activity(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    filter: _Filter
    event_type: Literal["dm.received"]
    payload: _Payload
    event_uuid: msgspec.Raw = msgspec.Raw()
    tag: msgspec.Raw = msgspec.Raw()


class _Body(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    data: _Activity


_decoder: Final = msgspec.json.Decoder(_Body)


def read_plain_texts(body: bytes, account_id: str) -> list[Event] | None:
    """The messages of a body that holds nothing but customers' plain texts to the account; None for any other."""
    try:
        activity = _decoder.decode(body).data
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None
    if activity.filter.user_id != account_id or not activity.payload.direct_message_events:
        return None
    events: list[Event] = []
    for message in activity.payload.direct_message_events:
        event = _read(message, account_id)
        if event is None:
            return None
        events.append(event)
    return events


def _read(message: _Message, account_id: str) -> InboundMessage | None:
    create, moment = message.message_create, message.created_timestamp
    user, text = create.sender_id, create.message_data.text
    if user == account_id or create.target.recipient_id != account_id or not (moment.isascii() and moment.isdigit()):
        return None
    # An ampersand may begin an escape; see ``readable_text``.
    if "&" in text or not (is_clean_id(user) and is_clean_id(message.id) and holds_ink(text)):
        return None
    at = time_of_milliseconds(int(moment)) if len(moment) < 20 else None
    return None if at is None else InboundMessage(ChannelName.X, account_id, user, at, message.id, text.strip())
