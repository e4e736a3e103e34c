"""Merging at once, merging later, and the merge queue."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from actions.api.pulls import AUTO_MERGE
from actions.errors import (
    AutoMergeOffError,
    BaseMovedError,
    ChecksPendingError,
    GitHubError,
    MergeMethodOffError,
    RuleNotMetError,
)
from tests.conformance.assumptions import NotTriedError, assumption, needs, require, require_refusal
from tests.conformance.ground import required_check, reviewed

if TYPE_CHECKING:
    from actions.api.pulls import Pull
    from tests.conformance.ground import Ground, Scratch

QUEUE = {
    "type": "merge_queue",
    "parameters": {
        "check_response_timeout_minutes": 60,
        "grouping_strategy": "ALLGREEN",
        "max_entries_to_build": 5,
        "max_entries_to_merge": 5,
        "merge_method": "SQUASH",
        "min_entries_to_merge": 1,
        "min_entries_to_merge_wait_minutes": 1,
    },
}
TRIAGEBOT = "triagebot merge.rs; cli/cli merge.go; rust-lang/triagebot#2449"


def merge_later(scratch: Scratch, pull: Pull) -> None:
    """Ask for auto-merge; the product's own method takes some refusals for 'merge now', and hides the words."""
    values = {"pullRequestId": pull.node_id, "mergeMethod": "SQUASH"}
    scratch.client.graphql(AUTO_MERGE, {"input": values}, permission="contents: write")


@assumption(
    "Auto-merge of a mergeable pull request: 'Pull request is in clean status'",
    source="enable-pull-request-automerge#343",
)
def _clean(ground: Ground) -> None:
    scratch = ground.shared
    pull = scratch.open(scratch.guarded(reviewed(0)))

    require_refusal(lambda: merge_later(scratch, pull), "pull request is in clean status")
    waits = scratch.pulls.enable_auto_merge(pull, method="squash", title="Change", message="")
    require(not waits, "the product waits for it")


@assumption(
    "Auto-merge with a failed optional check: 'Pull request is in unstable status'",
    source="rjmurillo/ai-agents#2439; Linuxfabrik/kickstart#48; enable-pull-request-automerge#355",
)
def _unstable(ground: Ground) -> None:
    scratch = ground.shared
    pull = scratch.open(scratch.guarded(reviewed(0)))
    scratch.status(pull.head_sha, "optional", "failure")
    scratch.progress(pull, lambda progress: len(progress.checks.shown) == 1, "the failed check")

    require_refusal(lambda: merge_later(scratch, pull), "pull request is in unstable status")


@assumption(
    "Auto-merge in a repository with default settings: 'Auto merge is not allowed for this repository'",
    source="AliceJump/ok-end-field#211",
)
def _off(ground: Ground) -> None:
    scratch = ground.make()
    pull = scratch.open(scratch.guarded(required_check("missing")))

    require_refusal(
        lambda: merge_later(scratch, pull), "auto merge is not allowed for this repository", AutoMergeOffError
    )


@assumption(
    "Auto-merge on a branch without rules: 'Protected branch rules not configured for this branch'",
    source="iterative/cml#955",
)
def _no_rules(ground: Ground) -> None:
    scratch = ground.shared
    pull = scratch.open(scratch.guarded())

    require_refusal(lambda: merge_later(scratch, pull), "protected branch rules not configured")


@assumption(
    "Auto-merge waits for a required check and merges when it succeeds",
    source='docs, "Automatically merging a pull request"',
)
def _later(ground: Ground) -> None:
    scratch = ground.shared
    pull = scratch.open(scratch.guarded(required_check("later")))
    waits = scratch.pulls.enable_auto_merge(pull, method="squash", title="Change", message="")
    require(waits, "GitHub did not wait")

    scratch.status(pull.head_sha, "later")

    scratch.progress(pull, lambda progress: progress.state == "MERGED", "the merge")


def queued(ground: Ground) -> tuple[Scratch, Pull]:
    """Return a pull request to a branch with a merge queue and a required check that nobody has reported."""
    scratch = ground.shared
    try:
        base = scratch.guarded(QUEUE, required_check("queued"))
    except GitHubError as error:
        raise NotTriedError(f"the server takes no ruleset with a merge queue here: {error.said}") from error
    return scratch, scratch.open(base)


@assumption("The merge queue refuses a pull request whose required check has not succeeded", source=TRIAGEBOT)
def _early(ground: Ground) -> None:
    scratch, pull = queued(ground)

    require_refusal(lambda: scratch.pulls.enqueue(pull), ".")


