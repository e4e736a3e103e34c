"""Collects what the gates ask of a change, and has them judge it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import islice
from typing import TYPE_CHECKING, TypeVar

from actions import checks, deployments, gates
from actions.app_repository import AppRepository
from actions.errors import AccessError, EnvFileError, UnknownEnvError
from actions.gates import Facts, Finding, Release, Unknown
from actions.order import Order, order
from actions.past import Stay, stays
from actions.tags import is_version

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from datetime import datetime

    from actions.change import Change
    from actions.checks import Verdict
    from actions.config import Config
    from actions.layout import Layout, Snapshot
    from actions.repository import Comparison, Repository
    from actions.trailers import Said

    Fact = TypeVar("Fact")

MOST_STAYS = 200


@dataclass(frozen=True, kw_only=True, slots=True)
class Judged:
    """A change, how its tag relates to the one in place, and what each gate says of it."""

    change: Change
    order: Order
    comparison: Comparison | None
    findings: tuple[Finding, ...]
    stays: tuple[Stay, ...] = ()
    line: int = 1

    @property
    def worst(self) -> Finding | None:
        """Return the finding that decides, None if every gate is open."""
        return gates.worst(self.findings)


@dataclass(frozen=True, kw_only=True)
class Judge:
    """Knows the infra repository, and asks the repositories of the apps.

    *snapshot* returns an environment as it is on the base branch, None if it is not there.
    """

    infra: Repository
    config: Config
    layout: Layout
    snapshot: Callable[[str], Snapshot | None]
    app_repo: str
    app_token: str = field(repr=False)
    now: datetime
    _apps: dict[str, AppRepository] = field(default_factory=dict, repr=False)

    def look(self, changes: Iterable[Change]) -> None:
        """Ask each app for all tags of *changes* in one request."""
        tags: dict[str, list[str]] = {}
        for change in changes:
            known = [change.before] if is_version(change.before) else []
            wanted = [change.after] if change.after else []
            tags.setdefault(self._repo(change.service), []).extend([*wanted, *known])
        for repo, wanted in tags.items():
            if repo:
                self._app(repo).look(wanted)

    def order(self, service: str, before: str, after: str) -> tuple[Order, Comparison | None]:
        """Return how the tag *after* relates to *before*."""
        repo = self._repo(service)
        return order(before, after, self._app(repo).compare_tags if repo else lambda *_: None)

    def judge(
        self, change: Change, said: Said, *, approved: bool | Unknown | None = None, freeze_label: bool = False
    ) -> Judged:
        """Return what the gates say of *change*; *said* is what it says of itself.

        What the token may not read, or is not there, is unknown, and keeps a gate shut.
        """
        policy = self.config.environment(change.env)
        placed = _known(lambda: replace(change, before=change.before or self._ran_last(change)))
        ordered = placed if isinstance(placed, Unknown) else _known(lambda: self._order_of(placed))
        found, comparison = (Order.UNKNOWN, None) if isinstance(ordered, Unknown) else ordered
        facts = Facts(
            change=change if isinstance(placed, Unknown) else placed,
            policy=policy,
            now=self.now,
            order=found,
            said=said,
            approved=approved,
            freeze_label=freeze_label,
            undone=ordered if isinstance(ordered, Unknown) else (),
        )
        if said.reason and facts.may_go_back:
            facts = replace(facts, ran_here=_known(lambda: self.ran(change.env, change.service, change.after)))
        if not facts.is_roll_back and change.after not in ("", facts.change.before):
            facts = self._with_release(facts)
        return Judged(
            change=change,
            order=found,
            comparison=comparison,
            findings=gates.judge(facts),
            stays=facts.stays if isinstance(facts.stays, tuple) else (),
        )

    def _order_of(self, change: Change) -> tuple[Order, Comparison | None]:
        """Return the order of *change*, with the commits that it brings or, where it goes back, takes out."""
        if not change.after:
            return Order.IDENTICAL, None  # the service goes; there is nothing to compare
        found, comparison = self.order(change.service, change.before, change.after)
        if found is not Order.BEHIND or not comparison:
            return found, comparison
        taken = self._app(self._repo(change.service)).compare_tags(change.after, change.before)
        return found, replace(taken or comparison, status="behind")

    def _ran_last(self, change: Change) -> str:
        """Return the tag that the service of *change*, which has none in the file, had last: it may be one to keep."""
        if not change.after or not self.snapshot(change.env):
            return ""
        try:
            return next((stay.tag for stay in self.stays(change.env, change.service)), "")
        except EnvFileError:
            return ""  # the file is to be mended; it did not get there with its tag taken out

    def ran(self, env: str, service: str, tag: str) -> bool:
        """Tell whether *tag* of *service* was in place in *env* at some time."""
        return any(stay.tag == tag for stay in islice(self.stays(env, service), MOST_STAYS))

    def stays(self, env: str, service: str) -> Iterator[Stay]:
        """Yield what was in place in *env*, newest first; raise UnknownEnvError if it is not there."""
        snapshot = self.snapshot(env)
        if not snapshot:
            raise UnknownEnvError(f"no environment '{env}'")
        (past,) = deployments.read(self.infra, self.layout, [snapshot])
        return stays(past.records(), service)

    def _with_release(self, facts: Facts) -> Facts:
        change = facts.change
        repo = self._repo(change.service)
        if repo:
            prefix = self.config.hotfix_prefix
            facts = replace(
                facts,
                released=_known(lambda: self._app(repo).released(change.after, prefix)),
                checks=_known(lambda: self._checks(repo, change.after)),
            )
        if facts.order is Order.DIVERGED and repo:
            facts = replace(facts, undone=_known(lambda: self._app(repo).undone(change.before, change.after)))
        if facts.policy.after and facts.released is Release.HOTFIX and facts.order is Order.AHEAD:
            app = self._app(repo)
            facts = replace(facts, only_fixes=_known(lambda: app.brings_only_fixes(change.before, change.after)))
        if facts.policy.after and not facts.is_hotfix:
            facts = replace(facts, stays=_known(lambda: self._stays_before(facts)))
        return facts

    def _stays_before(self, facts: Facts) -> tuple[Stay, ...]:
        """Return the stays of the new tag in the environment that comes before; no more than are needed."""
        soak = facts.policy.soak
        found = []
        for stay in islice(self.stays(facts.policy.after, facts.change.service), MOST_STAYS):
            if stay.tag == facts.change.after:
                found.append(stay)
                if not soak or (stay.until or facts.now) - stay.since >= soak:
                    break
        return tuple(found)

    def _checks(self, repo: str, tag: str) -> Verdict:
        app = self._app(repo)
        build, required = app.build(tag), app.required_checks()
        # GitHub lets a skipped check pass for one that succeeded. What was not tested is not tested.
        reported = [
            replace(check, state="failure") if check.conclusion == "skipped" else check
            for check in (app.checks_of(build) if build and required else ())
        ]
        return checks.judge(required, reported)

    def _repo(self, service: str) -> str:
        return self.config.repo_of(service, self.app_repo)

    def _app(self, repo: str) -> AppRepository:
        return self._apps.setdefault(repo, AppRepository(repo, self.app_token))


def _known(read: Callable[[], Fact]) -> Fact | Unknown:
    try:
        return read()
    except (AccessError, EnvFileError, UnknownEnvError) as error:
        return Unknown(str(error))
