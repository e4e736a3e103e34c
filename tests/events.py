"""The events that start a workflow, by the words of the README of action-setup-flags."""

from __future__ import annotations

from typing import Any

from tests.support import Runner

SHA, HEAD, BEFORE, ZEROS = "a" * 40, "b" * 40, "c" * 40, "0" * 40
MAIN, HOTFIX, OTHER = "refs/heads/main", "refs/heads/hotfixes/fix", "refs/heads/feature"


def push(ref: str, *, new: bool = True, **changed: Any) -> tuple[str, str, dict[str, Any]]:
    payload = {"before": BEFORE, "after": SHA, "created": False, "deleted": False, "forced": False}
    return "push", ref, payload | {"commits": [{"id": SHA, "distinct": new}]} | changed


def created(ref: str, *, new: bool) -> tuple[str, str, dict[str, Any]]:
    return push(ref, new=new, created=True, before=ZEROS)


def pull(action: str, base: str = "main", *, merged: bool = False) -> tuple[str, str, dict[str, Any]]:
    pull_request = {"merged": merged, "head": {"sha": HEAD}, "base": {"ref": base}}
    ref = f"refs/heads/{base}" if merged else "refs/pull/7/merge"
    return "pull_request", ref, {"action": action, "pull_request": pull_request}


EVENTS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "push to main": push(MAIN),
    "forced push to main": push(MAIN, forced=True),
    "push to main, run again": push(MAIN),
    "push to a hotfix branch": push(HOTFIX),
    "push to a nested hotfix branch (`hotfixes/a/b`)": push("refs/heads/hotfixes/a/b"),
    "push to another branch": push(OTHER),
    "push of a tag": push("refs/tags/v1.0.0", created=True, before=ZEROS),
    "main created with new commits": created(MAIN, new=True),
    "main created at a commit that is there already": created(MAIN, new=False),
    "hotfix branch created at a released commit": created(HOTFIX, new=False),
    "hotfix branch created with new commits": created(HOTFIX, new=True),
    "other branch created": created(OTHER, new=False),
    "hotfix branch deleted": push(HOTFIX, deleted=True, after=ZEROS, commits=[]),
    "pull request to main opened": pull("opened"),
    "pull request to main, new commits": pull("synchronize"),
    "pull request to a hotfix branch opened": pull("opened", "hotfixes/fix"),
    "pull request to main closed, not merged": pull("closed"),
    "pull request to main closed and merged": pull("closed", merged=True),
    "merge group for main": (
        "merge_group",
        "refs/heads/gh-readonly-queue/main/pr-7-aaa",
        {"action": "checks_requested", "merge_group": {"head_sha": SHA, "base_ref": MAIN}},
    ),
    "started by hand on main": ("workflow_dispatch", MAIN, {"inputs": None}),
    "started by hand on another branch": ("workflow_dispatch", OTHER, {"inputs": {}}),
    "schedule": ("schedule", MAIN, {"schedule": "0 6 * * *"}),
    "release, or any other event": ("release", "refs/tags/v1", {"action": "published"}),
}


def start(runner: Runner, event: str) -> None:
    name, ref, payload = EVENTS[event]
    attempt = "2" if "run again" in event else "1"
    repository = {"repository": {"default_branch": "main"}}
    runner.event(name, payload | repository, GITHUB_REF=ref, GITHUB_SHA=SHA, GITHUB_RUN_ATTEMPT=attempt)
