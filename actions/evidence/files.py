"""Read what files were at commits of the infra repository, and before them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from actions.api.client import file_fields, path_variables, query
from actions.errors import GitHubError
from actions.evidence.reviews import ReviewReader, read_commit

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from actions.api.client import Client
    from actions.evidence.facts import Commit

PER_PAGE = 100
COMMITS_PER_QUERY = 50


@dataclass(frozen=True, kw_only=True, slots=True)
class Versions:
    """The files that matter, before a commit of the infra repository and after it."""

    parents: tuple[str, ...]
    before: Mapping[str, str]
    after: Mapping[str, str]


@dataclass(frozen=True, kw_only=True, slots=True)
class CommitWithFiles(Versions):
    """A commit of the infra repository with the files that matter; *unreadable* names those that are no text."""

    commit: Commit
    message: str
    unreadable: tuple[str, ...]


@dataclass(frozen=True)
class FileReader:
    """Read the versions of files of one repository."""

    client: Client

    def texts(self, shas: Sequence[str], path: str) -> list[str]:
        """Return what the file at *path* was at the commits *shas* and before them, each text once, "" for none."""
        texts: dict[str, None] = {}
        with self.client.parsing():
            for node in self._with_parent(shas, [path], file_fields([path])):
                versions = (node, *node["parents"]["nodes"])
                texts |= {_texts(version, [path]).get(path, ""): None for version in versions}
        return list(texts)

    def altered(self, shas: Sequence[str], paths: Sequence[str]) -> list[str]:
        """Return those of the commits *shas* at which a file at *paths* differs from their first parent."""
        names = [f"f{index}" for index in range(len(paths))]
        fields = " ".join(f"{name}: file(path: $p{index}) {{ oid }}" for index, name in enumerate(names))
        with self.client.parsing():
            return [
                node["oid"]
                for node in self._with_parent(shas, paths, f"oid {fields}")
                if any(node[name] != node["parents"]["nodes"][0][name] for name in names)
            ]

    def touched(self, sha: str) -> list[str]:
        """Return the paths of all files that the commit *sha* changed, added, removed or renamed."""
        pages = self.client.pages(f"/commits/{sha}?per_page={PER_PAGE}", permission="contents: read")
        with self.client.parsing():
            files = [file for page in pages for file in page["files"]]
        return [file[name] for file in files for name in ("filename", "previous_filename") if file.get(name)]

    def versions(self, shas: Sequence[str], paths: Sequence[str]) -> dict[str, Versions]:
        """Return the files at *paths* before and after each of the commits *shas*."""
        with self.client.parsing():
            nodes = self._with_parent(shas, paths, f"oid {file_fields(paths)}")
            return {node["oid"]: _versions(node, paths) for node in nodes}

    def commits(self, shas: Sequence[str], paths: Sequence[str], base: str) -> list[CommitWithFiles]:
        """Return the commits *shas* of the branch *base* with their pull requests and the files at *paths*."""
        files = file_fields(paths)
        fields = f"{files} parents(first: 5) {{ nodes {{ oid {files} }} }}"
        nodes = ReviewReader(self.client).nodes(shas, base, fields=fields, paths=paths)
        with self.client.parsing():
            return [_commit_with_files(node, paths) for node in nodes]

    def _with_parent(self, shas: Sequence[str], paths: Sequence[str], fields: str) -> Iterator[Mapping[str, Any]]:
        """Yield *fields* of each of the commits *shas*, and of its first parent; they may name the files at *paths*."""
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


def _commit_with_files(node: Mapping[str, Any] | None, paths: Sequence[str]) -> CommitWithFiles:
    if not node:
        raise GitHubError("a commit of the branch is gone: its history was rewritten meanwhile")
    versions = _versions(node, paths)
    return CommitWithFiles(
        parents=versions.parents,
        before=versions.before,
        after=versions.after,
        commit=read_commit(node),
        message=node["message"],
        unreadable=tuple(path for path, blob in _blobs(node, paths) if blob["isBinary"] or blob["isTruncated"]),
    )


def _versions(node: Mapping[str, Any], paths: Sequence[str]) -> Versions:
    """Return the files at *paths* before a commit, which is at its first parent, and after it."""
    parents = node["parents"]["nodes"]
    return Versions(
        parents=tuple(parent["oid"] for parent in parents),
        before=_texts(parents[0], paths) if parents else {},
        after=_texts(node, paths),
    )


def _texts(node: Mapping[str, Any], paths: Sequence[str]) -> dict[str, str]:
    """Return the files that a commit has at *paths*; the text of a binary file is ""."""
    return {path: blob["text"] or "" for path, blob in _blobs(node, paths)}


def _blobs(node: Mapping[str, Any], paths: Sequence[str]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the files that a commit has at *paths*; a folder is none."""
    for index, path in enumerate(paths):
        blob = (node[f"f{index}"] or {}).get("object")
        if blob and "text" in blob:
            yield path, blob
