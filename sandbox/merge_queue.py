"""The merge queue: a pull request is tested once more, on top of what its base is then, and merged as it was tested.

docs.github.com, "Managing a merge queue" and, of the event, "Events that trigger workflows". One at a time, as with
`max_entries_to_build: 1`. Where nobody runs workflows, nothing moves: a test says when a pull request leaves the queue.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.gitrepo import BRANCH
from sandbox.rules import GOOD, rules_for

if TYPE_CHECKING:
    from sandbox.behaviour import Behaviour
    from sandbox.state import Pull, Repo, Token

METHODS = {"MERGE": "merge", "SQUASH": "squash", "REBASE": "rebase"}


def advance(github: Behaviour, repo: Repo, token: Token | None) -> None:
    """Have the first pull request in the queue be tested, merged if it passed, or taken out if it did not.

    *token* is that of whoever put one in; without one, a check has ended.
    """
    waiting = [pull for pull in repo.pulls.values() if pull.queued and pull.state == "open"]
    pull = waiting[0] if waiting and github.state.listeners else None
    if not pull:
        return
    pull.queued_by = pull.queued_by or token
    if not pull.queued_by:
        return
    base = repo.git.head(pull.base) or ""
    if not pull.group or pull.group_base != base:
        _test(github, repo, pull, base)
        return
    newest = {run.name: run for run in repo.checks if run.sha == pull.group}
    required = _required(repo, pull)
    if any(name in newest and newest[name].conclusion not in (None, *GOOD) for name in required):
        _leave(repo, pull)
    elif all(name in newest and newest[name].conclusion in GOOD for name in required):
        merged, token = pull.group, pull.queued_by
        _leave(repo, pull)
        github.land(repo, token, pull, base, merged)
    else:
        return
    advance(github, repo, None)


def _test(github: Behaviour, repo: Repo, pull: Pull, base: str) -> None:
    token = pull.queued_by
    tree = repo.git.merge_tree(base, pull.head_sha)
    if not token or tree is None:
        _leave(repo, pull)
        return
    title = f"{pull.title} (#{pull.number})"
    pull.group_base = base
    pull.group = github.merged_commit(repo, token, pull, base, tree, _method(repo, pull), title)
    ref = f"{BRANCH}gh-readonly-queue/{pull.base}/pr-{pull.number}-{base}"
    repo.git.set_ref(ref, pull.group)
    payload: dict[str, object] = {
        "action": "checks_requested",
        "merge_group": {
            "head_sha": pull.group,
            "head_ref": ref,
            "base_sha": base,
            "base_ref": BRANCH + pull.base,
            "head_commit": github.payloads.git_commit(repo, pull.group),
        },
        "repository": github.payloads.repo(repo),
        "sender": github.payloads.user(token.user),
    }
    github.emit("merge_group", repo, token, payload, ref, pull.group)


def _leave(repo: Repo, pull: Pull) -> None:
    for ref in repo.git.refs(f"{BRANCH}gh-readonly-queue/{pull.base}/pr-{pull.number}-"):
        repo.git.delete_ref(ref)
    pull.queued, pull.group, pull.queued_by = False, "", None


def _required(repo: Repo, pull: Pull) -> list[str]:
    rules = [rule for _, rule in rules_for(repo, BRANCH + pull.base) if rule["type"] == "required_status_checks"]
    return [check["context"] for rule in rules for check in rule["parameters"]["required_status_checks"]]


def _method(repo: Repo, pull: Pull) -> str:
    rules = [rule for _, rule in rules_for(repo, BRANCH + pull.base) if rule["type"] == "merge_queue"]
    return METHODS[(rules[0].get("parameters") or {}).get("merge_method", "MERGE")]
