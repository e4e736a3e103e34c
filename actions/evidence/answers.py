"""Read `exceptions.yml` of the infra repository: what people answer to exceptions, and who approved each answer.

- commit: 0c409f3174e39c944adb598ada1fd632fac389a1
  exception: not-approved
  why: reviewed afterwards, on the incident call
  ticket: INC-7
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import yaml

from actions.errors import ConfigError
from actions.evidence.facts import Answer
from actions.evidence.judgement import ExceptionKind, recorded_approval
from actions.evidence.reviews import ReviewReader
from actions.gates.provenance import FileHistory
from actions.infra.formats import FormatError, yaml_format

if TYPE_CHECKING:
    from collections.abc import Sequence

    from actions.api.repository import Repository
    from actions.evidence.facts import CommitFacts

PATH = "exceptions.yml"
COMMIT = re.compile(r"[0-9a-f]{40}")
KEYS = ("commit", "exception", "why", "ticket")
REQUIRED = KEYS[:3]


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """One entry of the file: *why* the *exception* of *commit* is acceptable, and the *ticket*, if there is one."""

    commit: str
    exception: str
    why: str
    ticket: str = ""


def read_entries(text: str) -> tuple[Entry, ...]:
    """Parse *text*; raise ConfigError with the line of what is no answer."""
    try:
        document = yaml_format.root(text)
    except FormatError as error:
        raise _error(str(error), error.line) from error
    if document is None:
        return ()
    if not isinstance(document, yaml.SequenceNode):
        raise _error("it must be a list of answers", 1)
    return tuple(map(_entry, document.value))


def _entry(node: yaml.Node) -> Entry:
    line = int(node.start_mark.line) + 1
    if not isinstance(node, yaml.MappingNode):
        raise _error(f"an answer has the keys {', '.join(KEYS)}", line)
    given = {}
    for key, value in node.value:
        at = int(key.start_mark.line) + 1
        if key.value not in KEYS:
            raise _error(f"unknown key '{key.value}' of an answer; known: {', '.join(KEYS)}", at)
        if not isinstance(value, yaml.ScalarNode) or not value.value:
            raise _error(f"{key.value} must be a string", at)
        given[key.value] = " ".join(value.value.split())
    missing = [key for key in REQUIRED if key not in given]
    if missing:
        raise _error(f"an answer needs {missing[0]}", line)
    if not COMMIT.fullmatch(given["commit"]):
        raise _error(f"commit is {given['commit'][:80]!r}; write it as a commit, all 40 digits", line)
    if given["exception"] not in set(ExceptionKind):
        known = ", ".join(ExceptionKind)
        raise _error(f"exception is {given['exception'][:80]!r}; it must be one of {known}", line)
    return Entry(**given)


def _error(message: str, line: int) -> ConfigError:
    return ConfigError(f"{PATH}:{line}: {message}", file=PATH, line=line)


@dataclass(frozen=True, kw_only=True)
class AnswerReader:
    """Find who approved the answers in the file, as it is at the commit *head* of *infra*; *bots* approve nothing."""

    infra: Repository
    head: str
    bots: tuple[str, ...]

    def answers(self, entries: Sequence[Entry]) -> list[Answer]:
        """Return *entries* as answers, without those that came by no pull request with an independent approval."""
        history = FileHistory(self.infra, self.head, PATH)
        brought = [(entry, self._commit_of(history, entry)) for entry in entries]
        shas = [*dict.fromkeys(sha for _, sha in brought if sha)]
        commits = ReviewReader(self.infra.client, ()).commits(shas) if shas else {}
        return [answer for entry, sha in brought if sha and (answer := self._answer(entry, commits[sha]))]

    def _commit_of(self, history: FileHistory, entry: Entry) -> str:
        """Return the newest commit that brought *entry* as it is, "" if none of those that are read did."""
        bring = (step for step in history.steps if entry in _readable(step.after))
        return next((str(step.commit["oid"]) for step in bring if entry not in _readable(step.before)), "")

    def _answer(self, entry: Entry, commit: CommitFacts) -> Answer | None:
        approval = recorded_approval(commit.pull, self.bots) if commit.pull else None
        if not commit.pull or not approval or not approval.by:
            return None
        return Answer(
            commit=entry.commit,
            exception=entry.exception,
            why=entry.why,
            ticket=entry.ticket,
            sha=commit.sha,
            author=commit.pull.author,
            approved_by=approval.by,
            approved_at=approval.at,
            url=commit.pull.url,
        )


def _readable(text: str) -> tuple[Entry, ...]:
    try:
        return read_entries(text)
    except ConfigError:
        return ()  # it was mended later
