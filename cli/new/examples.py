"""Read the examples, and put the names of a shape in the place of theirs."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from cli.new.shape import Plan

if TYPE_CHECKING:
    from cli.new.shape import Shape

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
# A package of this repository carries the examples beside this module.
EXAMPLES = HERE / "examples" if (HERE / "examples").is_dir() else ROOT / "examples"
KEYLESS = re.compile(r"environment: \{name: (?P<name>[^,}]+), deployment: false\}")


@cache
def example(path: str) -> str:
    """Return the text of the file at *path* in the examples."""
    return (EXAMPLES / path).read_text(encoding="utf-8")


def names(folder: str, pattern: str) -> list[str]:
    """Return the names of the files of the examples in *folder* that match the glob *pattern*."""
    return sorted(path.name for path in (EXAMPLES / folder).glob(pattern))


def replaced(text: str, *pairs: tuple[str, str]) -> str:
    """Return *text* with every first of *pairs* replaced by the second; raise LookupError if one is not there.

    So an example that changes cannot be copied half.
    """
    for old, new in pairs:
        if old not in text:
            raise LookupError(f"the example has no {old!r} any more")
        text = text.replace(old, new)
    return text


def workflow(shape: Shape, path: str) -> str:
    """Return the workflow of the examples at *path* with the names of *shape*, as far as all workflows have them."""
    address, comment = re.split(r"(?= #|$)", shape.actions, maxsplit=1)
    repository, ref = address.split("@")
    text = re.sub(
        r"your-org/gitops-actions/(action-[a-z-]+)@v1$",
        rf"{repository}/\1@{ref}{comment}",
        example(path),
        flags=re.MULTILINE,
    )
    text = re.sub(
        r"(?m)repositories: app(,infra)?$",
        lambda m: f"repositories: {shape.app}{(m[1] and ',' + shape.infra) or ''}",
        text,
    )
    for old, new in (
        ("your-org/app", f"{shape.org}/{shape.app}"),
        ("your-org/infra", f"{shape.org}/{shape.infra}"),
        ("owner: your-org", f"owner: {shape.org}"),
        ("branches: [main", f"branches: [{shape.branch}"),
        ("hotfixes/", shape.hotfix_prefix),
    ):
        text = text.replace(old, new)
    if shape.plan is Plan.GHES:  # which does not know `deployment`; see docs/plans.md
        text = KEYLESS.sub(lambda match: f"environment: {match['name']}", text)
    return text


def with_prefix(shape: Shape, text: str, action: str) -> str:
    """Return the workflow *text* in which *action* knows the prefix of hotfix branches, if it is not the default."""
    if shape.hotfix_prefix == "hotfixes/":
        return text
    given = f"          hotfix-prefix: {shape.hotfix_prefix}\n"
    with_inputs = re.compile(rf"(/{action}@[^\n]*\n        with:\n)")
    if with_inputs.search(text):
        return with_inputs.sub(lambda match: match[1] + given, text)
    return re.sub(rf"(/{action}@[^\n]*\n)", lambda match: f"{match[1]}        with:\n{given}", text)
