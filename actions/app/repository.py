"""Read tags from an app repository: the commits behind them, and their release, order and checks."""

from __future__ import annotations

from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from actions.api.batches import in_batches
from actions.api.check_reader import CHECKS, ROLLUP, CheckReader, read_checks, required_checks_of
from actions.api.checks import ACTIONS, ACTIONS_APP
from actions.api.client import query
from actions.api.comparison import Commit, Comparison
from actions.api.jobs import SUITES_PERMISSION, jobs_in, jobs_of
from actions.api.repository import Repository
from actions.app.order import Order, order
from actions.app.release import MERGED_INTO, Release, ReleaseBranches, find_release, read_merged_into
from actions.errors import AccessError, HiddenChecksError
from actions.runner.event import is_hotfix
from actions.tag_names import TagNames
from actions.tags import is_commit

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from actions.api.checks import Check, ReportedChecks, RequiredCheck
    from actions.api.client import Client

PERMISSION = "contents: read, pull requests: read"
COMMITS_READ = 30
ATTEMPTS = 3
TAGS_PER_QUERY = 50  # a tag costs some 35 internal requests, a version twice that; 100 of them are a point
BUILD_FIELDS = f"""oid {CHECKS} {MERGED_INTO}
    history(first: {COMMITS_READ}) {{ nodes {{
        oid message parents(first: 2) {{ totalCount }} author {{ name user {{ login }} }} }} }}"""
