"""Compare the GitHub Apps of the pipeline, as they are installed, with what they need.

Which of the repositories of an organization an App is installed on, GitHub shows to the App itself alone; whether it
is all of them, it shows to whoever may read the administration of the organization ("List app installations for an
organization").
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from actions.diagnosis import place
from actions.diagnosis.finding import Finding, Question, Unreadable, listed

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from actions.access.inventory import Installation
    from actions.infra.config import Config
    from actions.protection.target import Target

LEVELS = ("none", "read", "write", "admin")
# docs/setup.md, "Make two GitHub Apps": what each must have, and what it may have beside that.
BOT_NEEDS = {
    **dict.fromkeys(("contents", "pull_requests", "deployments", "workflows"), "write"),
    **dict.fromkeys(("actions", "checks", "statuses", "metadata"), "read"),
}
BOT_MAY = BOT_NEEDS | {"issues": "write", "attestations": "read"}
GUARD_NEEDS = {
    **dict.fromkeys(("administration", "contents"), "write"),
    **dict.fromkeys(("actions", "checks", "statuses", "deployments", "pull_requests", "metadata"), "read"),
}
GUARD_MAY = GUARD_NEEDS | dict.fromkeys(
    ("members", "environments", "secrets", "dependabot_secrets", "organization_administration", "attestations"), "read"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class ExpectedApp:
    """An App that the files name, as the bot or as the guard: what it *needs*, and what it *may* have at most."""

    slug: str
    needs: Mapping[str, str]
    may: Mapping[str, str]


def expected_apps(config: Config, targets: Iterable[Target]) -> list[ExpectedApp]:
    """Return the bots of gitops.yml, and as guards the other Apps that bypass a ruleset of *targets*.

    If gitops.yml names no bot, nothing tells which App is which.
    """
    bots = [bot.removesuffix("[bot]") for bot in config.bots]
    named = [
        entry.name
        for target in targets
        for ruleset in target.rulesets
        for entry in ruleset.bypass or ()
        if entry.kind == "Integration" and entry.name
    ]
    guards = [name for name in dict.fromkeys(named) if name not in bots] if bots else []
    return [
        *(ExpectedApp(slug=slug, needs=BOT_NEEDS, may=BOT_MAY) for slug in dict.fromkeys(bots)),
        *(ExpectedApp(slug=slug, needs=GUARD_NEEDS, may=GUARD_MAY) for slug in guards),
    ]


def app_findings(
    owner: str,
    expected: Iterable[ExpectedApp],
    installed: Iterable[Installation] | Unreadable,
    people: Collection[str],
) -> Iterator[Finding]:
    """Yield how the *expected* Apps are installed; a bot may be one of *people* in place of an App."""
    if isinstance(installed, Unreadable):
        for app in expected:
            yield _is_installed(owner, app.slug).unknown(installed)
        return
    by_slug = {installation.slug.casefold(): installation for installation in installed}
    for app in expected:
        found = by_slug.get(app.slug.casefold())
        if found:
            yield from _installed(owner, app, found)
        elif app.slug.casefold() not in {login.casefold() for login in people}:
            yield _is_installed(owner, app.slug).error("not installed")


def _installed(owner: str, app: ExpectedApp, found: Installation) -> Iterator[Finding]:
    question = _is_installed(owner, app.slug)
    yield question.error("suspended") if found.suspended else question.ok("installed")
    question = Question(
        check="app-repositories",
        where=owner,
        what=f"repositories of the App {app.slug}",
        wanted="only the selected repositories, of which the page shows the list",
        why="Its key opens every repository on which it is installed.",
        fix=place.organization(owner, "installations"),
    )
    yield question.error("all repositories") if found.on_all else question.ok("only selected repositories")
    yield _missing(owner, app, found)
    yield _needless(owner, app, found)


def _missing(owner: str, app: ExpectedApp, found: Installation) -> Finding:
    question = Question(
        check="app-permissions",
        where=owner,
        what=f"permissions that the App {app.slug} lacks",
        wanted=listed(()),
        why="An action that needs a missing permission fails. A change waits until an owner of the organization"
        " accepts it.",
        fix=place.organization(owner, f"apps/{app.slug}/permissions"),
    )
    lacking = _above(app.needs, found.permissions)
    return question.error(listed(lacking)) if lacking else question.ok(listed(()))


def _needless(owner: str, app: ExpectedApp, found: Installation) -> Finding:
    question = Question(
        check="app-permissions-needless",
        where=owner,
        what=f"permissions that the App {app.slug} does not need",
        wanted=listed(()),
        why="Whoever gets hold of its key has them too. An administrator's rights open everything.",
        fix=place.organization(owner, f"apps/{app.slug}/permissions"),
    )
    needless = _above(found.permissions, app.may)
    opens_all = any("administration" in permission and permission.endswith("write") for permission in needless)
    if opens_all:
        return question.error(listed(needless))
    return question.warning(listed(needless)) if needless else question.ok(listed(()))


def _is_installed(owner: str, slug: str) -> Question:
    return Question(
        check="app-installed",
        where=owner,
        what=f"the App {slug}",
        wanted="installed, and not suspended",
        why="No job can make its token without an installation.",
        fix=place.organization(owner, "installations"),
    )


def _above(some: Mapping[str, str], others: Mapping[str, str]) -> list[str]:
    """Return the permissions of *some* that *others* do not have, or not to that level."""
    return [
        f"{name}: {level}"
        for name, level in some.items()
        if LEVELS.index(level) > LEVELS.index(others.get(name, "none"))
    ]
