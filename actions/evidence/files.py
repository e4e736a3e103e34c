"""Read files of the infra repository before and after its commits."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from actions.api.client import file_fields, path_variables, query
from actions.errors import GitHubError
from actions.evidence.reviews import ReviewReader, read_commit

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from actions.api.client import Client
    from actions.evidence.facts import CommitFacts

PER_PAGE = 100
COMMITS_PER_QUERY = 50


@dataclass(frozen=True, kw_only=True, slots=True)
class Versions:
    """The relevant files (path to text) before and after a commit of the infra repository."""

    parents: tuple[str, ...]
    before: Mapping[str, str]
    after: Mapping[str, str]


@dataclass(frozen=True, kw_only=True, slots=True)
class CommitWithFiles(Versions):
    """A commit of the infra repository with the relevant files; *unreadable* are the paths of binary or huge files."""

    commit: CommitFacts
    message: str
    unreadable: tuple[str, ...]


@dataclass(frozen=True)
class FileReader:
    """Read files of one repository at its commits; *tickets* and *brought* are as for ReviewReader."""

    client: Client
    tickets: tuple[str, ...] = ()
    brought: Mapping[str, int] = field(default_factory=dict)

    def texts(self, shas: Sequence[str], path: str) -> list[str]:
        """Return all distinct texts of *path* at the commits *shas* and their first parents, "" for no file."""
        texts: dict[str, None] = {}
        with self.client.parsing():
            for node in self._with_parent(shas, [path], file_fields([path])):
                versions = (node, *node["parents"]["nodes"])
                texts |= {_texts(version, [path]).get(path, ""): None for version in versions}
        return list(texts)

    def altered(self, shas: Sequence[str], paths: Sequence[str]) -> list[str]:
        """Return the commits of *shas* at which a file of *paths* differs from the first parent."""
        names = [f"f{index}" for index in range(len(paths))]
        fields = " ".join(f"{name}: file(path: $p{index}) {{ oid }}" for index, name in enumerate(names))
        with self.client.parsing():
            return [
                node["oid"]
                for node in self._with_parent(shas, paths, f"oid {fields}")
                if any(node[name] != node["parents"]["nodes"][0][name] for name in names)
            ]

    def touched(self, sha: str) -> list[str]:
        """Return the paths of all files that the commit *sha* changed, with both names of a renamed file."""
        pages = self.client.pages(f"/commits/{sha}?per_page={PER_PAGE}", permission="contents: read")
        with self.client.parsing():
            files = [file for page in pages for file in page["files"]]
        return [file[name] for file in files for name in ("filename", "previous_filename") if file.get(name)]

    def versions(self, shas: Sequence[str], paths: Sequence[str]) -> dict[str, Versions]:
        """Return the files at *paths* before and after every commit of *shas*."""
        with self.client.parsing():
            nodes = self._with_parent(shas, paths, f"oid {file_fields(paths)}")
            return {node["oid"]: _versions(node, paths) for node in nodes}

    def commits(self, shas: Sequence[str], paths: Sequence[str], base: str) -> list[CommitWithFiles]:
        """Return the commits *shas*, with their pull requests into *base* and the files at *paths*."""
        files = file_fields(paths)
        fields = f"{files} parents(first: 5) {{ nodes {{ oid {files} }} }}"
        nodes = ReviewReader(self.client, self.tickets, self.brought).nodes(shas, base, fields=fields, paths=paths)
        with self.client.parsing():
            return [_commit_with_files(node, paths, self.tickets) for node in nodes]

    def _with_parent(self, shas: Sequence[str], paths: Sequence[str], fields: str) -> Iterator[Mapping[str, Any]]:
        """Yield the commits *shas* and their first parents as nodes with *fields*, which may refer to *paths*."""
        for start in range(0, len(shas), COMMITS_PER_QUERY):
            batch = shas[start : start + COMMITS_PER_QUERY]
            variables: dict[str, object] = {f"c{index}": sha for index, sha in enumerate(batch)}
            commit = f"... on Commit {{ {fields} parents(first: 1) {{ nodes {{ {fields} }} }} }}"
            document = query(
                variables=dict.fromkeys(variables, "GitObjectID!"),
                paths=paths,
                fields=" ".join(f"{name}: object(oid: ${name}) {{ {commit} }}" for name in variables),
            )
            answer = self.client.repository(document, variables | path_variables(paths))
            yield from (answer[name] for name in variables)


def _commit_with_files(node: Mapping[str, Any] | None, paths: Sequence[str], tickets: Sequence[str]) -> CommitWithFiles:
    if not node:
        raise GitHubError("a commit of the branch no longer exists: the branch was rewritten during the run; run again")
    versions = _versions(node, paths)
    return CommitWithFiles(
        parents=versions.parents,
        before=versions.before,
        after=versions.after,
        commit=read_commit(node, tickets),
        message=node["message"],
        unreadable=tuple(path for path, blob in _blobs(node, paths) if blob["isBinary"] or blob["isTruncated"]),
    )


def _versions(node: Mapping[str, Any], paths: Sequence[str]) -> Versions:
    """Read the files at *paths* before a commit (at its first parent) and after it."""
    parents = node["parents"]["nodes"]
    return Versions(
        parents=tuple(parent["oid"] for parent in parents),
        before=_texts(parents[0], paths) if parents else {},
        after=_texts(node, paths),
    )


def _texts(node: Mapping[str, Any], paths: Sequence[str]) -> dict[str, str]:
    """Return the texts of the files at *paths*, "" for a binary file."""
    return {path: blob["text"] or "" for path, blob in _blobs(node, paths)}


def _blobs(node: Mapping[str, Any], paths: Sequence[str]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the blobs at *paths*, leaving out folders."""
    for index, path in enumerate(paths):
        blob = (node[f"f{index}"] or {}).get("object")
        if blob and "text" in blob:
            yield path, blob
