"""Side work: what a run does beside its main work, and what may fail without failing the run."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from actions.api.retry import retry
from actions.errors import ActionError

if TYPE_CHECKING:
    from collections.abc import Callable

    from actions.runner.clock import Clock

LONGEST_TRY = 60


@dataclass(frozen=True, slots=True)
class SideWork:
    """Do side work, again while GitHub fails; each failure that stays is a warning, said once."""

    clock: Clock
    warnings: list[str] = field(default_factory=list)

    def attempt(self, what: str, work: Callable[[], object]) -> bool:
        """Do *work*, called *what* in the warning; tell whether it succeeded."""
        try:
            retry(work, timeout=LONGEST_TRY, clock=self.clock)
        except ActionError as error:
            warning = f"{what}: {error}"
            if warning not in self.warnings:
                self.warnings.append(warning)
            return False
        return True
