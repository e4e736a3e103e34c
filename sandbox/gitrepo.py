"""One real, bare git repository, in the operations that GitHub makes of them."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pygit2
from pygit2.enums import FileMode, SortMode

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

BRANCH = "refs/heads/"
SHA = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True, slots=True)
class Person:
    """Who made a commit."""

    name: str
    email: str


class GitRepo:
    """A bare repository at *path*, whose default branch is *branch*; commits are named by their full SHAs."""

    def __init__(self, path: Path, branch: str = "main") -> None:
        self.path = path
        self._repo = pygit2.init_repository(str(path), bare=True, initial_head=branch)
        # What GitHub's servers allow, and what a shallow clone of any commit needs.
        self._repo.config["uploadpack.allowAnySHA1InWant"] = True
        # Whether a branch may be deleted is for the rules to say.
        self._repo.config["receive.denyDeleteCurrent"] = "ignore"

    def pack(self) -> dict[str, bytes]:
        """Return the files of one pack that has every object of this repository."""
        builder = pygit2.PackBuilder(self._repo)
        for oid in self._repo:
            builder.add(oid)
        folder = self.path / "objects/pack"
        builder.write(str(folder))
        return {file.name: file.read_bytes() for file in folder.iterdir()}

    def add_pack(self, files: Mapping[str, bytes]) -> None:
        """Have the objects of a pack; what is in one need not be written again."""
        for name, content in files.items():
            (self.path / "objects/pack" / name).write_bytes(content)

    def refs(self, prefix: str = "refs/") -> dict[str, str]:
        """Return the refs whose names start with *prefix* and where they point."""
        names = sorted(name for name in self._repo.references if name.startswith(prefix))
        return {name: str(self._repo.references[name].peel(pygit2.Commit).id) for name in names}

    def head(self, branch: str) -> str | None:
        """Return the commit that *branch* points at, None if there is none."""
        ref = BRANCH + branch
        return str(self._repo.references[ref].peel(pygit2.Commit).id) if ref in self._repo.references else None

    def set_ref(self, ref: str, sha: str) -> None:
        """Let *ref* point at *sha*."""
        self._repo.references.create(ref, sha, force=True)

    def delete_ref(self, ref: str) -> None:
        """Remove *ref*."""
        self._repo.references.delete(ref)

    def resolve(self, revision: str) -> str | None:
        """Return the commit that *revision* (a SHA, perhaps abbreviated, or a ref) names, None if there is none."""
        # A git tag comes before a branch of its name, as in git ("gitrevisions"); that GitHub does the same is a guess.
        for name in (revision, f"refs/{revision}", f"refs/tags/{revision}", BRANCH + revision):
            if name in self._repo.references:
                return str(self._repo.references[name].peel(pygit2.Commit).id)
        try:
            found = self._repo.get(revision) if len(revision) == 40 else self._repo.revparse_single(revision)
        except (KeyError, ValueError, pygit2.InvalidSpecError):
            return None
        commit = found.peel(pygit2.Commit) if isinstance(found, pygit2.Tag) else found
        return str(commit.id) if isinstance(commit, pygit2.Commit) else None

    def get(self, sha: str) -> pygit2.Commit:
        """Return the commit *sha*, which must be there."""
        commit = self._repo[sha]
        assert isinstance(commit, pygit2.Commit)
        return commit

    def file(self, sha: str, path: str) -> tuple[int, bytes] | None:
        """Return mode and content of the file at *path* in the commit *sha*, None if there is none."""
        try:
            entry = self.get(sha).tree[path]
        except KeyError:
            return None
        return (int(entry.filemode), entry.data) if isinstance(entry, pygit2.Blob) else None

    def entry(self, sha: str, path: str) -> pygit2.Object | None:
        """Return the file or folder at *path* ("" is the root) in the commit *sha*, None if there is none."""
        tree = self.get(sha).tree
        try:
            return tree[path] if path else tree
        except KeyError:
            return None

    def tree(self, revision: str, *, recursive: bool) -> tuple[str, list[tuple[str, pygit2.Object]]] | None:
        """Return the SHA of the tree that *revision* (a commit, a ref, a tree) names and its entries by their paths."""
        sha = self.resolve(revision) or (revision if SHA.fullmatch(revision) else "")
        found = self._repo.get(sha) if sha else None
        if not isinstance(found, (pygit2.Commit, pygit2.Tree)):
            return None
        root = found.peel(pygit2.Tree)
        return str(root.id), list(_entries(root, "", recursive=recursive))

    def target(self, ref: str) -> tuple[str, str]:
        """Return what *ref* points at itself: `commit` or `tag`, and its SHA."""
        found = self._repo[self._repo.references[ref].target]
        return ("tag" if isinstance(found, pygit2.Tag) else "commit"), str(found.id)

    def blob(self, sha: str) -> bytes | None:
        """Return the content of the blob *sha*, None if there is none."""
        found = self._repo.get(sha)
        return found.data if isinstance(found, pygit2.Blob) else None

    def paths(self, sha: str) -> dict[str, str]:
        """Return path and blob SHA of every file in the commit *sha*."""
        index = pygit2.Index()
        index.read_tree(self.get(sha).tree)
        return {entry.path: str(entry.id) for entry in index}

    def commit(
        self,
        *,
        parents: Iterable[str],
        message: str,
        author: Person,
        committer: Person | None = None,
        files: Mapping[str, bytes | None] | None = None,
        tree: str | None = None,
    ) -> str:
        """Make a commit of the first parent's tree (or of *tree*) with *files*, of which None removes one."""
        parents = list(parents)
        base = pygit2.Index()
        if tree or parents:
            base.read_tree(self._repo[tree].peel(pygit2.Tree) if tree else self.get(parents[0]).tree)
        for path, content in (files or {}).items():
            if content is None:
                base.remove(path)
            else:
                base.add(pygit2.IndexEntry(path, self._repo.create_blob(content), _mode(base, path)))
        now = int(time.time())
        # libgit2 takes no empty address; git does, and the script of the article has one.
        made_by = pygit2.Signature(author.name, author.email or "none@invalid", now, 0)
        committed_by = pygit2.Signature((committer or author).name, (committer or author).email, now, 0)
        written = base.write_tree(self._repo)
        made = self._repo.create_commit(None, made_by, committed_by, message, written, parents)
        return str(made)

    def merge_tree(self, ours: str, theirs: str) -> str | None:
        """Return the tree of the three-way merge of two commits, None if they conflict."""
        index = self._repo.merge_commits(self.get(ours), self.get(theirs))
        return None if index.conflicts else str(index.write_tree(self._repo))

    def merge_base(self, one: str, other: str) -> str | None:
        """Return the best common ancestor of two commits."""
        found = self._repo.merge_base(one, other)
        return str(found) if found else None

    def is_ancestor(self, ancestor: str, of: str) -> bool:
        """Tell whether *ancestor* is *of*, or an ancestor of it."""
        return ancestor == of or self._repo.descendant_of(of, ancestor)

    def between(self, base: str, head: str) -> list[str]:
        """Return the commits that *head* has and *base* has not, oldest first."""
        return self.beyond([base], head)

    def beyond(self, bases: Iterable[str], head: str) -> list[str]:
        """Return the commits that *head* has and none of *bases* has, oldest first."""
        walker = self._repo.walk(head, SortMode.TOPOLOGICAL | SortMode.REVERSE)
        for base in bases:
            walker.hide(base)
        return [str(commit.id) for commit in walker]

    def history(self, sha: str, path: str | None = None) -> list[str]:
        """Return *sha* and all before it, newest first; with *path*, those that changed that file or folder.

        As git-log(1) has it under "History Simplification": a commit that has the file as one of its parents has it is
        left out, and that parent alone is followed.
        """
        walked = [str(commit.id) for commit in self._repo.walk(sha, SortMode.TOPOLOGICAL | SortMode.TIME)]
        if path is None:
            return walked
        changed, waiting, seen = set(), [sha], {sha}
        while waiting:
            one = waiting.pop()
            parents = [str(parent) for parent in self.get(one).parent_ids]
            same = [parent for parent in parents if self._entry(parent, path) == self._entry(one, path)]
            if not same and (parents or self._entry(one, path)):
                changed.add(one)
            following = [parent for parent in same[:1] or parents if parent not in seen]
            seen |= {*following}
            waiting += following
        return [each for each in walked if each in changed]

    def _entry(self, sha: str, path: str) -> str:
        """Return the id of the file or folder at *path* in the commit *sha*, "" if it is not there."""
        try:
            return str(self.get(sha).tree[path].id)
        except KeyError:
            return ""

    def patches(self, sha: str, base: str | None = None) -> dict[str, pygit2.Patch]:
        """Return, by path, what *sha* changes beside *base*, by default its first parent; a file that moved is one."""
        commit = self.get(sha)
        before = self.get(base).tree if base else commit.parents[0].tree if commit.parent_ids else None
        diff = before.diff_to_tree(commit.tree) if before else commit.tree.diff_to_tree(swap=True)
        diff.find_similar()
        return {patch.delta.new_file.path: patch for patch in diff if patch}

    def diff(self, base: str, head: str) -> bytes:
        """Return the diff between two commits, as git prints it."""
        return (self._repo.diff(base, head).patch or "").encode()

    def changed_paths(self, base: str, head: str) -> list[str]:
        """Return the paths that differ between two commits."""
        deltas = self._repo.diff(base, head).deltas
        return sorted({path for delta in deltas for path in (delta.old_file.path, delta.new_file.path)})


def _entries(tree: pygit2.Tree, prefix: str, *, recursive: bool) -> Iterator[tuple[str, pygit2.Object]]:
    for entry in tree:
        path = f"{prefix}{entry.name}"
        yield path, entry
        if recursive and isinstance(entry, pygit2.Tree):
            yield from _entries(entry, f"{path}/", recursive=True)


def _mode(index: pygit2.Index, path: str) -> FileMode:
    return FileMode(index[path].mode) if path in index else FileMode.BLOB
