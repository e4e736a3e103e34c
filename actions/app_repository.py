"""What the repository of an app says of tags: the commits behind them, whether they were released, and their checks."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from actions.api import query
from actions.check_reader import CHECKS, ROLLUP, read_checks, required_checks_of
from actions.errors import HiddenChecksError
from actions.event import is_hotfix
from actions.gates import Release
from actions.repository import Commit, Comparison, Repository
from actions.tags import is_commit, is_version

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from actions.checks import Check, Reported, RequiredCheck

PERMISSION = "contents: read, pull requests: read"
PICKED = re.compile(r"\(cherry picked from commit ([0-9a-f]{40})\)")
HUNK = re.compile(r"(?m)^@@ .*$")
MOST_FILES = 300  # GitHub lists no more of a commit on one page
MOST_COMMITS = 100
MOST_LOOKS = 3
MOST_TAGS = 100  # of one query: each stands for some 400 nodes, twice if it is a version, and GitHub allows 500,000
COMMIT = f"""oid {CHECKS}
    associatedPullRequests(first: 10) {{ nodes {{ state baseRefName mergeCommit {{ oid }} }} }}
    history(first: {MOST_COMMITS}) {{ nodes {{
        oid message parents(first: 2) {{ totalCount }} author {{ name user {{ login }} }} }} }}"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Build:
    """The commit behind a tag: its checks, the branches it was merged into, and the newest commits up to it."""

    sha: str
    reported: Reported
    merged_into: tuple[str, ...]
    history: tuple[Commit, ...]
    linear: bool

    def since(self, ancestor: str) -> Comparison | None:
        """Return what this has more than *ancestor*, None if the history that was read does not say."""
        shas = [commit.sha for commit in self.history]
        if not self.linear or ancestor not in shas:
            return None
        commits = self.history[: shas.index(ancestor)][::-1]
        return Comparison(status="ahead" if commits else "identical", commits=commits, total=len(commits))


