"""The one way into the Rasa process: a turn over HTTP.

``POST /webhooks/parvis/webhook`` takes ``{"sender", "message", "message_id", "input_channel", "metadata", "version"}``
and answers

- 200 ``{"messages": [{"text", "quick_replies": [{"title", "payload"}]}], "language", "silent", "conversation"}``; the
  same messages again for a repeated ``message_id``; ``silent`` when the customer asked for silence, so that no message
  is right; ``conversation``, null or ``{"after", "version", "events", "continues", "seconds"}``, is for the caller to
  store (``parvis_nlu.tracker_store``), who names its ``version`` at the next turn ("" for one that is not stored);
- 503 ``{"error": reason}`` when something the turn needs is away; nothing was kept, ask again;
- 500 ``{"error": reason}`` when the turn itself fails;
- 400 for a request that cannot be read, 401 without the shared token where one is set.

``GET /webhooks/parvis/health`` is 200 once a model is loaded. Rasa's own HTTP API stays off: it can rewrite any
conversation and replace the model, and nothing here needs it.
"""

from __future__ import annotations

import hmac
import logging
import os
import traceback
from collections.abc import Awaitable, Callable
from typing import Any

from rasa.core.channels.channel import InputChannel, UserMessage
from sanic import Blueprint, Sanic, response
from sanic.request import Request
from sanic.response import HTTPResponse

from parvis_nlu.errors import TryLater, TurnStopped
from parvis_nlu.turn import Turn, TurnRunner

logger = logging.getLogger(__name__)

TOKEN_VARIABLE = "PARVIS_RASA_TOKEN"  # noqa: S105 - the variable's name


class TurnChannel(InputChannel):
    """Named in ``credentials.yml``. The shared token, if any, comes from ``PARVIS_RASA_TOKEN``."""

    def __init__(self, token: str | None = None) -> None:
        self._token = token
        self._runner: TurnRunner | None = None

    @classmethod
    def name(cls) -> str:
        return "parvis"

    @classmethod
    def from_credentials(cls, credentials: dict[str, Any] | None) -> TurnChannel:
        return cls(os.environ.get(TOKEN_VARIABLE))

    def blueprint(self, on_new_message: Callable[[UserMessage], Awaitable[Any]]) -> Blueprint:
        routes = Blueprint("parvis_turns")

        @routes.listener("after_server_start")
        async def prepare(app: Sanic, _: object) -> None:
            """So that the first customer does not wait for what every turn needs."""
            if self._is_ready(app):
                self._runner_of(app).prepare()

        @routes.get("/health")
        async def health(request: Request) -> HTTPResponse:
            ready = self._is_ready(request.app)
            return response.json({"status": "ready" if ready else "loading"}, status=200 if ready else 503)

        @routes.post("/webhook")
        async def take_turn(request: Request) -> HTTPResponse:
            if not self._is_allowed(request):
                return response.json({"error": "unauthorized"}, status=401)
            if not self._is_ready(request.app):
                return response.json({"error": "loading"}, status=503)
            turn = read_turn(request)
            if turn is None:
                return response.json({"error": "malformed"}, status=400)
            return await self._answer(request, turn)

        return routes

    async def _answer(self, request: Request, turn: Turn) -> HTTPResponse:
        try:
            answer = await self._runner_of(request.app).run(turn)
        except TurnStopped as stop:
            logger.warning("turn_stopped reason=%s detail=%s message_id=%s", stop.reason, stop.detail, turn.message_id)
            return response.json({"error": stop.reason}, status=503 if isinstance(stop, TryLater) else 500)
        except Exception as error:  # noqa: BLE001 - whatever it is, the caller decides how often to try
            # Not the error's own words: they may quote the customer's.
            where = traceback.extract_tb(error.__traceback__)[-1]
            logger.error(  # noqa: TRY400
                "turn_broken error=%s at=%s:%s message_id=%s",
                type(error).__name__,
                where.filename,
                where.lineno,
                turn.message_id,
            )
            return response.json({"error": "turn_broken"}, status=500)
        conversation = answer.conversation and vars(answer.conversation)
        return response.json({**vars(answer), "conversation": conversation})

    def _runner_of(self, app: Sanic) -> TurnRunner:
        if self._runner is None:
            self._runner = TurnRunner(app.ctx.agent)
        return self._runner

    @staticmethod
    def _is_ready(app: Sanic) -> bool:
        agent = getattr(app.ctx, "agent", None)
        return agent is not None and agent.is_ready()

    def _is_allowed(self, request: Request) -> bool:
        given = request.headers.get("authorization", "").removeprefix("Bearer ")
        return not self._token or hmac.compare_digest(given.encode(), self._token.encode())


def read_turn(request: Request) -> Turn | None:
    """None when the request does not say who wrote what."""
    body = request.json if request.body else None
    if not isinstance(body, dict):
        return None
    required = [body.get(name) for name in ("sender", "message", "message_id", "input_channel")]
    if not all(isinstance(value, str) and value for value in required):
        return None
    metadata, version = body.get("metadata"), body.get("version")
    return Turn(
        *required,
        metadata=metadata if isinstance(metadata, dict) else {},
        version=version if isinstance(version, str) else "",
    )