DEFAULT_BRANCH = """defaultBranchRef { name
    rules(first: 100) { nodes { parameters { ... on RequiredStatusChecksParameters {
        requiredStatusChecks { context integrationId } } } } }
    refUpdateRule { requiredStatusCheckContexts }
    target { ... on Commit { history(first: 100) { nodes { oid } } } } }"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Build:
    """The commit behind a tag, with its checks, the branches it was merged into, and its newest ancestors.

    The app repository calls it *name*: a git tag, or the SHA. *node* is GitHub's answer.
    """

    name: str
    sha: str
    reported: ReportedChecks
    merged_into: tuple[str, ...]
    history: tuple[Commit, ...]
    linear: bool
    node: dict[str, Any] = field(default_factory=dict, compare=False, repr=False)

    def since(self, ancestor: str) -> Comparison | None:
        """Return the commits since *ancestor*, None if *ancestor* is not in the linear part that was read."""
        shas = [commit.sha for commit in self.history]
        if not self.linear or ancestor not in shas:
            return None
        commits = self.history[: shas.index(ancestor)][::-1]
        return Comparison(status="ahead" if commits else "identical", commits=commits, total=len(commits))


@dataclass(frozen=True)
class AppRepository:
    """Read tags, which are called as *names* says, from an app repository; answers are cached.

    *also* are further fields of the commit of each tag, to be asked for with them; SUITES brings the jobs, with fewer
    requests and more points (GraphQL). They are left out if the token may not read them.
    """

    client: Client
    names: TagNames = field(default_factory=TagNames)
    also: str = ""
    _builds: dict[str, Build | None] = field(default_factory=dict, repr=False)
    _ambiguous: list[str] = field(default_factory=list, repr=False)
    _checks: dict[str, tuple[Check, ...]] = field(default_factory=dict, repr=False)
    _jobs: dict[str, tuple[Check, ...]] = field(default_factory=dict, repr=False)
    _default_branch: dict[str, Any] = field(default_factory=dict, repr=False)
    _compared: dict[tuple[str, str], Comparison | None] = field(default_factory=dict, repr=False)
    _refused: list[AccessError] = field(default_factory=list, repr=False)

    @property
    def repository(self) -> Repository:
        """Return the repository on GitHub."""
        return Repository(self.client)

    def prefetch(self, tags: Iterable[str]) -> None:
        """Read those of *tags* that are not cached, together; a tag without a commit is cached as None."""
        new = [tag for tag in dict.fromkeys(tags) if tag not in self._builds]
        for _ in in_batches(new, TAGS_PER_QUERY, self._fetch):
            pass  # _fetch caches its answers

    def _fetch(self, tags: Sequence[str]) -> None:
        if self.also and not self._refused:
            try:
                self._ask(tags, f"{BUILD_FIELDS} {self.also}", f"{PERMISSION}, {SUITES_PERMISSION}")
            except AccessError as refused:
                if refused.status != HTTPStatus.OK:  # all is refused, and not these fields alone
                    raise
                self._refused.append(refused)
            else:
                return
        self._ask(tags, BUILD_FIELDS, PERMISSION)

    def _ask(self, tags: Sequence[str], build: str, permission: str) -> None:
        candidates = {tag: self.names.candidates(tag) for tag in tags}
        variables = {
            f"t{index}c{number}": candidate.expression
            for index, tag in enumerate(tags)
            for number, candidate in enumerate(candidates[tag])
        }
        fields = "".join(f"{name}: object(expression: ${name}) {{ ... on Commit {{ {build} }} }}" for name in variables)
        document = query(variables=dict.fromkeys(variables, "String!"), fields=f"{fields} {DEFAULT_BRANCH}")
        answer = self.client.repository(document, variables, permission=permission, may_hide=ROLLUP)
        with self.client.parsing():
            self._default_branch.update(answer["defaultBranchRef"] or {})
            for index, tag in enumerate(tags):
                named = [
                    (candidate.name, commit)
                    for number, candidate in enumerate(candidates[tag])
                    if (commit := answer[f"t{index}c{number}"]) and candidate.is_named_by(commit["oid"])
                ]
                if len({commit["oid"] for _, commit in named}) > 1:
                    self._ambiguous.append(tag)
                    named = []
                self._builds[tag] = _build(*named[0]) if named else None

    def build(self, tag: str) -> Build | None:
        """Return the commit behind *tag*, None if this repository has none."""
        self.prefetch([tag])
        return self._builds[tag]

    @property
    def known(self) -> tuple[Build, ...]:
        """Return the builds that were read."""
        return tuple(build for build in self._builds.values() if build)

    def comparison_of(self, before: str, after: str) -> str:
        """Return how GitHub's pages name the comparison of two tags that were read, "" if one names no commit."""
        plain = [tag if is_commit(tag) and not self.names.form else "" for tag in (before, after)]
        builds = [self._builds.get(tag) for tag in (before, after)]
        names = [name or (build.name if build else "") for name, build in zip(plain, builds, strict=True)]
        return "...".join(names) if all(names) and before != after else ""

    def is_ambiguous(self, tag: str) -> bool:
        """Tell whether *tag* can name several commits; then it has no build."""
        self.prefetch([tag])
        return tag in self._ambiguous

    @property
    def default_branch(self) -> str:
        """Return the name of the default branch, "" if it is not known; call `prefetch` first."""
        return str(self._default_branch.get("name", ""))

    def newest_commits(self) -> list[str]:
        """Return the newest commits of the default branch, the head first; call `prefetch` first."""
        history = (self._default_branch.get("target") or {}).get("history") or {"nodes": []}
        return [node["oid"] for node in history["nodes"]]

    def required_checks(self) -> tuple[RequiredCheck, ...]:
        """Return the checks that the rules of the default branch require; call `prefetch` first."""
        return required_checks_of(self._default_branch) if self._default_branch else ()

    def is_of_actions(self, check: RequiredCheck) -> bool:
        """Tell whether GitHub Actions may report *check*, by its id here; call `prefetch` first."""
        reported = [each for build in self._builds.values() if build for each in build.reported.shown]
        known = {each.app for each in reported if each.by == ACTIONS}
        return check.app in {None, ACTIONS_APP, *known}

    def jobs_of(self, build: Build, hotfix_prefix: str, names: Collection[str]) -> tuple[Check, ...]:
        """Return the jobs that ran for *build* on the default branch or a hotfix branch; call `prefetch` first.

        Those that are not called *names* may lack.
        """

        def releases(branch: str) -> bool:
            return branch == self._default_branch.get("name") or is_hotfix(branch, hotfix_prefix)

        suites = build.node.get("checkSuites")
        known = jobs_in(suites, releases, names) if suites else None
        if known is not None:
            return known
        if build.sha not in self._jobs:
            self._jobs[build.sha] = jobs_of(self.client, build.sha, releases)
        return self._jobs[build.sha]

    def checks_of(self, build: Build) -> tuple[Check, ...]:
        """Return the checks of *build*; raise HiddenChecksError if the token cannot read all of them."""
        if build.sha not in self._checks:
            self._checks[build.sha] = self._read_checks(build)
        return self._checks[build.sha]

    def _read_checks(self, build: Build) -> tuple[Check, ...]:
        reader = CheckReader(self.client)
        tag = next(tag for tag, known in self._builds.items() if known and known.sha == build.sha)
        for _ in range(ATTEMPTS - 1):
            try:
                return reader.complete(build.reported)
            except HiddenChecksError:  # a job may have started between the two requests
                self._fetch([tag])
                build = self._builds[tag] or build
        return reader.complete(build.reported)

    def released(self, build: Build, hotfix_prefix: str) -> Release:
        """Return the kind of branch that released the commit of *build*."""
        newest = self.newest_commits()
        found = find_release(
            self.repository,
            build.sha,
            ReleaseBranches(
                default_branch=self._default_branch["name"],
                head=newest[0],
                hotfix_prefix=hotfix_prefix,
                newest=newest,
            ),
            merged_into=build.merged_into,
        )
        if found.beyond:
            self._compared["", build.sha] = found.beyond
        return found.kind

    def order(self, before: str, after: str) -> tuple[Order, Comparison | None]:
        """Return how the tag *after* relates to *before*, and the comparison of their commits if there is one."""
        return order(before, after, self.compare_tags, self.names)

    def compare_tags(self, base: str, head: str) -> Comparison | None:
        """Compare the commits behind the tags *head* and *base*; None if one does not exist."""
        if (base, head) not in self._compared:
            self._compared[base, head] = self._compare_tags(base, head)
        return self._compared[base, head]

    def _compare_tags(self, base: str, head: str) -> Comparison | None:
        plain = is_commit(base) and not self.names.form
        self.prefetch([head] if plain else [base, head])
        build = self._builds[head]
        ancestor = base if plain else getattr(self._builds[base], "sha", "")
        if not build or not ancestor:
            return None
        return build.since(ancestor) or self.repository.compare(ancestor, build.sha)

    def beyond_default_branch(self, tag: str) -> Comparison | None:
        """Return how the commit behind *tag*, a hotfix, differs from the default branch, as `released` has found it."""
        build = self._builds[tag]
        return self._compared.get(("", build.sha)) if build else None

    def brings_only_fixes(self, before: str, after: str) -> bool:
        """Tell whether *after*, from a hotfix branch, adds no commits of the default branch to *before*."""
        from_default = self.beyond_default_branch(after)
        start = self.compare_tags(before, from_default.merge_base) if from_default else None
        return start is not None and start.status in ("behind", "identical")

    def lost_commits(self, before: str, after: str) -> tuple[str, ...]:
        """Describe the commits of *before* that have no equivalent in *after*."""
        from actions.app.lost_commits import LostCommits  # few changes lose any

        lost, new = self.compare_tags(after, before), self.compare_tags(before, after)
        return LostCommits(self.repository).between(lost, new, after)


def _build(name: str, node: dict[str, Any]) -> Build:
    history = node["history"]["nodes"]
    return Build(
        name=name,
        sha=node["oid"],
        reported=read_checks(node["oid"], node[ROLLUP]),
        merged_into=read_merged_into(node),
        history=tuple(_read_commit(commit) for commit in history),
        linear=all(commit["parents"]["totalCount"] <= 1 for commit in history),
        node=node,
    )


def _read_commit(node: Mapping[str, Any]) -> Commit:
    author = node["author"] or {}
    login = (author.get("user") or {}).get("login")
    return Commit(sha=node["oid"], message=node["message"], author=login or author.get("name") or "")
