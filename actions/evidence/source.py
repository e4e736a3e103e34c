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

import hashlib
import json
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from actions import approval
from actions.api import file_fields, path_variables, query
from actions.app_repository import AppRepository
from actions.approval import login, reviews_of, writing_of
from actions.errors import AccessError, GitHubError
from actions.evidence.facts import Check, Commit, Movement, Pull, Rewrite, Rules, Run, Suite
from actions.patterns import ruleset_pattern
from actions.repository import Repository, RequiredCheck, read_check

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

PER_PAGE = 100
COMMITS_PER_QUERY = 20
VERSIONS_PER_QUERY = 50
PERMISSION = "contents: read, pull requests: read, checks: read"
DEPLOYMENTS_READ = "deployments: read"
# GitHub keeps no longer what its rules said (docs.github.com, "Managing rulesets for a repository").
SUITES_KEPT = timedelta(days=30)
TICKET = re.compile(r"\b[A-Z][A-Z0-9]{1,9}-\d+\b")
RUN = re.compile(r"/actions/runs/(\d+)")
LOGIN = "{ login __typename }"
CHECKS = """statusCheckRollup { contexts(first: 100) { totalCount nodes { __typename
    ... on CheckRun { name status conclusion completedAt checkSuite { app { databaseId } } }
    ... on StatusContext { context state createdAt } } } }"""
# What a query costs grows with how many nodes it could return, so it asks for what a pull request has as a rule; of one
# with more commits the rest is asked for (docs.github.com, "Rate limits and query limits for the GraphQL API").
FRAGMENTS = f"""
fragment commit on Commit {{
    oid message committedDate author {{ name {approval.USER} }} signature {{ isValid }}
    associatedPullRequests(first: 3) {{ nodes {{ ...pull }} }} }}
fragment pull on PullRequest {{
    number url title body state createdAt mergedAt headRefName headRefOid baseRefName
    author {LOGIN} mergedBy {LOGIN} mergeCommit {{ oid }} labels(first: 50) {{ nodes {{ name }} }}
    closingIssuesReferences(first: 10) {{ nodes {{ url }} }}
    commits(first: 50) {{ {approval.COMMITS} }}
    tested: commits(last: 1) {{ nodes {{ commit {{ {CHECKS} }} }} }}
    reviews(last: 100) {{ {approval.REVIEWS} }} }}"""
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


