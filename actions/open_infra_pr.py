"""action-open-infra-pr: change tags in the infra repository by a pull request, through the API alone."""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from actions import change, checks, config, report
from actions.bump_env import read_request
from actions.change import Plan, Request, plan
from actions.clock import Clock
from actions.errors import (
    ClosedByUserError,
    ConflictError,
    EnvFileError,
    GitHubError,
    InputError,
    RefusedError,
    ReviewRequiredError,
)
from actions.event import Event
from actions.layout import Layout, Snapshot, unknown_env
from actions.repository import Base, Branch, Comparison, Pull, Repository
from actions.runtime import Inputs, Outcome, event_payload, run, say
from actions.tags import is_commit, short

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

UNSET = {
    "changed": False,
    "changes": [],
    "previous-tag": "",
    "tag": "",
    "pr-number": "",
    "pr-url": "",
    "branch": "",
    "commit-sha": "",
    "verified": False,
    "merged": False,
    "merge-sha": "",
    "merge-route": "none",
}
FAILURES = (InputError, EnvFileError, ConflictError, GitHubError, RefusedError)
BRANCH_NAME = re.compile(r"(?!.*(?:\.\.|//|/\.|\.lock(?:/|$)|\.(?:/|$)))[A-Za-z0-9][A-Za-z0-9._/+-]{0,199}(?<!/)")


class Route(StrEnum):
    """How the pull request is merged."""

    NONE = "none"
    DIRECT = "direct"


class Method(StrEnum):
    """How GitHub makes the merged commit. Rebase leaves it unsigned, and linear history forbids merge."""

    SQUASH = "squash"
    REBASE = "rebase"
    MERGE = "merge"


class Reason(StrEnum):
    """How the run ends well."""

    OPENED = "opened"
    ALREADY_OPEN = "already-open"
    MERGED = "merged"
    UP_TO_DATE = "up-to-date"
    DRY_RUN = "dry-run"


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """The inputs of the action."""

    request: Request
    envs_dir: str
    infra_repo: str
    app_repo: str
    base: str
    token: str
    merge: Route
    method: Method
    branch: str
    title: str
    body: str
    labels: tuple[str, ...]
    reviewers: tuple[str, ...]
    team_reviewers: tuple[str, ...]
    draft: bool
    wait_for_checks: bool
    timeout: int
    dry_run: bool

    @classmethod
    def read(cls, inputs: Inputs, repository: str) -> Settings:
        """Read the inputs, where *repository* is the one the run is in; raise InputError if one cannot be used."""
        token = inputs.secret("token")
        settings = cls(
            request=read_request(inputs),
            envs_dir=inputs.required("envs-dir"),
            infra_repo=_repository("infra-repo", inputs.text("infra-repo") or repository),
            app_repo=_repository("app-repo", inputs.text("app-repo") or repository),
            base=inputs.text("base"),
            token=token,
            merge=inputs.choice("merge", Route),
            method=inputs.choice("merge-method", Method),
            branch=inputs.text("branch"),
            title=inputs.text("title"),
            body=inputs.text("body"),
            labels=tuple(inputs.lines("labels")),
            reviewers=tuple(inputs.names("reviewers")),
            team_reviewers=tuple(inputs.names("team-reviewers")),
            draft=inputs.flag("draft"),
            wait_for_checks=inputs.flag("wait-for-checks"),
            timeout=inputs.seconds("timeout"),
            dry_run=inputs.flag("dry-run"),
        )
        if settings.branch and not BRANCH_NAME.fullmatch(settings.branch):
            raise InputError(f"input branch is {settings.branch[:200]!r}; that is no name of a branch")
        if settings.draft and settings.merge is not Route.NONE:
            raise InputError("a draft cannot be merged; set draft to false or merge to none")
        return settings


def _repository(name: str, value: str) -> str:
    if config.REPOSITORY.fullmatch(value):
        return value
    raise InputError(f"input {name} is {value[:200]!r}; write it as owner/name")


@dataclass(frozen=True, kw_only=True, slots=True)
class State:
    """What the infra repository says at one commit."""

    base: Base
    config: config.Config
    layout: Layout
    target: Snapshot
    source: Snapshot | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Proposal:
    """The change in the words of a pull request."""

    branch: str
    title: str
    body: str
    message: str
    files: Mapping[str, str]


def main(clock: Clock | None = None) -> int:
    """Run the action and return its exit code."""
    return run(lambda: _act(clock or Clock()), unset=UNSET)


