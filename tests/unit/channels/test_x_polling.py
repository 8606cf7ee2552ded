"""The second way in: the same events with the same ids as on the webhook, oldest first."""

from datetime import UTC, datetime
from typing import Any

import pytest

from bot.channels.base import TryAgain
from bot.channels.http import Answer, Request
from bot.channels.vocabulary import Attachment, AttachmentKind, Echo, EchoOrigin, InboundMessage, UnknownEvent
from bot.channels.x import XChannel
from tests.unit.channels.answering import Answering, answer, url_of

SINCE = 1_790_000_000.0


class Lookup:
    """``GET /2/dm_events`` over pages that a test lays out, newest first; None is a fault."""

    def __init__(self, *pages: list[Any] | None, includes: Any = None) -> None:
        self.asked: list[str | None] = []
        self._pages = pages
        self._includes = includes or {}
        self.channel = XChannel(
            "900",
            "13",
            "key",
            "secret",
            "token",
            "ts",
            "bearer",
            "https://api.example",
            Answering(self._answer),
        )

    def _answer(self, request: Request) -> Answer:
        token = url_of(request).query.get("pagination_token")
        self.asked.append(token)
        number = int(token or 0)
        if self._pages[number] is None:
            return answer(500)
        meta = {"next_token": str(number + 1)} if number + 1 < len(self._pages) else {}
        return answer(200, {"data": self._pages[number], "includes": self._includes, "meta": meta})


def event(number: int, seconds: float, sender: str = "42", conversation: str = "42-900", **more: Any) -> dict[str, Any]:
    created = datetime.fromtimestamp(SINCE + seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    facts = {"id": str(number), "event_type": "MessageCreate", "sender_id": sender, "created_at": created}
    return {**facts, "dm_conversation_id": conversation, "text": f"text {number}", **more}


async def test_messages_come_oldest_first_with_the_ids_of_the_webhook() -> None:
    events = await Lookup([event(56, 20), event(55, 10)]).channel.poll(SINCE)
    assert [event.message_id for event in events if isinstance(event, InboundMessage)] == ["55", "56"]
    assert events[0].conversation_id == "x:900:42"
    assert events[0].occurred_at == SINCE + 10


async def test_what_the_account_wrote_comes_as_an_echo() -> None:
    (echo,) = await Lookup([event(57, 5, sender="900")]).channel.poll(SINCE)
    assert isinstance(echo, Echo)
    assert (echo.user_id, echo.origin, echo.text) == ("42", EchoOrigin.UNKNOWN, "text 57")


async def test_customer_with_the_larger_number_is_recognised_too() -> None:
    (message,) = await Lookup([event(57, 5, sender="1000", conversation="900-1000")]).channel.poll(SINCE)
    assert message.user_id == "1000"


async def test_pages_are_read_back_to_since_and_no_further() -> None:
    lookup = Lookup([event(59, 30), event(58, 20)], [event(57, 0), event(56, -1)], [event(55, -10)])
    events = await lookup.channel.poll(SINCE)
    assert [event.message_id for event in events if isinstance(event, InboundMessage)] == ["57", "58", "59"]
    assert lookup.asked == [None, "1"]


async def test_unreadable_page_fails_the_whole_poll_so_that_nothing_is_passed_over() -> None:
    with pytest.raises(TryAgain):
        await Lookup([event(59, 30)], None).channel.poll(SINCE)


async def test_empty_mailbox_is_empty() -> None:
    assert await Lookup([]).channel.poll(SINCE) == []


async def test_pictures_and_shared_posts_are_attachments() -> None:
    item = event(
        55, 1, text="https://t.co/p1", attachments={"media_keys": ["3_1", "3_2"]}, referenced_tweets=[{"id": "7"}],
        urls=[{"url": "https://t.co/p1", "expanded_url": "https://x.com/messages/media/55"}],
    )  # fmt: skip
    media = [{"media_key": "3_1", "type": "photo", "url": "https://m/1"}, {"media_key": "3_2", "type": "video"}]
    (message,) = await Lookup([item], includes={"media": media}).channel.poll(SINCE)
    assert isinstance(message, InboundMessage)
    assert message.text is None
    assert message.attachments == (
        Attachment(AttachmentKind.IMAGE, "https://m/1"),
        Attachment(AttachmentKind.VIDEO),
        Attachment(AttachmentKind.SHARE),
    )


@pytest.mark.parametrize(
    "item",
    [
        event(55, 1, conversation="1578398451921985538"),
        event(55, 1, conversation="42-77"),
        event(55, 1, sender="77"),
        event(55, 1, event_type="ParticipantsJoin"),
        event(55, 1, text=" "),
        "odd",
    ],
)
async def test_what_is_no_message_to_us_is_unknown(item: Any) -> None:
    (read,) = await Lookup([item]).channel.poll(SINCE)
    assert isinstance(read, UnknownEvent)
    assert read.name.startswith("dm_events")
