"""How a response is said: sober to a customer who is upset, and not at all to one who asked for silence.

Named in ``endpoints.yml`` as Rasa's generator of responses, so that it holds for every response, whoever says it: a
rule, an action or the turn itself.
"""

from __future__ import annotations

from typing import Any

import regex
from rasa.core.nlg.response import TemplatedNaturalLanguageGenerator
from rasa.shared.core.domain import Domain
from rasa.shared.core.trackers import DialogueStateTracker
from rasa.utils.endpoints import EndpointConfig

MOOD_SLOT = "mood"
"""What upset the customer, or ``calm``, or empty; see ``domain.yml``."""

_CALM = "calm"

COMPLAINT_SLOT = "complaint"
"""The reference of an open complaint."""

SILENCE_SLOT = "opted_out"
"""Set between a customer's "stop" and "resume"."""

RESUME_INTENT = "chitchat_resume"
SOBER_SUFFIX = "_sober"

# A pictograph with all that may belong to it (skin tone, joined pictographs) and the space before it. Digits and the
# like are pictographs only by the mark that follows them, so that prices stay.
_EMOJI = regex.compile(
    r"[ \u00a0\u202f]*(?:[\p{Extended_Pictographic}--[©®™]][\ufe0f\u200d\p{Emoji_Modifier}]*)+", regex.V1
)


class Manner(TemplatedNaturalLanguageGenerator):
    """Rasa's own generator, with manners.

    While the customer is upset or has an open complaint, a response ``utter_x`` is said as ``utter_x_sober`` where the
    domain has one; otherwise without emoji (upset) and without the quick replies that push something.
    """

    def __init__(self, endpoint_config: EndpointConfig, domain: Domain) -> None:
        """``promotional_intents`` of the endpoint: what is not offered while a complaint is open."""
        super().__init__(domain.responses)
        self._pushes = tuple(f"/{intent}" for intent in endpoint_config.kwargs.get("promotional_intents") or ())

    async def generate(
        self, utter_action: str, tracker: DialogueStateTracker, output_channel: str, **kwargs: Any
    ) -> dict[str, Any] | None:
        """None, which Rasa takes for nothing to be said, to a customer who asked for silence."""
        if is_silent(tracker):
            return None
        upset = _slot(tracker, MOOD_SLOT) not in (None, _CALM)
        complaining = bool(_slot(tracker, COMPLAINT_SLOT))
        sober = utter_action + SOBER_SUFFIX
        name = sober if (upset or complaining) and sober in self.responses else utter_action
        response = await super().generate(name, tracker, output_channel, **kwargs)
        if response is None:
            return None
        if upset and response.get("text"):
            response["text"] = without_emoji(response["text"])
        if (upset or complaining) and response.get("buttons"):
            response["buttons"] = [button for button in response["buttons"] if not self._is_push(button)]
        return response

    def _is_push(self, button: dict[str, Any]) -> bool:
        return str(button.get("payload", "")).partition("{")[0] in self._pushes


def is_silent(tracker: DialogueStateTracker) -> bool:
    """Whether the customer said "stop", and this message is not the one that ends it."""
    message = tracker.latest_message
    resumes = message is not None and message.intent.get("name") == RESUME_INTENT
    return bool(_slot(tracker, SILENCE_SLOT)) and not resumes


def without_emoji(text: str) -> str:
    """The text without pictographs, or as it is when there is nothing else in it."""
    return _EMOJI.sub("", text).strip() or text


def _slot(tracker: DialogueStateTracker, name: str) -> Any:
    slot = tracker.slots.get(name)
    return slot.value if slot else None
