"""Private, contentious and human matters, the moment they come up."""

from rasa_sdk.executor import CollectingDispatcher
from rasa_sdk.interfaces import Action, Tracker
from rasa_sdk.types import DomainDict

from actions.intake import Events, Intake
from actions.turn import Turn, Voice


class Escalate(Action):
    def __init__(self, intake: Intake) -> None:
        self._intake = intake

    def name(self) -> str:
        return "action_escalate"

    async def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: DomainDict) -> Events:
        turn = Turn.of(tracker)
        return await self._intake.take(turn, tracker, Voice(dispatcher), turn.intent)