@dataclass(frozen=True, kw_only=True, slots=True)
class Brought:
    """A commit of the infra repository with the files that matter, before and after it, and what came with it."""

    commit: Commit
    parents: tuple[str, ...]
    message: str
    before: Mapping[str, str]
    after: Mapping[str, str]
    unreadable: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Deployed:
    """A deployment record; *succeeded_at* is "" if it never did."""

    number: int
    name: str
    sha: str
    made: datetime
    creator: str
    created_at: str
    succeeded_at: str
    url: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """The commits of a branch: when each was made, and its *places*, the newest being 0.

    A merge commit and all that it brought have one place: they came to be there together.
    """

    places: Mapping[str, int]
    made: Mapping[str, str]

    @classmethod
    def of(cls, nodes: Iterable[Mapping[str, Any]]) -> Line:
        """Return the line of the commits *nodes*, each with its parents, newest first."""
        listed = list(nodes)
        parents = {node["oid"]: [parent["oid"] for parent in node["parents"]["nodes"]] for node in listed}
        places: dict[str, int] = {}
        sha = listed[0]["oid"] if listed else ""
        trunk = []
        while sha in parents:
            trunk.append(sha)
            sha = next(iter(parents[sha]), "")
        for place, sha in reversed([*enumerate(trunk)]):
            brought = [sha]
            while brought:
                one = brought.pop()
                if one in parents and one not in places:
                    places[one] = place
                    brought += parents[one]
        return cls(places=places, made={node["oid"]: _zulu(node["committedDate"]) for node in listed})

    def before(self, moment: str) -> str:
        """Return the newest commit from which on back all were made before *moment*, "" if there is none."""
        later = [place for sha, place in self.places.items() if self.made[sha] >= moment]
        first = max(later, default=-1) + 1
        return next((sha for sha, place in self.places.items() if place == first), "")


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
        return Line.of(self._history(branch, "oid committedDate parents(first: 5) { nodes { oid } }"))

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
        files = file_fields([path])
        for start in range(0, len(shas), VERSIONS_PER_QUERY):
            some = shas[start : start + VERSIONS_PER_QUERY]
            variables: dict[str, object] = {f"c{index}": sha for index, sha in enumerate(some)}
            fields = f"... on Commit {{ {files} parents(first: 1) {{ nodes {{ {files} }} }} }}"
            document = query(
                variables=dict.fromkeys(variables, "GitObjectID!"),
                paths=[path],
                fields=" ".join(f"{name}: object(oid: ${name}) {{ {fields} }}" for name in variables),
            )
            with self._asking("contents: read"):
                answer = self.ask(document, variables | path_variables([path]))
                for node in (answer[name] for name in variables):
                    found |= {_texts(each, [path]).get(path, ""): None for each in (node, *node["parents"]["nodes"])}
        return list(found)

    def touched(self, sha: str) -> list[str]:
        """Return the paths of all files that the commit *sha* changed, added, removed or renamed."""
        with self._asking("contents: read"):
            files = [file for page in self._pages(f"/commits/{sha}?per_page={PER_PAGE}") for file in page["files"]]
        return [file[name] for file in files for name in ("filename", "previous_filename") if file.get(name)]

    def brought(self, shas: Sequence[str], paths: Sequence[str], base: str) -> list[Brought]:
        """Return what each of the commits *shas* brought to *base*, with the files at *paths*."""
        files = file_fields(paths)
        nodes = self._with_pulls(f"{files} parents(first: 5) {{ nodes {{ oid {files} }} }}", shas, paths)
        with self._asking(PERMISSION):
            return [_brought(node, paths, base) for node in nodes]

    def deployments(self, env: str, since: str) -> list[Deployed]:
        """Return the records of deployments to *env*, or to a service there, since a moment, newest first.

        All records are read: GitHub looks for names of environments, and which services there once were nobody knows.
        """
        found: list[Deployed] = []
        given: dict[str, object] = {"cursor": None}
        with self._asking(DEPLOYMENTS_READ):
            while True:
                page = self.ask(DEPLOYMENTS, given, permission=DEPLOYMENTS_READ)["deployments"]
                some = [_deployed(node) for node in page["nodes"]]
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


@dataclass(frozen=True)
class RulesSource(Repository):
    """Which rulesets were in force for the default branch, called *of*, and when."""

    of: str = ""
    _read: dict[str, Any] = field(default_factory=dict, repr=False)

    def at(self, moment: str) -> tuple[Rules, ...]:
        """Return the rulesets that were in force for the branch at *moment*.

        Raises AccessError if one has changed since and the token may not see its history. One that was deleted since is
        not seen here; what GitHub's rules said of the change names it.
        """
        states = (self._state_at(ruleset, moment) for ruleset in self._rulesets())
        return tuple(self._rules(since, state) for since, state in filter(None, states) if self._holds(state))

    def _rulesets(self) -> list[Mapping[str, Any]]:
        if "all" not in self._read:
            with self._asking("metadata: read"):
                listed = [ruleset for page in self._pages(f"/rulesets?per_page={PER_PAGE}") for ruleset in page]
                self._read["all"] = [self._rest("GET", f"/rulesets/{ruleset['id']}") for ruleset in listed]
        return list(self._read["all"])

    def _state_at(self, ruleset: Mapping[str, Any], moment: str) -> tuple[str, Mapping[str, Any]] | None:
        if _zulu(ruleset["updated_at"]) <= moment:
            return _zulu(ruleset["updated_at"]), ruleset
        if _zulu(ruleset["created_at"]) > moment:
            return None
        version = next((v for v in self._history(ruleset["id"]) if _zulu(v["updated_at"]) <= moment), None)
        if not version:
            raise AccessError(f"{self.name} does not say what ruleset '{ruleset['name']}' was at {moment}")
        key = f"{ruleset['id']}/{version['version_id']}"
        if key not in self._read:
            with self._asking("administration: read"):
                self._read[key] = self._rest("GET", f"/rulesets/{ruleset['id']}/history/{version['version_id']}")
        return _zulu(version["updated_at"]), {**ruleset, **self._read[key]["state"]}

    def _history(self, number: int) -> list[Mapping[str, Any]]:
        """Return the versions of a ruleset, newest first."""
        key = f"history {number}"
        if key not in self._read:
            with self._asking("administration: read"):
                pages = self._pages(f"/rulesets/{number}/history?per_page={PER_PAGE}")
                self._read[key] = [version for page in pages for version in page]
        return list(self._read[key])

    def _holds(self, ruleset: Mapping[str, Any]) -> bool:
        names = (ruleset.get("conditions") or {}).get("ref_name") or {}
        if ruleset["enforcement"] != "active" or ruleset.get("target", "branch") != "branch":
            return False
        included = any(self._covers(pattern) for pattern in names.get("include", []))
        return included and not any(self._covers(pattern) for pattern in names.get("exclude", []))

    def _covers(self, pattern: str) -> bool:
        everywhere = pattern in ("~DEFAULT_BRANCH", "~ALL")
        return everywhere or ruleset_pattern(pattern).fullmatch(f"refs/heads/{self.of}") is not None

    def _rules(self, since: str, ruleset: Mapping[str, Any]) -> Rules:
        said = {key: ruleset.get(key) for key in ("name", "target", "enforcement", "conditions", "rules")}
        bypass = ruleset.get("bypass_actors")
        checks = [
            RequiredCheck(name=check["context"], app=check.get("integration_id"))
            for rule in ruleset["rules"]
            if rule["type"] == "required_status_checks"
            for check in rule["parameters"]["required_status_checks"]
        ]
        return Rules(
            id=ruleset["id"],
            name=ruleset["name"],
            source=ruleset.get("source") or self.name,
            since=since,
            sha256=hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest(),
            rules=tuple(sorted(rule["type"] for rule in ruleset["rules"])),
            required_checks=tuple(checks),
            bypass=None
            if bypass is None
            else tuple(
                f"{entry['actor_type']} {entry.get('actor_id') or ''} ({entry['bypass_mode']})" for entry in bypass
            ),
        )


