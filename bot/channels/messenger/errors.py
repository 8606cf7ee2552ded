"""What each of Messenger's errors means for a message that we tried to send.

Sources, by the letters used in the table: MP = developers.facebook.com, Messenger Platform, "Error Codes"; GE = Graph
API, "Handle Errors"; RL = Graph API and Messenger Platform, "Rate Limits"; SM = Messenger Platform, "Send Messages".
Rules branch on numbers alone: Meta rewords and translates its messages.
"""

from collections.abc import Callable, Mapping
from enum import Enum
from typing import Final, NamedTuple

import msgspec

from bot.channels.base import (
    AlreadySent,
    GiveUp,
    MalformedPayload,
    OutcomeUnknown,
    PauseChannel,
    SendFailed,
    TryAgain,
    WaitUntil,
)
from bot.channels.http import Answer, retry_after, wait_until
from bot.channels.vendor_json import JsonObject, object_at, objects_at, read_object


class Verdict(Enum):
    TRY_AGAIN = "try again"
    WAIT = "wait"
    GIVE_UP = "give up"
    PAUSE = "pause the channel"
    SENT = "already sent"


class Rule(NamedTuple):
    verdict: Verdict
    explanation: str
    wait_seconds: float = 300.0
    """How long to wait where no header says; used by ``Verdict.WAIT`` only."""


_THROTTLED: Final = Rule(Verdict.WAIT, "too many calls; more calls lengthen the wait")
_OUTSIDE_WINDOW: Final = Rule(Verdict.GIVE_UP, "outside the 24 h window since the customer's last message")
_UNREACHABLE: Final = Rule(Verdict.GIVE_UP, "the customer cannot be reached: blocked us or left")
_OTHER_OWNER: Final = Rule(Verdict.GIVE_UP, "another application owns the conversation")
_RESTRICTED: Final = Rule(Verdict.PAUSE, "Meta restricts this page; see its Page Quality and Support Inbox")
_FORBIDDEN: Final = Rule(
    Verdict.PAUSE, "the application lacks a permission; check pages_messaging and its access level"
)
_DEAD_TOKEN: Final = Rule(Verdict.PAUSE, "the page token is no longer valid; issue a new one")
_BAD_REQUEST: Final = Rule(Verdict.GIVE_UP, "Messenger refuses a parameter or does not know the customer")

RULES: Final[dict[tuple[int, int | None], Rule]] = {
    # (code, error_subcode): the pair first, then the code alone.
    (1, 1357046): Rule(Verdict.SENT, "Messenger reports an error although the message went out"),  # MP
    (1, None): Rule(Verdict.TRY_AGAIN, "unknown fault at Meta"),  # MP, GE
    (2, None): Rule(Verdict.TRY_AGAIN, "Meta's service is down, or the customer blocked us"),  # MP, GE
    (1200, None): Rule(Verdict.TRY_AGAIN, "passing send failure"),  # an older error page only
    (4, None): _THROTTLED,  # RL: calls of the application
    (17, None): _THROTTLED,  # RL: calls of the user
    (32, None): _THROTTLED,  # RL: calls of the page
    (341, None): _THROTTLED,  # GE
    (613, None): Rule(Verdict.WAIT, "too many messages a second", wait_seconds=60.0),  # MP
    (613, 2018338): Rule(Verdict.WAIT, "Meta warns of an abusive rate: find out what sends so much", 3600.0),  # MP
    (80001, None): _THROTTLED,  # RL: business use case, pages
    (80006, None): _THROTTLED,  # RL: business use case, Messenger
    (368, None): Rule(Verdict.WAIT, "Meta blocks this page for a while for its policies; see Page Quality", 6 * 3600.0),
    (10, 2018278): _OUTSIDE_WINDOW,  # MP
    (10, 2018065): _OUTSIDE_WINDOW,  # MP
    (10, 2534022): _OUTSIDE_WINDOW,  # MP, Instagram
    (10, 2018108): _UNREACHABLE,  # MP
    (551, None): _UNREACHABLE,  # MP; subcode 1545041 too, which SM calls a closed window: final either way
    (200, 1545041): _UNREACHABLE,  # MP
    (10, 1893063): _RESTRICTED,  # MP
    (10, 2022): _RESTRICTED,  # MP prints 2022 without saying whether it is a code or a subcode
    (2022, None): _RESTRICTED,
    (100, 2534037): _OTHER_OWNER,  # MP
    (10, 2018300): _OTHER_OWNER,  # seen in the wild (davidchua/pymessenger, issue 93): one thread, not a permission
    (100, 2018300): _OTHER_OWNER,
    (2018300, None): _OTHER_OWNER,  # MP
    (100, 33): _BAD_REQUEST,  # MP
    (100, 2018001): _BAD_REQUEST,  # MP
    (100, None): _BAD_REQUEST,  # MP
    (9000001, None): Rule(Verdict.GIVE_UP, "the message was deleted"),  # MP
    (190, None): _DEAD_TOKEN,  # GE, whatever the subcode (458 to 467)
    (102, None): _DEAD_TOKEN,  # GE: session
    (104, None): _DEAD_TOKEN,  # no token given
    (2200, None): Rule(Verdict.GIVE_UP, "Meta could not verify the webhook's address"),
    (3, None): _FORBIDDEN,  # GE
    (10, None): _FORBIDDEN,  # GE
}
PERMISSIONS: Final = range(200, 300)
"""Codes without a row of their own that mean a missing permission (GE); 230 is one of them."""


