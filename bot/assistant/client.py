"""Asks the Rasa process for the answer to a turn.

``AssistantError``
├── ``AssistantAway``  no fault of the message: wait and ask again, however long it takes
└── ``TurnFailed``     this very turn fails: try a few times, then let a person look at it
"""

import asyncio
from http import HTTPStatus
from typing import Final

import msgspec

from bot.assistant.connections import Connections
from bot.assistant.turns import Turn
from bot.channels.vocabulary import QuickReply

_WEBHOOK: Final = "/webhooks/parvis/webhook"
_HEALTH: Final = "/webhooks/parvis/health"
_SECONDS_FOR_HEALTH: Final = 2.0
_FAULTS_OF_THE_TURN: Final = frozenset({400, 500})


class AssistantError(Exception):
    """``reason`` is a name for logs and metrics, never a customer's words."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class AssistantAway(AssistantError):
    """The assistant, or something it needs, cannot answer now; the turn left no trace.

    ``reason``: ``unreachable``, ``timeout``, ``loading``, ``unauthorized``, ``action_server_away``, ``action_failed``,
    ``storage_away`` or ``http-<status>``.
    """


class TurnFailed(AssistantError):
    """The assistant cannot cope with this turn."""


class AssistantReply(msgspec.Struct, frozen=True):
    text: str
    quick_replies: tuple[QuickReply, ...] = ()


class Conversation(msgspec.Struct, frozen=True):
    """What a turn made of a conversation. It is stored with the turn's replies, for ``seconds``, and only over the
    version ``after`` ("" where nothing is stored). ``events`` are appended to what is stored if the conversation
    ``continues``, and replace it if not."""

    after: str
    version: str
    events: str
    continues: bool
    seconds: int


class Answer(msgspec.Struct, frozen=True):
    """``replies`` in the order to be sent. ``language`` of the conversation (ISO 639-1), None while it is not known.
    ``silent`` when the customer asked not to be written to: that there are no replies is then right. ``conversation``
    is to be stored; None when it is, with this very turn in it."""

    replies: tuple[AssistantReply, ...] = msgspec.field(name="messages", default=())
    language: str | None = None
    silent: bool = False
    conversation: Conversation | None = None


class _Problem(msgspec.Struct):
    error: str = "unknown"


_answer_decoder: Final = msgspec.json.Decoder(Answer)


class AssistantClient:
    """Keeps connections open; close it when done. Safe for many turns at once, in one event loop."""

    def __init__(self, address: str, timeout_seconds: float = 30.0, token: str = "") -> None:
        """``address`` of the Rasa process, e.g. ``http://127.0.0.1:5005``. ``token`` is shared with it, if any."""
        self._timeout_seconds = timeout_seconds
        authorization = {"Authorization": f"Bearer {token}"} if token else {}
        self._connections = Connections(address, {"Content-Type": "application/json", **authorization})

    async def ask(self, turn: Turn) -> Answer:
        """The turn counts once its conversation is stored; the same ``message_id`` then gets the same answer again.
        Raises ``AssistantAway`` or ``TurnFailed``."""
        request = {
            "sender": turn.conversation_id,
            "message": turn.message,
            "message_id": turn.message_id,
            "input_channel": turn.channel,
            "metadata": turn.metadata,
            "version": turn.version,
        }
        body = msgspec.json.encode(request)
        try:
            async with asyncio.timeout(self._timeout_seconds):
                status, answer = await self._connections.request("POST", _WEBHOOK, body)
        except TimeoutError as error:
            raise AssistantAway("timeout") from error
        except OSError as error:
            raise AssistantAway("unreachable") from error
        return _read(status, answer)

    async def ready(self) -> bool:
        """Whether a model is loaded and turns are taken."""
        try:
            async with asyncio.timeout(_SECONDS_FOR_HEALTH):
                status, _ = await self._connections.request("GET", _HEALTH)
        except OSError:
            return False
        return status == HTTPStatus.OK

    async def close(self) -> None:
        self._connections.close()


def _read(status: int, body: bytes) -> Answer:
    if status == HTTPStatus.OK:
        try:
            return _answer_decoder.decode(body)
        except msgspec.DecodeError as error:
            raise TurnFailed("unreadable") from error
    reason = _reason(status, body)
    # An answer that is neither ours nor the turn's fault (401, 404, a proxy's 502) is an operator's to mend.
    raise TurnFailed(reason) if status in _FAULTS_OF_THE_TURN else AssistantAway(reason)


def _reason(status: int, body: bytes) -> str:
    try:
        return msgspec.json.decode(body, type=_Problem).error
    except msgspec.DecodeError:
        return f"http-{status}"
