"""A platform in the network's place: it answers by itself, with what a test lays out."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from multidict import CIMultiDict
from yarl import URL

from bot.channels.http import Answer, Request


class Answering:
    """The client of a channel under test."""

    def __init__(self, answer: Callable[[Request], Answer]) -> None:
        self._answer = answer

    async def send(self, request: Request) -> Answer:
        return self._answer(request)

    async def close(self) -> None: ...


def answer(status: int, body: Any = b"", headers: Mapping[str, str] | None = None) -> Answer:
    """``body`` is sent as JSON unless it is bytes."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Answer(status, CIMultiDict(headers or {}), content)


def url_of(request: Request) -> URL:
    return URL(request.url, encoded=True)


def body_of(request: Request) -> Any:
    assert request.body is not None
    return json.loads(request.body)
