"""Which check counts, and who may report what."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actions.api.check_reader import CHECKS, CheckReader, read_checks
from actions.api.checks import newest_runs
from actions.errors import ChecksPendingError
from tests.conformance.assumptions import assumption, needs, require, require_refusal
from tests.conformance.ground import required_check

if TYPE_CHECKING:
    from actions.api.checks import ReportedChecks
    from tests.conformance.ground import Ground, Scratch


def reported(scratch: Scratch, sha: str, count: int) -> ReportedChecks:
    """Return the checks on a commit as soon as there are *count* of them."""
    fields = f'object(oid: "{sha}") {{ ... on Commit {{ {CHECKS} }} }}'
    document = f"query($owner: String!, $name: String!) {{ repository(owner: $owner, name: $name) {{ {fields} }} }}"

    def found() -> ReportedChecks | None:
        answer = scratch.client.graphql(document, {}, may_hide="statusCheckRollup")["repository"]
        checks = read_checks(sha, answer["object"]["statusCheckRollup"])
        return checks if len(checks.shown) + checks.hidden >= count else None

    return scratch.ground.eventually(found, f"{count} checks")


@assumption(
    "The status rollup lists every run of a check, superseded ones included",
    source="cli/cli aggregate.go; mmnto-ai/totem#2879",
)
def _every_run(ground: Ground) -> None:
    scratch = ground.shared
    app, sha = scratch.as_app(), scratch.commit().head
    for conclusion in ("failure", "success"):
        app.check_run(sha, "twice", conclusion)

    checks = reported(scratch, sha, 2).shown

    require([each.name for each in checks] == ["twice", "twice"], checks)
    (newest,) = newest_runs(checks)
    require(newest.conclusion == "success", f"the run with the highest number is {newest}")


@assumption(
    "The newest run of a required check decides whether a pull request can be merged",
    source="docs; cli/cli aggregate.go",
)
def _newest(ground: Ground) -> None:
    scratch = ground.shared
    app = scratch.as_app()
    pull = scratch.open(scratch.guarded(required_check("newest")))
    app.check_run(pull.head_sha, "newest", "failure")
    require_refusal(lambda: scratch.merge(pull), "newest")

    app.check_run(pull.head_sha, "newest", "success")

    scratch.merge_soon(pull)


@assumption(
    "A check run posted before the pull request is opened does not satisfy a required check",
    source="AlexanderMattTurner/agent-sanitizer#364",
)
def _bare(ground: Ground) -> None:
    scratch = ground.shared
    app, base = scratch.as_app(), scratch.guarded(required_check("bare"))
    branch = scratch.commit()
    app.check_run(branch.head, "bare")
    pull = scratch.propose(base, branch.name)

    require_refusal(lambda: scratch.merge(pull), 'required status check "bare" is expected', ChecksPendingError)


@assumption(
    "A commit status posted before the pull request is opened satisfies a required check",
    source="AlexanderMattTurner/agent-sanitizer#364",
)
def _status(ground: Ground) -> None:
    scratch = ground.shared
    base, branch = scratch.guarded(required_check("status")), scratch.commit()
    scratch.status(branch.head, "status")
    pull = scratch.propose(base, branch.name)

    scratch.merge_soon(pull)


@assumption("Only the newest commit status of a context counts, and GraphQL shows no other", source="docs")
def _context(ground: Ground) -> None:
    scratch = ground.shared
    pull = scratch.open(scratch.guarded(required_check("context")))
    scratch.status(pull.head_sha, "context", "failure")
    scratch.status(pull.head_sha, "context")

    scratch.merge_soon(pull)

    shown = reported(scratch, pull.head_sha, 1).shown
    require([each.state for each in shown] == ["success"], shown)


@assumption(
    "A user's commit status does not satisfy a required check of GitHub Actions",
    source='docs, "Available rules for rulesets"',
)
def _other_app(ground: Ground) -> None:
    scratch = ground.shared
    actions = CheckReader(scratch.client)._actions_app  # GitHub Actions, whose number differs by server
    pull = scratch.open(scratch.guarded(required_check("other", actions)))
    scratch.status(pull.head_sha, "other")
    reported(scratch, pull.head_sha, 1)

    require_refusal(lambda: scratch.merge(pull), "other", ChecksPendingError)


@assumption(
    "GraphQL hides check runs from fine-grained tokens: null, and FORBIDDEN at the index of each",
    source="kirodotdev/KiroCrew#4830; community discussion 179545",
)
def _hidden(ground: Ground) -> None:
    scratch = ground.shared
    narrow, app, sha = scratch.as_fine_grained(), scratch.as_app(), scratch.commit().head
    app.check_run(sha, "hidden")
    reported(scratch, sha, 1)

    checks = reported(narrow, sha, 1)

    require((len(checks.shown), checks.hidden) == (0, 1), checks)


@assumption("Any user with write access can create deployments and their statuses", source="docs")
def _deployment(ground: Ground) -> None:
    scratch = ground.shared.as_second()
    body = {"ref": scratch.start.head, "environment": "anywhere", "auto_merge": False, "required_contexts": []}
    deployment = scratch.rest("POST", "/deployments", body, "deployments: write")
    made = scratch.rest("POST", f"/deployments/{deployment['id']}/statuses", {"state": "success"}, "deployments: write")

    require(made["state"] == "success", made["state"])


needs(
    __name__,
    "A `pull_request` workflow with `labeled`, `unlabeled` and `cancel-in-progress` cancels its own required check",
    source="mcp-hangar#1250; apache/texera#8522; substrait-io/substrait-python#227",
    why="needs workflow runs that race",
)
needs(
    __name__,
    "A workflow on any branch can report a check of any name as GitHub Actions",
    source="kurone-kito/idd-skill#2926",
    why="needs the token of a workflow run",
)
needs(
    __name__,
    "GraphQL hides commit statuses from an App without Commit statuses: read",
    source="philips-software/pull-request-report-action#557",
    why="needs a second App without that permission",
)
