"""Faults that tests and curious people order: the next sends fail, are cut off, slow down or lose their echo."""

import time
from dataclasses import dataclass, field
from typing import Any

from simulator.conversations import ChannelName

_KNOWN = frozenset(
    {"send_status", "times", "channel", "user", "error", "cut", "cut_before", "no_echo", "delay_ms", "rate_limit"}
)


class BadFault(ValueError):
    """The order cannot be read; the message says why."""


@dataclass(slots=True)
class Fault:
    """``times`` is how many sends it still meets; None: all, until cleared."""

    send_status: int | None = None
    error_code: int | None = None
    error_subcode: int | None = None
    cut: bool = False
    cut_before: bool = False
    no_echo: bool = False
    delay_seconds: float = 0.0
    channel: ChannelName | None = None
    user: str | None = None
    times: int | None = 1

    @property
    def refuses(self) -> bool:
        return self.send_status is not None

    def meets(self, channel: ChannelName, user: str) -> bool:
        return self.channel in (None, channel) and self.user in (None, user)


@dataclass(slots=True)
class RateLimit:
    """``remaining`` sends may still go out before ``resets_at`` (UTC seconds)."""

    remaining: int
    resets_at: float
    channel: ChannelName | None = None


@dataclass(slots=True)
class Faults:
    pending: list[Fault] = field(default_factory=list)
    rate_limits: list[RateLimit] = field(default_factory=list)

    def order(self, body: Any) -> None:
        """Raises ``BadFault``."""
        if not isinstance(body, dict):
            raise BadFault("a JSON object is expected")
        if unknown := body.keys() - _KNOWN:
            raise BadFault(f"unknown fields: {', '.join(sorted(unknown))}")
        channel = body.get("channel")
        if channel not in (None, "messenger", "x"):
            raise BadFault("channel is messenger or x")
        if limit := body.get("rate_limit"):
            self.rate_limits.append(_read_rate_limit(limit, channel))
        if body.keys() - {"rate_limit", "channel", "times", "user"}:
            self.pending.append(_read_fault(body, channel))

    def clear(self) -> None:
        self.pending.clear()
        self.rate_limits.clear()

    def take(self, channel: ChannelName, user: str) -> Fault:
        """The fault that this send meets; a Fault without effect if none does."""
        for fault in self.pending:
            if fault.meets(channel, user):
                self._spend(fault)
                return fault
        return Fault()

    def throttle(self, channel: ChannelName) -> RateLimit | None:
        """Count one send against an ordered limit; the limit that forbids it, or None."""
        now = time.time()
        self.rate_limits = [limit for limit in self.rate_limits if limit.resets_at > now]
        for limit in self.rate_limits:
            if limit.channel in (None, channel):
                if limit.remaining <= 0:
                    return limit
                limit.remaining -= 1
        return None

    def limit_of(self, channel: ChannelName) -> RateLimit | None:
        now = time.time()
        return next((x for x in self.rate_limits if x.channel in (None, channel) and x.resets_at > now), None)

    def _spend(self, fault: Fault) -> None:
        if fault.times is None:
            return
        fault.times -= 1
        if fault.times <= 0:
            self.pending.remove(fault)

    def as_json(self) -> dict[str, Any]:
        return {
            "pending": [
                {
                    "send_status": fault.send_status,
                    "cut": fault.cut,
                    "cut_before": fault.cut_before,
                    "no_echo": fault.no_echo,
                    "delay_ms": int(fault.delay_seconds * 1000),
                    "channel": fault.channel,
                    "user": fault.user,
                    "times": fault.times,
                }
                for fault in self.pending
            ],
            "rate_limits": [
                {"remaining": x.remaining, "resets_at": x.resets_at, "channel": x.channel} for x in self.rate_limits
            ],
        }


def _read_fault(body: dict[str, Any], channel: ChannelName | None) -> Fault:
    error = body.get("error") or {}
    fault = Fault(
        send_status=_whole(body, "send_status"),
        error_code=_whole(error, "code"),
        error_subcode=_whole(error, "subcode"),
        cut=bool(body.get("cut")),
        cut_before=bool(body.get("cut_before")),
        no_echo=bool(body.get("no_echo")),
        delay_seconds=(_whole(body, "delay_ms") or 0) / 1000,
        channel=channel,
        user=body.get("user"),
        times=_read_times(body),
    )
    if fault.send_status is None and fault.error_code is not None:
        # Graph answers its errors with 400, X a refused message with 403.
        fault.send_status = 403 if channel == "x" else 400
    if fault.send_status is not None and not 400 <= fault.send_status <= 599:
        raise BadFault("send_status lies between 400 and 599")
    return fault


def _read_times(body: dict[str, Any]) -> int | None:
    """What breaks a send breaks one unless told otherwise; what only changes its manner lasts until cleared."""
    if "times" in body:
        return _whole(body, "times")
    breaks = any(body.get(name) for name in ("send_status", "error", "cut", "cut_before"))
    return 1 if breaks else None


def _read_rate_limit(limit: Any, channel: ChannelName | None) -> RateLimit:
    if not isinstance(limit, dict):
        raise BadFault("rate_limit is an object with remaining and reset_in")
    reset_in = limit.get("reset_in", 900)
    if not isinstance(reset_in, int | float) or reset_in < 0:
        raise BadFault("reset_in is a number of seconds")
    return RateLimit(_whole(limit, "remaining") or 0, time.time() + reset_in, channel)


def _whole(body: Any, name: str) -> int | None:
    value = body.get(name) if isinstance(body, dict) else None
    if value is None or (isinstance(value, int) and not isinstance(value, bool)):
        return value
    raise BadFault(f"{name} is a whole number")