@assumption(
    "With auto-merge, GitHub adds a pull request to the merge queue when its required check succeeds",
    source=f"{TRIAGEBOT}; github/app#93",
)
def _enters(ground: Ground) -> None:
    scratch, pull = queued(ground)
    waits = scratch.pulls.enable_auto_merge(pull, method="squash", title="Change", message="")
    require(waits, "GitHub did not wait")

    scratch.status(pull.head_sha, "queued")

    scratch.progress(pull, lambda progress: progress.queued, "the entry in the queue")


@assumption(
    "Merging with an outdated head SHA: 'Head branch was modified. …'",
    source="StefanMaron/BusinessCentral.AL.Runner#3391",
)
def _other_head(ground: Ground) -> None:
    scratch = ground.shared
    pull = replace(scratch.open(scratch.guarded()), head_sha=scratch.start.head)

    require_refusal(lambda: scratch.merge(pull), "head branch was modified", BaseMovedError)


@assumption(
    "Merging before a required check was reported: 'Required status check \"x\" is expected.'",
    source="pascalgn/automerge-action#23",
)
def _expected(ground: Ground) -> None:
    scratch = ground.shared
    pull = scratch.open(scratch.guarded(required_check("expected")))

    require_refusal(lambda: scratch.merge(pull), 'required status check "expected" is expected', ChecksPendingError)


@assumption(
    "Merging by a disabled method: 'Squash merges are not allowed on this repository.'",
    source="kargo#6490",
)
def _method(ground: Ground) -> None:
    scratch = ground.make(allow_squash_merge=False)
    pull = scratch.open(scratch.guarded())

    require_refusal(
        lambda: scratch.merge(pull), "squash merges are not allowed on this repository", MergeMethodOffError
    )


@assumption(
    "Merging without a required approval: 'At least 1 approving review is required …'",
    source="recordings",
)
def _approval(ground: Ground) -> None:
    scratch = ground.shared
    pull = scratch.open(scratch.guarded(reviewed(1)))

    require_refusal(lambda: scratch.merge(pull), "at least 1 approving review is required", RuleNotMetError)


@assumption("Merging a pull request with conflicts is refused", source="kargo#6490")
def _conflict(ground: Ground) -> None:
    scratch = ground.shared
    base = scratch.guarded()
    first = scratch.open(base, {"same": "one"})
    second = scratch.open(base, {"same": "two"})
    scratch.merge_soon(first)
    scratch.progress(second, lambda progress: progress.conflicting, "the conflict")

    require_refusal(lambda: scratch.merge(second), "not mergeable|merge conflict")


@assumption("A merged pull request names its merge commit and cannot be merged again", source="docs")
def _again(ground: Ground) -> None:
    scratch = ground.shared
    pull = scratch.open(scratch.guarded())
    sha = scratch.merge_soon(pull)

    merged = scratch.progress(pull, lambda progress: progress.state == "MERGED", "the merge")
    require(merged.merged and merged.merged.sha == sha, f"merged by {merged.merged}, and the answer said {sha}")
    require_refusal(lambda: scratch.merge(pull), ".")


@assumption(
    "GitHub signs commits made by createCommitOnBranch and squash merges",
    source='docs, "About commit signature verification"',
)
def _verified(ground: Ground) -> None:
    scratch = ground.shared
    pull = scratch.open(scratch.guarded())
    merged = ground.eventually(lambda: scratch.pulls.merge(pull, method="squash", title="Change", message=""), "it")

    require(scratch.repository.is_verified(pull.head_sha), "the commit on the branch is not")
    require(scratch.repository.is_verified(merged.sha), "the squashed commit is not")
    require(merged.verified, "the squashed commit is, and the answer to the merge does not say so")


needs(
    __name__,
    "Auto-merge by a user whom the branch protection excludes: 'User is not authorized for this protected branch'",
    source="yaptide/yaptide#375",
    why="needs classic branch protection",
)
needs(
    __name__,
    "'Base branch was modified …' and 'Merge already in progress' are temporary",
    source="cli/cli#8092; kargo#6490; loopover#5042; rjwalters/loom#1689",
    why="needs two merges within milliseconds",
)
needs(
    __name__,
    "Merging before a required workflow ran: 'Required workflow … is expected'",
    source="safe-settings#607",
    why="needs an organization ruleset, which would affect other repositories",
)
