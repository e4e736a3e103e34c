"""Compare gitops.yml with the env files, and both with the workflows."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from actions.deployments import matrix
from actions.diagnosis import place
from actions.diagnosis.finding import Finding, Question, listed
from actions.diagnosis.workflow import uses_of
from actions.errors import ConfigError, EnvFileError, InvalidTagError
from actions.infra.config import PATH as CONFIG

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from actions.diagnosis.infra_files import InfraFiles
    from actions.diagnosis.repository_state import RepositoryState
    from actions.diagnosis.workflow import Workflow
    from actions.errors import ActionError
    from actions.infra.layout import Snapshot

# The inputs of our actions that name environments, and those that a person chooses from (docs/setup.md).
ENVIRONMENTS = ("env", "from-env")
CHOICES = ("env", "from-env", "from", "to", "environment")
JUDGES = ("check-envs", "deploy-matrix")
ONE_BRANCH = {"setup-flags": "main-branch", "create-hotfix": "main-branch"}
LITERAL = re.compile(r"(?!.*\$\{\{).+")


def file_findings(infra: str, files: InfraFiles) -> Iterator[Finding]:
    """Yield what is wrong with the files of *infra*."""
    question = Question(
        check="files",
        where=infra,
        what="files that cannot be read",
        wanted=listed(()),
        why="No action works on a file that it cannot read.",
        fix=place.file(infra, CONFIG),
    )
    problems = [*files.problems, *_unreadable(files.snapshots.values())]
    for problem in problems:
        named = Question(
            check=question.check,
            where=infra,
            what=f"file {problem.file}",
            wanted="valid",
            why=question.why,
            fix=place.file(infra, problem.file),
        )
        yield named.error(str(problem))
    if not problems:
        yield question.ok(listed(()))


def environment_file_findings(infra: str, files: InfraFiles) -> Iterator[Finding]:
    """Yield whether gitops.yml names the environments that have files."""
    question = Question(
        check="environment-files",
        where=infra,
        what="environments",
        wanted="those that have a file, and that gitops.yml names",
        why="deploy-matrix deploys nothing while they differ.",
        fix=place.file(infra, CONFIG),
    )
    if not files.snapshots:
        yield question.error("no env file")
        return
    try:
        files.config.require_files(files.snapshots)
    except ConfigError as error:
        yield question.error(str(error))
    else:
        yield question.ok(listed(files.environments))


def service_findings(infra: RepositoryState, files: InfraFiles, named_apps: Collection[str]) -> Iterator[Finding]:
    """Yield whether every service has a repository; *named_apps* are those of the input app-repo."""
    given = [use.given["app-repo"] for use in uses_of(infra.workflows, *JUDGES) if use.given.get("app-repo")]
    services = list(dict.fromkeys(name for snapshot in files.snapshots.values() for name in _services(snapshot)))
    question = Question(
        check="service-repositories",
        where=infra.name,
        what="services without a repository",
        wanted=listed(()),
        why=f"The gates look for the commits of such a service in {infra.name}. Write repo: none for a third party's.",
        fix=place.file(infra.name, CONFIG),
    )
    without = [name for name in services if name not in files.config.repos]
    own = {infra.name.casefold()} & {name.casefold() for name in (*named_apps, *files.config.repos.values())}
    yield question.error(listed(without)) if without and not given and not own else question.ok(listed(without))


def name_findings(state: RepositoryState, infra: str, files: InfraFiles) -> Iterator[Finding]:
    """Yield whether the workflows of *state* name environments and services that there are in *infra*."""
    question = Question(
        check="names",
        where=state.name,
        what="environments and services that workflows name",
        wanted=listed([*files.environments, *_all_services(files)]),
        why="A run for anything else ends with unknown-env or unknown-service.",
        fix=place.file(state.name, ".github/workflows"),
    )
    uses = [
        use
        for use in uses_of(state.workflows, "open-infra-pr", "create-hotfix", "export-evidence")
        if use.given.get("infra-repo", infra).casefold() == infra.casefold()
    ]
    environments = [use.given[key] for use in uses for key in ENVIRONMENTS if LITERAL.fullmatch(use.given.get(key, ""))]
    environments += [name for workflow in state.workflows for name in _offered(workflow)]
    services = [use.given["service"] for use in uses if LITERAL.fullmatch(use.given.get("service", ""))]
    unknown = [name for name in environments if name not in files.environments]
    unknown += [name for given in services for name in re.split(r"[\s,]+", given) if name not in _all_services(files)]
    named = listed([*environments, *services])
    yield question.error(f"{named}; not there: {listed(unknown)}") if unknown else question.ok(named)


def default_branch_findings(state: RepositoryState) -> Iterator[Finding]:
    """Yield whether the inputs that name the default branch name the one that is."""
    named = [
        use.given[key]
        for action, key in ONE_BRANCH.items()
        for use in uses_of(state.workflows, action)
        if LITERAL.fullmatch(use.given.get(key, ""))
    ]
    if named:
        question = Question(
            check="main-branch",
            where=state.name,
            what="input main-branch",
            wanted=state.default_branch,
            why="A push to the default branch would publish nothing.",
            fix=place.file(state.name, ".github/workflows"),
        )
        different = [name for name in named if name != state.default_branch]
        yield question.error(listed(different)) if different else question.ok(listed(named))


def _unreadable(snapshots: Collection[Snapshot]) -> Iterator[ActionError]:
    for snapshot in snapshots:
        try:
            matrix.difference(snapshot, None)
        except (EnvFileError, InvalidTagError) as error:
            yield error


def _services(snapshot: Snapshot) -> Sequence[str]:
    try:
        return list(snapshot.tags())
    except EnvFileError:  # it is among what cannot be read
        return ()


def _all_services(files: InfraFiles) -> list[str]:
    found = (name for snapshot in files.snapshots.values() for name in _services(snapshot))
    return list(dict.fromkeys([*found, *files.config.repos]))


def _offered(workflow: Workflow) -> Iterator[str]:
    """Yield the environments that a person can choose for a run of *workflow* with our actions."""
    inputs: Any = workflow.events.get("workflow_dispatch", {}).get("inputs")
    if not workflow.uses_of("open-infra-pr", "create-hotfix"):
        return
    for name, declared in inputs.items() if isinstance(inputs, dict) else ():
        options = declared.get("options") if isinstance(declared, dict) else None
        if name in CHOICES and isinstance(options, list):
            yield from (str(option) for option in options)
