"""What is said to a message that is not understood, or that could mean two things. Never a guess."""

from typing import Final

from rasa_sdk.events import SlotSet
from rasa_sdk.executor import CollectingDispatcher
from rasa_sdk.interfaces import Action, Tracker
from rasa_sdk.types import DomainDict

from actions.intake import Events, Intake
from actions.policy import gravest, is_contentious, is_taken_inside
from actions.titles import title_of
from actions.turn import Turn, Voice, lost_before

# Who was not understood this often in a row is offered a person.
_TRIES: Final = 2
_SOMETHING_ELSE: Final = "off_topic_other"


class OffTopic(Action):
    """Says what the assistant can help with; the second time in a row, offers a person instead of insisting.

    To a customer who writes a language that is not served a person is offered at once.
    """

    def name(self) -> str:
        return "action_off_topic"

    async def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: DomainDict) -> Events:
        turn, voice = Turn.of(tracker), Voice(dispatcher)
        tries = lost_before(tracker)
        insisted = any(response.startswith("utter_off_topic") for said in tries for response in said)
        if insisted or len(tries) >= _TRIES or turn.written_in != turn.language:
            voice.say("utter_off_topic_again")
        elif turn.intent == "off_topic_attachment":
            voice.say("utter_off_topic_attachment")
        else:
            voice.say("utter_off_topic")
        return []


class AskWhich(Action):
    """Asks which of two things was meant; what may be a complaint is taken for one, and nobody is asked three times."""

    def __init__(self, intake: Intake) -> None:
        self._intake = intake

    def name(self) -> str:
        return "action_ask_which"

    async def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: DomainDict) -> Events:
        turn, voice = Turn.of(tracker), Voice(dispatcher)
        gravest_candidate = gravest(turn.candidates)
        exhausted = len(lost_before(tracker)) >= _TRIES
        if is_contentious(gravest_candidate) or (exhausted and is_taken_inside(gravest_candidate)):
            return await self._intake.take(turn, tracker, voice, gravest_candidate)
        if exhausted or not ask_which(voice, turn.candidates, turn.language):
            voice.say("utter_off_topic_again" if exhausted else "utter_off_topic")
        return [SlotSet("contact_needed", False)]


def ask_which(voice: Voice, candidates: tuple[str, ...], language: str) -> bool:
    """Whether there were two things to choose from."""
    titles = {intent: title for intent in candidates if (title := title_of(intent, language))}
    if len(titles) != 2:
        return False
    choices = titles | {_SOMETHING_ELSE: title_of(_SOMETHING_ELSE, language) or ""}
    first, second = titles.values()
    buttons = [{"title": title, "payload": f"/{intent}"} for intent, title in choices.items()]
    voice.say("utter_ask_which", {"first": first, "second": second}, buttons)
    return True
