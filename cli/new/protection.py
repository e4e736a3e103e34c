"""The rulesets and environments of both repositories, as files."""

from __future__ import annotations

import copy
import json
from typing import TYPE_CHECKING, Any

from cli.new.examples import example, names
from cli.new.layouts import env_patterns
from cli.new.shape import Tags

if TYPE_CHECKING:
    from cli.new.shape import Shape

ACTORS = ("gitops-bot", "gitops-guard")


def protection(shape: Shape) -> dict[str, str]:
    """Return the files of `protection/` by their paths."""
    made = {}
    for home, name in (("app", shape.app), ("infra", shape.infra)):
        for file in names(f"infra/protection/{home}/rulesets", "*.json"):
            text = _ruleset(shape, home, file)
            if text:
                made[f"protection/{name}/rulesets/{file}"] = _written(text)
        keys = ["gitops-bot"] if home == "app" else ["gitops-bot", "gitops-guard", *shape.envs]
        made |= {f"protection/{name}/environments/{env}.json": _written(_environment(shape, env)) for env in keys}
    return made


def _ruleset(shape: Shape, home: str, file: str) -> dict[str, Any] | None:
    """Return the ruleset *file* of the repository *home*, None if the shape has no use for it."""
    path = f"infra/protection/{home}/rulesets/{file}"
    if shape.team and (home, file) == ("infra", "main.json"):
        path = "required-reviewers/main.json"
    if shape.tags is Tags.VERSION and file == "release-tags-create.json":
        return None  # people release versions by git tags
    ruleset: dict[str, Any] = json.loads(example(path))
    for actor in ruleset["bypass_actors"]:
        actor["actor"] = dict(zip(ACTORS, (shape.bot, shape.guard), strict=True)).get(actor["actor"], actor["actor"])
    ruleset["name"] = ruleset["name"].replace("hotfixes", shape.hotfix_prefix.rstrip("/"))
    refs = ruleset["conditions"]["ref_name"]["include"]
    refs[:] = [ref.replace("hotfixes/", shape.hotfix_prefix) for ref in refs]
    for rule in ruleset["rules"]:
        for reviewers in rule.get("parameters", {}).get("required_reviewers", ()):
            reviewers["reviewer"]["name"] = shape.team
            reviewers["file_patterns"] = env_patterns(shape)
    return ruleset


def _environment(shape: Shape, env: str) -> dict[str, Any]:
    found = copy.deepcopy(json.loads(example("infra/protection/infra/environments/dev.json")))
    found["name"] = env
    for policy in found["deployment_branch_policies"]:
        policy["name"] = shape.branch
    return dict(found)


def _written(value: object) -> str:
    return json.dumps(value, indent=2) + "\n"
