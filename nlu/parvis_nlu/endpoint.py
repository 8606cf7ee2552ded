"""How the Rasa process calls the action server: Rasa's endpoint, with connections kept and failures told apart."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
from jsonschema.validators import Draft202012Validator
from rasa.core.actions.action import RemoteAction
from rasa.utils.endpoints import ClientResponseError, EndpointConfig

from parvis_nlu.errors import ActionFailed, ActionServerAway, TurnBroken

# Shorter than the time a caller of a turn waits, so that a hung action is an answer (503) and no riddle.
_SECONDS_FOR_AN_ACTION = 20.0
_CANNOT_RUN = 400  # rasa-sdk's word for ActionExecutionRejection, which is part of the dialogue
_AWAY = frozenset({502, 503, 504})  # what the action needs is away; a 500 is a defect of its own

_ANSWER = Draft202012Validator(RemoteAction.action_response_format_spec())


def read_answers_quickly() -> None:
    """Let Rasa validate what actions answer without validating, each time, the schema that it validates them with.

    That takes 15 ms of every action and finds the same constant schema right. It is the one place where a method of
    Rasa is replaced; forms call it on a class of Rasa's own choice, so nothing can be passed in instead.
    """

    def validate(_: RemoteAction, answer: Any) -> bool:
        _ANSWER.validate(answer)
        return True

    RemoteAction._validate_action_result = validate


class WatchedEndpoint(EndpointConfig):
    """Raises ``TurnStopped`` where Rasa would lose the action's events and go on."""

    def __init__(self, endpoint: EndpointConfig) -> None:
        vars(self).update(vars(endpoint))
        self._timeout = aiohttp.ClientTimeout(
            total=float(endpoint.kwargs.get("timeout_seconds", _SECONDS_FOR_AN_ACTION))
        )
        self._session: aiohttp.ClientSession | None = None

    async def request(
        self,
        method: str = "post",
        subpath: str | None = None,
        content_type: str | None = "application/json",
        compress: bool = False,
        **kwargs: Any,
    ) -> Any:
        kwargs["timeout"] = self._timeout
        # With `enable_selective_domain` Rasa leaves the key out, and rasa-sdk 3.21 answers 449 until it is there.
        kwargs["json"].setdefault("domain", {})
        try:
            return await self._send(method, kwargs)
        except ClientResponseError as error:
            if error.status == _CANNOT_RUN:
                raise
            if error.status in _AWAY:
                raise ActionFailed(str(error.status)) from error
            raise TurnBroken(f"action server: {error.status}") from error
        except (aiohttp.ClientConnectionError, aiohttp.ClientPayloadError, asyncio.TimeoutError) as error:
            raise ActionServerAway(type(error).__name__) from error

    async def _send(self, method: str, kwargs: dict[str, Any]) -> Any:
        parameters = self.combine_parameters(kwargs)
        try:
            return await self._send_once(method, parameters, kwargs)
        except aiohttp.ServerDisconnectedError:
            # A kept connection that the action server closed meanwhile. Actions are idempotent by message.
            return await self._send_once(method, parameters, kwargs)

    async def _send_once(self, method: str, parameters: dict[str, Any], kwargs: dict[str, Any]) -> Any:
        async with self._kept_session().request(method, self.url, params=parameters, **kwargs) as response:
            if response.status >= 400:
                raise ClientResponseError(response.status, response.reason or "", await response.text())
            return await response.json()

    def _kept_session(self) -> aiohttp.ClientSession:
        """Rasa opens a connection for every action; keeping it saves about a millisecond a call."""
        if self._session is None or self._session.closed:
            self._session = self.session()
        return self._session

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
