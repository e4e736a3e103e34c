"""Ask for the shape, write both repositories, and say what is left to do."""

from __future__ import annotations

import re
import subprocess
import sys
from enum import StrEnum
from json import loads
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from actions.errors import ActionError, InputError
from cli.github import PUBLIC, REMOTE
from cli.new import app, existing, infra
from cli.new.examples import ROOT
from cli.new.left import notes, steps
from cli.new.shape import Deploy, Layout, Plan, Shape, Tags
from cli.new.write import write

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Collection, Mapping

    from cli.new.shape import Found
    from cli.new.write import Written

Choice = TypeVar("Choice", bound=StrEnum)

DEFAULT_ENVS = ("dev", "staging", "prod")
OURS = "your-org/gitops-actions"


def parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to *commands*."""
    found = commands.add_parser("new", help="write an app and an infra repository in your shape")
    found.add_argument("--org", help="the organization or account")
    found.add_argument("--app", help="the name of the app repository")
    found.add_argument("--infra", help="the name of the infra repository; default: that of the app and -infra")
    found.add_argument("--branch", help="the default branch of both; default: main")
    found.add_argument("--hotfix-prefix", help="what the names of hotfix branches begin with; default: hotfixes/")
    found.add_argument(
        "--service", action="append", help="a service with the folder of its sources, like api=services/api; repeat it"
    )
    found.add_argument("--env", action="append", help="an environment; repeat it, in the order of promotion")
    found.add_argument("--layout", choices=[*Layout], help="where the tags are; default: json")
    found.add_argument(
        "--tag", choices=[*Tags], help="what is published: each commit, or git tags of versions; default: sha"
    )
    found.add_argument("--deploy", choices=[*Deploy], help="what deploys; default: the one of the layout")
    found.add_argument("--plan", choices=[*Plan], help="the plan of GitHub; default: team")
    found.add_argument("--team", help="the slug of the team that reviews; default: none, anybody may")
    found.add_argument("--actions", help="where the actions are, as owner/name@commit; default: this version of them")
    found.add_argument("--server", default=PUBLIC, help="the address of an Enterprise Server")
    found.add_argument("--out", default="..", help="the folder of both repositories; default: the one above")
    found.add_argument("--yes", action="store_true", help="take every default, and ask nothing")
    found.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Write the repositories; return the exit code."""
    try:
        shape = ask(vars(arguments), _silent if arguments.yes else _typed)
        print(_found(shape.found) if shape.found else "", end="")
        if shape.plan is Plan.GHES and arguments.server == PUBLIC:
            raise InputError("a server has an address; give it by --server https://...")
        out = Path(arguments.out)
        there = [name for name in (shape.app, shape.infra) if (out / name / ".git").exists()]
        for name, files in ((shape.app, app.files(shape)), (shape.infra, infra.files(shape))):
            folder = out / name
            extra = app.placeholders(shape) if name == shape.app else {}
            absent = {path: text for path, text in extra.items() if not (folder / path).parent.exists()}
            _say(folder, write(folder, {**files, **absent}))
            for path in dict.fromkeys(str((folder / path).parent) for path in extra if path not in absent):
                print(f"{path} is there: nothing is put into it")
            _begin(folder, shape.branch, f"{arguments.server}/{shape.org}/{name}.git")
    except ActionError as error:
        print(f"gitops-actions: {error}", file=sys.stderr)
        return error.exit_code
    print(_left(shape, arguments, there))
    return 0


def ask(given: Mapping[str, object], answer: Callable[[str, str], str]) -> Shape:
    """Return the shape by what was *given*, and by what *answer* says to a question and its default."""

    def said(name: str, question: str, default: str) -> str:
        value = given.get(name)
        return str(value) if value else answer(question, default)

    org = said("org", "Organization", "")
    name = said("app", "App repository", "app")
    infra_name = said("infra", "Infra repository", f"{name}-infra")
    out = Path(str(given.get("out") or ".."))
    found = existing.look(out / infra_name) if (out / infra_name).is_dir() else None
    services = _services(given, found, answer)
    envs = _list(given, "env") or _split(
        answer("Environments, in order", " ".join(found.envs if found else DEFAULT_ENVS))
    )
    layout = (
        _one_of(Layout, said("layout", f"Layout ({', '.join(Layout)})", Layout.JSON))
        if not found
        else found.layout or Layout.JSON
    )
    default = {Layout.KUSTOMIZE: Deploy.KUSTOMIZE, Layout.HELM: Deploy.HELM}.get(layout, Deploy.MAKE)
    return Shape(
        org=org,
        app=name,
        infra=infra_name,
        branch=said("branch", "Default branch", "main"),
        hotfix_prefix=said("hotfix_prefix", "Prefix of hotfix branches", "hotfixes/"),
        services=services,
        envs=tuple(envs),
        layout=layout,
        tags=_one_of(Tags, said("tag", f"What is published ({', '.join(Tags)})", Tags.SHA)),
        deploy=_one_of(Deploy, said("deploy", f"What deploys ({', '.join(Deploy)})", default)),
        plan=_one_of(Plan, said("plan", f"Plan of GitHub ({', '.join(Plan)})", Plan.TEAM)),
        team=said("team", "Team that reviews (empty: anybody may)", ""),
        actions=str(given.get("actions") or "") or own_version(),
        found=found,
        git_tags=existing.git_tags(out / name, found) if found and (out / name).is_dir() else {},
    )


