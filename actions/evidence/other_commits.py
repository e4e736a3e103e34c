"""Find what went past the rules without touching the environment: commits that were pushed, bypassed, not approved."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from actions.api.batches import in_batches
from actions.api.client import query
from actions.errors import EnvFileError, InputError
from actions.evidence.files import FileReader
from actions.evidence.judgement import recorded_approval
from actions.evidence.reviews import FILES, PERMISSION, ReviewReader, read_commit
from actions.infra.config import PATH, Config
from actions.infra.config_file import parse_config
from actions.infra.env_diff import changes_only_free_tags

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from actions.api.client import Client
    from actions.evidence.facts import CommitFacts
    from actions.evidence.files import Versions
    from actions.infra.layout import Layout

COMMITS_PER_BATCH = 50
PULLS_PER_QUERY = 100  # with their files alone, which is a point
FIELDS = "parents(first: 1) { totalCount }"


@dataclass(frozen=True, kw_only=True, slots=True)
class SeenCommit:
    """A commit of the branch, its *message*, and the files that it *touched*."""

    commit: CommitFacts
    message: str
    touched: tuple[str, ...]
    is_approved: bool
    is_first: bool


@dataclass(frozen=True)
class OtherCommitReader:
    """Read commits of *branch* with the files that they touched, as *config* and *layout* are today.

    *brought* is as for ReviewReader; *listed* are pull requests of which the files are known.
    """

    client: Client
    branch: str
    config: Config
    layout: Layout
    brought: Mapping[str, int] = field(default_factory=dict)
    listed: Mapping[int, Any] = field(default_factory=dict)

    def read(self, shas: Sequence[str]) -> Iterator[SeenCommit]:
        """Yield the commits *shas*."""
        reader, files = ReviewReader(self.client, (), self.brought), FileReader(self.client)
        for start in range(0, len(shas), COMMITS_PER_BATCH):
            nodes = reader.nodes(shas[start : start + COMMITS_PER_BATCH], self.branch, fields=FIELDS)
            yield from (self._seen(node, files) for node in nodes if node)

    def touched(self, shas: Sequence[str]) -> Iterator[tuple[str, tuple[str, ...]]]:
        """Yield the commits *shas*, each with the files that it touched, as `read` does, and read nothing else."""
        files = FileReader(self.client)
        pulls: dict[int, Any] = {0: None, **self.listed}
        new = [*dict.fromkeys(number for sha in shas if (number := self.brought.get(sha, 0)) not in pulls)]
        for _, batch in in_batches(new, PULLS_PER_QUERY, self._pulls):
            pulls |= batch
        with self.client.parsing():
            for sha in shas:
                yield sha, _listed(pulls[self.brought.get(sha, 0)]) or tuple(files.touched(sha))

    def _pulls(self, numbers: Sequence[int]) -> dict[int, Any]:
        """Return the pull requests *numbers* with their files."""
        variables = {f"n{number}": number for number in numbers}
        fields = " ".join(f"{name}: pullRequest(number: ${name}) {{ {FILES} }}" for name in variables)
        document = query(variables=dict.fromkeys(variables, "Int!"), fields=fields)
        answer = self.client.repository(document, variables, permission=PERMISSION)
        with self.client.parsing():
            return {number: answer[name] for name, number in variables.items()}

    def _seen(self, node: Mapping[str, Any], files: FileReader) -> SeenCommit:
        with self.client.parsing():
            commit = read_commit(node, [self.config.tickets])
            touched = _listed(node["pull"])
            approved = bool(commit.pull and recorded_approval(commit.pull, self.config.bots).by)
            first = node["parents"]["totalCount"] == 0
        touched = touched or tuple(files.touched(commit.sha))
        return SeenCommit(commit=commit, message=node["message"], touched=touched, is_approved=approved, is_first=first)

    def that_need_no_review(self, commits: Sequence[SeenCommit]) -> set[str]:
        """Return those of *commits* that changed only tags of environments that needed no review before them."""
        candidates = [c for c in commits if c.touched and all(self.layout.owner(path) for path in c.touched)]
        paths = sorted({path for commit in candidates for path in commit.touched})
        if not candidates:
            return set()
        versions = FileReader(self.client).versions([c.commit.sha for c in candidates], [*paths, PATH])
        return {c.commit.sha for c in candidates if self._is_free(c.touched, versions[c.commit.sha])}

    def _is_free(self, touched: Sequence[str], versions: Versions) -> bool:
        try:
            before = parse_config(versions.before.get(PATH, ""))
        except (EnvFileError, InputError):
            return False
        if (before.files, before.tag) != (self.config.files, self.config.tag):
            return False
        return changes_only_free_tags(touched, (versions.before, versions.after), self.layout, before.needs_review)


def _listed(pull: Mapping[str, Any] | None) -> tuple[str, ...]:
    """Return the files that *pull* changed, none if it is None, lists not all of them, or lacks the old name of one."""
    listed: Mapping[str, Any] = pull["files"] if pull else {"totalCount": 0, "nodes": []}
    changes = {each["path"]: each["changeType"] for each in listed["nodes"]}
    is_whole = listed["totalCount"] == len(changes) and "RENAMED" not in changes.values()
    return tuple(changes) if is_whole else ()
