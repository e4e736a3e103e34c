"""What GitHub says of the checks on a commit, to a token that may read them and to one that may not."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from actions.api import Api, query
from actions.checks import Check, Reported, RequiredCheck
from actions.errors import HiddenChecksError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ROLLUP = "statusCheckRollup"
CONTEXTS = """pageInfo { hasNextPage endCursor } nodes {
    __typename
    ... on CheckRun { name status conclusion checkSuite { app { databaseId } } }
    ... on StatusContext { context state } }"""
CHECKS = f"{ROLLUP} {{ contexts(first: 100) {{ {CONTEXTS} }} }}"
JOBS_PERMISSION = "checks: read (a fine-grained token of a person: actions: read)"


class CheckReader(Api):
    """The checks of the repository *name*.

    GitHub offers no permission for checks to the fine-grained tokens of people (community discussion 179545): in place
    of each check run they are shown nothing. What workflows report, they can read as the jobs of those workflows.
    """

    @cached_property
    def _actions_app(self) -> Any:
        """Return the id of GitHub's own app, which reports the jobs; it differs from server to server."""
        with self._asking("metadata: read"):
            return self._send("GET", "/apps/github-actions")[1]["id"]

    def checks(self, reported: Reported) -> tuple[Check, ...]:
        """Return the checks that were *reported*, those that are hidden from this token by way of their jobs.

        Raises HiddenChecksError if there are not just as many jobs as checks are hidden: what another app reports, or a
        workflow through the API, could be one that failed, whatever its name.
        """
        while reported.more:
            reported = self._with_more(reported)
        if not reported.hidden:
            return reported.shown
        jobs = tuple(self._jobs(reported.sha))
        if len(jobs) != reported.hidden:
            raise HiddenChecksError(
                f"this token is not shown {reported.hidden} checks on {reported.sha[:12]} of {self.name}, of which"
                f" {len(jobs)} can be read as jobs of workflows: use a GitHub App or a classic token"
            )
        return (*reported.shown, *jobs)

    def _with_more(self, reported: Reported) -> Reported:
        """Return *reported* with the page of checks that follows."""
        document = query(
            variables={"oid": "GitObjectID!", "cursor": "String"},
            paths=(),
            fields=f"""object(oid: $oid) {{ ... on Commit {{
                {ROLLUP} {{ contexts(first: 100, after: $cursor) {{ {CONTEXTS} }} }} }} }}""",
        )
        given = {"oid": reported.sha, "cursor": reported.more}
        with self._asking("contents: read"):
            found = read_checks(reported.sha, self.ask(document, given, may_hide=ROLLUP)["object"][ROLLUP])
        return replace(found, shown=(*reported.shown, *found.shown), hidden=reported.hidden + found.hidden)

    def _jobs(self, sha: str) -> Iterator[Check]:
        """Yield the jobs of the workflows that ran for the commit *sha*, as the checks that GitHub makes of them."""
        with self._asking(JOBS_PERMISSION):
            for runs in self._pages(f"/actions/runs?head_sha={sha}&per_page=100"):
                for run in runs["workflow_runs"]:
                    for page in self._pages(f"/actions/runs/{run['id']}/jobs?per_page=100"):
                        for job in page["jobs"]:
                            yield _check_run(job["name"], self._actions_app, job["status"], job["conclusion"])


def read_checks(sha: str, rollup: Mapping[str, Any] | None) -> Reported:
    """Return the checks on the commit *sha* as they stand in a GraphQL answer."""
    if not rollup:
        return Reported(sha=sha, shown=(), hidden=0)
    nodes, page = rollup["contexts"]["nodes"], rollup["contexts"]["pageInfo"]
    return Reported(
        sha=sha,
        shown=tuple(read_check(node) for node in nodes if node),
        hidden=nodes.count(None),
        more=page["endCursor"] if page["hasNextPage"] else "",
    )


def required_checks_of(ref: Mapping[str, Any]) -> tuple[RequiredCheck, ...]:
    """Return the checks that the rules of a branch require, rulesets and older protection alike."""
    from_rules = [
        RequiredCheck(name=check["context"], app=check["integrationId"])
        for rule in ref["rules"]["nodes"]
        for check in (rule["parameters"] or {}).get("requiredStatusChecks", [])
    ]
    protection = (ref["refUpdateRule"] or {}).get("requiredStatusCheckContexts") or []
    known = {check.name for check in from_rules}
    return (*from_rules, *(RequiredCheck(name=name, app=None) for name in protection if name not in known))


def read_check(node: Mapping[str, Any]) -> Check:
    """Return a check of a commit as it stands in a GraphQL answer."""
    if node["__typename"] == "StatusContext":
        state = {"SUCCESS": "success", "PENDING": "pending", "EXPECTED": "pending"}.get(node["state"], "failure")
        return Check(name=node["context"], app=None, state=state, conclusion=node["state"].lower())
    app = (node["checkSuite"]["app"] or {}).get("databaseId")
    return _check_run(node["name"], app, node["status"], node["conclusion"])


def _check_run(name: str, app: int | None, said: object, concluded: object) -> Check:
    """Return a check from what GraphQL (in capitals) or REST says of it; what is not known to be done is pending."""
    status, conclusion = str(said).lower(), str(concluded).lower()
    if status != "completed":
        return Check(name=name, app=app, state="pending", conclusion=status)
    state = "success" if conclusion in ("success", "neutral", "skipped") else "failure"
    return Check(name=name, app=app, state=state, conclusion=conclusion)
