"""The action server: rasa-sdk's application with our actions, on loopback, for the Rasa process only."""

import warnings
from collections.abc import Mapping
from typing import Any, Final

import structlog
from rasa_sdk.endpoint import create_app
from rasa_sdk.executor import ActionExecutor
from rasa_sdk.interfaces import Action, ActionExecutionRejection, ActionNotFoundException
from sanic import Request, Sanic
from sanic.response import HTTPResponse
from sanic.response import json as json_response

from actions.answers import ANSWERED_BY, Answers, DeliveryCountries, OpeningHours, StoreLocation
from actions.brand import Brand
from actions.contact_form import CompleteTicket, UpdateContact, ValidateContactForm
from actions.escalate import Escalate
from actions.intake import Intake
from actions.small_talk import Abuse, Greet, Resume, Stop
from actions.tickets import CancelTicket, TicketStatusAction
from actions.which import AskWhich, OffTopic
from actions.yes_no import Affirm, Deny
from bot.desk import Desk, DeskUnavailable

log = structlog.get_logger()

# rasa-sdk compares version numbers; Rasa 3.6 and this one speak the same protocol, as the tests of the assistant see.
warnings.filterwarnings("ignore", "Your versions of rasa and rasa_sdk might not be compatible")

_PART_OF_THE_DIALOGUE: Final = (ActionExecutionRejection, ActionNotFoundException)


class ActionFailed(Exception):
    """An action could not do its work; the turn fails and is tried again."""

    def __init__(self, action: str, cause: Exception) -> None:
        super().__init__(f"{action}: {type(cause).__name__}")
        self.action = action
        self.status = 503 if isinstance(cause, DeskUnavailable) else 500


class Executor(ActionExecutor):
    """Runs actions without the domain, and tells failures apart.

    rasa-sdk insists on the domain, which Rasa would send with every call (100 kB and more); no action of ours reads it.
    Its own answer to an exception is a 500 that repeats the whole conversation, which would end in Rasa's log.
    """

    def update_and_return_domain(self, payload: dict[str, Any], action_name: str) -> dict[str, Any]:
        return {}

    async def run(self, action_call: dict[str, Any], sink: Any = None, dispatcher: Any = None) -> Any:
        """Raises ``ActionFailed``."""
        try:
            return await super().run(action_call, sink, dispatcher)
        except _PART_OF_THE_DIALOGUE:
            raise
        except Exception as error:
            raise ActionFailed(str(action_call.get("next_action")), error) from error


def actions_of(desk: Desk, brand: Brand) -> list[Action]:
    """Every custom action of ``domain.yml``."""
    intake = Intake(desk, brand)
    answering: list[Action] = [OpeningHours(), StoreLocation(), DeliveryCountries()]
    answering += [Greet(intake), Abuse(), Stop(), Resume()]
    status = TicketStatusAction(intake)
    answers = Answers(_by_intent([*answering, status], ANSWERED_BY | {"human_ticket_status": status.name()}))
    return [
        *answering,
        status,
        OffTopic(),
        AskWhich(intake),
        Escalate(intake),
        ValidateContactForm(intake, answers),
        CompleteTicket(intake),
        UpdateContact(intake),
        CancelTicket(intake),
        Affirm(intake),
        Deny(),
    ]


def create_action_server(desk: Desk, brand: Brand) -> Sanic[Any, Any]:
    """``POST /webhook`` for Rasa, ``GET /health`` (live) and ``GET /ready`` (the desk's database answers)."""
    executor = Executor()
    for action in actions_of(desk, brand):
        executor.register_action(action)
    app: Sanic[Any, Any] = create_app(executor)

    @app.get("/ready")
    async def ready(_: Request) -> HTTPResponse:
        try:
            await desk.ping()
        except DeskUnavailable:
            return json_response({"status": "desk unavailable"}, status=503)
        return json_response({"status": "ready"})

    @app.exception(ActionFailed)
    async def say_what_failed(_: Request, error: ActionFailed) -> HTTPResponse:
        log.error("action_failed", action=error.action, exc_info=error.__cause__ if error.status == 500 else None)
        return json_response({"error": str(error), "action_name": error.action}, status=error.status)

    return app


def serve(desk: Desk, brand: Brand, port: int) -> None:
    """Serve on loopback until the process is told to stop (SIGINT, SIGTERM), then close the desk. Blocks."""
    app = create_action_server(desk, brand)

    @app.after_server_stop
    async def close_desk(_: Sanic[Any, Any]) -> None:
        await desk.close()

    app.run(host="127.0.0.1", port=port, single_process=True, access_log=False, motd=False)


def _by_intent(actions: list[Action], names: Mapping[str, str]) -> dict[str, Action]:
    by_name = {action.name(): action for action in actions}
    return {intent: by_name[name] for intent, name in names.items()}
