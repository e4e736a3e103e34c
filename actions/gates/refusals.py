"""The errors of gates that `gitops.yml` asks for."""

from __future__ import annotations

from actions.errors import RefusedError


class HeldError(RefusedError):
    """An open issue holds the environment or the service."""

    reason = "held"


class NoTicketError(RefusedError):
    """Neither the change nor all that it brings names a ticket."""

    reason = "no-ticket"


class ArtifactMissingError(RefusedError):
    """The registry has no such tag of the image."""

    reason = "artifact-missing"


class ArtifactMovedError(RefusedError):
    """The tag names another digest in the registry than in the change."""

    reason = "artifact-moved"


class NotAttestedError(RefusedError):
    """Nothing proves that the image was built from its commit, by the workflow that may."""

    reason = "not-attested"


class ReviewOverdueError(RefusedError):
    """The review that an emergency owes is overdue."""

    reason = "review-overdue"


class RolledBackError(RefusedError):
    """The tag was rolled back in the environment, and the change does not name it."""

    reason = "rolled-back"
