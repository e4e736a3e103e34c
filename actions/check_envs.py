"""action-check-envs: judge what a pull request changes in the env files, by the gates."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum
from functools import cache
from typing import TYPE_CHECKING

from actions import gate_report, gates, trailers
from actions.clock import Clock
from actions.config import PATH, REPOSITORY, Config
from actions.env_diff import EnvDiff
from actions.errors import AccessError, ActionError, EnvFileError, GitHubError, InputError, RefusedError
from actions.event import Event
from actions.gates import Decision, Finding
from actions.infra_state import environment
from actions.judging import Judge, Judged
from actions.provenance import FREEZE_LABEL
from actions.repository import Repository
from actions.retry import persist
from actions.runtime import Inputs, Outcome, event_payload, run

if TYPE_CHECKING:
    from collections.abc import Sequence

    from actions.layout import Layout
    from actions.repository import Comparison, Proposed
    from actions.trailers import Said

UNSET = {"decision": Decision.REFUSE, "opens-at": "", "changes": [], "gates": []}
# GitHub's own bot that updates what workflows use; it can merge nothing, and whoever merges it must have it approved.
DEPENDABOT = "dependabot"
FAILURES = (InputError, EnvFileError, GitHubError, RefusedError)
MARK = "<!-- gitops-actions check-envs -->"
LONGEST_TRY = 300
MOST_FILES = 300  # GitHub lists no more of a comparison


class Reason(StrEnum):
    """How the run ends well."""

    ALLOWED = "allowed"
    NOTHING_TO_JUDGE = "nothing-to-judge"


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """The inputs of the action."""

    envs_dir: str
    app_repo: str
    token: str = field(repr=False)
    app_token: str = field(repr=False)
    comment: bool

    @classmethod
    def read(cls, inputs: Inputs, repository: str) -> Settings:
        """Read the inputs, where *repository* is the one the run is in; raise InputError if one cannot be used."""
        token = inputs.secret("token")
        app_token = inputs.secret("app-token") if inputs.text("app-token") else token
        app_repo = inputs.text("app-repo") or repository
        if not REPOSITORY.fullmatch(app_repo):
            raise InputError(f"input app-repo is {app_repo[:200]!r}; write it as owner/name")
        return cls(
            envs_dir=inputs.required("envs-dir"),
            app_repo=app_repo,
            token=token,
            app_token=app_token,
            comment=inputs.flag("comment"),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """What was judged: the changes, the pull request as a whole, and what is wrong with its files."""

    judged: Sequence[Judged] = ()
    whole: Sequence[Finding] = ()
    problems: Sequence[ActionError] = ()

    @property
    def is_empty(self) -> bool:
        """Tell whether there was nothing to judge."""
        return not (self.judged or self.whole or self.problems)

    @property
    def findings(self) -> list[Finding]:
        """Return every finding."""
        spoilt = [gates.unparsable(str(problem)) for problem in self.problems]
        return [*spoilt, *self.whole, *(finding for each in self.judged for finding in each.findings)]


def main(clock: Clock | None = None) -> int:
    """Run the action and return its exit code."""
    return run(lambda: _act(clock or Clock()), unset=UNSET)


def _act(clock: Clock) -> Outcome:
    event = Event.read(os.environ, event_payload())
    settings = Settings.read(Inputs(), event.repository)
    number, head, base = _what(event)
    if not number:
        return _nothing(f"the event {event.name or '(none)'} proposes no change")
    infra = Repository(event.repository, settings.token)
    return persist(lambda: _check(infra, settings, number, head, base, clock), timeout=LONGEST_TRY, clock=clock)


def _what(event: Event) -> tuple[int, str, str]:
    """Return the number of the pull request to judge (0: none), its head and what it goes on top of."""
    if event.merge_group:
        # Beside the group before it, not beside the branch: those before it in the queue are judged on their own.
        group = event.merge_group
        return group.number, group.head_sha, group.base_sha or group.base_ref
    if event.pull_request and event.pull_request.action != "closed":
        return event.pull_request.number, event.pull_request.head_sha, event.pull_request.base_ref
    return 0, "", ""


def _check(infra: Repository, settings: Settings, number: int, head: str, base: str, clock: Clock) -> Outcome:
    compared = infra.compare(base, head)
    if not compared:
        raise AccessError(f"{infra.name} does not show the commits of #{number}: the token needs 'contents: read'")
    proposed = infra.proposed(number, MARK)
    now = datetime.fromtimestamp(clock.wall(), UTC)
    verdict = _verdict(infra, settings, compared, proposed, head, now)
    outcome = _outcome(verdict)
    warning = _keep_comment(infra, settings, number, proposed, verdict)
    return replace(outcome, warnings=(warning,) if warning else ())


def _verdict(
    infra: Repository, settings: Settings, compared: Comparison, proposed: Proposed, head: str, now: datetime
) -> Verdict:
    config = _config(infra, compared.base)
    layout = config.layout(settings.envs_dir)
    try:
        after = _config(infra, head)
        diff = _diff(infra, compared, head, layout, after.layout(settings.envs_dir))
    except EnvFileError as error:
        return Verdict(problems=(error,))
    changes = diff.changes()
    whole = []
    updates_others = proposed.is_app and proposed.author == DEPENDABOT and not changes
    if (proposed.is_app or config.is_bot(proposed.author)) and not updates_others:
        many = [f"{MOST_FILES} files or more"] if len(compared.files) >= MOST_FILES else []
        whole.append(gates.only_tags(proposed.author, many or diff.foreign(compared.files)))
    judge = Judge(
        infra=infra,
        config=replace(config, repos={**_of_new_services(after, diff), **config.repos}),
        layout=layout,
        snapshot=cache(lambda env: environment(infra, layout, compared.base, env)),
        app_repo=settings.app_repo,
        app_token=settings.app_token,
        now=now,
    )
    said, frozen = _said(proposed), FREEZE_LABEL in proposed.labels
    judged = [judge.judge(change, said, freeze_label=frozen) for change in changes]
    lines = {file.path: file for snapshot in diff.head.values() for file in snapshot.files}
    judged = [
        replace(each, line=lines[each.change.file].line_of(each.change.service))
        if each.change.after and each.change.file in lines
        else each
        for each in judged
    ]
    return Verdict(judged=judged, whole=whole, problems=diff.problems())


def _of_new_services(config: Config, diff: EnvDiff) -> dict[str, str]:
    """Return the repositories of services that are new; what is there keeps the one it has, named or not."""
    there = diff.services()
    return {service: repo for service, repo in config.repos.items() if service not in there}


def _config(infra: Repository, sha: str) -> Config:
    return Config.parse((infra.files_at(sha, [PATH]) or {}).get(PATH, ""))


def _diff(infra: Repository, compared: Comparison, head: str, old: Layout, new: Layout) -> EnvDiff:
    """Return the difference in those env files that the pull request touches; if it moves them, in all."""
    touched: Sequence[str] = compared.files
    if PATH in touched or len(touched) >= MOST_FILES:
        touched = [*infra.paths(compared.merge_base), *infra.paths(head), *infra.paths(compared.base)]
    paths = [path for path in dict.fromkeys(touched) if old.owner(path) or new.owner(path)]
    if not paths:
        return EnvDiff(base={}, head={}, now={})
    texts = infra.files_at(head, paths) or {}
    before = infra.files_at(compared.merge_base, paths) or {}
    added = [path for path in texts if path not in before]
    new.require_one_file(path for path in (infra.paths(head) if added else texts) if new.owner(path))
    return EnvDiff(
        base=old.group(before),
        head=new.group(texts),
        now=old.group(infra.files_at(compared.base, paths) or {}),
    )


def _said(proposed: Proposed) -> Said:
    """Return what the commits say. A freeze can be overridden in the body too: that changes nothing of what goes."""
    said = trailers.read("\n\n".join(proposed.messages))
    return replace(said, freeze_override=said.freeze_override or trailers.read(proposed.body).freeze_override)


def _nothing(why: str) -> Outcome:
    return Outcome(
        outputs={**UNSET, "decision": Decision.ALLOW, "reason": Reason.NOTHING_TO_JUDGE},
        notice=f"nothing to judge: {why}",
        summary=f"### Gates\n\nNothing to judge: {why}.\n",
    )


def _outcome(verdict: Verdict) -> Outcome:
    if verdict.is_empty:
        return _nothing("no tag changes")
    worst = gates.worst(verdict.findings)
    errors = (*verdict.problems, *(gate_report.error_of(finding) for finding in verdict.whole if finding.reason))
    errors += tuple(gate_report.closed(verdict.judged))
    return Outcome(
        outputs={
            "decision": worst.decision if worst else Decision.ALLOW,
            "opens-at": worst.opens.isoformat() if worst and worst.opens else "",
            "changes": [each.change.as_output() for each in verdict.judged],
            "gates": gate_report.as_output(verdict.judged, [*verdict.whole]),
            "reason": errors[0].reason if errors else Reason.ALLOWED,
        },
        notice=f"every gate is open for {', '.join(f'{each.change.env} {each.change}' for each in verdict.judged)}",
        summary=_text(verdict),
        errors=errors,
    )


def _text(verdict: Verdict) -> str:
    worst = gates.worst(verdict.findings)
    heads = {Decision.WAIT: "⏳ This has to wait", Decision.REFUSE: "❌ This may not go"}
    head = heads[worst.decision] if worst else "✅ Every gate is open"
    spoilt = [gates.unparsable(str(problem)) for problem in verdict.problems]
    return f"### {head}\n\n{gate_report.table(verdict.judged)}{gate_report.notes([*spoilt, *verdict.whole])}"


def _keep_comment(infra: Repository, settings: Settings, number: int, proposed: Proposed, verdict: Verdict) -> str:
    """Keep one comment that says what the summary says; return a warning if the token may not."""
    text = (
        f"{_text(verdict)}\n{MARK}\n" if not verdict.is_empty else f"### Gates\n\nNo tag changes any more.\n\n{MARK}\n"
    )
    needless = verdict.is_empty and not proposed.comment
    if not settings.comment or needless or text == proposed.comment_body:
        return ""
    try:
        infra.comment(number, text, instead_of=proposed.comment)
    except AccessError as error:
        return f"no comment on #{number}: {error}"
    return ""
