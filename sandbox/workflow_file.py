"""A workflow as act is given it: what GitHub does with jobs and act does not know is written into their steps.

Environments (their secrets, the refs that they admit, those who must approve), the permissions of each job's
GITHUB_TOKEN, and keys that act 0.2.89 refuses (`concurrency`).
"""

from __future__ import annotations

import json
import re
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import yaml

from sandbox.runner_limits import limit_of, machine_of, runnable, saying, skipped_job, without_containers

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sandbox.environments import Environment
    from sandbox.state import Repo

# Said by a step that waits, and heard by whoever runs the workflow.
WAITS = "sandbox: waits for an approval of "
APPROVAL_ID = "sandbox-approval"
WAIT = 43_200  # minutes: thirty days, as on GitHub ("Reviewing deployments")
TOKEN = re.compile(r"\b(github\.token|secrets\.GITHUB_TOKEN)\b")
EXPRESSION = re.compile(r"\$\{\{\s*(.*?)\s*\}\}\s*")
APPROVAL = f"""{sys.executable} - <<'END'
import json, os, sys, time, urllib.request
env, address = os.environ["ENVIRONMENT"], os.environ["ADDRESS"]
while env in json.loads(os.environ["WAITED_FOR"]):
    request = urllib.request.Request(address, headers={{"Authorization": "Bearer " + os.environ["TOKEN"]}})
    print("{WAITS}" + env, flush=True)
    for review in json.load(urllib.request.urlopen(request)):
        if env in [each["name"] for each in review["environments"]]:
            sys.exit(review["state"] != "approved")
    time.sleep(0.2)
END
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Prepared:
    """The text for act, the *secrets* that it names, and what GitHub says of jobs that it *refused*, by their ids."""

    text: str
    secrets: dict[str, str] = field(repr=False)
    refused: dict[str, str]


@dataclass(frozen=True, kw_only=True, slots=True)
class Preparation:
    """One run of a workflow of *repo* for *ref*; *token* makes a token with permissions.

    *defaults* are the inputs of our own actions that are the job's token if they are not given, by what `uses:` says;
    *there* tells which actions there are.
    """

    repo: Repo
    ref: str
    approvals: str
    token: Callable[[dict[str, str] | None], str]
    defaults: Callable[[str], list[str]]
    there: Callable[[str], bool]

    def prepare(self, content: bytes, *, called: bool = False) -> Prepared:
        """Return what act is given for the workflow *content*.

        One that is *called* has the token of the run, for it gets no secrets but those of its caller.
        """
        workflow = yaml.safe_load(content)
        if True in workflow:  # YAML 1.1 takes the key `on` for a boolean
            workflow["on"] = workflow.pop(True)
        workflow.pop("concurrency", None)
        secrets, refused = dict(self.repo.secrets), self._refused(workflow["jobs"])
        for name, job in workflow["jobs"].items():
            secrets |= self._prepare_job("" if called else name, job, workflow)
            for step in job.get("steps", ()):
                step["timeout-minutes"] = WAIT if step.get("id") == APPROVAL_ID else limit_of(step, job)
        return Prepared(text=yaml.safe_dump(workflow, sort_keys=False, width=1000), secrets=secrets, refused=refused)

    def prepare_action(self, content: bytes) -> str | None:
        """Return what act is given for an action of the repository itself, None if it is to be as it is."""
        action = yaml.safe_load(content)
        if not isinstance(action, dict) or (action.get("runs") or {}).get("using") != "composite":
            return None
        steps = action["runs"].get("steps") or []
        action["runs"]["steps"] = [runnable(step, self.there) for step in steps]
        return None if action["runs"]["steps"] == steps else yaml.safe_dump(action, sort_keys=False, width=1000)

    def _refused(self, jobs: Mapping[str, Any]) -> dict[str, str]:
        """Return what is said of the jobs whose environment, named as such, does not admit the ref."""
        found = {}
        for name, job in jobs.items():
            declared = job.get("environment")
            wanted = str(declared.get("name", "") if isinstance(declared, dict) else declared or "")
            known = self.repo.environments.get(wanted.casefold())
            if known and not known.admits(self.ref):
                found[name] = known.refusal(self.ref)
        return found

    def _prepare_job(self, name: str, job: dict[str, Any], workflow: Mapping[str, Any]) -> dict[str, str]:
        job.pop("concurrency", None)
        declared = job.pop("environment", None)
        wanted = str(declared.get("name", "") if isinstance(declared, dict) else declared or "")
        if "steps" not in job and not str(job.get("uses", "./")).startswith("./"):
            skipped = skipped_job(job)
            job.clear()
            job |= skipped
        if "steps" not in job:
            return {}
        job["runs-on"] = machine_of(job)
        said = without_containers(job)
        job["steps"] = [
            *([{"name": "Set up job", **saying(said)}] if said else []),
            *(runnable(step, self.there) for step in job["steps"]),
        ]
        own, secrets = "GITHUB_TOKEN", {}
        if name:
            own = f"TOKEN_OF_{re.sub(r'[^A-Za-z0-9]', '_', name).upper()}"
            secrets = {own: self.token(_permissions(job.get("permissions", workflow.get("permissions"))))}
        for step in job["steps"]:
            for given in self.defaults(step.get("uses", "")):
                step.setdefault("with", {}).setdefault(given, "${{ github.token }}")
        expression = EXPRESSION.fullmatch(wanted)
        environments = list(self.repo.environments.values())
        named = [known for known in environments if expression or known.name.casefold() == wanted.casefold()]
        asked = expression[1] if expression else f"'{named[0].name if named else wanted}'"
        secrets |= _environment_secrets(named)
        job["steps"] = self._guarded(job["steps"], asked, named, own)
        # Not the steps alone: an environment's secrets are in `env` of its job too.
        changed = _replaced(job, lambda text: _with_secrets(TOKEN.sub(f"secrets.{own}", text), asked, named))
        job.clear()
        job |= changed
        return secrets

    def _guarded(self, steps: list[Any], asked: str, environments: list[Environment], token: str) -> list[Any]:
        """Return *steps* behind what the environment asks for: none of them runs if the ref is not admitted."""
        refused = [known for known in environments if not known.admits(self.ref)]
        waited_for = [known.name for known in environments if known.reviewers and known not in refused]
        before = []
        for known in refused:
            said = f"::error::{known.refusal(self.ref)}"
            condition = f"{asked} == '{known.name}'"
            before.append({"name": "Set up job", "if": f"${{{{ {condition} }}}}", **saying(said), "run": REFUSE})
        if waited_for:
            environment = {
                "ENVIRONMENT": f"${{{{ {asked} }}}}",
                "WAITED_FOR": json.dumps(waited_for),
                "ADDRESS": self.approvals,
                "TOKEN": f"${{{{ secrets.{token} }}}}",
            }
            before.append({"id": APPROVAL_ID, "name": "Set up job", **saying(""), "env": environment, "run": APPROVAL})
        if not before:
            return steps
        open_ = [f"{asked} != '{known.name}'" for known in refused]
        open_ += [f"steps.{APPROVAL_ID}.outcome != 'failure'"] if waited_for else []
        return [*before, *({**step, "if": _both(open_, step.get("if"))} for step in steps)]


REFUSE = 'echo "$SAID"; exit 1'


def _both(open_: list[str], condition: object) -> str:
    text = str(condition if condition is not None else "success()")
    match = EXPRESSION.fullmatch(text.strip())
    inner = match[1] if match else text
    if not re.search(r"\b(success|failure|always|cancelled)\(\)", inner):
        inner = f"success() && ({inner})"
    return f"${{{{ {' && '.join(open_)} && ({inner}) }}}}"


def _permissions(declared: object) -> dict[str, str] | None:
    """Return the permissions of a job's token: those declared, read to metadata beside them; None if nothing is."""
    if declared is None:
        return None
    if isinstance(declared, str):
        return None if declared == "write-all" else dict.fromkeys(READABLE, "read")
    assert isinstance(declared, dict)
    return {str(name).replace("-", "_"): str(level) for name, level in declared.items()}


READABLE = ("actions", "checks", "contents", "deployments", "issues", "pull_requests", "statuses")


def _secret(environment: Environment, name: str) -> str:
    return f"ENVIRONMENT_{environment.id}__{name}"


def _environment_secrets(environments: list[Environment]) -> dict[str, str]:
    return {
        _secret(environment, name): value for environment in environments for name, value in environment.secrets.items()
    }


def _with_secrets(text: str, asked: str, environments: list[Environment]) -> str:
    """Return *text* with the secrets of the environment that is *asked* for, which win over the repository's."""
    for name in dict.fromkeys(name for known in environments for name in known.secrets):
        table = {known.name: _secret(known, name) for known in environments if name in known.secrets}
        parts = re.split(rf"\bsecrets\.{name}\b", text)
        text = f"secrets[fromJSON('{json.dumps(table)}')[{asked}]]".join(parts)
    return text


def _replaced(value: Any, change: Callable[[str], str]) -> Any:
    if isinstance(value, dict):
        return {key: _replaced(each, change) for key, each in value.items()}
    if isinstance(value, list):
        return [_replaced(each, change) for each in value]
    return change(value) if isinstance(value, str) else value
