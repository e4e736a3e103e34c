"""Read the tags that a commit moved, each with its order, release, checks and new app commits."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from actions.api.checks import SKIPPED
from actions.api.client import Client
from actions.api.jobs import SUITES
from actions.app import tested
from actions.app.facts import Unknown
from actions.app.release import Release
from actions.app.repository import AppRepository
from actions.errors import GitHubError
from actions.evidence.app import AppEvidence, new_commits
from actions.evidence.effective_policy import EffectivePolicy
from actions.evidence.environment_files import moved_tags
from actions.evidence.facts import Move
from actions.evidence.reviews import COMMIT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from actions.evidence.environment_files import EnvironmentFiles
    from actions.evidence.files import CommitWithFiles
    from actions.evidence.pushers import Pushers
    from actions.evidence.unknowns import Unknowns
    from actions.tag_names import TagNames


SKIPPED_WORD = f" ({SKIPPED})"  # as a verdict on checks has it


@dataclass(frozen=True)
class MoveReader:
    """Read moved tags from the app repositories.

    *last_tags* holds the last tag of each service, including removed services. *unknown* are the app repositories that
    cannot be read, *tickets* are the patterns of their names.
    """

    files: EnvironmentFiles
    app_repo: str
    token: str = field(repr=False)
    unknown: Unknowns
    last_tags: dict[str, str]
    tickets: tuple[str, ...] = ()
    _apps: dict[tuple[str, TagNames], AppEvidence] = field(default_factory=dict, repr=False)

    def prefetch(self, commits: Sequence[CommitWithFiles]) -> None:
        """Request all moved tags, and the commits between them, with few requests to each app repository."""
        moves_by_repo: dict[tuple[str, TagNames], list[tuple[str, str]]] = {}
        for commit in commits:
            policy = EffectivePolicy.of(commit, self.files.env)
            for service, before, after in moved_tags(self.files.tags(commit.before), self.files.tags(commit.after)):
                repo = policy.repo_of(service, self.app_repo, is_new=not before)
                if repo and after:
                    names = policy.names_of(service, is_new=not before)
                    moves_by_repo.setdefault((repo, names), []).append((before, after))
        for (repo, names), moves in moves_by_repo.items():
            app = self._app(repo, names)
            self.unknown.read(repo, lambda app=app, moves=moves: app.prefetch(moves), None)  # type: ignore[misc]

    def moves(
        self, commit: CommitWithFiles, policy: EffectivePolicy, pushers: Pushers, unknown: Unknowns
    ) -> tuple[Move, ...]:
        """Return the tags that *commit* moved; facts that cannot be read are added to *unknown*."""
        tags = moved_tags(self.files.tags(commit.before), self.files.tags(commit.after))
        moves = tuple(self._move(commit, policy, moved, pushers, unknown) for moved in tags)
        self.last_tags.update({move.service: move.after or move.before for move in moves})
        return moves

    def _move(
        self,
        commit: CommitWithFiles,
        policy: EffectivePolicy,
        moved: tuple[str, str, str],
        pushers: Pushers,
        unknown: Unknowns,
    ) -> Move:
        service, before, after = moved
        repo = policy.repo_of(service, self.app_repo, is_new=not before)
        file = self.files.file_of(service, commit.after if after else commit.before)
        move = Move(service=service, file=file, before=before, after=after, order="", repository=repo)
        if not repo or not after:
            return move
        if repo in self.unknown.why:
            unknown.take(repo, self.unknown)
            return move
        try:
            return self._with_app(move, policy, pushers, unknown)
        except GitHubError as error:
            unknown.add(f"{service} {after[:12]}", str(error))
            return move

    def _with_app(self, move: Move, policy: EffectivePolicy, pushers: Pushers, unknown: Unknowns) -> Move:
        app = self._app(move.repository, policy.names_of(move.service, is_new=not move.before))
        before = move.before or self.last_tags.get(move.service, "")
        order, comparison, build = app.compare(before, move.after)
        if not build:
            return replace(move, order=str(order), released=str(Release.NONE))
        shas = new_commits(comparison, build)
        if not comparison and before not in ("", move.after):
            unknown.add(f"the commits of {move.repository} in {move.service} {move.after[:12]}")
        (own,) = app.commits([build.sha])
        named = policy.checks_of(move.service)
        required = tested.required_of(app.repository, move.service) if named is None else named
        if isinstance(required, Unknown):
            unknown.add(f"the checks of {move.service} {move.after[:12]}", required.missing)
            required = ()
        required = tuple(dict.fromkeys((*required, *policy.checks)))
        verdict = tested.verdict(required, app.repository, build, policy.hotfix_prefix)
        skipped = {name.removesuffix(SKIPPED_WORD) for name in verdict.failed if name.endswith(SKIPPED_WORD)}
        released = app.repository.released(build, policy.hotfix_prefix)
        fixes = released is Release.HOTFIX and bool(before) and app.repository.brings_only_fixes(before, move.after)
        return replace(
            move,
            order=str(order),
            sha=build.sha,
            built_at=own.at,
            compared=app.repository.comparison_of(before, move.after),
            released=str(released),
            only_fixes=fixes,
            required_checks=tuple(check.name for check in required),
            missing_checks=(
                *(name for name in verdict.failed if not name.endswith(SKIPPED_WORD)),
                *verdict.waiting,
                *verdict.unreported,
                *(() if required or named is not None else ("no check is required",)),
            ),
            skipped_checks=tuple(check.name for check in required if check.name in skipped),
            commits=tuple(pushers.with_pusher(commit, app.client, unknown) for commit in app.commits(shas)),
            commits_in_all=max(comparison.total if comparison and shas else 0, len(shas)),
        )

    def _app(self, repo: str, names: TagNames) -> AppEvidence:
        if (repo, names) not in self._apps:
            client = Client(repo, self.token)
            app = AppRepository(client, names, also=f"{SUITES} {COMMIT}")
            self._apps[repo, names] = AppEvidence(client, app, self.tickets)
        return self._apps[repo, names]
