"""The errors of gates that `gitops.yml` asks for."""

from __future__ import annotations

from actions.errors import RefusedError


class HeldError(RefusedError):
    """An open issue holds the environment or the service."""

    reason = "held"


class NoTicketError(RefusedError):
    """Neither the change nor all that it brings names a ticket."""

    reason = "no-ticket"


class ReviewOverdueError(RefusedError):
    """The review that an emergency owes is overdue."""

    reason = "review-overdue"


class RolledBackError(RefusedError):
    """The tag was rolled back in the environment, and the change does not name it."""

    reason = "rolled-back"
