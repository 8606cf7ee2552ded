"""Why a turn stopped.

``TurnStopped``
├── ``TryLater``               what the turn needs is away; nothing was kept of it (HTTP 503)
│   ├── ``ActionServerAway``   no connection to the action server, or no answer in time
│   ├── ``ActionFailed``       something that the action needs is away
│   └── ``StorageAway``        Redis does not answer
└── ``TurnBroken``             the turn itself fails, and would fail again (HTTP 500)

They are no ``Exception``: Rasa catches every ``Exception`` of an action, logs that its events are lost and goes on
(``MessageProcessor._run_action``), and every one of a tracker store, to go on in memory (``FailSafeTrackerStore``).
A turn must rather stop, be forgotten and be run again.
"""

from __future__ import annotations


class TurnStopped(BaseException):
    """``reason`` is for the caller and the log; never a customer's words."""

    reason = "turn_stopped"

    def __init__(self, detail: str = "") -> None:
        super().__init__(detail or self.reason)
        self.detail = detail


class TryLater(TurnStopped):
    """The turn left no trace and can be run again."""


class ActionServerAway(TryLater):
    """The action server cannot be reached or does not answer in time."""

    reason = "action_server_away"


class ActionFailed(TryLater):
    """An action says that what it needs (the desk's database) is away; its events would be lost."""

    reason = "action_failed"


class StorageAway(TryLater):
    """The conversation cannot be read."""

    reason = "storage_away"


class TurnBroken(TurnStopped):
    """The turn fails by itself: a defect in the model, a response or an action's answer."""

    reason = "turn_broken"
