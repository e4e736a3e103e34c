"""Read the checks on a commit, with a token that may read them and with one that may not."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from actions.api.checks import PASSED, SKIPPED, Check, ReportedChecks, RequiredCheck, newest_runs
from actions.api.client import query
from actions.errors import HiddenChecksError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from actions.api.client import Client

ROLLUP = "statusCheckRollup"
CONTEXTS = """pageInfo { hasNextPage endCursor } nodes {
    __typename
    ... on CheckRun { databaseId name status conclusion checkSuite { app { databaseId slug } } }
    ... on StatusContext { context state creator { login } } }"""
CHECKS = f"{ROLLUP} {{ contexts(first: 100) {{ {CONTEXTS} }} }}"
NEXT_CHECKS = query(
    variables={"oid": "GitObjectID!", "cursor": "String"},
    fields=f"""object(oid: $oid) {{ ... on Commit {{
        {ROLLUP} {{ contexts(first: 100, after: $cursor) {{ {CONTEXTS} }} }} }} }}""",
)
JOBS_PERMISSION = "checks: read, commit statuses: read (a fine-grained token of a person: actions: read)"


@dataclass(frozen=True)
class CheckReader:
    """Read the checks of one repository.

    GitHub offers no permission for checks to the fine-grained tokens of people (community discussion 179545) and shows
    them null in place of each check run. Such a token can read the checks of workflows as the jobs of those workflows.
    """

    client: Client

    @cached_property
    def _actions_app(self) -> Any:
        """Return the id of GitHub Actions, which reports the jobs; it differs from server to server."""
        with self.client.parsing():
            return self.client.rest("GET", "/apps/github-actions", permission="metadata: read", root="")["id"]

    def complete(self, reported: ReportedChecks) -> tuple[Check, ...]:
        """Return all checks behind *reported*: its further pages, and hidden check runs by way of their jobs.

        Raises HiddenChecksError unless there are exactly as many jobs as hidden checks: one that another app reports,
        or a workflow through the API, may have failed, whatever its name is.
        """
        while reported.next_page:
            reported = self._with_next_page(reported)
        if not reported.hidden:
            return newest_runs(reported.shown)
        shown = {check.run for check in reported.shown}
        jobs = tuple(job for job in self._jobs(reported.sha) if job.run not in shown)
        if len(jobs) != reported.hidden:
            raise HiddenChecksError(
                f"GitHub hides {reported.hidden} checks on {reported.sha[:12]} of {self.client.name} from this token;"
                f" {len(jobs)} of them can be read as jobs of workflows. The token needs 'checks: read' and 'commit"
                " statuses: read', which a fine-grained token cannot have: use a GitHub App or a classic token"
            )
        return newest_runs((*reported.shown, *jobs))

    def _with_next_page(self, reported: ReportedChecks) -> ReportedChecks:
        variables = {"oid": reported.sha, "cursor": reported.next_page}
        answer = self.client.repository(NEXT_CHECKS, variables, may_hide=ROLLUP)
        with self.client.parsing():
            page = read_checks(reported.sha, answer["object"][ROLLUP])
        return replace(page, shown=(*reported.shown, *page.shown), hidden=reported.hidden + page.hidden)

    def _jobs(self, sha: str) -> Iterator[Check]:
        """Yield the jobs of the workflows that ran for the commit *sha*, as the checks that GitHub makes of them.

        Those of earlier attempts too, as GitHub keeps their checks beside the newer ones.
        """
        pages = self.client.pages(f"/actions/runs?head_sha={sha}&per_page=100", permission=JOBS_PERMISSION)
        with self.client.parsing():
            for run in (run for page in pages for run in page["workflow_runs"]):
                path = f"/actions/runs/{run['id']}/jobs?filter=all&per_page=100"
                for page in self.client.pages(path, permission=JOBS_PERMISSION):
                    for job in page["jobs"]:
                        yield _check_run(
                            job.get("id"), job["name"], self._actions_app, job["status"], job["conclusion"]
                        )


def read_checks(sha: str, rollup: Mapping[str, Any] | None) -> ReportedChecks:
    """Return the checks on the commit *sha* as they stand in a GraphQL answer."""
    if not rollup:
        return ReportedChecks(sha=sha, shown=(), hidden=0)
    nodes, page = rollup["contexts"]["nodes"], rollup["contexts"]["pageInfo"]
    return ReportedChecks(
        sha=sha,
        shown=tuple(read_check(node) for node in nodes if node),
        hidden=nodes.count(None),
        next_page=page["endCursor"] if page["hasNextPage"] else "",
    )


def required_checks_of(ref: Mapping[str, Any]) -> tuple[RequiredCheck, ...]:
    """Return the checks that the rules of a branch require, by rulesets and by older branch protection."""
    from_rules = [
        RequiredCheck(name=check["context"], app=check["integrationId"])
        for rule in ref["rules"]["nodes"]
        for check in (rule["parameters"] or {}).get("requiredStatusChecks", [])
    ]
    protection = (ref["refUpdateRule"] or {}).get("requiredStatusCheckContexts") or []
    known = {check.name for check in from_rules}
    return (*from_rules, *(RequiredCheck(name=name, app=None) for name in protection if name not in known))


def read_check(node: Mapping[str, Any]) -> Check:
    """Return a check on a commit as it stands in a GraphQL answer."""
    if node["__typename"] == "StatusContext":
        state = {"SUCCESS": "success", "PENDING": "pending", "EXPECTED": "pending"}.get(node["state"], "failure")
        by = str((node.get("creator") or {}).get("login") or "")
        return Check(name=node["context"], app=None, state=state, conclusion=node["state"].lower(), by=by)
    app = node["checkSuite"]["app"] or {}
    check = _check_run(node.get("databaseId"), node["name"], app.get("databaseId"), node["status"], node["conclusion"])
    return replace(check, by=str(app.get("slug") or ""))


def _check_run(run: object, name: str, app: int | None, raw_status: object, raw_conclusion: object) -> Check:
    """Return a check from the words of GraphQL (in capitals) or REST; an unknown status is pending."""
    status, conclusion = str(raw_status).lower(), str(raw_conclusion).lower()
    number = run if isinstance(run, int) else 0
    if status != "completed":
        return Check(name=name, app=app, state="pending", conclusion=status, run=number)
    state = "success" if conclusion in (*PASSED, SKIPPED) else "failure"
    return Check(name=name, app=app, state=state, conclusion=conclusion, run=number)
