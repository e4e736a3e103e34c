"""action-bump-env: set the tag of a service in an env file of the checkout."""

from __future__ import annotations

from dataclasses import dataclass

from actions.infra import change, change_report
from actions.infra.change import Request, plan_changes, require_digests
from actions.infra.checkout import Checkout
from actions.runner.environment import workspace_root
from actions.runner.inputs import Inputs
from actions.runner.outcome import Outcome, run

UNSET = {"changed": False, "changes": [], "previous-tag": "", "tag": ""}
Reason = change.Reason


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """The inputs of the action."""

    request: Request
    envs_dir: str

    @classmethod
    def read(cls, inputs: Inputs) -> Settings:
        """Read the inputs; raise InputError if one cannot be used."""
        return cls(request=Request.read(inputs), envs_dir=inputs.required("envs-dir"))


def main() -> int:
    """Run the action and return its exit code."""
    return run(_act, unset=UNSET)


def _act() -> Outcome:
    settings = Settings.read(Inputs())
    checkout = Checkout(workspace_root())
    request = settings.request
    config = checkout.config()
    layout = config.layout(settings.envs_dir)
    target = checkout.environment(request.env, layout)
    source = checkout.environment(request.from_env, layout) if request.from_env else None
    config.require_named([snapshot.env for snapshot in (target, source) if snapshot])
    wanted = request.wanted(target, source)
    require_digests(target, wanted, drop=config.drop_digests)
    planned = plan_changes(target, wanted)
    left_alone = request.left_alone(target, source)
    for old, new in zip(target.files, planned.after.files, strict=True):
        if old.text != new.text:
            checkout.write(new.path, new.text)
    return Outcome(
        outputs=change.outputs(planned.changes, wanted),
        notice=change_report.summary_line(request.env, planned.changes),
        summary=change_report.changes_table(request.env, planned.changes, left_alone=left_alone),
    )
