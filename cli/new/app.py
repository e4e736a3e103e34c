"""The files of the app repository."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from cli.new.examples import example, names, replaced, with_prefix, workflow
from cli.new.shape import Tags

if TYPE_CHECKING:
    from cli.new.shape import Shape

WORKFLOWS = ".github/workflows"
PLACEHOLDER = "app/projects/api"


def files(shape: Shape) -> dict[str, str]:
    """Return the text of every file by its path."""
    made = _one_service(shape) if shape.is_one_service else _services(shape)
    hotfix = replaced(
        workflow(shape, f"app/{WORKFLOWS}/hotfix.yml"),
        ("options: [prod, staging, dev]", f"options: [{', '.join(reversed(shape.envs))}]"),
    )
    return {
        "README.md": _readme(shape),
        ".gitignore": example("app/.gitignore"),
        ".github/dependabot.yml": example("app/.github/dependabot.yml"),
        f"{WORKFLOWS}/hotfix.yml": with_prefix(shape, hotfix, "action-create-hotfix"),
        **({".github/CODEOWNERS": f"* @{shape.org}/{shape.team}\n"} if shape.team else {}),
        **made,
    }


def placeholders(shape: Shape) -> dict[str, str]:
    """Return something to test and to publish for each service, by the folder of its sources."""
    found: dict[str, str] = {}
    for service, folders in shape.services.items():
        for name in names(PLACEHOLDER, "*"):
            text = example(f"{PLACEHOLDER}/{name}")
            text = text.replace("api-$$TAG", f"{service}-$$TAG") if name == "Makefile" else text
            found[f"{folders[0]}/{name}"] = text
    return found


def _one_service(shape: Shape) -> dict[str, str]:
    ((service, (folder, *_)),) = shape.services.items()
    job = re.sub(r"[^A-Za-z0-9_-]", "-", service)
    job = job if re.match(r"[A-Za-z_]", job) and job not in ("setup", "infra", "gate") else f"service-{job}"
    build = replaced(
        workflow(shape, f"app/{WORKFLOWS}/api.yml"),
        ("name: API\n", f"name: {service}\n"),
        ("make -C projects/api", f"make -C {folder}"),
        ("jobs.api.outputs", f"jobs.{job}.outputs"),
        ("\n  api:\n    name: api\n", f"\n  {job}:\n    name: {job}\n"),
    )
    publish = replaced(
        workflow(shape, f"app/{WORKFLOWS}/publish.yml"),
        ("\n  api:\n", f"\n  {job}:\n"),
        (f"{WORKFLOWS}/api.yml", f"{WORKFLOWS}/{service}.yml"),
        ("[setup, api", f"[setup, {job}"),
        ("needs.api.", f"needs.{job}."),
        ("service: api\n", f"service: {service}\n"),
        *_first(shape),
    )
    return {
        f"{WORKFLOWS}/{service}.yml": build,
        f"{WORKFLOWS}/publish.yml": with_prefix(shape, publish, "action-setup-flags"),
    }


def _services(shape: Shape) -> dict[str, str]:
    lines = "".join(f"            {service}: {' '.join(folders)}\n" for service, folders in shape.services.items())
    patterns = " ".join(f"{service}-v*" for service in shape.services)
    by_version = shape.tags is Tags.VERSION
    publish = replaced(
        workflow(shape, f"monorepo/{WORKFLOWS}/publish.yml"),
        ("# Replaces publish.yml and api.yml of examples/app in a repository with several services.\n", ""),
        ("            api: services/api shared\n            web: services/web shared\n            docs: docs\n", lines),
        ("          release-tags: api-v* web-v*\n", f"          release-tags: {patterns}\n" if by_version else ""),
        *_first(shape),
    )
    folders = "".join(f"folder-{service} := {found[0]}\n" for service, found in shape.services.items())
    makefile = replaced(
        example("monorepo/Makefile"),
        ("folder-api := services/api\nfolder-web := services/web\nfolder-docs := docs\n", folders),
    )
    made = {f"{WORKFLOWS}/publish.yml": with_prefix(shape, publish, "action-setup-flags"), "Makefile": makefile}
    if by_version:
        release = replaced(
            workflow(shape, f"monorepo/{WORKFLOWS}/release.yml"),
            ("tags: [api-v*, web-v*]", f"tags: [{', '.join(patterns.split())}]"),
            ("release-tags: api-v* web-v*\n", f"release-tags: {patterns}\n"),
        )
        infra = replaced(workflow(shape, f"monorepo/{WORKFLOWS}/infra.yml"), *_first(shape))
        made |= {
            f"{WORKFLOWS}/release.yml": with_prefix(shape, release, "action-setup-flags"),
            f"{WORKFLOWS}/infra.yml": infra,
        }
    return made


def _first(shape: Shape) -> list[tuple[str, str]]:
    """Return what differs in the job that changes the first environment; the only one needs a review."""
    merge = [] if len(shape.envs) > 1 else [("merge: direct\n", "merge: none\n"), ("Open and merge", "Open")]
    return [("env: dev\n", f"env: {shape.envs[0]}\n"), *merge]


def _readme(shape: Shape) -> str:
    first, published = shape.envs[0], "a service" if len(shape.services) > 1 else next(iter(shape.services))
    rows = [
        ("publish.yml", f"pull request; push to `{shape.branch}` or `{shape.hotfix_prefix}*`", _published(shape)),
        (
            "hotfix.yml",
            "by hand",
            "has the bot create a hotfix branch at a released commit, or at the tag of an environment",
        ),
    ]
    if shape.tags is Tags.VERSION:
        tags = ", ".join(f"`{service}-v*`" for service in shape.services)
        rows[1:1] = [
            ("release.yml", f"push of a git tag {tags}", f"publishes {published} with that version"),
            ("infra.yml", "by `release.yml`", f"has the bot open and merge the infra pull request for {first}"),
        ]
    table = "".join(f"| `{name}` | {when} | {what} |\n" for name, when, what in rows)
    return (
        f"# {shape.app}\n\nWhat runs where is in [{shape.infra}](https://github.com/{shape.org}/{shape.infra}).\n\n"
        f"| workflow | when | what |\n|---|---|---|\n{table}\n"
        f"The environment `gitops-bot` holds the bot's key, and only `{shape.branch}` may use it.\n"
        f"`protection/{shape.app}` of {shape.infra} has the rules of this repository: the check `gate`, and a review.\n"
    )


def _published(shape: Shape) -> str:
    if shape.tags is Tags.VERSION:
        return "tests what the change is about"
    first = shape.envs[0]
    return (
        "tests; after a push, publishes what changed;"
        f" after a push to `{shape.branch}`, has the bot open and merge the infra pull request for {first}"
    )