def own_version(root: Path = ROOT) -> str:
    """Return where this version of the actions is: the newest release of a clone, or the commit that was installed.

    An installer notes in direct_url.json, beside the package in *root*, where it had it from (PEP 610).
    """
    if (root / ".git").exists():
        tag = next(iter(_git(root, "tag", "--list", "v*.*.*", "--sort=-v:refname").split()), "")
        if not tag:
            print(
                "this clone has no release: the workflows pin its newest commit, which installs what it needs each time"
            )
        commit = _git(root, "rev-parse", f"{tag or 'HEAD'}^{{commit}}")
        return pinned(_git(root, "remote", "get-url", "origin"), commit, tag)
    noted = next(root.glob("gitops_actions-*.dist-info/direct_url.json"), None)
    origin = loads(noted.read_text(encoding="utf-8")) if noted else {}
    return pinned(str(origin.get("url", "")), origin.get("vcs_info", {}).get("commit_id", ""))


def pinned(remote: str, commit: str, tag: str = "") -> str:
    """Return how workflows use the *commit*, which *tag* releases, of the repository at the address *remote*."""
    repository = REMOTE.search(remote)
    if not repository:
        print(
            f"this clone is of no server: the workflows use {OURS}; say --actions owner/name@<commit> for another place"
        )
    return f"{repository[1] if repository else OURS}@{commit or 'v1'}{f' # {tag}' if tag else ''}"


def _services(
    given: Mapping[str, object], found: Found | None, answer: Callable[[str, str], str]
) -> dict[str, tuple[str, ...]]:
    lines = _list(given, "service")
    if not lines:
        default = " ".join(f"{name}=services/{name}" for name in found.services) if found else "api=projects/api"
        lines = _split(answer("Services, with the folders of their sources", default))
    services: dict[str, tuple[str, ...]] = {}
    for line in lines:
        name, equals, folders = line.partition("=")
        if not equals or not folders:
            raise InputError(f"a service is {line[:200]!r}; write it as api=services/api")
        if name in services:
            raise InputError(f"service {name} is named twice")
        services[name] = tuple(folders.split("+"))
    return services


def _one_of(kind: type[Choice], value: str) -> Choice:
    try:
        return kind(value)
    except ValueError as error:
        raise InputError(f"{value[:100]!r} is none of {', '.join(kind)}") from error


def _list(given: Mapping[str, object], name: str) -> list[str]:
    value = given.get(name)
    return [str(item) for item in value] if isinstance(value, list) else []


def _split(text: str) -> list[str]:
    return re.split(r"[\s,]+", text.strip())


def _silent(question: str, default: str) -> str:
    del question
    return default


def _typed(question: str, default: str) -> str:
    try:
        return input(f"{question} [{default}]: ").strip() or default
    except EOFError as error:
        raise InputError(f"{question}? Nobody is there to ask; say it by a flag, or --yes for {default!r}") from error


def _begin(folder: Path, branch: str, address: str) -> None:
    """Make *folder* a git repository with the default branch and the address that it will have, if it is none."""
    if not (folder / ".git").exists():
        subprocess.run(["git", "init", "--quiet", f"--initial-branch={branch}"], cwd=folder, check=True)
        subprocess.run(["git", "remote", "add", "origin", address], cwd=folder, check=True)


def _git(root: Path, *arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else ""


def _found(found: Found) -> str:
    taken = f", and what {found.commit[:12]} says is taken as what runs" if found.commit else ""
    return f"found {found.said}; its files stay as they are{taken}\n"


def _say(folder: Path, written: Written) -> None:
    same = f", {len(written.same)} are there already" if written.same else ""
    print(f"{folder}: {len(written.new)} files written{same}")
    for path, diff in written.differ.items():
        print(f"{folder}: {path} is there and differs; it stays as it is:\n{diff}")


def _left(shape: Shape, arguments: argparse.Namespace, there: Collection[str]) -> str:
    lines = ["", "What is left:"]
    for number, step in enumerate(steps(shape, folder=arguments.out, server=arguments.server, there=there), 1):
        lines += [
            "",
            f"{number}. {step.why}{':' if step.link or step.command else '.'}",
            *([f"   {step.link or step.command}"] if step.link or step.command else []),
        ]
    return "\n".join([*lines, "", *notes(shape)])
