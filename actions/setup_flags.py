"""action-setup-flags: say what may this run do."""

from __future__ import annotations

import os
from dataclasses import dataclass

from actions import flags
from actions.errors import InputError
from actions.event import Event
from actions.runtime import Inputs, Outcome, event_payload, markdown, run

UNSET = {"publish": False, "open-infra-pr": False, "deploy": False, "hotfix": False, "tag": ""}
FAILURES = (InputError,)
Reason = flags.Reason


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """The inputs of the action."""

    main_branch: str
    hotfix_prefix: str

    @classmethod
    def read(cls, inputs: Inputs) -> Settings:
        """Read the inputs; raise InputError if one cannot be used."""
        return cls(main_branch=inputs.branch("main-branch"), hotfix_prefix=inputs.required("hotfix-prefix"))


def main() -> int:
    """Run the action and return its exit code."""
    return run(_act, unset=UNSET)


def _act() -> Outcome:
    settings = Settings.read(Inputs())
    event = Event.read(os.environ, event_payload())
    main_branch = settings.main_branch or event.default_branch
    if not main_branch:
        raise InputError(f"the {event.name or 'missing'} event names no default branch; set input main-branch")
    return _outcome(flags.decide(event, main_branch=main_branch, hotfix_prefix=settings.hotfix_prefix), event)


def _outcome(decided: flags.Flags, event: Event) -> Outcome:
    may = {
        "publish": decided.publish,
        "open-infra-pr": decided.open_infra_pr,
        "deploy": decided.deploy,
    }
    allowed = ", ".join(name for name, value in may.items() if value) or "test only"
    cells = " | ".join("✅" if value else "–" for value in (*may.values(), decided.hotfix))
    return Outcome(
        outputs={**may, "hotfix": decided.hotfix, "tag": decided.tag, "reason": decided.reason},
        notice=f"{decided.reason}: {allowed}",
        summary=(
            f"### Flags: {decided.reason}\n\n"
            "| publish | open-infra-pr | deploy | hotfix | tag |\n|:-:|:-:|:-:|:-:|---|\n"
            f"| {cells} | `{decided.tag or '–'}` |\n\n<sub>{markdown(event.name)} on {markdown(event.ref)}</sub>\n"
        ),
    )
