"""The repository of this project on GitHub: its tags, its checks, its releases."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from github import GithubException

from actions.api import Api
from actions.errors import ConflictError
from release.versions import version_of

if TYPE_CHECKING:
    from semver import Version

ACTIONS_APP = 15368  # GitHub Actions itself
GATE = "gate"
CANDIDATES = "release-candidates/"


@dataclass(frozen=True)
class Project(Api):
    """What a release asks of GitHub. Everything can be asked again: what is there already is not made again."""

    def released(self) -> dict[Version, str]:
        """Return the versions that have a tag, and where it points."""
        with self._asking("contents: read"):
            found = [ref for page in self._pages("/git/matching-refs/tags/v") for ref in page]
        tags = {ref["ref"].removeprefix("refs/tags/"): ref["object"]["sha"] for ref in found}
        return {version: sha for tag, sha in tags.items() if (version := version_of(tag))}

    def is_green(self, sha: str) -> bool:
        """Tell whether the gate of the CI workflow succeeded on the commit *sha*."""
        with self._asking("checks: read"):
            runs = self._rest("GET", f"/commits/{sha}/check-runs?check_name={GATE}&filter=latest")["check_runs"]
        ours = [run for run in runs if run["name"] == GATE and (run["app"] or {}).get("id") == ACTIONS_APP]
        return bool(ours) and all(run["conclusion"] == "success" for run in ours)

    def tag(self, name: str, sha: str) -> None:
        """Put the tag *name* at *sha* for good; raise ConflictError if it is somewhere else."""
        there = self._ref(f"tags/{name}")
        if there is None:
            with self._asking("contents: write"):
                self._rest("POST", "/git/refs", {"ref": f"refs/tags/{name}", "sha": sha})
        elif there != sha:
            raise ConflictError(f"the tag {name} is there already, at {there[:12]}")

    def move(self, name: str, sha: str) -> None:
        """Let the moving tag *name* point at *sha*."""
        there = self._ref(f"tags/{name}")
        with self._asking("contents: write"):
            if there is None:
                self._rest("POST", "/git/refs", {"ref": f"refs/tags/{name}", "sha": sha})
            elif there != sha:
                self._rest("PATCH", f"/git/refs/tags/{name}", {"sha": sha, "force": True})

    def release(self, tag: str, body: str, *, prerelease: bool, latest: bool) -> str:
        """Publish the GitHub release of *tag*, and return its address."""
        with self._asking("contents: write"):
            found = self._optional(f"/releases/tags/{tag}")
            if not found:
                given = {"tag_name": tag, "name": tag, "body": body, "prerelease": prerelease}
                found = self._rest("POST", "/releases", {**given, "make_latest": "true" if latest else "false"})
        return str(found["html_url"])

    def discard(self, branch: str) -> None:
        """Delete *branch*, if it is there."""
        if self._ref(f"heads/{branch}"):
            with self._asking("contents: write"):
                self._rest("DELETE", f"/git/refs/heads/{branch}")

    def _ref(self, name: str) -> str | None:
        with self._asking("contents: read"):
            found = self._optional(f"/git/ref/{name}")
        return str(found["object"]["sha"]) if found else None

    def _optional(self, path: str) -> Any:
        try:
            return self._rest("GET", path)
        except GithubException as error:
            if error.status == HTTPStatus.NOT_FOUND:
                return None
            raise