def _act(clock: Clock) -> Outcome:
    event = Event.read(os.environ, event_payload())
    settings = Settings.read(Inputs(), event.repository)
    infra = Repository(settings.infra_repo, settings.token)
    state = _read(infra, settings)
    wanted = settings.request.wanted(state.target, state.source)
    planned = plan(state.target, wanted)
    common = change.outputs(planned.changes, wanted)
    if not planned.changes:
        table = report.changes_table(settings.request.env, ())
        outputs = {**UNSET, **common, "reason": Reason.UP_TO_DATE}
        return Outcome(outputs=outputs, notice=report.one_line(settings.request.env, ()), summary=table)
    if settings.merge is not Route.NONE and state.config.needs_review(settings.request.env):
        raise ReviewRequiredError(
            f"{settings.request.env} needs a review, so its pull request is not merged on its own; set merge to none,"
            f" or write 'review: none' for it into {config.PATH} of {infra.name}"
        )
    proposal = _propose(settings, state, planned)
    if settings.dry_run:
        return _dry_run(state, planned, proposal, common)
    branch, pull, is_new = _offer(infra, state.base, proposal, settings)
    merged = _merge(infra, state.base, pull, proposal, settings, clock) if settings.merge is not Route.NONE else None
    return _outcome(common, proposal, branch, merged or pull, is_new=is_new, verified=_verified(infra, branch, merged))


def _read(infra: Repository, settings: Settings) -> State:
    """Read the infra repository: its head, gitops.yml and the env files that matter, all at one commit."""
    envs = [env for env in (settings.request.env, settings.request.from_env) if env]
    expected = Layout.default(settings.envs_dir)
    first = [config.PATH, *(path for env in envs for path in expected.paths(env))]
    base = infra.base(settings.base, first)
    found = config.Config.parse(base.files.get(config.PATH, ""))
    layout = found.layout(settings.envs_dir)
    if layout.patterns != expected.patterns:
        paths = _paths(infra, base, layout, envs)
        base = infra.base(settings.base, [config.PATH, *paths])
    grouped = layout.group(base.files)
    for env in envs:
        if env not in grouped:
            known = layout.group(dict.fromkeys(infra.paths(base.head), ""))
            raise unknown_env(env, layout, found.in_order(known))
    return State(
        base=base,
        config=found,
        layout=layout,
        target=grouped[settings.request.env],
        source=grouped.get(settings.request.from_env),
    )


def _paths(infra: Repository, base: Base, layout: Layout, envs: Sequence[str]) -> list[str]:
    if not layout.per_service:
        return [path for env in envs for path in layout.paths(env)]
    return [path for path in infra.paths(base.head) if (layout.owner(path) or ("",))[0] in envs]


def _propose(settings: Settings, state: State, planned: Plan) -> Proposal:
    """Return the pull request for *planned*; the app repositories are asked what lies between the tags."""
    changes = planned.changes
    server = os.environ.get("GITHUB_SERVER_URL", "https://github.com")
    apps = {c.service: state.config.repo_of(c.service, settings.app_repo) for c in changes}
    histories = {c.service: _history(apps[c.service], c, settings) for c in changes}
    links = {c.service: f"{server}/{apps[c.service]}/compare/{c.before}...{c.after}" for c in changes if c.before}
    left_alone = settings.request.left_alone(state.target, state.source)
    table = report.changes_table(settings.request.env, changes, left_alone=left_alone, links=links)
    title = settings.title or report.title(changes, from_env=settings.request.from_env)
    run_url = f"{server}/{os.environ.get('GITHUB_REPOSITORY', '')}/actions/runs/{os.environ.get('GITHUB_RUN_ID', '')}"
    actor = os.environ.get("GITHUB_TRIGGERING_ACTOR") or os.environ.get("GITHUB_ACTOR", "")
    generated = report.pull_body(table, histories, run_url=run_url, actor=actor)
    return Proposal(
        branch=settings.branch or _branch_name(planned),
        title=title,
        body=f"{settings.body}\n\n{generated}" if settings.body else generated,
        message=report.commit_message(title, changes),
        files={
            new.path: new.text
            for old, new in zip(state.target.files, planned.after.files, strict=True)
            if old.text != new.text
        },
    )


def _history(app: str, changed: change.Change, settings: Settings) -> Comparison | None:
    if not (is_commit(changed.before) and is_commit(changed.after)):
        return None
    return Repository(app, settings.token).compare(changed.before, changed.after)


