"""A platform in memory, to which a real sender sends through a real Redis."""

import asyncio
from collections.abc import Callable

from bot.channels.base import Sent
from bot.channels.vocabulary import Activity, ChannelName, OutboundMessage, QuickReply


class MemoryPlatform:
    """A channel whose other end the test sees. ``faults`` are raised by the next calls of ``send``, one each."""

    def __init__(self, name: ChannelName = ChannelName.MESSENGER, account_id: str = "PAGE") -> None:
        self.name = name
        self.account_id = account_id
        self.sends_per_second: float | None = None
        self.delivered: list[OutboundMessage] = []
        self.calls = 0
        self.activities: list[tuple[str, Activity]] = []
        self.faults: list[Exception] = []
        self.before_fault: Callable[[OutboundMessage], None] = lambda message: None
        self.found: str | None = None
        self.seconds = 0.0

    def compose(
        self,
        user_id: str,
        reply_id: str,
        text: str,
        quick_replies: tuple[QuickReply, ...] = (),
        to_reply_at: float | None = None,
    ) -> list[OutboundMessage]:
        return [
            OutboundMessage(
                self.name, self.account_id, user_id, f"{reply_id}.0", text, quick_replies, to_reply_at=to_reply_at
            )
        ]

    async def send(self, message: OutboundMessage) -> Sent:
        self.calls += 1
        await asyncio.sleep(self.seconds)
        if self.faults:
            self.before_fault(message)
            raise self.faults.pop(0)
        self.delivered.append(message)
        return Sent(f"mid-{len(self.delivered)}")

    async def show_activity(self, user_id: str, activity: Activity) -> None:
        self.activities.append((user_id, activity))

    async def find_sent(self, message: OutboundMessage, started_at: float, known_ids: frozenset[str]) -> str | None:
        return self.found if self.found not in known_ids else None

    async def close(self) -> None:
        return None

    @property
    def texts(self) -> list[str]:
        return [message.text for message in self.delivered]
