"""action-bump-env: set the tag of a service in an env file of the checkout."""

from __future__ import annotations

from dataclasses import dataclass

from actions import change, report
from actions.change import Request, plan
from actions.errors import EnvFileError, InputError
from actions.runtime import Inputs, Outcome, run, workspace_root
from actions.workspace import Workspace

UNSET = {"changed": False, "changes": [], "previous-tag": "", "tag": ""}
FAILURES = (InputError, EnvFileError)
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
    workspace = Workspace(workspace_root())
    request = settings.request
    layout = workspace.config().layout(settings.envs_dir)
    target = workspace.environment(request.env, layout)
    source = workspace.environment(request.from_env, layout) if request.from_env else None
    wanted = request.wanted(target, source)
    planned = plan(target, wanted)
    for old, new in zip(target.files, planned.after.files, strict=True):
        if old.text != new.text:
            workspace.write(new.path, new.text)
    return Outcome(
        outputs=change.outputs(planned.changes, wanted),
        notice=report.one_line(request.env, planned.changes),
        summary=report.changes_table(request.env, planned.changes, left_alone=request.left_alone(target, source)),
    )
