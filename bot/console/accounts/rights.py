"""What a role may do."""

from collections.abc import Iterable
from enum import StrEnum
from typing import Final


class Role(StrEnum):
    AGENT = "agent"
    TRAINER = "trainer"
    LEAD = "lead"
    ADMIN = "admin"


class Right(StrEnum):
    WORK_TICKETS = "work_tickets"
    """Read tickets and conversations, take them over, write to customers."""
    TRAIN = "train"
    """Read masked messages, change what the assistant knows."""
    LEAD_TEAM = "lead_team"
    """See everybody's work, reassign it, replay dead letters, change canned replies."""
    MANAGE_USERS = "manage_users"
    """Invite people, give roles, read the audit log."""


_RIGHTS: Final[dict[Role, frozenset[Right]]] = {
    Role.AGENT: frozenset({Right.WORK_TICKETS}),
    Role.TRAINER: frozenset({Right.TRAIN}),
    Role.LEAD: frozenset({Right.WORK_TICKETS, Right.LEAD_TEAM}),
    Role.ADMIN: frozenset(Right),
}


def rights_of(roles: Iterable[Role]) -> frozenset[Right]:
    return frozenset().union(*(_RIGHTS[role] for role in roles))
