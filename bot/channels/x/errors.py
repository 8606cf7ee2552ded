"""What each of X's errors means for a message that we tried to send.

Sources: docs.x.com, "x-api/fundamentals/response-codes-and-errors" and "x-api/fundamentals/rate-limits" (problem types,
statuses, headers); developer.x.com, "Response codes and errors" (the older numbers, which still occur). The most
telling rule wins: an older number, then a problem type, then the status. Titles and details are never read: X rewords
them.
"""

from collections.abc import Callable, Iterator, Mapping
from enum import Enum
from typing import Final, NamedTuple

from bot.channels.base import (
    Allowance,
    GiveUp,
    MalformedPayload,
    OutcomeUnknown,
    PauseChannel,
    SendFailed,
    TryAgain,
    WaitUntil,
)
from bot.channels.http import Answer, believable_moment, retry_after, wait_until
from bot.channels.vendor_json import JsonObject, event_name, id_at, objects_at, read_object


class Verdict(Enum):
    TRY_AGAIN = "try again"
    WAIT = "wait"
    GIVE_UP = "give up"
    PAUSE = "pause the channel"
    UNKNOWN = "outcome unknown"


class Rule(NamedTuple):
    verdict: Verdict
    explanation: str
    wait_seconds: float = 60.0
    """How long to wait where no header says; used by ``Verdict.WAIT`` only."""


_NOT_AUTHENTICATED: Final = Rule(Verdict.PAUSE, "X does not accept our keys; check the access token and its secret")
_NOT_ALLOWED: Final = Rule(
    Verdict.PAUSE, "the application or its token may not do this; check its access and permissions"
)
_LOCKED: Final = Rule(Verdict.PAUSE, "X has locked or suspended the account; log in to x.com as the account")
_BILLING: Final = Rule(Verdict.PAUSE, "the plan's usage or credits are spent; see the developer portal")
_THROTTLED: Final = Rule(Verdict.WAIT, "rate limit exceeded")
_REFUSED_BY_CUSTOMER: Final = Rule(Verdict.GIVE_UP, "the customer does not take direct messages from us")
_BAD_REQUEST: Final = Rule(Verdict.GIVE_UP, "X refuses the request")
_OVERLOADED: Final = Rule(Verdict.TRY_AGAIN, "passing fault at X")

NUMBERS: Final[dict[int, Rule]] = {
    32: _NOT_AUTHENTICATED,
    63: _LOCKED,
    64: _LOCKED,
    88: _THROTTLED,
    89: _NOT_AUTHENTICATED,
    99: _NOT_AUTHENTICATED,
    108: Rule(Verdict.GIVE_UP, "the customer's account is gone"),
    130: _OVERLOADED,
    131: _OVERLOADED,
    135: Rule(Verdict.PAUSE, "X refuses our clock; set this machine's time"),
    150: _REFUSED_BY_CUSTOMER,
    151: Rule(Verdict.GIVE_UP, "X cannot deliver the message"),
    185: Rule(Verdict.WAIT, "daily limit of the account reached", wait_seconds=1800.0),
    186: Rule(Verdict.GIVE_UP, "the message is too long"),
    187: Rule(Verdict.GIVE_UP, "X holds the message for a duplicate"),
    214: _BAD_REQUEST,
    215: _NOT_AUTHENTICATED,
    220: _NOT_ALLOWED,
    226: Rule(Verdict.WAIT, "X takes us for a spammer: find out what sends so much", wait_seconds=3600.0),
    231: _LOCKED,
    261: _NOT_ALLOWED,
    326: _LOCKED,
    349: _REFUSED_BY_CUSTOMER,
    354: Rule(Verdict.GIVE_UP, "the message is too long"),
    415: _NOT_ALLOWED,
    416: _NOT_ALLOWED,
    453: _NOT_ALLOWED,
    476: _REFUSED_BY_CUSTOMER,
}

PROBLEMS: Final[dict[str, Rule]] = {
    # The last part of "type": https://api.x.com/2/problems/<this>
    "usage-capped": _BILLING,
    "credits": _BILLING,
    "rate-limit-exceeded": _THROTTLED,
    "client-forbidden": _NOT_ALLOWED,
    "unsupported-authentication": _NOT_ALLOWED,
    "oauth1-permissions": _NOT_ALLOWED,
    "insufficient-scope": _NOT_ALLOWED,
    "not-authorized-for-resource": Rule(Verdict.GIVE_UP, "X lets us not write to this customer"),
    "not-authorized-for-field": _NOT_ALLOWED,
    "resource-not-found": Rule(Verdict.GIVE_UP, "X does not know the customer"),
    "resource-unavailable": Rule(Verdict.GIVE_UP, "X does not know the customer"),
    "invalid-request": _BAD_REQUEST,
    "duplicate-resource": _BAD_REQUEST,
}

