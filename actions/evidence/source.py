"""Where the facts come from: GitHub, asked in batches, each thing once.

| fact | API |
|---|---|
| commits, files before and after, pull requests, reviews, checks, deployments | GraphQL |
| how a commit came to a branch, and who pushed to it last | GET /repos/{owner}/{repo}/activity |
| what GitHub's rules said | GET /repos/{owner}/{repo}/rulesets/rule-suites |
| which rules were in force | GET /repos/{owner}/{repo}/rulesets and their history |
| who started the run that deployed, and who let it go on | GET /repos/{owner}/{repo}/actions/runs/{run_id} |
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from actions import approval
from actions.api import file_fields, path_variables, query
from actions.approval import login
from actions.evidence import nodes
from actions.evidence.facts import Run, Suite
from actions.evidence.line import Line
from actions.evidence.nodes import FRAGMENTS, Deployed
from actions.repository import Repository

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

PER_PAGE = 100
VERSIONS_PER_QUERY = 50
PERMISSION = "contents: read, pull requests: read, checks: read (of an App, or of a classic token)"
DEPLOYMENTS_READ = "deployments: read"
# GitHub keeps no longer what its rules said (docs.github.com, "Managing rulesets for a repository").
SUITES_KEPT = timedelta(days=30)
RUN = re.compile(r"/actions/runs/(\d+)")
MORE_COMMITS = query(
    variables={"number": "Int!", "cursor": "String"},
    paths=(),
    fields=f"pullRequest(number: $number) {{ commits(first: 100, after: $cursor) {{ {approval.COMMITS} }} }}",
)
DEPLOYMENTS = query(
    variables={"cursor": "String"},
    paths=(),
    fields=f"""deployments(first: {PER_PAGE}, after: $cursor,
        orderBy: {{field: CREATED_AT, direction: DESC}}) {{ pageInfo {{ hasNextPage endCursor }} nodes {{
            databaseId environment commitOid createdAt creator {{ login }} commit {{ committedDate }}
            statuses(last: 30) {{ nodes {{ state createdAt logUrl }} }} }} }}""",
)


@dataclass(frozen=True)
class Source(Repository):
    """A repository, as evidence is read from it."""

    def activity(self, since: str) -> list[Mapping[str, Any]]:
        """Return how the refs of the repository moved since a moment, newest first; GitHub knows of one year."""
        return self._since(f"/activity?per_page={PER_PAGE}&time_period=year", "timestamp", since, "contents: read")

    def _since(self, path: str, moment: str, since: str, permission: str) -> list[Mapping[str, Any]]:
        found: list[Mapping[str, Any]] = []
        with self._asking(permission):
            for page in self._pages(path):
                found += page
                if found and found[-1][moment] < since:
                    break
        return found

    def _with_pulls(
        self, fields: str, shas: Sequence[str], paths: Sequence[str] = ()
    ) -> list[Mapping[str, Any] | None]:
        """Return *fields* of the commits *shas*, each with its pull requests, and these with all their commits."""
        variables: dict[str, object] = {f"c{index}": sha for index, sha in enumerate(shas)}
        document = query(
            variables=dict.fromkeys(variables, "GitObjectID!"),
            paths=paths,
            fields=" ".join(
                f"{name}: object(oid: ${name}) {{ ... on Commit {{ ...commit {fields} }} }}" for name in variables
            ),
        )
        answer = self.ask(document + FRAGMENTS, variables | path_variables(paths), permission=PERMISSION)
        with self._asking(PERMISSION):
            found = [answer[name] for name in variables]
            for node in filter(None, found):
                for pull in node["associatedPullRequests"]["nodes"]:
                    self._read_on(pull["commits"], pull["number"])
            return found

    def _read_on(self, commits: dict[str, Any], number: int) -> None:
        while commits["pageInfo"]["hasNextPage"]:
            given = {"number": number, "cursor": commits["pageInfo"]["endCursor"]}
            page = self.ask(MORE_COMMITS, given, permission=PERMISSION)["pullRequest"]["commits"]
            commits["nodes"] += page["nodes"]
            commits["pageInfo"] = page["pageInfo"]


@dataclass(frozen=True)
class InfraSource(Source):
    """The infra repository, as evidence is read from it."""

    _runs: dict[str, Run] = field(default_factory=dict, repr=False)

    def line(self, branch: str) -> Line:
        """Return the commits of *branch*, as they came to be there."""
        return Line.of(self._history(branch, "oid committedDate parents(first: 100) { nodes { oid } }"))

    def commits(self, branch: str, path: str) -> Iterator[tuple[str, str]]:
        """Yield SHA and moment of the commits of *branch* that changed the file or folder at *path*, newest first.

        Not since a date: whoever makes a commit chooses its date.
        """
        return ((node["oid"], node["committedDate"]) for node in self._history(branch, "oid committedDate", path))

    def _history(self, branch: str, fields: str, path: str = "") -> Iterator[dict[str, Any]]:
        declared = {"ref": "String!", "cursor": "String"} | ({"path": "String!"} if path else {})
        history = f"history(first: {PER_PAGE}, after: $cursor{', path: $path' if path else ''})"
        pages = f"{history} {{ pageInfo {{ hasNextPage endCursor }} nodes {{ {fields} }} }}"
        document = query(
            variables=declared,
            paths=(),
            fields=f"ref(qualifiedName: $ref) {{ target {{ ... on Commit {{ {pages} }} }} }}",
        )
        given: dict[str, object] = {"ref": f"refs/heads/{branch}", "path": path, "cursor": None}
        with self._asking("contents: read"):
            while True:
                found = self.ask(document, given)["ref"]["target"]["history"]
                yield from found["nodes"]
                if not found["pageInfo"]["hasNextPage"]:
                    return
                given["cursor"] = found["pageInfo"]["endCursor"]

    def versions(self, shas: Sequence[str], path: str) -> list[str]:
        """Return what the file at *path* was at the commits *shas* and before them, each text once, "" for none."""
        found: dict[str, None] = {}
        with self._asking("contents: read"):
            for node in self._with_parent(shas, [path], file_fields([path])):
                found |= {nodes.texts(each, [path]).get(path, ""): None for each in (node, *node["parents"]["nodes"])}
        return list(found)

    def altered(self, shas: Sequence[str], paths: Sequence[str]) -> list[str]:
        """Return those of the commits *shas* at which a file at *paths* is another one than at their first parent."""
        names = [f"f{index}" for index in range(len(paths))]
        fields = " ".join(f"{name}: file(path: $p{index}) {{ oid }}" for index, name in enumerate(names))
        with self._asking("contents: read"):
            return [
                node["oid"]
                for node in self._with_parent(shas, paths, f"oid {fields}")
                if any(node[name] != node["parents"]["nodes"][0][name] for name in names)
            ]

    def _with_parent(self, shas: Sequence[str], paths: Sequence[str], fields: str) -> Iterator[Mapping[str, Any]]:
        """Yield *fields* of each of the commits *shas*, and of its first parent; they may name the files at *paths*."""
        for start in range(0, len(shas), VERSIONS_PER_QUERY):
            some = shas[start : start + VERSIONS_PER_QUERY]
            variables: dict[str, object] = {f"c{index}": sha for index, sha in enumerate(some)}
            commit = f"... on Commit {{ {fields} parents(first: 1) {{ nodes {{ {fields} }} }} }}"
            document = query(
                variables=dict.fromkeys(variables, "GitObjectID!"),
                paths=paths,
                fields=" ".join(f"{name}: object(oid: ${name}) {{ {commit} }}" for name in variables),
            )
            answer = self.ask(document, variables | path_variables(paths))
            yield from (answer[name] for name in variables)

    def touched(self, sha: str) -> list[str]:
        """Return the paths of all files that the commit *sha* changed, added, removed or renamed."""
        with self._asking("contents: read"):
            files = [file for page in self._pages(f"/commits/{sha}?per_page={PER_PAGE}") for file in page["files"]]
        return [file[name] for file in files for name in ("filename", "previous_filename") if file.get(name)]

    def around(self, shas: Sequence[str], paths: Sequence[str]) -> dict[str, nodes.Versions]:
        """Return the files at *paths* before and after each of the commits *shas*."""
        with self._asking("contents: read"):
            found = self._with_parent(shas, paths, f"oid {file_fields(paths)}")
            return {node["oid"]: nodes.versions(node, paths) for node in found}

    def brought(self, shas: Sequence[str], paths: Sequence[str], base: str) -> list[nodes.Brought]:
        """Return what each of the commits *shas* brought to *base*, with the files at *paths*."""
        files = file_fields(paths)
        found = self._with_pulls(f"{files} parents(first: 5) {{ nodes {{ oid {files} }} }}", shas, paths)
        with self._asking(PERMISSION):
            return [nodes.brought(node, paths, base) for node in found]

    def deployments(self, env: str, since: str) -> list[Deployed]:
        """Return the records of deployments to *env*, or to a service there, since a moment, newest first.

        All records are read: GitHub looks for names of environments, and which services there once were nobody knows.
        """
        found: list[Deployed] = []
        given: dict[str, object] = {"cursor": None}
        with self._asking(DEPLOYMENTS_READ):
            while True:
                page = self.ask(DEPLOYMENTS, given, permission=DEPLOYMENTS_READ)["deployments"]
                some = [nodes.deployed(node) for node in page["nodes"]]
                found += [each for each in some if each.name.partition("/")[0].casefold() == env.casefold()]
                if not page["pageInfo"]["hasNextPage"] or some[-1].created_at < since:
                    return found
                given["cursor"] = page["pageInfo"]["endCursor"]

    def suites(self, branch: str, since: str) -> dict[str, Mapping[str, Any]]:
        """Return what GitHub's rules said of updates of *branch*, by the commit after each; it keeps a month."""
        path = f"/rulesets/rule-suites?ref=refs/heads/{branch}&time_period=month&per_page={PER_PAGE}"
        found = self._since(path, "pushed_at", since, "administration: read")
        return {suite["after_sha"]: suite for suite in reversed(found) if suite["result"] != "fail"}

    def suite(self, found: Mapping[str, Any]) -> Suite:
        """Return a rule suite with the rules that were not kept; if all were, there is nothing more to ask."""
        broken: tuple[str, ...] = ()
        if found["result"] != "pass":
            with self._asking("administration: read"):
                told = self._rest("GET", f"/rulesets/rule-suites/{found['id']}")
            broken = tuple(
                f"{rule['rule_type']} ({rule['rule_source'].get('name') or rule['rule_source']['type']})"
                for rule in told.get("rule_evaluations") or []
                if rule["result"] == "fail"
            )
        actor = found.get("actor_name") or ""
        return Suite(id=found["id"], result=found["result"], actor=actor, at=found["pushed_at"], broken=broken)

    def run(self, url: str, sha: str) -> Run | None:
        """Return the workflow run here that *url* says, None if it says none, or one of another commit than *sha*."""
        server = self.environment.get("GITHUB_SERVER_URL", "https://github.com")
        match = RUN.match(url.removeprefix(f"{server}/{self.name}"))
        if not match:
            return None
        if match[1] not in self._runs:
            self._runs[match[1]] = self._run(match[1])
        found = self._runs[match[1]]
        return found if found.head_sha == sha else None

    def _run(self, number: str) -> Run:
        with self._asking("actions: read"):
            run = self._rest("GET", f"/actions/runs/{number}")
            approvals = self._rest("GET", f"/actions/runs/{number}/approvals")
        return Run(
            id=run["id"],
            attempt=run.get("run_attempt") or 1,
            event=run["event"],
            workflow=run.get("path") or "",
            actor=login(run.get("actor")),
            triggering_actor=login(run.get("triggering_actor")),
            head_sha=run["head_sha"],
            url=run["html_url"],
            approvals=tuple(
                f"{login(each['user'])}: {each['state']}, {', '.join(env['name'] for env in each['environments'])}"
                for each in approvals
            ),
        )
