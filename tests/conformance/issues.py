"""Issues as holds, and reviews that come after the merge."""

from __future__ import annotations

from typing import TYPE_CHECKING

from actions.evidence.holds import HoldHistory
from actions.gates.holds import HoldReader, label
from tests.conformance.assumptions import assumption, require
from tests.conformance.identities import approve

if TYPE_CHECKING:
    from tests.conformance.ground import Ground, Scratch

OCTOKIT = "tan-tan-kanarek/github-php-client#115; octokit/rest.js#479"


def held(scratch: Scratch, env: str) -> tuple[int, ...]:
    """Return the numbers of the issues that hold *env*, as the gates read them."""
    found = HoldReader(scratch.repository).of(env, "api")
    return tuple(hold.number for hold in found) if isinstance(found, tuple) else ()


@assumption(
    "An issue that is opened with a label that exists has it, and GraphQL lists it by that one label while it is open",
    source=f"docs.github.com, REST, 'Create an issue'; {OCTOKIT}",
)
def _labeled(ground: Ground) -> None:
    scratch = ground.shared
    name = label("labeled")
    scratch.rest("POST", "/labels", {"name": name, "color": "b60205"}, "issues: write")
    body = {"title": "Hold", "labels": [name]}
    issue = scratch.rest("POST", "/issues", body, "issues: write")
    require([known["name"] for known in issue["labels"]] == [name], issue["labels"])

    ground.eventually(lambda: held(scratch, "labeled") == (issue["number"],) or None, "the hold")
    require(held(scratch, "another") == (), held(scratch, "another"))
    scratch.rest("PATCH", f"/issues/{issue['number']}", {"state": "closed"}, "issues: write")
    ground.eventually(lambda: held(scratch, "labeled") == () or None, "the end of the hold")


@assumption(
    "The timeline of a closed issue says who closed it, and when it got its label",
    source="docs.github.com, GraphQL objects, ClosedEvent and LabeledEvent",
)
def _closed(ground: Ground) -> None:
    scratch = ground.shared
    name = label("closed")
    scratch.rest("POST", "/labels", {"name": name, "color": "b60205"}, "issues: write")
    issue = scratch.rest("POST", "/issues", {"title": "Hold", "labels": [name]}, "issues: write")
    scratch.rest("PATCH", f"/issues/{issue['number']}", {"state": "closed"}, "issues: write")

    (lifted,) = ground.eventually(lambda: HoldHistory(scratch.client, "closed").lifted([]) or None, "the lifted hold")
    require(lifted.lifted_by == scratch.login, lifted)


@assumption(
    "The timeline of an issue says who removed its label, and the issue is among those that changed last",
    source="docs.github.com, GraphQL objects, UnlabeledEvent",
)
def _unlabeled(ground: Ground) -> None:
    scratch = ground.shared
    name = label("unlabeled")
    scratch.rest("POST", "/labels", {"name": name, "color": "b60205"}, "issues: write")
    issue = scratch.rest("POST", "/issues", {"title": "Hold", "labels": [name]}, "issues: write")
    scratch.rest("PATCH", f"/issues/{issue['number']}", {"labels": []}, "issues: write")

    (lifted,) = ground.eventually(
        lambda: HoldHistory(scratch.client, "unlabeled").lifted([]) or None, "the lifted hold"
    )
    require(lifted.lifted_by == scratch.login, lifted)


@assumption(
    "A pull request can be approved after it was merged",
    source="docs.github.com, 'Reviewing proposed changes in a pull request'",
)
def _afterwards(ground: Ground) -> None:
    scratch = ground.shared
    pull = scratch.open(scratch.guarded())
    scratch.merge(pull)
    approve(scratch.as_second(), pull)

    reviews = scratch.rest("GET", f"/pulls/{pull.number}/reviews", permission="pull requests: read")
    require([review["state"] for review in reviews] == ["APPROVED"], reviews)
