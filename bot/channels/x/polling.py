"""The second way in: reading direct messages while X calls no webhook (docs.x.com, "x-api/direct-messages/lookup").

X allows 15 calls in 15 minutes and charges for every message read, hence pages of 100 and only back to ``since``.
"""

from typing import Final

import structlog

from bot.channels.vendor_json import JsonObject, id_at, object_at, objects_at, text_at, time_at
from bot.channels.vocabulary import Event
from bot.channels.x.api import XApi
from bot.channels.x.inbound import XInbound

log = structlog.get_logger()

_PAGES: Final = 14
_FIELDS: Final = "id,text,sender_id,created_at,event_type,dm_conversation_id,attachments,entities,referenced_tweets"


async def poll(api: XApi, inbound: XInbound, since: float) -> list[Event]:
    """Events since ``since`` (UTC seconds since the epoch), oldest first.

    Raises ``SendFailed`` when a page cannot be read: with half of the pages the caller would move on past the rest.
    """
    events: list[Event] = []
    token = ""
    for _ in range(_PAGES):
        answer = await _read_page(api, token)
        items = objects_at(answer, "data")
        media = {id_at(item, "media_key"): item for item in objects_at(object_at(answer, "includes"), "media")}
        events.extend(inbound.read_polled(item, media) for item in items if _is_since(item, since))
        token = text_at(object_at(answer, "meta"), "next_token") or ""
        if not token or not all(_is_since(item, since) for item in items):
            break
    else:
        log.warning("x_poll_incomplete", events=len(events))
    return events[::-1]


def _is_since(item: JsonObject, since: float) -> bool:
    created_at = time_at(item, "created_at")
    return created_at is None or created_at >= since


async def _read_page(api: XApi, token: str) -> JsonObject:
    parameters = {
        "dm_event.fields": _FIELDS,
        "expansions": "attachments.media_keys",
        "media.fields": "media_key,type,url,preview_image_url",
        "event_types": "MessageCreate",
        "max_results": "100",
    }
    if token:
        parameters["pagination_token"] = token
    return await api.get(api.user, "/2/dm_events", **parameters)
