"""action-create-hotfix: make a branch at a released commit, for a fix that cannot wait for main."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from enum import StrEnum

from actions.errors import BranchExistsError, ConflictError, GitHubError, InputError, NotReleasedError
from actions.event import Event, is_hotfix
from actions.repository import Repository
from actions.runtime import Inputs, Outcome, event_payload, markdown, run

UNSET = {"branch": "", "base-sha": "", "created": False}
FAILURES = (InputError, ConflictError, GitHubError, NotReleasedError)
# git-check-ref-format(1), and no more than a shell, YAML, a URL and a ruleset pattern all take as it is. No slash:
# `hotfixes/a/b` would be outside a ruleset for `hotfixes/*`.
NAME = re.compile(r"(?!.*\.\.)(?!.*\.lock$)[A-Za-z0-9]([A-Za-z0-9._-]{0,98}[A-Za-z0-9_-])?")
PREFIX = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*/")
REVISION = re.compile(r"[0-9a-f]{7,40}")


class Reason(StrEnum):
    """How the run ends well."""

    CREATED = "created"
    ALREADY_THERE = "already-there"


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """The inputs of the action."""

    base: str
    branch: str
    prefix: str
    main_branch: str
    token: str

    @classmethod
    def read(cls, inputs: Inputs) -> Settings:
        """Read the inputs; raise InputError if one cannot be used."""
        token = inputs.secret("token")
        prefix = inputs.required("hotfix-prefix")
        if not PREFIX.fullmatch(prefix):
            raise InputError(
                f"input hotfix-prefix is {prefix[:200]!r}; it must be one word and a slash, like hotfixes/"
            )
        base = inputs.required("base-commit-sha")
        if not REVISION.fullmatch(base):
            raise InputError(f"input base-commit-sha is {base[:200]!r}; it must be 7 to 40 digits of a commit SHA")
        return cls(
            base=base,
            branch=prefix + _name(inputs.required("branch-name"), prefix),
            prefix=prefix,
            main_branch=inputs.text("main-branch"),
            token=token,
        )


def main() -> int:
    """Run the action and return its exit code."""
    return run(_act, unset=UNSET)


def _act() -> Outcome:
    settings = Settings.read(Inputs())
    event = Event.read(os.environ, event_payload())
    repository = Repository(event.repository, settings.token)
    sha = repository.resolve(settings.base)
    main_branch = settings.main_branch or event.default_branch or repository.default_branch()
    released_on = _require_released(repository, sha, main_branch, settings)
    created = repository.create_branch(settings.branch, sha)
    if not created:
        _require_same(repository, settings.branch, sha)
    return _outcome(settings.branch, sha, released_on, created=created)


def _name(name: str, prefix: str) -> str:
    bare = name.removeprefix(prefix)
    if NAME.fullmatch(bare):
        return bare
    raise InputError(
        f"input branch-name is {name[:200]!r}; use letters, digits, '.', '_' and '-', no slash, at most 100,"
        " starting with a letter or a digit and not ending in '.' or '.lock'"
    )


def _require_released(repository: Repository, sha: str, main_branch: str, settings: Settings) -> str:
    """Return the branch that *sha* was released on: main or a hotfix branch.

    GitHub finds every commit of every fork by its SHA, those of unreviewed pull requests included; so being there is
    not enough.
    """
    hotfixes = [name for name in repository.branches(settings.prefix) if is_hotfix(name, settings.prefix)]
    for branch in (main_branch, *hotfixes):
        found = repository.compare(branch, sha)
        if found and found.status in ("behind", "identical"):
            return branch
    raise NotReleasedError(
        f"commit {sha} of {repository.name} is neither on {main_branch} nor on a branch {settings.prefix}*;"
        " a hotfix starts from a commit that was reviewed and released"
    )


def _require_same(repository: Repository, branch: str, sha: str) -> None:
    there = repository.branches(branch).get(branch, "(gone again)")
    if there != sha:
        raise BranchExistsError(
            f"branch {branch} of {repository.name} exists at {there}, not at {sha}; choose another name, or delete it"
        )


def _outcome(branch: str, sha: str, released_on: str, *, created: bool) -> Outcome:
    reason = Reason.CREATED if created else Reason.ALREADY_THERE
    verb = "created" if created else "is there already"
    return Outcome(
        outputs={"branch": branch, "base-sha": sha, "created": created, "reason": reason},
        notice=f"{branch} {verb} at {sha}",
        summary=(
            f"### Hotfix branch `{branch}` {verb}\n\n"
            f"At `{sha}`, a commit of {markdown(released_on)}. Open the pull request with the fix against it:\n\n"
            f"```sh\ngit fetch origin && git switch -c my-fix origin/{branch}\n```\n"
        ),
    )
