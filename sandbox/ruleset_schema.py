"""Takes what GitHub's OpenAPI description asks of a ruleset, and no more, into `ruleset.schema.json`.

`python -m sandbox.ruleset_schema` writes the file; a test keeps it equal to the description.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from sandbox.descriptions import PACKAGES

TARGET = Path(__file__).parent.parent / "actions" / "protection" / "ruleset.schema.json"
# That of GitHub Enterprise Cloud, which knows a few kinds of actors more and nothing less.
SOURCE = PACKAGES / "openapi" / "generated" / "ghec.json"
SCOPES = {"repository": "/repos/{owner}/{repo}/rulesets", "organization": "/orgs/{org}/rulesets"}
# Words for people, and what a validator does not look at.
SILENT = {"description", "title", "example", "examples", "readOnly", "default", "x-github", "externalDocs"}


def extract() -> dict[str, Any]:
    """Return the schema of a ruleset, without its rules, and those of its types of rules, for each scope."""
    spec = json.loads(SOURCE.read_text(encoding="utf-8"))
    scopes = {}
    for scope, path in SCOPES.items():
        ruleset = _body(spec, path)
        alternatives = ruleset["properties"].pop("rules")["items"]["oneOf"]
        rules = {rule["properties"]["type"]["enum"][0]: rule for rule in alternatives}
        scopes[scope] = {"ruleset": ruleset, "rules": rules}
    return scopes


def _body(spec: dict[str, Any], path: str) -> dict[str, Any]:
    body = spec["paths"][path]["post"]["requestBody"]["content"]["application/json"]["schema"]
    return dict(_plain(spec, body))


def _plain(spec: dict[str, Any], node: Any) -> Any:
    """Return *node* without references and words, `nullable` as JSON Schema writes it."""
    if isinstance(node, list):
        return [_plain(spec, item) for item in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        return _plain(spec, spec["components"]["schemas"][node["$ref"].rsplit("/", 1)[1]])
    plain = {
        key: {name: _plain(spec, below) for name, below in value.items()}
        if key == "properties"
        else _plain(spec, value)
        for key, value in node.items()
        if key not in SILENT
    }
    if plain.pop("nullable", False):
        plain["type"] = [plain["type"], "null"]
    return plain


if __name__ == "__main__":
    TARGET.write_text(json.dumps(extract(), separators=(",", ":"), sort_keys=True) + "\n", encoding="utf-8")