@dataclass(frozen=True)
class AppRepository(Repository):
    """The repository of an app. What it was asked once is not asked again."""

    _builds: dict[str, Build | None] = field(default_factory=dict, repr=False)
    _checks: dict[str, tuple[Check, ...]] = field(default_factory=dict, repr=False)
    _facts: dict[str, Any] = field(default_factory=dict, repr=False)
    _compared: dict[tuple[str, str], Comparison | None] = field(default_factory=dict, repr=False)

    def look(self, tags: Iterable[str]) -> None:
        """Ask for all of *tags* that are not known yet, together; one that is not there is known as such."""
        new = [tag for tag in dict.fromkeys(tags) if tag not in self._builds]
        for start in range(0, len(new), MOST_TAGS):
            self._look(new[start : start + MOST_TAGS])

    def _look(self, new: Sequence[str]) -> None:
        variables = {f"t{index}": _expression(tag) for index, tag in enumerate(new)}
        variables |= {f"v{index}": _expression(f"v{tag}") for index, tag in enumerate(new) if is_version(tag)}
        fields = "".join(
            f"{name}: object(expression: ${name}) {{ ... on Commit {{ {COMMIT} }} }}" for name in variables
        )
        document = query(
            variables=dict.fromkeys(variables, "String!"),
            paths=(),
            fields=f"""{fields} defaultBranchRef {{ name
                rules(first: 100) {{ nodes {{ parameters {{ ... on RequiredStatusChecksParameters {{
                    requiredStatusChecks {{ context integrationId }} }} }} }} }}
                refUpdateRule {{ requiredStatusCheckContexts }}
                target {{ ... on Commit {{ history(first: {MOST_COMMITS}) {{ nodes {{ oid }} }} }} }} }}""",
        )
        found = self.ask(document, variables, permission=PERMISSION, may_hide=ROLLUP)
        self._facts["main"] = found["defaultBranchRef"]
        for index, tag in enumerate(new):
            commit = found[f"t{index}"] or found.get(f"v{index}")
            self._builds[tag] = _build(commit) if commit else None

    def build(self, tag: str) -> Build | None:
        """Return the commit behind *tag*, None if there is none here."""
        self.look([tag])
        return self._builds[tag]

    def required_checks(self) -> tuple[RequiredCheck, ...]:
        """Return the checks that the rules of the default branch require; *look* first."""
        return required_checks_of(self._facts["main"]) if self._facts["main"] else ()

    def checks_of(self, build: Build) -> tuple[Check, ...]:
        """Return the checks of *build*; raise HiddenChecksError if not all can be read with this token."""
        if build.sha not in self._checks:
            self._checks[build.sha] = self._checks_of(build)
        return self._checks[build.sha]

    def _checks_of(self, build: Build) -> tuple[Check, ...]:
        for _ in range(MOST_LOOKS - 1):
            try:
                return self.checks(build.reported)
            except HiddenChecksError:  # a job may have begun between the two answers
                self._look([build.sha])
                build = self._builds[build.sha] or build
        return self.checks(build.reported)

    def released(self, tag: str, hotfix_prefix: str) -> Release:
        """Return by which kind of branch, with its rules, the commit behind *tag* was released.

        Being there is not enough: GitHub finds every commit of every fork by its SHA, those of unreviewed pull requests
        included. A hotfix branch may be gone; the pull request that was merged into it stays.
        """
        build = self.build(tag)
        main = self._facts["main"]
        if not build or not main:
            return Release.NONE
        newest = [node["oid"] for node in main["target"]["history"]["nodes"]]
        if build.sha in newest or main["name"] in build.merged_into:
            return Release.MAIN
        if any(is_hotfix(branch, hotfix_prefix) for branch in build.merged_into):
            return Release.HOTFIX
        if self._is_within(build.sha, main["name"]):
            return Release.MAIN
        hotfixes = (name for name in self.branches(hotfix_prefix) if is_hotfix(name, hotfix_prefix))
        return Release.HOTFIX if any(self._is_within(build.sha, name) for name in hotfixes) else Release.NONE

    def compare_tags(self, base: str, head: str) -> Comparison | None:
        """Return how the commit behind the tag *head* relates to that behind *base*; None if one is not there."""
        if (base, head) not in self._compared:
            self._compared[base, head] = self._compare_tags(base, head)
        return self._compared[base, head]

    def _compare_tags(self, base: str, head: str) -> Comparison | None:
        self.look(tag for tag in (base, head) if tag == head or not is_commit(tag))
        build = self._builds[head]
        ancestor = base if is_commit(base) else getattr(self._builds[base], "sha", "")
        if not build or not ancestor:
            return None
        return build.since(ancestor) or self.compare(ancestor, build.sha)

    def brings_only_fixes(self, before: str, after: str) -> bool:
        """Tell whether *after*, of a hotfix branch, has nothing of the default branch that *before* has not."""
        main = self._facts["main"]
        found = self.compare(main["name"], self._builds[after].sha) if main and self._builds[after] else None  # type: ignore[union-attr]
        start = self.compare_tags(before, found.merge_base) if found else None
        return bool(start) and start.status in ("behind", "identical")  # type: ignore[union-attr]

    def undone(self, before: str, after: str) -> tuple[str, ...]:
        """Return the commits of *before* of which *after* has no equivalent, in words.

        An equivalent has the same patch, or one of the two says that it was cherry-picked from the other.
        """
        lost, new = self.compare_tags(after, before), self.compare_tags(before, after)
        if not lost or not new:
            return (f"commits that {self.name} does not have",)
        named = {sha for commit in new.commits for sha in PICKED.findall(commit.message)}
        rest = [commit for commit in lost.commits if commit.sha not in named and not self._picked(commit, after)]
        patches = self._patches(rest, new.commits)
        missing = [commit for commit in rest if self._patch(commit.sha) not in patches]
        words = [f"{commit.sha[:12]} {commit.title[:80]}" for commit in missing]
        unseen = lost.total - len(lost.commits)
        return (*words, f"{unseen} more commits") if unseen else tuple(words)

    def _picked(self, commit: Commit, after: str) -> bool:
        """Tell whether *commit* was cherry-picked from one that *after* has."""
        return any(self._is_within(source, after) for source in PICKED.findall(commit.message))

    def _is_within(self, sha: str, revision: str) -> bool:
        found = self.compare(revision, sha)
        return bool(found) and found.status in ("behind", "identical")  # type: ignore[union-attr]

    def _patches(self, wanted: Sequence[Commit], among: Sequence[Commit]) -> set[object]:
        """Return the patches of those commits *among* that are as large as one of *wanted*: only they can be equal."""
        if not wanted:
            return set()
        sizes = self._sizes([commit.sha for commit in (*wanted, *among)])
        sought = {sizes.get(commit.sha) for commit in wanted} - {None}
        found = {self._patch(commit.sha) for commit in among if sizes.get(commit.sha) in sought}
        return found - {None}

    def _sizes(self, shas: Sequence[str]) -> dict[str, tuple[int, ...]]:
        sizes: dict[str, tuple[int, ...]] = {}
        for start in range(0, len(shas), MOST_COMMITS):
            some = shas[start : start + MOST_COMMITS]
            variables = {f"c{index}": sha for index, sha in enumerate(some)}
            size = "... on Commit { oid additions deletions changedFilesIfAvailable }"
            fields = " ".join(f"{name}: object(oid: ${name}) {{ {size} }}" for name in variables)
            document = query(variables=dict.fromkeys(variables, "GitObjectID!"), paths=(), fields=fields)
            for node in self.ask(document, variables).values():
                if node and node["changedFilesIfAvailable"] is not None:
                    sizes[node["oid"]] = (node["additions"], node["deletions"], node["changedFilesIfAvailable"])
        return sizes

    def _patch(self, sha: str) -> object:
        """Return what *sha* changes, wherever in the files; None if GitHub does not show all of it."""
        with self._asking("contents: read"):
            files = self._rest("GET", f"/commits/{sha}")["files"]
        whole = 0 < len(files) < MOST_FILES and all("patch" in file for file in files)
        return frozenset((file["filename"], HUNK.sub("@@", file["patch"])) for file in files) if whole else None


def _expression(tag: str) -> str:
    return tag if is_commit(tag) else f"refs/tags/{tag}^{{commit}}"


def _build(node: Mapping[str, Any]) -> Build:
    history = node["history"]["nodes"]
    pulls = node["associatedPullRequests"]["nodes"]
    return Build(
        sha=node["oid"],
        reported=read_checks(node["oid"], node[ROLLUP]),
        merged_into=tuple(
            pull["baseRefName"]
            for pull in pulls
            if pull["state"] == "MERGED" and (pull["mergeCommit"] or {}).get("oid") == node["oid"]
        ),
        history=tuple(_commit(commit) for commit in history),
        linear=all(commit["parents"]["totalCount"] <= 1 for commit in history),
    )


def _commit(node: Mapping[str, Any]) -> Commit:
    author = node["author"] or {}
    login = (author.get("user") or {}).get("login")
    return Commit(sha=node["oid"], message=node["message"], author=login or author.get("name") or "")