@dataclass(frozen=True)
class AppSource(AppRepository, Source):
    """The repository of an app, as evidence is read from it."""

    _brought: dict[str, Commit] = field(default_factory=dict, repr=False)

    def commits(self, shas: Sequence[str]) -> list[Commit]:
        """Return the commits *shas*, each with the pull request that brought it; asked together, and once."""
        new = [sha for sha in dict.fromkeys(shas) if sha not in self._brought]
        for start in range(0, len(new), COMMITS_PER_QUERY):
            nodes = self._with_pulls("", new[start : start + COMMITS_PER_QUERY])
            with self._asking(PERMISSION):
                self._brought.update({node["oid"]: _commit(node, "") for node in nodes if node})
        missing = [sha for sha in shas if sha not in self._brought]
        if missing:
            raise GitHubError(f"{self.name} does not have {missing[0]} any more")
        return [self._brought[sha] for sha in shas]


def movements(activity: Iterable[Mapping[str, Any]], branch: str, order: Mapping[str, int]) -> dict[str, Movement]:
    """Return how each commit came to *branch*; *order* is the place of each commit on it, the newest first."""
    found: dict[str, Movement] = {}
    for each in activity:
        end = order.get(each["after"]) if each["ref"] == f"refs/heads/{branch}" else None
        if end is None:
            continue
        start = order.get(each["before"], len(order))
        movement = Movement(kind=each["activity_type"], actor=login(each["actor"]), at=_zulu(each["timestamp"]))
        found |= {sha: movement for sha, place in order.items() if end <= place < start}
    return found


def rewrites(activity: Iterable[Mapping[str, Any]], branch: str) -> list[Rewrite]:
    """Return when *branch* lost commits, oldest first: by a forced push, or because it was deleted."""
    return [
        Rewrite(
            id=each["id"],
            kind=each["activity_type"],
            actor=login(each["actor"]),
            at=_zulu(each["timestamp"]),
            before=each["before"],
            after=each["after"],
        )
        for each in activity
        if each["ref"] == f"refs/heads/{branch}" and each["activity_type"] in ("force_push", "branch_deletion")
    ][::-1]


def last_pusher(activity: Iterable[Mapping[str, Any]], pull: Pull) -> str:
    """Return who moved the branch of *pull* to its last commit, before it was merged; "" if nobody is known to have."""
    wanted = (f"refs/heads/{pull.branch}", pull.head)
    return next(
        (
            login(each["actor"])
            for each in activity
            if (each["ref"], each["after"]) == wanted and _zulu(each["timestamp"]) <= pull.merged_at
        ),
        "",
    )