def classify(answer: Answer, *, repeatable: bool = False) -> SendFailed | None:
    """The failure that ``answer`` reports, or None where it reports none.

    ``repeatable``: the call was a question, which an unclear answer allows to ask again.
    """
    error = _read_error(answer)
    if error is None:
        return None if answer.is_success else _unreadable(answer, repeatable)
    code, subcode = _number(error, "code"), _number(error, "error_subcode")
    label = f"{code}/{subcode}" if subcode else str(code)
    return _verdict(find_rule(code, subcode, answer.status, error), label, answer.headers)


def find_rule(code: int, subcode: int, status: int, error: JsonObject) -> Rule:
    """The row for a code; where there is none, what the permission range, Meta's own flag or the status tell."""
    if rule := RULES.get((code, subcode)) or RULES.get((code, None)):
        return rule
    if code in PERMISSIONS or status in (401, 403):
        return _FORBIDDEN
    if status == 429:
        return _THROTTLED
    if error.get("is_transient") is True or status >= 500:
        return Rule(Verdict.TRY_AGAIN, "passing fault at Meta")
    return Rule(Verdict.GIVE_UP, "Messenger refuses the message")


def _verdict(rule: Rule, label: str, headers: Mapping[str, str]) -> SendFailed:
    if rule.verdict is Verdict.WAIT:
        return WaitUntil(label, rule.explanation, wait_until(_wait_seconds(rule, headers)))
    return _FAILURES[rule.verdict](label, rule.explanation)


_FAILURES: Final[dict[Verdict, Callable[[str, str], SendFailed]]] = {
    Verdict.TRY_AGAIN: TryAgain,
    Verdict.GIVE_UP: GiveUp,
    Verdict.PAUSE: PauseChannel,
    Verdict.SENT: AlreadySent,
}


def _wait_seconds(rule: Rule, headers: Mapping[str, str]) -> float:
    told = [seconds for seconds in (regain_seconds(headers), retry_after(headers)) if seconds]
    return max(told) if told else rule.wait_seconds


def regain_seconds(headers: Mapping[str, str]) -> float | None:
    """Seconds until access returns by ``X-Business-Use-Case-Usage``, which counts in minutes (RL); None without."""
    minutes = [_figure(usage, "estimated_time_to_regain_access") for usage in business_usage(headers)]
    return max(minutes, default=0.0) * 60 or None


def is_spent(headers: Mapping[str, str]) -> bool:
    """Whether a usage header stands at 100 % or more, after which calls are refused (RL)."""
    usages = [*business_usage(headers), read_header(headers, "x-app-usage"), read_header(headers, "x-page-usage")]
    return any(_figure(usage, key) >= 100 for usage in usages for key in ("call_count", "total_time", "total_cputime"))


def business_usage(headers: Mapping[str, str]) -> list[JsonObject]:
    usage = read_header(headers, "x-business-use-case-usage")
    return [item for business in usage for item in objects_at(usage, business)]


def read_header(headers: Mapping[str, str], name: str) -> JsonObject:
    try:
        return read_object(headers.get(name, "").encode())
    except MalformedPayload:
        return {}


def _figure(usage: JsonObject, key: str) -> float:
    value = usage.get(key)
    return float(value) if isinstance(value, int | float) and 0 <= value < 1e9 else 0.0


def _read_error(answer: Answer) -> JsonObject | None:
    """The error object; also of a 200, which Graph answers now and then with one inside."""
    try:
        error = object_at(read_object(answer.body), "error")
    except MalformedPayload:
        return None
    return error if _number(error, "code") else None


def _unreadable(answer: Answer, repeatable: bool) -> SendFailed:
    """No error of Meta's: something in between answered."""
    status = answer.status
    label = f"http-{status}"
    if status == 429:
        return _verdict(_THROTTLED, label, answer.headers)
    if status == 401:
        return PauseChannel(label, "whatever answers at the Graph API's address refuses our credentials")
    if status < 500:
        return GiveUp(label, "the address of the Graph API refuses the request")
    if repeatable:
        return TryAgain(label, "passing fault on the way to Meta")
    return OutcomeUnknown(label, "a fault on the way to Meta; the message may have gone out")


def _number(error: JsonObject, key: str) -> int:
    try:
        return msgspec.convert(error.get(key), int, strict=False)
    except msgspec.ValidationError:
        return 0
