"""action-create-hotfix: create a branch at a released commit, for a fix that cannot wait for the default branch."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial

from actions.api.client import Client
from actions.api.repository import Repository
from actions.api.retry import retry
from actions.app.release import Release, ReleaseBranches, find_release, merged_into
from actions.errors import (
    BranchExistsError,
    InputError,
    NoTagError,
    NotReleasedError,
    UnknownServiceError,
)
from actions.infra.change import only_service
from actions.infra.remote import read_infra, told_of
from actions.names import require_name
from actions.runner.clock import Clock
from actions.runner.environment import event_payload, server_url
from actions.runner.event import Event
from actions.runner.inputs import Inputs
from actions.runner.markdown import escape
from actions.runner.outcome import Outcome, run
from actions.tag_names import Candidate, TagNames
from actions.tags import is_version, next_patch, require_tag

UNSET = {"branch": "", "base-sha": "", "created": False, "next-version": ""}
# git-check-ref-format(1), and no more than a shell, YAML, a URL and a ruleset pattern all take as it is. No slash:
# `hotfixes/a/b` would be outside a ruleset for `hotfixes/*`.
NAME = re.compile(r"(?!.*\.\.)(?!.*\.lock$)[A-Za-z0-9]([A-Za-z0-9._-]{0,98}[A-Za-z0-9_-])?")
PREFIX = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*/")
REVISION = re.compile(r"[0-9a-f]{7,40}")

LONGEST_TRY = 300


class Reason(StrEnum):
    """How the run ends well."""

    CREATED = "created"
    ALREADY_THERE = "already-there"


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """The inputs of the action. The base is one of *base_sha*, *base_tag* and the tag that *from_env* runs."""

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
        service = inputs.text("service")
        name = inputs.text("branch-name").removeprefix(prefix)
        return cls(
            base_sha=_sha(bases["base-commit-sha"]),
            base_tag=require_tag(bases["base-tag"]) if bases["base-tag"] else "",
            from_env=require_name("an environment", bases["from-env"]) if bases["from-env"] else "",
            service=require_name("a service", service) if service else "",
            infra_repo=inputs.repository("infra-repo", repository),
            envs_dir=inputs.required("envs-dir"),
            name=_name(name) if name else "",
            prefix=prefix,
            main_branch=inputs.branch("main-branch"),
            token=token,
        )


def main(clock: Clock | None = None) -> int:
    """Run the action and return its exit code."""
    clock = clock or Clock()
    return run(lambda: retry(_act, timeout=LONGEST_TRY, clock=clock), unset=UNSET, clock=clock)


def _act() -> Outcome:
    event = Event.read(os.environ, event_payload())
    settings = Settings.read(Inputs(), event.repository)
    app = Repository(Client(event.repository, settings.token))
    with told_of(settings.infra_repo, here=event.repository):
        base = _given(settings) or _deployed(settings, event.repository)
    sha, found = _resolve(app, base)
    next_version, git_tag = _next_release(app, found, base)
    name = settings.name or git_tag.replace("/", "-")
    if not name:
        raise InputError(f"{base.text} is no version, so the branch needs a name; set input branch-name")
    branch = settings.prefix + _name(name)
    default_branch = settings.main_branch or event.default_branch or app.default_branch()
    released_by = _require_released(app, sha, default_branch, settings.prefix)
    created = app.create_branch(branch, sha)
    if not created:
        _require_same(app, branch, sha)
    hotfix = Hotfix(
        branch=branch, sha=sha, released_by=released_by, next_version=next_version, git_tag=git_tag, created=created
    )
    return _outcome(hotfix, app.name, settings.infra_repo, default_branch)


@dataclass(frozen=True, slots=True)
class Base:
    """What the hotfix starts from, as it is written, the commits that it may name, and how its service names them."""

    text: str
    candidates: tuple[Candidate, ...]
    names: TagNames = field(default_factory=TagNames)

    def version(self, git_tag: str) -> str:
        """Return the SemVer version that *git_tag* releases, with its `v` if that is all it has beside; else ""."""
        before, _, after = self.names.git_tag.partition("{version}")
        version = git_tag.removeprefix(before).removesuffix(after)
        return version if is_version(version) else ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Hotfix:
    """The hotfix *branch* at the commit *sha*, the branch that released this commit, and the release to come."""

    branch: str
    sha: str
    released_by: str
    next_version: str
    git_tag: str
    created: bool


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


def _deployed(settings: Settings, repository: str) -> Base:
    """Return the tag that the environment `from-env` has of a service of *repository*."""
    infra = Repository(Client(settings.infra_repo, settings.token))
    state = read_infra(infra, branch="", envs_dir=settings.envs_dir, envs=[settings.from_env])
    snapshot = state.environments[settings.from_env]
    service, tags = settings.service or only_service(snapshot), snapshot.tags()
    if service not in tags:
        raise UnknownServiceError(f"no service '{service}' in {settings.from_env}; it has: {', '.join(sorted(tags))}")
    home = state.config.repo_of(service, repository)
    if home.casefold() != repository.casefold():
        where = f"the commits of '{service}' are in {home}" if home else f"'{service}' has no app repository"
        raise InputError(f"{where} (gitops.yml of {settings.infra_repo}), so its hotfix is not made in {repository}")
    if not tags[service]:
        raise NoTagError(f"service '{service}' has no tag in {settings.from_env}, so nothing runs there to be fixed")
    tag = require_tag(tags[service], file=snapshot.file_of(service).path)
    names = state.config.tag_names.get(service, TagNames())
    return Base(tag, names.candidates(tag), names)


def _given(settings: Settings) -> Base | None:
    """Return the start that the inputs name themselves."""
    tag = settings.base_tag
    if not tag:
        return Base(settings.base_sha, (Candidate(settings.base_sha, is_git_tag=False),)) if settings.base_sha else None
    names = [tag, f"v{tag}"] if is_version(tag) and not tag.startswith("v") else [tag]
    return Base(tag, tuple(Candidate(name, is_git_tag=True) for name in names))


def _resolve(app: Repository, base: Base) -> tuple[str, str]:
    """Return the commit of *base*, and what the app calls it: the name of a git tag, or "" for a SHA.

    What looks like the beginning of a SHA can be a git tag too, such as a date.
    """
    if [candidate.is_git_tag for candidate in base.candidates] == [False]:
        return app.resolve(base.candidates[0].name), ""
    found = {
        candidate: sha
        for candidate in base.candidates
        if (sha := app.commit_of_tag(candidate.name) if candidate.is_git_tag else app.commit_at(candidate.name))
    }
    if len(set(found.values())) > 1:
        listed = " and ".join(f"{candidate.name} ({sha[:12]})" for candidate, sha in found.items())
        raise InputError(f"{listed} of {app.name} are different commits; set input base-commit-sha instead")
    for candidate, sha in found.items():
        return sha, candidate.name if candidate.is_git_tag else ""
    names = " or ".join(map(str, base.candidates)) or f"commit for {base.text}, which has another form than tag-format"
    raise InputError(f"{app.name} has no {names}; set input base-commit-sha instead")


def _next_release(app: Repository, name: str, base: Base) -> tuple[str, str]:
    """Return the next patch version that no git tag has, not even as a pre-release, and how its git tag is called.

    Both are "" if the git tag *name* is of no version.
    """
    version = base.version(name)
    if not version:
        return "", ""
    before, _, after = base.names.git_tag.partition("{version}")
    line = version.removeprefix("v")
    line = line[: line.index(".", line.index(".") + 1) + 1]
    starts = (f"{before}{line}",) if before or after else (line, f"v{line}")
    taken = [tag.removeprefix(before).removesuffix(after) for start in starts for tag in app.tags(start)]
    version = next_patch(version, taken)
    return version, f"{before}{version}{after}"


def _require_released(app: Repository, sha: str, default_branch: str, prefix: str) -> str:
    """Return the branch that released the commit *sha*; raise NotReleasedError if none did."""
    head = app.head(default_branch)
    branches = ReleaseBranches(default_branch=default_branch, head=head, hotfix_prefix=prefix)
    find = partial(find_release, app, sha, branches)
    released = find(merged_into=())
    if released.kind is Release.NONE:  # a hotfix branch may be gone; its pull request stays
        released = find(merged_into=merged_into(app, sha))
    if released.kind is Release.NONE:
        raise NotReleasedError(
            f"commit {sha} of {app.name} is neither on {default_branch} nor on a branch {prefix}*;"
            " a hotfix starts from a commit that was reviewed and released"
        )
    return released.branch


def _require_same(app: Repository, branch: str, sha: str) -> None:
    head = app.branches(branch).get(branch, "(gone again)")
    if head != sha:
        raise BranchExistsError(
            f"branch {branch} of {app.name} exists at {head}, not at {sha}; choose another name, or delete it"
        )


def _outcome(hotfix: Hotfix, app: str, infra: str, default_branch: str) -> Outcome:
    verb = "created" if hotfix.created else "exists already"
    return Outcome(
        outputs={
            "branch": hotfix.branch,
            "base-sha": hotfix.sha,
            "created": hotfix.created,
            "next-version": hotfix.next_version,
            "reason": Reason.CREATED if hotfix.created else Reason.ALREADY_THERE,
        },
        notice=f"{hotfix.branch} {verb} at {hotfix.sha}",
        summary=f"### Hotfix branch `{hotfix.branch}` {verb}\n\n"
        f"At `{hotfix.sha}`, a commit of {escape(hotfix.released_by)}.\n\n"
        + _next_steps(hotfix, app, infra, default_branch),
    )


def _next_steps(hotfix: Hotfix, app: str, infra: str, default_branch: str) -> str:
    server, branch = server_url(), hotfix.branch
    release = f", then tag the commit `{hotfix.git_tag}`" if hotfix.git_tag else ""
    return (
        f"1. Make the fix. If {default_branch} has it already, cherry-pick it with `-x`, so that both commits are known"
        f" to be the same:\n\n"
        f"   ```sh\n   git fetch origin && git switch -c fix origin/{branch}\n"
        f"   git cherry-pick -x <commit of {default_branch}>\n   git push origin fix\n   ```\n\n"
        f"2. [Open a pull request]({server}/{app}/compare/{branch}...fix?expand=1) against `{branch}`, not against"
        f" {default_branch}. It is tested and reviewed like any other.\n"
        f"3. Merge it{release}. The commit is published as its tag.\n"
        f"4. Set that tag in the environments that need it: [{infra}]({server}/{infra}/actions).\n"
        f"5. Bring the fix to {default_branch}, by a pull request of its own, with `git cherry-pick -x`. Until then, no"
        " tag without the fix is deployed where the hotfix runs.\n"
    )