def _brought(node: Mapping[str, Any] | None, paths: Sequence[str], base: str) -> Brought:
    if not node:
        raise GitHubError("a commit of the branch is gone: its history was rewritten meanwhile")
    parents = node["parents"]["nodes"]
    return Brought(
        commit=_commit(node, base),
        parents=tuple(parent["oid"] for parent in parents),
        message=node["message"],
        before=_texts(parents[0], paths) if parents else {},
        after=_texts(node, paths),
        unreadable=tuple(path for path, blob in _blobs(node, paths) if blob["isBinary"] or blob["isTruncated"]),
    )


def _texts(node: Mapping[str, Any], paths: Sequence[str]) -> dict[str, str]:
    return {path: blob["text"] or "" for path, blob in _blobs(node, paths)}


def _blobs(node: Mapping[str, Any], paths: Sequence[str]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the files that a commit has at *paths*; a folder is none."""
    for index, path in enumerate(paths):
        blob = (node[f"f{index}"] or {}).get("object")
        if blob and "text" in blob:
            yield path, blob


def _commit(node: Mapping[str, Any], base: str) -> Commit:
    """Return a commit with the pull request that brought it: one that was merged, to *base* if that is given."""
    merged = [pull for pull in node["associatedPullRequests"]["nodes"] if pull["state"] == "MERGED"]
    fitting = [pull for pull in merged if base in ("", pull["baseRefName"])]
    exact = [pull for pull in fitting if (pull["mergeCommit"] or {}).get("oid") == node["oid"]]
    pull = next(iter([*exact, *fitting]), None)
    author = node["author"] or {}
    return Commit(
        sha=node["oid"],
        title=node["message"].partition("\n")[0],
        author=login(author.get("user")) or author.get("name") or "",
        at=_zulu(node["committedDate"]),
        verified=bool(node["signature"] and node["signature"]["isValid"]),
        pull=_pull(pull) if pull else None,
    )


def _pull(node: Mapping[str, Any]) -> Pull:
    writing = writing_of(node["commits"]["nodes"])
    tested = node["tested"]["nodes"][0]["commit"]["statusCheckRollup"] if node["tested"]["nodes"] else None
    issues = [issue["url"] for issue in node["closingIssuesReferences"]["nodes"]]
    return Pull(
        number=node["number"],
        url=node["url"],
        title=node["title"],
        author=login(node["author"]),
        by_bot=(node["author"] or {}).get("__typename") == "Bot",
        branch=node["headRefName"],
        base=node["baseRefName"],
        created_at=_zulu(node["createdAt"]),
        merged_at=_zulu(node["mergedAt"]),
        merged_by=login(node["mergedBy"]),
        head=node["headRefOid"],
        merge_commit=(node["mergeCommit"] or {}).get("oid", ""),
        labels=tuple(label["name"] for label in node["labels"]["nodes"]),
        tickets=tuple(
            dict.fromkeys([*issues, *TICKET.findall(f"{node['title']}\n{node['headRefName']}\n{node['body']}")])
        ),
        writers=writing.writers,
        strangers=writing.strangers,
        requesters=writing.requesters,
        reviews=reviews_of(node["reviews"]["nodes"]),
        checks=tuple(_check(check) for check in tested["contexts"]["nodes"]) if tested else (),
        complete=all(
            connection["totalCount"] <= len(connection["nodes"])
            for connection in (node["commits"], node["reviews"], *([tested["contexts"]] if tested else []))
        ),
    )


def _check(node: Mapping[str, Any]) -> Check:
    found = read_check(node)
    at = node.get("completedAt") or node.get("createdAt")
    return Check(name=found.name, app=found.app, conclusion=found.conclusion, at=_zulu(at))


def _deployed(node: Mapping[str, Any]) -> Deployed:
    statuses = node["statuses"]["nodes"]
    succeeded = [_zulu(status["createdAt"]) for status in statuses if status["state"] == "SUCCESS"]
    return Deployed(
        number=node["databaseId"],
        name=node["environment"],
        sha=node["commitOid"],
        made=datetime.fromisoformat(node["commit"]["committedDate"] if node["commit"] else node["createdAt"]),
        creator=login(node["creator"]),
        created_at=_zulu(node["createdAt"]),
        succeeded_at=min(succeeded, default=""),
        url=next((status["logUrl"] for status in reversed(statuses) if status["logUrl"]), ""),
    )


def _zulu(moment: str | None) -> str:
    """Return a moment as it compares with others as text: UTC, to the second."""
    if not moment:
        return ""
    return f"{datetime.fromisoformat(moment).astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
