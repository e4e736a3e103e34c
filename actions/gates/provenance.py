"""Find where a change came from: the commits of the infra repository that brought it, and their pull requests."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from actions.api.client import FILE, query
from actions.app.facts import Unknown
from actions.deployments.replay import Replay
from actions.errors import EnvFileError
from actions.gates import trailers
from actions.gates.origin import FREEZE_LABEL, Origin
from actions.gates.pull_reader import PERMISSION, read_pulls
from actions.gates.trailers import Trailers

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from actions.api.repository import Repository
    from actions.gates.pull_reader import PullJudge
    from actions.infra.change import Change
    from actions.infra.layout import Layout, Snapshot

COMMITS_PER_PAGE = 50
MOST_PAGES = 6
# GitHub counts what a query could return before it runs it, so it is asked in stages: the commits of the file with the
# numbers of their pull requests, then the contents of those pull requests that brought the change
# (docs.github.com, "Rate limits and query limits for the GraphQL API").
HISTORY = query(
    variables={"oid": "GitObjectID!", "path": "String!", "cursor": "String"},
    fields=f"""defaultBranchRef {{ name }} object(oid: $oid) {{ ... on Commit {{
        history(first: {COMMITS_PER_PAGE}, after: $cursor, path: $path) {{
            pageInfo {{ hasNextPage endCursor }}
            nodes {{
                oid message parents(first: 1) {{ totalCount }} file(path: $path) {{ {FILE} }}
                associatedPullRequests(first: 5) {{ nodes {{ number state baseRefName }} }} }} }} }} }}""",
)


@dataclass(frozen=True, kw_only=True, slots=True)
class ChangeStep:
    """One commit of a file, with its text before and after; "" where the file is not there, or is no text."""

    commit: Mapping[str, Any]
    before: str
    after: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Trace:
    """The *steps* that brought a change, newest first; or why they are not known."""

    steps: tuple[ChangeStep, ...] = ()
    unknown: Unknown | None = None


@dataclass(frozen=True)
class ProvenanceReader:
    """Find the origins of changes on the branch that ends with *head*; each answer is kept, *pulls* for others too."""

    infra: Repository
    judge: PullJudge
    layout: Layout
    head: str
    pulls: dict[int, Mapping[str, Any]] = field(default_factory=dict, repr=False)
    _histories: dict[str, FileHistory] = field(default_factory=dict, repr=False)
    _traces: dict[tuple[str, str], Trace] = field(default_factory=dict, repr=False)

    def prefetch(self, changes: Sequence[tuple[Change, Snapshot | None]]) -> None:
        """Read the commits and the pull requests behind *changes*, each with what is deployed, in few requests."""
        steps = [step for change, deployed in changes for step in self._trace(change, deployed).steps]
        numbers = dict.fromkeys(number for step in steps if (number := self._pull_number(step.commit)))
        new = [number for number in numbers if number not in self.pulls]
        self.pulls.update(read_pulls(self.infra.client, new))

    def origin(self, change: Change, deployed: Snapshot | None) -> Origin:
        """Return where *change* came from, given the environment that is *deployed* (None: nothing is known to be)."""
        self.prefetch([(change, deployed)])
        trace = self._trace(change, deployed)
        if trace.unknown:
            return Origin(trailers=Trailers(), freeze_label=False, approved=trace.unknown, texts=trace.unknown)
        return combine_origins([self._origin(step, change.env) for step in trace.steps])

    def _trace(self, change: Change, deployed: Snapshot | None) -> Trace:
        key = (change.file, change.service)
        if key not in self._traces:
            history = self._histories.setdefault(change.file, FileHistory(self.infra, self.head, change.file))
            self._traces[key] = self._find_steps(history, change, deployed)
        return self._traces[key]

    def _find_steps(self, history: FileHistory, change: Change, deployed: Snapshot | None) -> Trace:
        """Return the commits that brought what *change* has and *deployed* lacks."""
        steps: list[ChangeStep] = []
        part: object = None
        wanted = _part(self.layout, change, _text_of(deployed, change)) if deployed else None
        for step in history.steps:
            part = _part(self.layout, change, step.after)
            if part == wanted or (wanted is None and part is None):
                break
            if part != _part(self.layout, change, step.before):
                steps.append(step)
                if not _is_readable(self.layout, change, step.before):
                    break  # this commit brought all of it
        else:
            if not history.is_whole:
                times = COMMITS_PER_PAGE * MOST_PAGES
                return Trace(unknown=Unknown(f"who changed {change.file}: it was changed more than {times} times"))
        if not steps and wanted is not None and part == wanted:
            return Trace()  # it ran before, and is deployed again because a later deployment did not succeed
        if not steps:
            return Trace(unknown=Unknown(f"which commit changed {change.service} in {change.file}"))
        return Trace(steps=tuple(steps))

    def _pull_number(self, commit: Mapping[str, Any]) -> int:
        """Return the number of the pull request that brought *commit* to the default branch, 0 if none did."""
        return next(
            (
                int(pull["number"])
                for pull in commit["associatedPullRequests"]["nodes"]
                if (pull["state"], pull["baseRefName"]) == ("MERGED", self._branch)
            ),
            0,
        )

    @property
    def _branch(self) -> str:
        return next((history.branch for history in self._histories.values()), "")

    def _origin(self, step: ChangeStep, env: str) -> Origin:
        commit = step.commit
        pull = self.pulls.get(self._pull_number(commit))
        if not pull:
            # Nobody could approve the first commit of a repository yet.
            first = commit["parents"]["totalCount"] == 0
            said = trailers.read(commit["message"])
            return Origin(trailers=said, freeze_label=False, approved=first, texts=(commit["message"],))
        messages = "\n\n".join(node["commit"]["message"] for node in pull["commits"]["nodes"])
        approved = self.judge.is_approved(pull)
        return Origin(
            trailers=trailers.read(messages),  # not of the body, which its author may change after the approval
            freeze_label=self.judge.is_labeled(pull, FREEZE_LABEL),
            approved=approved,
            emergency=approved is False and self.judge.is_emergency(pull, env),
            texts=(f"{pull['title']}\n{pull['headRefName']}\n{messages}",),
        )


class FileHistory:
    """The commits up to *head* that changed the file at *path*, newest first; read as far as is asked for."""

    def __init__(self, infra: Repository, head: str, path: str) -> None:
        self._infra = infra
        self._variables: dict[str, object] = {"oid": head, "path": path, "cursor": None}
        self.steps = Replay(self._read())
        self.branch = ""
        self.is_whole = False

    def _read(self) -> Iterator[ChangeStep]:
        newer: Mapping[str, Any] | None = None
        for _ in range(MOST_PAGES):
            answer = self._infra.client.repository(HISTORY, self._variables, permission=PERMISSION)
            self.branch = (answer["defaultBranchRef"] or {}).get("name", "")
            history = answer["object"]["history"] if answer["object"] else {"nodes": [], "pageInfo": {}}
            for commit in history["nodes"]:
                if newer:
                    yield ChangeStep(commit=newer, before=_text(commit), after=_text(newer))
                newer = commit
            if not history["pageInfo"].get("hasNextPage"):
                self.is_whole = True
                yield from [ChangeStep(commit=newer, before="", after=_text(newer))] if newer else []
                return
            self._variables["cursor"] = history["pageInfo"]["endCursor"]


def _text(commit: Mapping[str, Any]) -> str:
    return ((commit["file"] or {}).get("object") or {}).get("text") or ""


def _text_of(snapshot: Snapshot | None, change: Change) -> str:
    return next((file.text for file in (snapshot.files if snapshot else ()) if file.path == change.file), "")


def _part(layout: Layout, change: Change, text: str) -> object:
    """Return what *text* says of the service of *change*, and of no service in particular; None if nothing."""
    file = layout.env_file(change.file, text)
    try:
        services, rest = file.parts() if text else ({}, None)
    except EnvFileError:
        return text  # any change of a file that cannot be read counts
    if change.service not in services:
        return None
    return services[change.service], rest if file.tag_path.names_service else None


def _is_readable(layout: Layout, change: Change, text: str) -> bool:
    try:
        return bool(text) and bool(layout.env_file(change.file, text).tags())
    except EnvFileError:
        return False


def combine_origins(origins: Sequence[Origin]) -> Origin:
    """Return what several commits, newest first, are as one change: what holds for it holds for each of them."""
    together = Trailers()
    for origin in origins[::-1]:
        together = together.then(origin.trailers)
    doubts = [origin.approved for origin in origins if origin.approved is not True]
    return Origin(
        trailers=together,
        freeze_label=all(origin.freeze_label and origin.trailers.freeze_override for origin in origins),
        approved=(False if False in doubts else doubts[0]) if doubts else True,
        texts=_texts(origins),
        emergency=_emergency(origins),
    )


def _texts(origins: Sequence[Origin]) -> tuple[str, ...] | Unknown:
    unknown = [origin.texts for origin in origins if isinstance(origin.texts, Unknown)]
    known = [text for origin in origins if not isinstance(origin.texts, Unknown) for text in origin.texts]
    return unknown[0] if unknown else tuple(known)


def _emergency(origins: Sequence[Origin]) -> bool | Unknown:
    """Return whether each of *origins* that nobody approved was asked for in an emergency."""
    found = [origin.emergency for origin in origins if origin.approved is not True]
    unknown = next((each for each in found if isinstance(each, Unknown)), None)
    return False if False in found or not found else unknown or True
