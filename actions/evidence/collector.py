"""Collects the changes of one environment: every commit of the base branch that touched it, oldest first."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING, TypeVar

from actions import checks, trailers
from actions.config import PATH, Config
from actions.errors import AccessError, EnvFileError, GitHubError, InputError
from actions.evidence.app_source import AppSource, brings
from actions.evidence.asked import Asked
from actions.evidence.facts import Change, Deployment, Kind, Move
from actions.evidence.judgement import unrequired
from actions.evidence.line import Line, last_pusher, movements, rewrites
from actions.evidence.nodes import earlier
from actions.evidence.source import SUITES_KEPT
from actions.gates import Release
from actions.layout import Layout
from actions.matrix import difference
from actions.order import Order
from actions.past import not_overtaken

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import datetime
    from typing import Any

    from actions.evidence.facts import Commit, Movement, Rewrite, Rules, Suite
    from actions.evidence.nodes import Brought, Deployed, Versions
    from actions.evidence.rules_source import RulesSource
    from actions.evidence.source import InfraSource, Source

    Fact = TypeVar("Fact")

BATCH = 20
# A branch may have been pushed to long before it was merged.
PUSHED_BEFORE = timedelta(days=90)


@dataclass(kw_only=True)
class Collector:
    """Asks the infra repository and those of the apps; the evidence begins after the commit *begins*, "" for none."""

    infra: InfraSource
    rules: RulesSource
    envs_dir: str
    env: str
    branch: str
    begins: str
    now: datetime
    app_repo: str
    app_token: str = field(repr=False)
    last_tags: dict[str, str] = field(default_factory=dict)  # of each service, be it there still or not
    _apps: dict[str, AppSource] = field(default_factory=dict, repr=False)
    _layouts: dict[str, Layout] = field(default_factory=dict, repr=False)
    _paths: dict[str, None] = field(default_factory=dict, repr=False)
    _earliest: str = ""
    _line: Line = field(default_factory=lambda: Line.of(()), repr=False)
    _deployed: list[Deployed] = field(default_factory=list, repr=False)
    _kept: list[Deployed] = field(default_factory=list, repr=False)
    _movements: dict[str, Movement] = field(default_factory=dict, repr=False)
    _activities: dict[str, list[Mapping[str, Any]]] = field(default_factory=dict, repr=False)
    _suites: dict[str, Mapping[str, Any]] = field(default_factory=dict, repr=False)
    _unknown: dict[str, str] = field(default_factory=dict, repr=False)

    def look(self, since: str) -> None:
        """Read what is read at once for all changes since a moment; what may not be read is unknown of each of them.

        Ask for the *population* first.
        """
        self._earliest = earlier(since, PUSHED_BEFORE)
        self._deployed = self.infra.deployments(self.env, since)
        self._kept = not_overtaken([each for each in self._deployed if each.succeeded_at], self._line.places)
        self._movements = movements(self._activity(self.infra), self.branch, self._line)
        self._suites = self._read("rule evaluations", lambda: self.infra.suites(self.branch, since), {})

    def population(self, said: str) -> dict[str, str]:
        """Return the commits that may have changed the environment and when they were made, oldest first.

        They touched a file of it, or `gitops.yml`. The files are those that it names as it *said*, and as it said at
        any time. The history of a file leaves out a merge that took the file as one of its parents had it (git-log(1),
        "History Simplification"); that can be an old commit, so merges are asked beside.
        """
        self._line = self._line if self._line.places else self.infra.line(self.branch)
        found = dict(self.infra.commits(self.branch, PATH))
        for layout in dict.fromkeys(map(self.layout, [said, *self.infra.versions([*found], PATH)])):
            found |= self._touching_services(layout) if layout.per_service else self._touching(layout.paths(self.env))
        before = self._line.up_to(self.begins)
        merges = [sha for sha in self._line.merges_without(found) if sha not in before]
        found |= {sha: self._line.made[sha] for sha in self.infra.altered(merges, [*self._paths, PATH])}
        return {sha: found[sha] for sha in self._line.sorted([sha for sha in found if sha not in before])}

    def begin(self, since: str) -> None:
        """Let the evidence begin with what came to the branch since a moment. Ask for the *population* then."""
        self._line = self.infra.line(self.branch)
        self.begins = self._line.before(since) if since else ""

    def rewrites(self) -> list[Rewrite]:
        """Return when the branch lost commits, or got back what it had lost; *look* first."""
        return rewrites(self._activity(self.infra), self.branch, self._line)

    def tags_now(self, head: str) -> dict[str, str]:
        """Return the tags of the environment at the commit *head*, which its changes must have led to."""
        try:
            return self._tags(self.infra.files_at(head, [*self._paths, PATH]) or {})
        except EnvFileError:
            return {}  # what is no text has no tags

    @property
    def is_known(self) -> bool:
        """Tell whether the *population* has found any file of the environment."""
        return bool(self._paths)

    def layout(self, said: str) -> Layout:
        """Return where the env files are if `gitops.yml` says that; as without it, if it cannot be read."""
        if said not in self._layouts:
            try:
                self._layouts[said] = Config.parse(said).layout(self.envs_dir)
            except (EnvFileError, InputError):
                self._layouts[said] = Layout.default(self.envs_dir)
        return self._layouts[said]

    def changes(self, shas: Sequence[str]) -> Iterator[list[Change]]:
        """Yield the changes that the commits *shas*, of the *population*, are, some at a time."""
        for start in range(0, len(shas), BATCH):
            found = self.infra.brought(shas[start : start + BATCH], [*self._paths, PATH], self.branch)
            self._look_at_tags(found)
            yield [change for each in found if (change := self._change(each))]

    def _touching(self, paths: Sequence[str]) -> dict[str, str]:
        touching = {path: dict(self.infra.commits(self.branch, path)) for path in paths}
        self._paths |= {path: None for path, found in touching.items() if found}
        return {sha: at for found in touching.values() for sha, at in found.items()}

    def _touching_services(self, layout: Layout) -> dict[str, str]:
        """Return the commits that touched a file of a service, be it there still or not.

        GitHub lists the commits of a folder, not those of a pattern, so each of them is asked what it touched.
        """
        found: dict[str, str] = {}
        for pattern in layout.patterns:
            folder = pattern.partition("{")[0].rpartition("/")[0]
            for sha, at in self.infra.commits(self.branch, folder):
                own = [path for path in self.infra.touched(sha) if (layout.owner(path) or ("",))[0] == self.env]
                self._paths |= dict.fromkeys(own)
                found |= {sha: at} if own else {}
        return found

    def strays(self) -> list[Deployed]:
        """Return the deployments that succeeded of commits that the branch has not, or had not yet, oldest first.

        *look* first.
        """
        succeeded = [each for each in self._deployed[::-1] if each.succeeded_at]
        return [each for each in succeeded if each.sha not in self._line.places or self._is_early(each)]

    def _is_early(self, each: Deployed) -> bool:
        """Tell whether a commit was deployed before it came to the branch."""
        movement = self._movements.get(each.sha)
        return movement is not None and each.succeeded_at < movement.at

    def deployments_of(self, sha: str, services: Sequence[str]) -> tuple[tuple[Deployment, ...], tuple[str, ...]]:
        """Return by which deployments *services*, as of the commit *sha*, reached the environment, and which did not.

        That is the first deployment of the commit or of a later one, be it of the service or of all of them; for "",
        which is no service in particular, any.
        """
        kept = self._kept[::-1]
        later = [each for each in kept if self._line.contains(each.sha, sha) and not self._is_early(each)]

        def reaches(each: Deployed, service: str) -> bool:
            _, _, part = each.name.partition("/")
            return not part or not service or part.casefold() == service.casefold()

        first = {service: next((each for each in later if reaches(each, service)), None) for service in services}
        reached = {each.number: self._deployment(each) for each in first.values() if each}
        return tuple(reached.values()), tuple(service for service, each in first.items() if not each)

    def _deployment(self, each: Deployed) -> Deployment:
        failed = [d for d in self._deployed if d.sha == each.sha and d.name == each.name and not d.succeeded_at]
        return Deployment(
            id=each.number,
            environment=each.name,
            sha=each.sha,
            creator=each.creator,
            created_at=each.created_at,
            succeeded_at=each.succeeded_at,
            failed_before=len(failed),
            url=each.url,
            run=self._read(f"workflow run {each.url}", lambda: self.infra.run(each.url, each.sha), None),
        )

    def _read(self, what: str, read: Callable[[], Fact], otherwise: Fact) -> Fact:
        try:
            return read()
        except AccessError as error:
            self._unknown[what] = str(error)
            return otherwise

    def _look_at_tags(self, found: Sequence[Brought]) -> None:
        """Ask each app once for all the tags that came and went, and for the commits that came with them."""
        wanted: dict[str, list[tuple[str, str]]] = {}
        for each in found:
            asked = Asked.of(each, self.env)
            for service, before, after in _moved(self._tags(each.before), self._tags(each.after)):
                repo = asked.repo_of(service, self.app_repo, is_new=not before)
                if repo and after:
                    wanted.setdefault(repo, []).append((before, after))
        for repo, moves in wanted.items():
            self._read(repo, lambda repo=repo, moves=moves: self._app(repo).look_at(moves), None)  # type: ignore[misc]

    def are_changes(self, shas: Sequence[str]) -> list[str]:
        """Return which of *shas*, of the *population*, are changes; this needs to read nothing but files."""
        around = self.infra.around(shas, [*self._paths, PATH])
        return [sha for sha, each in around.items() if self._changes(each, Asked.of(each, self.env))]

    def _changes(self, each: Versions, asked: Asked) -> bool:
        """Tell whether a commit is a change: a file may not have been the environment's, or ask for nothing else."""
        return asked.changed or self._own(each.before) != self._own(each.after)

    def _change(self, each: Brought) -> Change | None:
        asked = Asked.of(each, self.env)
        if not self._changes(each, asked):
            return None
        unknown: dict[str, str] = dict(asked.unknown)
        said = trailers.read(each.message)
        commit = self._with_pusher(each.commit, self.infra, unknown)
        pull = commit.pull
        moves = tuple(
            self._move(asked, move, each, unknown) for move in _moved(self._tags(each.before), self._tags(each.after))
        )
        self.last_tags |= {move.service: move.after or move.before for move in moves}
        merged = pull.merge_commit if pull else each.commit.sha
        rules = self._rules(pull.merged_at if pull else each.commit.at, unknown)
        suite = self._suite(each.commit.sha, merged, each.commit.at, unknown) if each.parents else None
        if rules and each.parents and not suite and "rule evaluations" not in unknown:
            unknown["rule evaluations"] = "GitHub has none of this commit"
        deployments, undeployed = self.deployments_of(each.commit.sha, self._to_deploy(each))
        for what in (_activity_of(self.infra.name), *(f"workflow run {found.url}" for found in deployments)):
            if what in self._unknown:
                unknown[what] = self._unknown[what]
        movement = self._movements.get(each.commit.sha)
        if each.parents and not movement and _activity_of(self.infra.name) not in unknown:
            unknown[f"how {each.commit.sha[:12]} came to {self.branch}"] = ""
        unknown |= {f"what {path} says": "it is no text" for path in each.unreadable if path in self._own(each.after)}
        for texts in (each.before, each.after):
            for path, text in self._own(texts).items():
                try:
                    self.layout(texts.get(PATH, "")).env_file(path, text).tags()
                except EnvFileError as error:
                    unknown[f"what {path} says"] = str(error)
        return Change(
            environment=self.env,
            commit=commit,
            parents=each.parents,
            kind=self._kind(each, moves),
            needs_review=asked.needs_review,
            reason=said.reason or said.allow_diverged or said.freeze_override,
            bots=asked.bots,
            moves=moves,
            tags_before=self._tags(each.before),
            tags=self._tags(each.after),
            checks_required=tuple(dict.fromkeys(check for each in rules or () for check in each.required_checks)),
            rules=rules,
            suite=suite,
            movement=movement,
            deployments=deployments,
            undeployed=undeployed,
            unknown=tuple(f"{what} ({why})" if why else what for what, why in unknown.items()),
        )

    def _to_deploy(self, each: Brought) -> tuple[str, ...]:
        """Return the services that a change has to be deployed of, as deploy-matrix finds them; "" is the environment.

        Formatting alone is not deployed, nor is an environment that is gone.
        """
        before, after = self._own(each.before), self._own(each.after)
        try:
            now = self.layout(each.after.get(PATH, "")).group(after).get(self.env)
            then = self.layout(each.before.get(PATH, "")).group(before).get(self.env)
            found = difference(now, then) if now else None
        except EnvFileError:
            return ("",)
        return found.changed or (("",) if found.removed else ()) if found else ()

    def _kind(self, each: Brought, moves: Sequence[Move]) -> Kind:
        if each.commit.sha == self._line.first and not self.rewrites():
            return Kind.FIRST
        said_why = bool(trailers.read(each.message).reason)
        back = (Order.BEHIND, *((Order.DIVERGED, Order.UNKNOWN) if said_why else ()))
        if any(move.order in back for move in moves):
            return Kind.ROLL_BACK
        if any(move.released == Release.HOTFIX for move in moves):
            return Kind.HOTFIX
        return Kind.UPDATE if moves else Kind.SETTINGS

    def _activity(self, source: Source) -> list[Mapping[str, Any]]:
        """Return how the branches of a repository moved; it is asked once."""
        if source.name not in self._activities:
            self._activities[source.name] = self._read(
                _activity_of(source.name), lambda: source.activity(self._earliest), []
            )
        return self._activities[source.name]

    def _with_pusher(self, commit: Commit, source: Source, unknown: dict[str, str]) -> Commit:
        """Return *commit* with who pushed last to the pull request that brought it."""
        if not commit.pull:
            return commit
        pull = commit.pull
        pusher = last_pusher(self._activity(source), pull)
        activity = _activity_of(source.name)
        if activity in self._unknown:
            unknown[activity] = self._unknown[activity]
        elif not pusher:
            unknown[f"who pushed to {pull.branch} of {source.name} last (#{pull.number})"] = ""
        return replace(commit, pull=replace(pull, last_pusher=pusher))

    def _rules(self, moment: str, unknown: dict[str, str]) -> tuple[Rules, ...] | None:
        try:
            return self.rules.at(moment)
        except AccessError as error:
            unknown["rules in force"] = str(error)
            return None

    def _suite(self, sha: str, merged: str, moment: str, unknown: dict[str, str]) -> Suite | None:
        found = self._suites.get(sha) or self._suites.get(merged)
        if found:
            return self._read("rule evaluations", lambda: self.infra.suite(found), None)
        if "rule evaluations" in self._unknown:
            unknown["rule evaluations"] = self._unknown["rule evaluations"]
        elif moment < f"{self.now - SUITES_KEPT:%Y-%m-%dT%H:%M:%SZ}":
            unknown["rule evaluations"] = "GitHub keeps them for a month"
        return None

    def _move(self, asked: Asked, moved: tuple[str, str, str], each: Brought, unknown: dict[str, str]) -> Move:
        service, before, after = moved
        repo = asked.repo_of(service, self.app_repo, is_new=not before)
        texts = each.after if after else each.before
        file = next(
            (path for path in texts if service in self._tags({path: texts[path], PATH: texts.get(PATH, "")})), ""
        )
        move = Move(service=service, file=file, before=before, after=after, order="", repository=repo)
        if not repo or not after:
            return move
        if repo in self._unknown:
            unknown[repo] = self._unknown[repo]
            return move
        try:
            return self._with_app(asked, self._app(repo), move, unknown)
        except GitHubError as error:
            unknown[f"{service} {after[:12]}"] = str(error)
            return move

    def _with_app(self, asked: Asked, app: AppSource, move: Move, unknown: dict[str, str]) -> Move:
        found, comparison, build = app.compared(move.before or self.last_tags.get(move.service, ""), move.after)
        if not build:
            return replace(move, order=str(found), released=str(Release.NONE))
        shas = brings(comparison, build)
        if not comparison and found is not Order.FIRST:
            unknown[f"which commits of {app.name} {move.service} {move.after[:12]} brought"] = ""
        (own,) = app.commits([build.sha])
        reported = app.checks_of(build)
        verdict = checks.judge(app.required_checks(), reported)
        skipped = {check.name for check in reported if check.conclusion == "skipped"}
        required = [check.name for check in app.required_checks()]
        return replace(
            move,
            order=str(found),
            sha=build.sha,
            built_at=own.at,
            released=str(app.released(move.after, asked.hotfix_prefix)),
            required_checks=tuple(required),
            missing_checks=(*verdict.failed, *verdict.waiting, *([] if required else unrequired(reported))),
            skipped_checks=tuple(name for name in required if name in skipped),
            commits=tuple(self._with_pusher(commit, app, unknown) for commit in app.commits(shas)),
            commits_in_all=max(comparison.total if comparison and shas else 0, len(shas)),
        )

    def _own(self, texts: Mapping[str, str]) -> dict[str, str]:
        layout = self.layout(texts.get(PATH, ""))
        owned = ((path, text, layout.owner(path)) for path, text in texts.items())
        return {path: text for path, text, owner in owned if owner and owner[0] == self.env}

    def _tags(self, texts: Mapping[str, str]) -> dict[str, str]:
        """Return the tags in *texts*; what cannot be read has none, and is unknown of its change."""
        found: dict[str, str] = {}
        for path, text in self._own(texts).items():
            try:
                file = self.layout(texts.get(PATH, "")).env_file(path, text)
                found |= {service: tag for service, tag in file.tags().items() if tag}
            except EnvFileError:
                continue
        return found

    def _app(self, repo: str) -> AppSource:
        return self._apps.setdefault(repo, AppSource(repo, self.app_token))


def _moved(before: Mapping[str, str], after: Mapping[str, str]) -> list[tuple[str, str, str]]:
    """Return the tags that differ, as service, what it was and what it is; "" where there is none."""
    services = dict.fromkeys([*before, *after])
    return [(s, before.get(s, ""), after.get(s, "")) for s in services if before.get(s) != after.get(s)]


def _activity_of(name: str) -> str:
    return f"branch activity of {name}"
