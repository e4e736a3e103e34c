"""Represent a ruleset of a file and of GitHub in one form, and compare the two.

A file contains a request of the API (docs.github.com, "REST API endpoints for rules") or GitHub's export, with two
additions: keys that only answers have, like `id`, are ignored, and a file may name an actor: a bypass by `actor`, the
`reviewer` of `required_reviewers` by `name`.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from actions.protection.difference import Difference
from actions.protection.source import Source

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

SCHEMA = Path(__file__).with_name("ruleset.schema.json")
ANSWERS_ONLY = {
    "id",
    "source",
    "source_type",
    "current_user_can_bypass",
    "node_id",
    "_links",
    "created_at",
    "updated_at",
}
# The merge methods that GitHub allows if a file names none.
EVERY_METHOD = ["merge", "rebase", "squash"]
# Of these patterns, the last one that matches a file counts.
IN_ORDER = "file_patterns"
# A login, the slug of an app or a team, or the name of a role.
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
NAMELESS = ("OrganizationAdmin", "DeployKey", "EnterpriseOwner")


@dataclass(frozen=True, kw_only=True, slots=True)
class Bypass:
    """An actor that may bypass a ruleset: its *kind*, id (*number*), *mode*, and *name* if a file gives it."""

    kind: str
    number: int | None
    mode: str
    name: str = field(default="", compare=False)

    def __str__(self) -> str:
        actor = self.name or ("" if self.number is None else str(self.number))
        return f"{f'{self.kind} {actor}'.strip()} ({self.mode})"


@dataclass(frozen=True, kw_only=True, slots=True)
class Ruleset:
    """A ruleset; *bypass* is None if the token cannot see it, *number* is its id, 0 before it is created."""

    name: str
    target: str
    enforcement: str
    conditions: Mapping[str, Any]
    rules: Mapping[str, Any]
    bypass: tuple[Bypass, ...] | None
    number: int = 0
    source: Source = field(default=Source(), compare=False, repr=False)

    @property
    def includes(self) -> list[str]:
        """Return the patterns of the refs that the ruleset applies to."""
        return list(self.conditions.get("ref_name", {}).get("include", []))

    @property
    def excludes(self) -> list[str]:
        """Return the patterns of the refs that are exempt although they are included."""
        return list(self.conditions.get("ref_name", {}).get("exclude", []))

    def body(self) -> dict[str, Any]:
        """Return the ruleset as a request body of the API."""
        return {
            "name": self.name,
            "target": self.target,
            "enforcement": self.enforcement,
            "conditions": self.conditions,
            "bypass_actors": [
                {"actor_type": entry.kind, "bypass_mode": entry.mode}
                | ({} if entry.number is None else {"actor_id": entry.number})
                for entry in self.bypass or ()
            ],
            "rules": [
                {"type": kind} | ({"parameters": parameters} if parameters else {})
                for kind, parameters in self.rules.items()
            ],
        }


def parse_ruleset(text: str, file: str, *, scope: str) -> Ruleset:
    """Parse *text*, the content of *file*, for a *scope*: `repository` or `organization`.

    Raises InvalidRulesetError if it is not JSON or if the API would reject it. Names of actors are not resolved here.
    """
    source = Source(file=file, text=text)
    document = source.document("a ruleset")
    entries = document.get("bypass_actors", [])
    plain = {key: value for key, value in document.items() if key not in ANSWERS_ONLY}
    _mark_named(plain.get("rules"), source)
    _check(plain, source, scope)
    bypass = tuple(_named(entry, source) for entry in entries)
    return replace(read_ruleset(plain), bypass=bypass, source=source)


def read_ruleset(document: Mapping[str, Any]) -> Ruleset:
    """Read a ruleset from *document*, an answer of the API."""
    entries = document.get("bypass_actors")
    return Ruleset(
        name=document["name"],
        target=document.get("target", "branch"),
        enforcement=document["enforcement"],
        conditions=document.get("conditions") or {},
        rules={rule["type"]: rule.get("parameters") or {} for rule in document.get("rules") or ()},
        bypass=None if entries is None else tuple(_bypass(entry) for entry in entries),
        number=document.get("id", 0),
    )


def with_team_ids(rules: Mapping[str, Any], id_of: Callable[[str], int]) -> Mapping[str, Any]:
    """Return *rules* in which each team that is asked for reviews by its name has its id instead."""
    parameters = rules.get("pull_request", {})
    required = [
        entry | {"reviewer": {"type": "Team", "id": id_of(entry["reviewer"]["name"])}}
        if "name" in entry["reviewer"]
        else entry
        for entry in parameters.get("required_reviewers") or ()
    ]
    return {**rules, "pull_request": parameters | {"required_reviewers": required}} if required else rules


def differences(wanted: Ruleset, current: Ruleset) -> Iterator[Difference]:
    """Yield the differences of *current*, from GitHub, from *wanted*, from a file."""
    for name, file, github in _properties(wanted, current):
        if _plain(name, file) != _plain(name, github):
            yield Difference(thing="ruleset", name=wanted.name, kind="different", what=name, file=file, github=github)
    if current.bypass is None:
        yield Difference(
            thing="ruleset", name=wanted.name, kind="unknown", what="bypass_actors", file=_shown(wanted), github=None
        )
    elif set(wanted.bypass or ()) != set(current.bypass):
        names = {(entry.kind, entry.number): entry.name for entry in wanted.bypass or ()}
        named = tuple(replace(entry, name=names.get((entry.kind, entry.number), "")) for entry in current.bypass)
        yield Difference(
            thing="ruleset",
            name=wanted.name,
            kind="different",
            what="bypass_actors",
            file=_shown(wanted),
            github=_shown(replace(current, bypass=named)),
        )


def _properties(wanted: Ruleset, current: Ruleset) -> Iterator[tuple[str, object, object]]:
    """Yield name, wanted value and current value of all properties except the bypass list."""
    yield "target", wanted.target, current.target
    yield "enforcement", wanted.enforcement, current.enforcement
    for key in sorted({*wanted.conditions, *current.conditions}):
        yield f"conditions.{key}", wanted.conditions.get(key), current.conditions.get(key)
    for kind in sorted({*wanted.rules, *current.rules}):
        new, old = wanted.rules.get(kind), current.rules.get(kind)
        if new is None or old is None:
            yield f"rules.{kind}", None if new is None else new or True, None if old is None else old or True
            continue
        for key in sorted({*new, *old}):
            yield f"rules.{kind}.{key}", new.get(key), old.get(key)


def _plain(name: str, value: object) -> object:
    """Normalize *value*: missing, false and empty values become equal, and the order of most lists does not matter."""
    if name.endswith(".allowed_merge_methods") and value is None:
        value = EVERY_METHOD
    if isinstance(value, dict):
        return {key: _plain(key, inner) for key, inner in value.items() if _plain(key, inner) is not None} or None
    if isinstance(value, list):
        items = [_plain("", item) for item in value]
        return (items if name == IN_ORDER else sorted(items, key=repr)) or None
    return None if value in (False, "") else value


def _shown(ruleset: Ruleset) -> list[str]:
    return sorted(map(str, ruleset.bypass or ()))


def _team_reviewers(rules: object) -> Iterator[dict[str, Any]]:
    """Yield each `reviewer` in the `required_reviewers` of *rules*, which may still be invalid."""
    for rule in rules if isinstance(rules, list) else ():
        parameters = rule.get("parameters") if isinstance(rule, dict) else None
        required = parameters.get("required_reviewers") if isinstance(parameters, dict) else None
        for entry in required if isinstance(required, list) else ():
            reviewer = entry.get("reviewer") if isinstance(entry, dict) else None
            if isinstance(reviewer, dict):
                yield reviewer


def _mark_named(rules: object, source: Source) -> None:
    """Give each team that *rules* name the id 0, which stands for one that is still to be looked up."""
    for reviewer in _team_reviewers(rules):
        if "name" not in reviewer:
            continue
        name = reviewer["name"]
        if not isinstance(name, str) or not NAME.fullmatch(name):
            raise source.error(f"name is {name!r:.200}; it must be the name of a team", '"reviewer"')
        if "id" in reviewer:
            raise source.error(f"reviewer {name} has both name and id; give one of them", f'"{name}"')
        reviewer["id"] = 0


def _check(document: dict[str, Any], source: Source, scope: str) -> None:
    """Validate *document*, rule by rule, against the schemas of GitHub's API description."""
    known = json.loads(SCHEMA.read_text(encoding="utf-8"))[scope]
    source.validate(known["ruleset"], document)
    rules = document.get("rules", [])
    if not isinstance(rules, list):
        raise source.error("rules must be a list", '"rules"')
    kinds = [rule.get("type") if isinstance(rule, dict) else None for rule in rules]
    for kind, rule in zip(kinds, rules, strict=True):
        schema = known["rules"].get(kind) if isinstance(kind, str) else None
        if schema is None:
            types = ", ".join(sorted(known["rules"]))
            raise source.error(
                f"{kind!r:.200} is not a rule type for a ruleset of {scope} scope; known: {types}", f'"{kind}"'
            )
        source.validate(schema, rule, f"rule {kind}, ")
        if kinds.count(kind) > 1:
            raise source.error(f"rule {kind} occurs more than once", f'"{kind}"')


def _named(entry: Mapping[str, Any], source: Source) -> Bypass:
    bypass, name = _bypass(entry), entry.get("actor", "")
    if not isinstance(name, str) or (name and not NAME.fullmatch(name)):
        raise source.error(
            f"actor is {name!r:.200}; it must be the name of a user, an app, a team or a role", '"actor"'
        )
    if bypass.kind not in NAMELESS and (not name) == (bypass.number is None):
        raise source.error(
            f"a bypass of kind {bypass.kind} needs either actor (a name) or actor_id", f'"{bypass.kind}"'
        )
    return replace(bypass, name=name)


def _bypass(entry: Mapping[str, Any]) -> Bypass:
    kind = entry["actor_type"]
    number = None if kind in NAMELESS else entry.get("actor_id")
    return Bypass(kind=kind, number=number, mode=entry.get("bypass_mode", "always"))
