"""Tells open pages what happens, over a WebSocket each.

A page names the conversations it shows and gets them whole, then every change. A page that cannot keep up is
disconnected; it comes back by itself and gets the whole again, so nothing is missed for good.
"""

import asyncio
import contextlib
import json
from typing import Any

from sanic import Websocket
from sanic.exceptions import WebsocketClosed
from websockets.exceptions import ConnectionClosed

from simulator.conversations import ChannelName, Conversation, Conversations
from simulator.mailbox import Mail, Mailbox

QUEUE_SIZE = 1_000


class Page:
    """One open page."""

    def __init__(self) -> None:
        self.watched: set[tuple[str, str]] = set()
        self.queue: asyncio.Queue[str | None] = asyncio.Queue(QUEUE_SIZE)

    def push(self, event: dict[str, Any]) -> None:
        try:
            self.queue.put_nowait(json.dumps(event))
        except asyncio.QueueFull:
            self.disconnect()

    def disconnect(self) -> None:
        while not self.queue.empty():
            self.queue.get_nowait()
        self.queue.put_nowait(None)


class LivePages:
    def __init__(self, conversations: Conversations, mailbox: Mailbox) -> None:
        self._conversations = conversations
        self._mailbox = mailbox
        self._pages: set[Page] = set()
        conversations.listen(self._tell_watchers)
        mailbox.listeners.append(self._tell_mail)

    async def serve(self, socket: Websocket) -> None:
        page = Page()
        self._pages.add(page)
        page.push({"type": "mailbox", "mails": [mail.as_json() for mail in self._mailbox.mails]})
        writer = asyncio.create_task(self._write(socket, page))
        try:
            async for text in socket:
                self._watch(page, text)
        except (WebsocketClosed, ConnectionClosed):
            pass
        finally:
            self._pages.discard(page)
            writer.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await writer

    def disconnect_all(self) -> None:
        for page in self._pages:
            page.disconnect()

    async def _write(self, socket: Websocket, page: Page) -> None:
        with contextlib.suppress(WebsocketClosed, ConnectionClosed):
            while (text := await page.queue.get()) is not None:
                await socket.send(text)
            await socket.close()

    def _watch(self, page: Page, text: Any) -> None:
        """``{"watch": [["messenger", "42"], ["x", "43"]]}``; anything else is ignored."""
        try:
            pairs = {(str(channel), str(user)) for channel, user in json.loads(text)["watch"]}
        except (ValueError, KeyError, TypeError):
            return
        for channel, user in sorted(pairs - page.watched):
            if channel in ("messenger", "x"):
                page.push(self._whole(channel, user))  # type: ignore[arg-type]
        page.watched = pairs

    def _whole(self, channel: ChannelName, user: str) -> dict[str, Any]:
        conversation = self._conversations.find(channel, user)
        return {
            "type": "conversation",
            "channel": channel,
            "user": user,
            "name": (conversation or Conversation(channel, user)).name,
            "typing_until": conversation.typing_until if conversation else 0,
            "messages": [message.as_json() for message in conversation.messages] if conversation else [],
        }

    def _tell_watchers(self, event: dict[str, Any]) -> None:
        key = (event["channel"], event["user"])
        for page in list(self._pages):
            if key in page.watched:
                page.push(event)

    def _tell_mail(self, mail: Mail | None) -> None:
        event = {"type": "mail", "mail": mail.as_json()} if mail else {"type": "mailbox", "mails": []}
        for page in list(self._pages):
            page.push(event)
