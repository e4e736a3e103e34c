"""action-check-envs: judge what a pull request changes in the env files, by the gates."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from actions.api.client import Client
from actions.api.pulls import PullRequests
from actions.api.repository import Repository
from actions.api.retry import retry
from actions.app.facts import NotApplicable, Unknown
from actions.artifacts.login import RegistryLogin
from actions.errors import AccessError, ActionError, ConfigError, EnvFileError
from actions.gates import report, rules, trailers
from actions.gates.collect import EvaluatedChange, GateEvaluator
from actions.gates.config_changes import ConfigChange, config_changes
from actions.gates.facts import Decision
from actions.gates.origin import FREEZE_LABEL, Origin
from actions.gates.pull_reader import PullJudge, read_pulls
from actions.gates.waiting import mark
from actions.infra.config import PATH
from actions.infra.env_diff import EnvDiff
from actions.infra.remote import read_config_at
from actions.pull_request.side_work import SideWork
from actions.runner.clock import Clock
from actions.runner.environment import event_payload
from actions.runner.event import Event
from actions.runner.inputs import Inputs
from actions.runner.outcome import Outcome, run
from actions.tags import is_commit

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from actions.api.comparison import Comparison
    from actions.api.pulls import PullRequestDetails
    from actions.gates.facts import GateResult
    from actions.infra.change import Change
    from actions.infra.config import Config
    from actions.infra.env_file import EnvFile
    from actions.infra.layout import Layout

UNSET = {"decision": Decision.REFUSE, "opens-at": "", "changes": [], "gates": []}
# GitHub's own bot that updates what workflows use; it can merge nothing, and whoever merges it must have it approved.
DEPENDABOT = "dependabot"
MARKER = "<!-- gitops-actions check-envs -->"
LONGEST_TRY = 300
NOT_MERGED = NotApplicable("the pull request is not merged yet; the rules of the branch ask for its review")
MOST_FILES = 300  # GitHub lists no more of a comparison


class Reason(StrEnum):
    """How the run ends well."""

    ALLOWED = "allowed"
    STARTED_AGAIN = "started-again"
    NOTHING_TO_JUDGE = "nothing-to-judge"


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """The inputs of the action."""

    envs_dir: str
    app_repo: str
    token: str = field(repr=False)
    app_token: str = field(repr=False)
    login: RegistryLogin
    comment: bool

    @classmethod
    def read(cls, inputs: Inputs, repository: str) -> Settings:
        """Read the inputs, where *repository* is the one the run is in; raise InputError if one cannot be used."""
        token = inputs.secret("token")
        return cls(
            envs_dir=inputs.required("envs-dir"),
            app_repo=inputs.repository("app-repo", repository),
            token=token,
            app_token=inputs.optional_secret("app-token", token),
            login=RegistryLogin.read(inputs),
            comment=inputs.flag("comment"),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class PullRequestRange:
    """The pull request to judge: its number (0: none), its head, and the base that it goes on top of."""

    number: int
    head: str
    base: str


@dataclass(frozen=True, kw_only=True, slots=True)
class PullRequestContent:
    """What the pull request *number* with *details* brings up to the commit *head*: its *comparison* with the base."""

    number: int
    comparison: Comparison
    details: PullRequestDetails
    head: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """What the gates say of each change and of the pull request as a *whole*, and what is wrong with its files.

    *config_changes* are the changes of `gitops.yml`, which nothing but a review judges.
    """

    evaluated: Sequence[EvaluatedChange] = ()
    whole: Sequence[GateResult] = ()
    problems: Sequence[ActionError] = ()
    config_changes: Sequence[ConfigChange] = ()

    @property
    def is_empty(self) -> bool:
        """Tell whether there was nothing to judge."""
        return not (self.evaluated or self.whole or self.problems)

    @property
    def results(self) -> list[GateResult]:
        """Return the results of all gates."""
        return [*self.about_all, *(result for item in self.evaluated for result in item.results)]

    @property
    def about_all(self) -> list[GateResult]:
        """Return the results that are about no single change."""
        return [*(rules.unparsable(str(problem)) for problem in self.problems), *self.whole]


def main(clock: Clock | None = None) -> int:
    """Run the action and return its exit code."""
    clock = clock or Clock()
    return run(lambda: _act(clock), unset=UNSET, clock=clock)


def _act(clock: Clock) -> Outcome:
    event = Event.read(os.environ, event_payload())
    settings = Settings.read(Inputs(), event.repository)
    proposed = _pull_request(event)
    if event.name == "schedule":
        from actions.gates.waiting import start_opened  # only a schedule needs it

        infra = Repository(Client(event.repository, settings.token))
        return _started(retry(lambda: start_opened(infra.client, clock), timeout=LONGEST_TRY, clock=clock))
    if not proposed.number:
        return _nothing(f"the event {event.name or '(none)'} proposes no change")
    infra = Repository(Client(event.repository, settings.token))
    return retry(lambda: _check(infra, settings, proposed, clock), timeout=LONGEST_TRY, clock=clock)


def _started(numbers: Sequence[int]) -> Outcome:
    """Return the outcome of a scheduled run, which started the gates of the pull requests *numbers* again."""
    if not numbers:
        return _nothing("no pull request waits for a gate that has opened")
    listed = ", ".join(f"#{number}" for number in numbers)
    return Outcome(
        outputs={**UNSET, "decision": Decision.ALLOW, "reason": Reason.STARTED_AGAIN},
        notice=f"the gates of {listed} have opened, and judge again",
    )


def _pull_request(event: Event) -> PullRequestRange:
    """Return the pull request to judge."""
    if event.merge_group:
        # Beside the group before it, not beside the branch: those before it in the queue are judged on their own.
        group = event.merge_group
        return PullRequestRange(number=group.number, head=group.head_sha, base=group.base_sha or group.base_ref)
    pull = event.pull_request
    if pull and pull.action != "closed":
        return PullRequestRange(number=pull.number, head=pull.head_sha, base=pull.base_ref)
    return PullRequestRange(number=0, head="", base="")


def _check(infra: Repository, settings: Settings, proposed: PullRequestRange, clock: Clock) -> Outcome:
    base = proposed.base if is_commit(proposed.base) else infra.head(proposed.base)
    comparison = infra.compare(base, proposed.head)
    if not comparison:
        raise AccessError(
            f"{infra.name} does not show the commits of #{proposed.number}: the token needs 'contents: read'"
        )
    details = PullRequests(infra.client).details(proposed.number, MARKER)
    proposal = PullRequestContent(number=proposed.number, comparison=comparison, details=details, head=proposed.head)
    verdict = _verdict(infra, settings, proposal, clock)
    outcome, side_work = _outcome(verdict), SideWork(clock)
    if settings.comment:
        comment = _comment(verdict, clock.utc())
        side_work.attempt(f"no comment on #{proposed.number}", lambda: _keep_comment(infra, proposed, details, comment))
    return replace(outcome, warnings=tuple(side_work.warnings))


def _verdict(infra: Repository, settings: Settings, proposal: PullRequestContent, clock: Clock) -> Verdict:
    comparison, details, head = proposal.comparison, proposal.details, proposal.head
    config = read_config_at(infra, comparison.base)
    layout = config.layout(settings.envs_dir)
    try:
        config_after = read_config_at(infra, head)
        layout_after = config_after.layout(settings.envs_dir)
        diff = _diff(infra, comparison, head, layout, layout_after)
    except EnvFileError as error:
        return Verdict(problems=(error,))
    changes = diff.changes()
    evaluator = GateEvaluator(
        infra=infra,
        head=comparison.base,
        config=replace(config, repos={**_repos_of_new_services(config_after, diff), **config.repos}),
        layout=layout,
        app_repo=settings.app_repo,
        app_token=settings.app_token,
        now=clock.utc(),
        snapshots={},
        login=settings.login,
    )
    evaluator.prefetch_holds(changes)
    origin = _origin(infra, proposal, evaluator, changes)
    evaluated = [evaluator.evaluate(change, origin, NOT_MERGED) for change in changes]
    files = {file.path: file for snapshot in diff.head.values() for file in snapshot.files}
    return Verdict(
        evaluated=[_with_line(item, files) for item in evaluated],
        whole=_of_a_bot(comparison, details, diff) if _is_restricted(config, details, changes) else (),
        problems=[*diff.problems(), *_unnamed(infra, proposal, diff, config_after, layout_after)],
        config_changes=config_changes(config, config_after),
    )


def _unnamed(
    infra: Repository, proposal: PullRequestContent, diff: EnvDiff, config: Config, layout: Layout
) -> list[ActionError]:
    """Return that an environment has a file and no name in *config*, or a name and no file, after the pull request."""
    if PATH in proposal.comparison.files or diff.base.keys() != diff.head.keys():
        try:
            config.require_files(layout.envs(infra.paths(proposal.head)))
        except ConfigError as error:
            return [error]
    return []


def _is_restricted(config: Config, details: PullRequestDetails, changes: Sequence[Change]) -> bool:
    """Tell whether a bot opened the pull request, which may change nothing but tags."""
    updates_workflows = details.is_app and details.author == DEPENDABOT and not changes
    return (details.is_app or config.is_bot(details.author)) and not updates_workflows


def _of_a_bot(comparison: Comparison, details: PullRequestDetails, diff: EnvDiff) -> tuple[GateResult, ...]:
    unlisted = len(comparison.files) >= MOST_FILES
    foreign = [f"{MOST_FILES} files or more"] if unlisted else diff.foreign(comparison.files)
    return (rules.only_tags(details.author, foreign),)


def _with_line(item: EvaluatedChange, files: Mapping[str, EnvFile]) -> EvaluatedChange:
    """Return *item* with the line of its tag in the file."""
    change = item.change
    if not change.after or change.file not in files:
        return item
    return replace(item, line=files[change.file].line_of(change.service))


def _repos_of_new_services(config: Config, diff: EnvDiff) -> dict[str, str]:
    """Return the repositories of services that are new; an existing service keeps the one it has, named or not."""
    existing = diff.services()
    return {service: repo for service, repo in config.repos.items() if service not in existing}


def _diff(infra: Repository, comparison: Comparison, head: str, old: Layout, new: Layout) -> EnvDiff:
    """Return the difference in those env files that the pull request touches; if it moves them, in all."""
    touched: Sequence[str] = comparison.files
    if PATH in touched or len(touched) >= MOST_FILES:
        touched = [*infra.paths(comparison.merge_base), *infra.paths(head), *infra.paths(comparison.base)]
    paths = [path for path in dict.fromkeys(touched) if old.owner(path) or new.owner(path)]
    if not paths:
        return EnvDiff(base={}, head={}, now={})
    texts = infra.files_at(head, paths) or {}
    before = infra.files_at(comparison.merge_base, paths) or {}
    added = [path for path in texts if path not in before]
    new.require_one_file(path for path in (infra.paths(head) if added else texts) if new.owner(path))
    return EnvDiff(
        base=old.group(before),
        head=new.group(texts),
        now=old.group(infra.files_at(comparison.base, paths) or {}),
    )


def _origin(
    infra: Repository, proposal: PullRequestContent, evaluator: GateEvaluator, changes: Sequence[Change]
) -> Origin:
    """Return what the commits say: they are approved, and the body is not."""
    details = proposal.details
    said, labeled = trailers.read("\n\n".join(details.messages)), False
    emergency: bool | Unknown = False
    config, envs = evaluator.config, sorted({change.env for change in changes})
    may_be_emergency = bool(envs and said.reason) and all(config.environment(env).emergency for env in envs)
    if may_be_emergency or (said.freeze_override and FREEZE_LABEL in details.labels):
        pull = read_pulls(infra.client, [proposal.number])[proposal.number]
        labeled = bool(said.freeze_override) and PullJudge(config, None).is_labeled(pull, FREEZE_LABEL)
        found = [evaluator.judge.is_emergency(pull, env) for env in envs] if may_be_emergency else [False]
        emergency = next((each for each in found if each is not True), True)
    texts = ("\n".join([details.title, details.branch, *details.messages]),)
    return Origin(trailers=said, freeze_label=labeled, approved=NOT_MERGED, texts=texts, emergency=emergency)


def _nothing(why: str, config_changes: Sequence[ConfigChange] = ()) -> Outcome:
    return Outcome(
        outputs={**UNSET, "decision": Decision.ALLOW, "reason": Reason.NOTHING_TO_JUDGE},
        notice=f"nothing to judge: {why}",
        summary=f"### Gates\n\nNothing to judge: {why}.\n{report.config_changes(config_changes)}",
    )


def _outcome(verdict: Verdict) -> Outcome:
    if verdict.is_empty:
        return _nothing("no tag changes", verdict.config_changes)
    worst = rules.worst(verdict.results)
    errors = (*verdict.problems, *(report.error_of(result) for result in verdict.whole if result.reason))
    errors += tuple(report.errors(verdict.evaluated))
    changes = ", ".join(f"{item.change.env} {item.change}" for item in verdict.evaluated)
    return Outcome(
        outputs={
            "decision": worst.decision if worst else Decision.ALLOW,
            "opens-at": worst.opens.isoformat() if worst and worst.opens else "",
            "changes": [item.change.as_output() for item in verdict.evaluated],
            "gates": report.as_output(verdict.evaluated, [*verdict.whole]),
            "reason": errors[0].reason if errors else Reason.ALLOWED,
        },
        notice=f"every gate is open for {changes}",
        summary=_text(verdict),
        errors=errors,
    )


def _text(verdict: Verdict) -> str:
    worst = rules.worst(verdict.results)
    heads = {Decision.WAIT: "⏳ Waiting", Decision.REFUSE: "❌ Blocked"}
    head = heads[worst.decision] if worst else "✅ Every gate is open"
    gates = f"{report.gates_table(verdict.evaluated)}{report.notes(verdict.about_all)}"
    return f"### {head}\n\n{gates}{report.config_changes(verdict.config_changes)}"


def _comment(verdict: Verdict, now: datetime) -> str:
    """Return the comment, which says what the summary says, and which run waits until when; "" if nothing is said."""
    if verdict.is_empty and not verdict.config_changes:
        return ""
    if verdict.is_empty:
        return f"### Gates\n\nNo tag changes.\n{report.config_changes(verdict.config_changes)}\n{MARKER}\n"
    worst, run_id = rules.worst(verdict.results), os.environ.get("GITHUB_RUN_ID", "")
    waits = mark(run_id, worst.opens or now) if worst and worst.decision is Decision.WAIT and run_id else ""
    return f"{_text(verdict)}\n{MARKER}\n{waits}"


def _keep_comment(infra: Repository, proposed: PullRequestRange, details: PullRequestDetails, comment: str) -> None:
    """Keep one comment; one that is there is brought up to date even if nothing is left to say."""
    text = comment or f"### Gates\n\nNo tag changes.\n\n{MARKER}\n"
    if (comment or details.comment_number) and text != details.comment_body:
        PullRequests(infra.client).comment(proposed.number, text, replaces=details.comment_number)