STATUSES: Final[dict[int, Rule]] = {
    400: _BAD_REQUEST,
    401: _NOT_AUTHENTICATED,
    402: _BILLING,
    403: _REFUSED_BY_CUSTOMER,
    404: Rule(Verdict.GIVE_UP, "X does not know the customer"),
    408: Rule(Verdict.UNKNOWN, "X gave up waiting; the message may have gone out"),
    429: _THROTTLED,
    500: _OVERLOADED,
    502: _OVERLOADED,
    503: _OVERLOADED,
    504: Rule(Verdict.UNKNOWN, "X lost its own answer; the message may have gone out"),
}

_LIMITS: Final = ("x-rate-limit", "x-user-limit-24hour", "x-app-limit-24hour")
"""Header families of the 15-minute window and of the daily ones."""


def classify(response: Answer, *, repeatable: bool = False) -> SendFailed | None:
    """The failure that ``response`` reports, or None where it is a success.

    ``repeatable``: the call was a question, which an unclear answer allows to ask again.
    """
    answer = read_answer(response)
    if response.is_success and (answer.get("data") is not None or "errors" not in answer):
        # "errors" beside "data" tells of a part that is missing, not of a failure.
        return None
    rule, label = find_rule(response.status, answer)
    if repeatable and rule.verdict is Verdict.UNKNOWN:
        return TryAgain(label, rule.explanation)
    if rule.verdict is Verdict.WAIT:
        return WaitUntil(label, rule.explanation, _resume_at(rule, response.headers))
    return _FAILURES[rule.verdict](label, rule.explanation)


_FAILURES: Final[dict[Verdict, Callable[[str, str], SendFailed]]] = {
    Verdict.TRY_AGAIN: TryAgain,
    Verdict.GIVE_UP: GiveUp,
    Verdict.PAUSE: PauseChannel,
    Verdict.UNKNOWN: OutcomeUnknown,
}


def find_rule(status: int, answer: JsonObject) -> tuple[Rule, str]:
    """The most telling rule for an answer, and the label by which logs know it."""
    for number in _numbers(answer):
        if number in NUMBERS:
            return NUMBERS[number], f"{status}/{number}"
    for problem in _problems(answer):
        if problem in PROBLEMS:
            return PROBLEMS[problem], f"{status}/{problem}"
    return _by_status(status, readable=_is_error(answer)), f"http-{status}"


def _by_status(status: int, *, readable: bool) -> Rule:
    if status >= 500 and not readable:
        # Something between X and us answered; what lay behind it may have sent the message.
        return Rule(Verdict.UNKNOWN, "a fault on the way to X; the message may have gone out")
    if status in STATUSES:
        return STATUSES[status]
    if status >= 500:
        return _OVERLOADED
    if status >= 300:
        return _BAD_REQUEST
    return Rule(Verdict.UNKNOWN, "X reports an error that this version does not know")


def read_answer(response: Answer) -> JsonObject:
    try:
        return read_object(response.body)
    except MalformedPayload:
        return {}


def _is_error(answer: JsonObject) -> bool:
    return any(key in answer for key in ("errors", "title", "type", "status"))


def _parts(answer: JsonObject) -> list[JsonObject]:
    """A problem stands at the top, or one or more in ``errors``."""
    return [answer, *objects_at(answer, "errors")]


def _numbers(answer: JsonObject) -> Iterator[int]:
    for part in _parts(answer):
        number = id_at(part, "code")
        if number.isdecimal():
            yield int(number)


def _problems(answer: JsonObject) -> Iterator[str]:
    for part in _parts(answer):
        kind = part.get("type")
        if isinstance(kind, str):
            yield event_name(kind.rstrip("/").rpartition("/")[2])


def _resume_at(rule: Rule, headers: Mapping[str, str]) -> float:
    """The reset of the limit that is spent; where only a reset is told, that one."""
    resets = [told.resets_at for told in _allowances(headers) if told.remaining == 0]
    return max(resets) if resets else wait_until(retry_after(headers) or rule.wait_seconds)


def allowance(headers: Mapping[str, str]) -> Allowance | None:
    """The tightest of the limits that the headers tell of; None where they tell of none."""
    return min(_allowances(headers), key=lambda told: (told.remaining, -told.resets_at), default=None)


def _allowances(headers: Mapping[str, str]) -> list[Allowance]:
    told = ((headers.get(f"{family}-remaining", "0"), headers.get(f"{family}-reset", "")) for family in _LIMITS)
    return [
        Allowance(int(remaining), believable_moment(float(reset)))
        for remaining, reset in told
        if _is_number(remaining) and _is_number(reset)
    ]


def _is_number(value: str) -> bool:
    return value.isascii() and value.isdigit() and len(value) <= 12
