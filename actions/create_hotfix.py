"""action-create-hotfix: make a branch at a released commit, for a fix that cannot wait for main."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from enum import StrEnum

from actions.change import only_service
from actions.config import REPOSITORY
from actions.errors import (
    BranchExistsError,
    ConflictError,
    EnvFileError,
    GitHubError,
    InputError,
    NoTagError,
    NotReleasedError,
    UnknownServiceError,
)
from actions.event import Event, is_hotfix
from actions.infra_state import read_one
from actions.layout import require_name
from actions.repository import Repository
from actions.runtime import Inputs, Outcome, event_payload, markdown, run
from actions.tags import is_version, next_patch, require_tag

UNSET = {"branch": "", "base-sha": "", "created": False, "next-version": ""}
FAILURES = (InputError, EnvFileError, ConflictError, GitHubError, NotReleasedError)
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
    """The inputs of the action. The base is one of *base_sha*, *base_tag* and what *from_env* runs."""

    base_sha: str
    base_tag: str
    from_env: str
    service: str
    infra_repo: str
    envs_dir: str
    name: str
    prefix: str
    main_branch: str
    token: str = field(repr=False)

    @classmethod
    def read(cls, inputs: Inputs, repository: str) -> Settings:
        """Read the inputs, where *repository* is the one the run is in; raise InputError if one cannot be used."""
        token = inputs.secret("token")
        prefix = inputs.required("hotfix-prefix")
        if not PREFIX.fullmatch(prefix):
            raise InputError(
                f"input hotfix-prefix is {prefix[:200]!r}; it must be one word and a slash, like hotfixes/"
            )
        bases = {name: inputs.text(name) for name in ("base-commit-sha", "base-tag", "from-env")}
        given = [name for name, value in bases.items() if value]
        if len(given) != 1:
            raise InputError(f"give one of {', '.join(bases)}; given: {', '.join(given) or 'none'}")
        infra_repo, service = inputs.text("infra-repo") or repository, inputs.text("service")
        if not REPOSITORY.fullmatch(infra_repo):
            raise InputError(f"input infra-repo is {infra_repo[:200]!r}; write it as owner/name")
        name = inputs.text("branch-name").removeprefix(prefix)
        return cls(
            base_sha=_sha(bases["base-commit-sha"]),
            base_tag=require_tag(bases["base-tag"]) if bases["base-tag"] else "",
            from_env=require_name("an environment", bases["from-env"]) if bases["from-env"] else "",
            service=require_name("a service", service) if service else "",
            infra_repo=infra_repo,
            envs_dir=inputs.required("envs-dir"),
            name=_name(name) if name else "",
            prefix=prefix,
            main_branch=inputs.branch("main-branch"),
            token=token,
        )


def main() -> int:
    """Run the action and return its exit code."""
    return run(_act, unset=UNSET)


def _act() -> Outcome:
    event = Event.read(os.environ, event_payload())
    settings = Settings.read(Inputs(), event.repository)
    repository = Repository(event.repository, settings.token)
    base = settings.base_tag or settings.base_sha or _running(settings, event.repository)
    sha, version = _commit(repository, base, is_tag=bool(settings.base_tag))
    next_version = _next_version(repository, version) if version else ""
    name = settings.name or next_version
    if not name:
        raise InputError(f"{base} is no version, so the branch has to be named; give branch-name")
    branch = settings.prefix + _name(name)
    main_branch = settings.main_branch or event.default_branch or repository.default_branch()
    released_on = _require_released(repository, sha, main_branch, settings)
    created = repository.create_branch(branch, sha)
    if not created:
        _require_same(repository, branch, sha)
    return _outcome(repository, settings, branch, sha, released_on, next_version, created=created)


def _sha(base: str) -> str:
    if not base or REVISION.fullmatch(base):
        return base
    raise InputError(f"input base-commit-sha is {base[:200]!r}; it must be 7 to 40 digits of a commit SHA")


def _name(name: str) -> str:
    if NAME.fullmatch(name):
        return name
    raise InputError(
        f"{name[:200]!r} cannot be the name of the branch; use letters, digits, '.', '_' and '-', no slash, at most"
        " 100, starting with a letter or a digit and not ending in '.' or '.lock'"
    )


def _running(settings: Settings, repository: str) -> str:
    """Return the tag that the environment `from_env` has of a service of *repository*."""
    infra = Repository(settings.infra_repo, settings.token)
    config, snapshot = read_one(infra, settings.envs_dir, settings.from_env)
    service, tags = settings.service or only_service(snapshot), snapshot.tags()
    if service not in tags:
        raise UnknownServiceError(f"no service '{service}' in {settings.from_env}; it has: {', '.join(sorted(tags))}")
    home = config.repo_of(service, repository)
    if home.casefold() != repository.casefold():
        where = f"the commits of '{service}' are in {home}" if home else f"'{service}' is of somebody else"
        raise InputError(f"{where} (gitops.yml of {settings.infra_repo}), so its hotfix is not made in {repository}")
    if not tags[service]:
        raise NoTagError(f"service '{service}' has no tag in {settings.from_env}, so nothing runs there to be fixed")
    return require_tag(tags[service], file=snapshot.file_of(service).path)


def _commit(repository: Repository, base: str, *, is_tag: bool) -> tuple[str, str]:
    """Return the commit that *base* names, and its version if it is one.

    What looks like the beginning of a SHA can be a git tag too, such as a date.
    """
    if REVISION.fullmatch(base) and not is_version(base) and not is_tag:
        return repository.resolve(base), ""
    names = [base, f"v{base}"] if is_version(base) and not base.startswith("v") else [base]
    for name in names:
        sha = repository.commit_of_tag(name)
        if sha:
            return sha, name if is_version(base) else ""
    raise InputError(f"{repository.name} has no git tag {' or '.join(names)}; give base-commit-sha instead")


def _next_version(repository: Repository, version: str) -> str:
    """Return the next patch version that no git tag has, be it as a pre-release."""
    bare = version.removeprefix("v")
    line = bare[: bare.index(".", bare.index(".") + 1) + 1]
    taken = [tag for prefix in (line, f"v{line}") for tag in repository.tags(prefix)]
    return next_patch(version, taken)


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


def _outcome(
    repository: Repository,
    settings: Settings,
    branch: str,
    sha: str,
    released_on: str,
    next_version: str,
    *,
    created: bool,
) -> Outcome:
    reason = Reason.CREATED if created else Reason.ALREADY_THERE
    verb = "created" if created else "is there already"
    return Outcome(
        outputs={
            "branch": branch,
            "base-sha": sha,
            "created": created,
            "next-version": next_version,
            "reason": reason,
        },
        notice=f"{branch} {verb} at {sha}",
        summary=f"### Hotfix branch `{branch}` {verb}\n\nAt `{sha}`, a commit of {markdown(released_on)}.\n\n"
        + _next_steps(repository.name, settings.infra_repo, branch, next_version),
    )


def _next_steps(app: str, infra: str, branch: str, next_version: str) -> str:
    server = os.environ.get("GITHUB_SERVER_URL", "https://github.com")
    release = f", then tag the commit `{next_version}`" if next_version else ""
    return (
        "1. Make the fix. If it is on main already, pick it from there with `-x`, so that it is known as the same:\n\n"
        f"   ```sh\n   git fetch origin && git switch -c fix origin/{branch}\n"
        "   git cherry-pick -x <commit of main>\n   git push origin fix\n   ```\n\n"
        f"2. [Open a pull request]({server}/{app}/compare/{branch}...fix?expand=1) against `{branch}`, not against"
        " main. It is tested and reviewed as any other.\n"
        f"3. Merge it{release}. The commit is published as its tag.\n"
        f"4. Set that tag where it has to go: [{infra}]({server}/{infra}/actions).\n"
        "5. Bring the fix to main, by a pull request of its own, with `git cherry-pick -x`. Until it is there, no tag"
        " without it goes where the hotfix runs.\n"
    )
