"""Ids of X: they grow with time, and events are paged by them."""

import secrets
import threading

from simulator.conversations import Message
from simulator.platform import now_ms

_SNOWFLAKE_EPOCH_MS = 1288834974657


class Snowflakes:
    """Makes ids as X does: milliseconds, and 22 bits that tell apart what happened in one."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last = 0

    def next(self) -> str:
        with self._lock:
            self._last = max(self._last + 1, (now_ms() - _SNOWFLAKE_EPOCH_MS) << 22)
            return str(self._last)

    def of_time(self, at_ms: int) -> str:
        """For what happened before now."""
        return str((at_ms - _SNOWFLAKE_EPOCH_MS) << 22 | secrets.randbits(22))


def order_of(message: Message) -> int:
    """Ids grow with time; one that a test chose freely is placed by its time."""
    return int(message.id) if message.id.isdecimal() else (round(message.at * 1000) - _SNOWFLAKE_EPOCH_MS) << 22