def _branch_name(planned: Plan) -> str:
    """Return a name that the same change always has, so that a second run finds what the first one made."""
    changes = sorted(planned.changes, key=lambda changed: changed.service)
    env, first = changes[0].env, changes[0]
    name = f"gitops/{env}/{first.service}-{short(first.after)}"
    if len(changes) == 1 and BRANCH_NAME.fullmatch(name):
        return name
    digest = hashlib.sha256("\n".join(f"{c.service}={c.after}" for c in changes).encode()).hexdigest()
    return f"gitops/{env}/{len(changes)}-{'services' if len(changes) > 1 else 'service'}-{digest[:12]}"


def _offer(infra: Repository, base: Base, proposal: Proposal, settings: Settings) -> tuple[Branch, Pull, bool]:
    """Return the branch and the pull request that offer *proposal*, made now or found, and whether it is new."""
    try:
        branch = infra.commit(base, branch=proposal.branch, files=proposal.files, message=proposal.message)
        say(f"committed {branch.head} to {branch.name}")
    except ConflictError:
        branch = _adopt(infra, proposal)
        say(f"found {branch.head} on {branch.name}, made by an earlier run")
    pull = next((found for found in branch.pulls if found.state == "OPEN"), None)
    if pull:
        return branch, pull, False
    closed = next((found for found in branch.pulls if found.state == "CLOSED"), None)
    if closed:
        raise ClosedByUserError(
            f"{closed.url} offered the same change and was closed by {closed.closed_by or 'someone'};"
            f" reopen it, or delete its branch {branch.name} to have a new one"
        )
    pull = infra.open_pull(
        base=base.branch, branch=branch.name, title=proposal.title, body=proposal.body, draft=settings.draft
    )
    say(f"opened {pull.url}")
    if settings.labels:
        infra.add_labels(pull, settings.labels)
    if settings.reviewers or settings.team_reviewers:
        infra.request_reviews(pull, users=settings.reviewers, teams=settings.team_reviewers)
    return branch, pull, True


def _adopt(infra: Repository, proposal: Proposal) -> Branch:
    """Return the branch that is there already; raise ConflictError unless it holds just what we would commit."""
    branch = infra.branch(proposal.branch, list(proposal.files))
    if branch and branch.files == proposal.files:
        return branch
    raise ConflictError(
        f"branch {proposal.branch} of {infra.name} is there and holds something else; delete it and run again"
    )


def _merge(infra: Repository, base: Base, pull: Pull, proposal: Proposal, settings: Settings, clock: Clock) -> Pull:
    if settings.wait_for_checks:
        checks.wait(infra, pull, base.required_checks, timeout=settings.timeout, clock=clock)
    title = f"{proposal.title} (#{pull.number})"
    message = proposal.message.partition("\n\n")[2]
    sha = infra.merge(pull, method=settings.method, title=title, message=message)
    say(f"merged {pull.url} as {sha}")
    infra.delete_branch(proposal.branch)
    return Pull(number=pull.number, url=pull.url, state="MERGED", head_sha=pull.head_sha, merge_sha=sha)


def _verified(infra: Repository, branch: Branch, merged: Pull | None) -> bool:
    return infra.is_verified(merged.merge_sha) if merged else branch.verified


def _dry_run(state: State, planned: Plan, proposal: Proposal, common: Mapping[str, object]) -> Outcome:
    diff = report.diff(state.target, planned.after)
    say(diff)
    return Outcome(
        outputs={**UNSET, **common, "branch": proposal.branch, "reason": Reason.DRY_RUN},
        notice=f"dry run: {report.one_line(state.target.env, planned.changes)}",
        summary=f"### Dry run: {proposal.title}\n\n```diff\n{diff}```\n\n{proposal.body}",
    )


def _outcome(
    common: Mapping[str, object], proposal: Proposal, branch: Branch, pull: Pull, *, is_new: bool, verified: bool
) -> Outcome:
    merged = pull.state == "MERGED"
    opened = Reason.OPENED if is_new else Reason.ALREADY_OPEN
    reason = Reason.MERGED if merged else opened
    facts = [
        f"[#{pull.number}]({pull.url}) {reason}",
        f"commit `{pull.merge_sha or branch.head}`",
        "Verified" if verified else "not signed",
    ]
    return Outcome(
        outputs={
            **common,
            "pr-number": pull.number,
            "pr-url": pull.url,
            "branch": branch.name,
            "commit-sha": branch.head,
            "verified": verified,
            "merged": merged,
            "merge-sha": pull.merge_sha,
            "merge-route": Route.DIRECT if merged else Route.NONE,
            "reason": reason,
        },
        notice=f"{reason} {pull.url}: {proposal.title}",
        summary=f"### {proposal.title}\n\n{' · '.join(facts)}\n\n{proposal.body}",
    )
