"""What `make sandbox` prints: where everything is, and a line to copy for each thing that a person does."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sandbox.triggers import never_fired, triggers_of, workflows_at
from sandbox.world import head_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sandbox.server import Sandbox
    from sandbox.state import Repo
    from sandbox.world import World
    from sandbox.worlds.description import Description, RepositoryDescription

HEAD = """\
A GitHub of your own is running at {url}

{repositories}

{people}
{notes}
Each line below can be copied as it stands. A pull request, a run or a job has its number where {one} stands.

{lines}

Whatever is pushed, opened, reviewed, labelled, commented or merged runs its workflows. Their logs are in {logs}/ too.
Ctrl-C ends it and removes everything.
"""


@dataclass(frozen=True, slots=True)
class _Hand:
    """Writes the lines for one repository, in the name of somebody."""

    sandbox: Sandbox
    world: World
    repo: Repo

    def clone(self, login: str) -> str:
        token = self.world.tokens[login]
        return f"git clone {self.sandbox.url.replace('//', f'//{login}:{token}@')}/{self.repo.full_name}.git"

    def push(self, login: str) -> str:
        who = f"git -c user.name={login} -c user.email={login}@example.com"
        commit = f"{who} commit --allow-empty -m 'My change'"
        return f"(cd {self.repo.name} && git switch -c my-change && {commit} && git push origin my-change)"

    def call(self, login: str, path: str, body: object = None, *, how: str = "") -> str:
        given = "" if body is None else f" -d '{json.dumps(body).replace(chr(39), '')}'"
        address = f"{self.sandbox.url}/api/v3/repos/{self.repo.full_name}{path}"
        quoted = f"'{address}'" if "?" in address else address
        return f"curl -s{how} -H 'Authorization: Bearer {self.world.tokens[login]}' {quoted}{given}"

    def schedule(self, login: str, file: str) -> str:
        address = f"{self.sandbox.url}/sandbox/{self.repo.full_name}/schedule/{file}"
        return f"curl -s -X POST -H 'Authorization: Bearer {self.world.tokens[login]}' {address}"


def guide(sandbox: Sandbox, world: World, logs: Path) -> str:
    """Return what somebody who has just started *sandbox* needs to know."""
    described = world.description
    pairs = ((world.app, described.app), (world.infra, described.infra))
    notes = [f"  {note}" for note in _notes(described, [world.app, world.infra])]
    roles = {"admin": "administrator", "write": "developer"}
    lines = list(_lines(sandbox, world))
    width = max(len(what) for what, _ in lines)
    return HEAD.format(
        url=sandbox.url,
        one=1,
        logs=logs.name,
        repositories="\n".join(_repository(sandbox, repo, each) for repo, each in pairs),
        people="\n".join(
            f"  {login:<8} {roles[role]:<14} {world.tokens[login]}" for login, role in described.people.items()
        ),
        notes="\n".join(["", *notes, ""]) if notes else "",
        lines="\n".join(f"  {what:<{width}}  {line}" for what, line in lines),
    )


def _repository(sandbox: Sandbox, repo: Repo, described: RepositoryDescription) -> str:
    environments = ", ".join(each.name for each in repo.environments.values())
    what = f"default branch {repo.default_branch}; environments {environments}; {len(repo.rulesets)} rulesets"
    return f"  {sandbox.url}/{repo.full_name}.git\n    from {described.checkout.folder}; {what}"


def _notes(described: Description, repos: list[Repo]) -> Iterator[str]:
    for each in (described.app, described.infra):
        if each.checkout.uncommitted:
            yield f"{each.name}: {each.checkout.uncommitted} paths are not committed, and so not here"
    if described.absent:
        yield f"named, but not here: {', '.join(described.absent)}"
    if described.made_up:
        yield (
            f"made up, because nothing says what they are: {', '.join(described.made_up)}; for one of your own, set"
            f" SANDBOX_SECRET_{described.made_up[0]} or SANDBOX_VAR_{described.made_up[0]} before you start"
        )
    for repo in repos:
        for path, name in never_fired(repo, head_of(repo)):
            yield f"{repo.name}: {path}: the sandbox never starts a workflow by {name}"


def _lines(sandbox: Sandbox, world: World) -> Iterator[tuple[str, str]]:
    alice, bob = "alice", "bob"
    app, infra = _Hand(sandbox, world, world.app), _Hand(sandbox, world, world.infra)
    base = world.app.default_branch
    yield "clone", app.clone(alice)
    yield "clone", infra.clone(alice)
    yield "push", app.push(alice)
    yield "open", app.call(alice, "/pulls", {"title": "My change", "head": "my-change", "base": base})
    yield "approve", app.call(bob, "/pulls/1/reviews", {"event": "APPROVE"})
    yield "label", app.call(bob, "/issues/1/labels", {"labels": ["my-label"]})
    yield "comment", app.call(bob, "/issues/1/comments", {"body": "Looks right."})
    yield "merge", app.call(alice, "/pulls/1/merge", {"merge_method": _method(world.app)}, how=" -X PUT")
    yield "approve", infra.call(bob, "/pulls/1/reviews", {"event": "APPROVE"})
    yield "merge", infra.call(alice, "/pulls/1/merge", {"merge_method": _method(world.infra)}, how=" -X PUT")
    for hand in (app, infra):
        yield from _starts(hand, alice)
    for hand in (app, infra):
        yield "runs", hand.call(alice, "/actions/runs?per_page=10")
    yield "jobs", app.call(alice, "/actions/runs/1/jobs")
    yield "log", app.call(alice, "/actions/jobs/1/logs", how=" -L")
    yield "re-run", app.call(alice, "/actions/runs/1/rerun", how=" -X POST")
    yield "cancel", app.call(alice, "/actions/runs/1/cancel", how=" -X POST")
    for each in world.description.infra.environments:
        if each.reviewers:
            kind, name = each.reviewers[-1]
            number = world.infra.environments[each.name.casefold()].id
            body = {"environment_ids": [number], "state": "approved", "comment": "Go."}
            reviewer = name if kind == "User" else world.description.teams[name][-1]
            yield "deploy", infra.call(reviewer, "/actions/runs/1/pending_deployments", body)
    yield "comments", infra.call(bob, "/issues/1/comments")


def _starts(hand: _Hand, login: str) -> Iterator[tuple[str, str]]:
    """Yield a line for each workflow that is started by hand, and for each that waits for its time."""
    for path, workflow in workflows_at(hand.repo, head_of(hand.repo)):
        triggers, file = triggers_of(workflow) if workflow else {}, path.rpartition("/")[2]
        if "workflow_dispatch" in triggers:
            declared = (triggers["workflow_dispatch"] or {}).get("inputs") or {}
            inputs = {name: value for name, each in declared.items() if (value := _value(each or {}))}
            body = {"ref": hand.repo.default_branch, **({"inputs": inputs} if inputs else {})}
            yield "dispatch", hand.call(login, f"/actions/workflows/{file}/dispatches", body)
        if "schedule" in triggers:
            yield "schedule", hand.schedule(login, file)


def _value(declared: dict[str, Any]) -> str:
    """Return a value of an input: its default, the first of its options, else a word if it has to have one."""
    options = declared.get("options") or [""]
    return str(declared.get("default") or options[0] or ("TEXT" if declared.get("required") == "true" else ""))


def _method(repo: Repo) -> str:
    """Return a method of merging that the rules allow."""
    rules = [rule for ruleset in repo.rulesets for rule in ruleset["rules"] if rule["type"] == "pull_request"]
    allowed = [(rule.get("parameters") or {}).get("allowed_merge_methods") for rule in rules]
    return next((methods[0] for methods in allowed if methods), "squash")
