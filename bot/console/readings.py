"""Reads of personal data in the audit log. Looking at the same thing again within minutes is one reading."""

from typing import Final

from redis.asyncio import Redis
from sanic import Request

from bot.console.accounts import AuditLog, Entry
from bot.console.page import address_of, asks_by_itself, signed_in
from bot.inbox.connection import REDIS_AWAY

_ONE_READING_SECONDS: Final = 600


class Readings:
    def __init__(self, audit: AuditLog, redis: Redis) -> None:
        self._audit = audit
        self._redis = redis

    async def note(
        self, request: Request, action: str, subject: str = "", *, each: bool = False, **detail: object
    ) -> None:
        """Before it is shown. Raises ``DeskUnavailable``: what cannot be recorded is not shown.

        ``each``: another one by hand is another reading, however soon it follows.
        """
        user = signed_in(request).user
        key = f"parvis:read:{user.id}:{action}:{subject}"
        by_hand = not asks_by_itself(request)
        if not (each and by_hand) and await self._is_noted(key):
            return
        await self._audit.record(Entry(user.email, action, subject, dict(detail), address_of(request)))
        await self._remember(key)

    async def _is_noted(self, key: str) -> bool:
        try:
            return bool(await self._redis.exists(key))
        except REDIS_AWAY:
            return False

    async def _remember(self, key: str) -> None:
        try:
            await self._redis.set(key, "1", ex=_ONE_READING_SECONDS)
        except REDIS_AWAY:
            return
