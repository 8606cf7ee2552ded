"""What happens to a ticket, what is promised on it, and how far an e-mail or a message has come."""

from enum import StrEnum


class EventKind(StrEnum):
    """What happened to a ticket."""

    OPENED = "opened"
    NOTED = "noted"
    """The customer wrote again about it."""
    RAISED = "raised"
    """The customer wrote again, and it is graver than it was."""
    CONTACT_GIVEN = "contact_given"
    CONTACT_CORRECTED = "contact_corrected"
    CONTACT_REFUSED = "contact_refused"
    CANCELLED = "cancelled"
    STATUS = "status"
    REOPENED = "reopened"
    """The customer wrote again after the team had answered or asked."""
    ASSIGNED = "assigned"
    MOVED = "moved"
    PRIORITISED = "prioritised"
    CATEGORISED = "categorised"
    LANGUAGE_SET = "language_set"
    NOTE = "note"
    TAGGED = "tagged"
    UNTAGGED = "untagged"
    WATCHED = "watched"
    UNWATCHED = "unwatched"
    CONTACTED = "contacted"
    """An agent called or e-mailed the customer."""
    REPLIED = "replied"
    """An agent wrote to the customer in the conversation."""
    MERGED = "merged"
    """This ticket goes on in another."""
    ABSORBED = "absorbed"
    """Another ticket goes on in this one."""
    SPLIT_OFF = "split_off"
    """A part of this ticket goes on in another."""
    LINKED = "linked"
    """What the customer writes in another conversation is noted here too."""
    UNLINKED = "unlinked"
    ESCALATED = "escalated"
    """A promise is about to be missed: the team above is told."""
    DELAY_TOLD = "delay_told"
    """The customer was told that it takes longer than promised, before the promise was broken."""


class PromiseKind(StrEnum):
    FIRST_RESPONSE = "first_response"
    RESOLUTION = "resolution"


class PromiseOutcome(StrEnum):
    PENDING = "pending"
    KEPT = "kept"
    MISSED = "missed"
    WITHDRAWN = "withdrawn"
    """Nobody waits for it any more: cancelled, merged, dismissed or forgotten before it fell due."""


class NotificationStatus(StrEnum):
    PENDING = "pending"
    SENT = "sent"
    FAILED = "failed"
    """Given up; the reason is kept. An operator may put it back."""


class Direction(StrEnum):
    IN = "in"
    """The customer wrote."""
    OUT = "out"
    """The assistant wrote."""
    HUMAN = "human"
    """A person of the brand wrote."""
