"""What we ask of a ruleset or an environment before it is sent is what GitHub's description asks of the request."""

from __future__ import annotations

import json
from typing import Any

from actions.protection.environment import SCHEMA
from sandbox.ruleset_schema import SOURCE, TARGET, extract


def test_the_schema_is_that_of_githubs_description() -> None:
    assert json.loads(TARGET.read_text(encoding="utf-8")) == extract(), "run: python -m sandbox.ruleset_schema"


def test_the_keys_of_an_environment_are_those_of_githubs_description() -> None:
    """A file has the name and the policies beside what the request has, and names in place of ids."""
    ours = json.loads(SCHEMA.read_text(encoding="utf-8"))["properties"]
    path = "/repos/{owner}/{repo}/environments/{environment_name}"
    spec = json.loads(SOURCE.read_text(encoding="utf-8"))
    policies = f"{path}/deployment-branch-policies"
    policy = spec["paths"][policies]["post"]["requestBody"]["content"]["application/json"]["schema"]["$ref"]
    body = spec["paths"][path]["put"]["requestBody"]["content"]["application/json"]["schema"]
    known = {key: _plain_type(spec, value) for key, value in body["properties"].items()}

    optional = {key: value for key, value in ours.items() if key not in ("name", "deployment_branch_policies")}
    assert {key: value["type"] for key, value in optional.items()} == {
        key: kind for key, kind in known.items() if key != "deployment_branch_policy"
    }
    described = spec["components"]["schemas"][policy.rpartition("/")[2]]["properties"]
    assert ours["deployment_branch_policies"]["items"]["properties"].keys() == described.keys()
    assert ours["deployment_branch_policies"]["items"]["properties"]["type"]["enum"] == described["type"]["enum"]


def _plain_type(spec: dict[str, Any], node: dict[str, Any]) -> str:
    found = spec["components"]["schemas"][node["$ref"].rpartition("/")[2]] if "$ref" in node else node
    return str(found["type"])
