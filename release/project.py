"""Read and write the tags, checks and releases of this project's repository on GitHub."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from actions.errors import ConflictError
from release.versions import version_of

if TYPE_CHECKING:
    from semver import Version

    from actions.api.client import Client

ACTIONS_APP = 15368  # GitHub Actions itself
GATE = "gate"
CANDIDATES = "release-candidates/"
READ, WRITE = "contents: read", "contents: write"


@dataclass(frozen=True)
class Project:
    """The calls of a release to GitHub. All are idempotent, so that an interrupted release can be repeated."""

    client: Client

    def released(self) -> dict[Version, str]:
        """Return the versions that have a tag, with the commit of the tag."""
        pages = self.client.pages("/git/matching-refs/tags/v", permission=READ)
        refs = [ref for page in pages for ref in page]
        tags = {ref["ref"].removeprefix("refs/tags/"): ref["object"]["sha"] for ref in refs}
        return {version: sha for tag, sha in tags.items() if (version := version_of(tag))}

    def is_green(self, sha: str) -> bool:
        """Tell whether the gate of the CI workflow succeeded on the commit *sha*."""
        path = f"/commits/{sha}/check-runs?check_name={GATE}&filter=latest"
        runs = self.client.rest("GET", path, permission="checks: read")["check_runs"]
        ours = [run for run in runs if run["name"] == GATE and (run["app"] or {}).get("id") == ACTIONS_APP]
        return bool(ours) and all(run["conclusion"] == "success" for run in ours)

    def tag(self, name: str, sha: str) -> None:
        """Create the permanent tag *name* at *sha*; raise ConflictError if it exists at another commit."""
        current = self._ref(f"tags/{name}")
        if current is None:
            self.client.rest("POST", "/git/refs", {"ref": f"refs/tags/{name}", "sha": sha}, permission=WRITE)
        elif current != sha:
            raise ConflictError(f"tag {name} already exists at another commit, {current[:12]}")

    def move(self, name: str, sha: str) -> None:
        """Create the moving tag *name* at *sha*, or move it there."""
        current = self._ref(f"tags/{name}")
        if current is None:
            self.client.rest("POST", "/git/refs", {"ref": f"refs/tags/{name}", "sha": sha}, permission=WRITE)
        elif current != sha:
            values = {"sha": sha, "force": True}
            self.client.rest("PATCH", f"/git/refs/tags/{name}", values, permission=WRITE)

    def release(self, tag: str, body: str, *, prerelease: bool, latest: bool) -> str:
        """Publish the GitHub release of *tag*, and return its address."""
        release = self._optional(f"/releases/tags/{tag}", WRITE)
        if not release:
            values = {"tag_name": tag, "name": tag, "body": body, "prerelease": prerelease}
            values |= {"make_latest": "true" if latest else "false"}
            release = self.client.rest("POST", "/releases", values, permission=WRITE)
        return str(release["html_url"])

    def discard(self, branch: str) -> None:
        """Delete *branch* if it exists."""
        if self._ref(f"heads/{branch}"):
            self.client.rest("DELETE", f"/git/refs/heads/{branch}", permission=WRITE)

    def _ref(self, name: str) -> str | None:
        ref = self._optional(f"/git/ref/{name}", READ)
        return str(ref["object"]["sha"]) if ref else None

    def _optional(self, path: str, permission: str) -> Any:
        return self.client.rest("GET", path, permission=permission, absent=(HTTPStatus.NOT_FOUND,))
