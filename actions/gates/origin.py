"""What is known of where a change came from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from actions.app.facts import NotApplicable, Unknown
    from actions.gates.trailers import Trailers

FREEZE_LABEL = "freeze-override"


@dataclass(frozen=True, kw_only=True, slots=True)
class Origin:
    """What a change says of itself, and whether a human who did not contribute approved all of it.

    *freeze_label* means that one marked it as an exception from a freeze. *texts* are what each step says of
    itself, in which tickets are looked for. *emergency* means that whatever nobody approved, those asked for who may
    roll back in an emergency.
    """

    trailers: Trailers
    freeze_label: bool
    approved: bool | Unknown | NotApplicable
    texts: tuple[str, ...] | Unknown
    emergency: bool | Unknown = False
