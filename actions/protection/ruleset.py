"""A ruleset as a file says it and as GitHub has it, in one form, and how the two differ.

A file has what the API takes (docs.github.com, "REST API endpoints for rules"), or what GitHub's export has, with two
liberties: what only answers hold, like `id`, may be there, and who may bypass it can be named (`actor`).
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from actions.errors import InvalidRulesetError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

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
# What an answer names and a file need not: GitHub takes them for these.
EVERY_METHOD = ["merge", "rebase", "squash"]
# A login, the slug of an app or of a team, the name of a role.
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
NAMELESS = ("OrganizationAdmin", "DeployKey", "EnterpriseOwner")


@dataclass(frozen=True, kw_only=True, slots=True)
class Bypass:
    """Who may bypass a ruleset, and how: a *kind* of actor, its *number*, its *name* where a file has it."""

    kind: str
    number: int | None
    mode: str
    name: str = field(default="", compare=False)

    def __str__(self) -> str:
        who = self.name or ("" if self.number is None else str(self.number))
        return f"{f'{self.kind} {who}'.strip()} ({self.mode})"


@dataclass(frozen=True, kw_only=True, slots=True)
class Ruleset:
    """A ruleset. Its *bypass* is None if this token cannot see it; *number* is its id, 0 before it has one."""

    name: str
    target: str
    enforcement: str
    conditions: Mapping[str, Any]
    rules: Mapping[str, Any]
    bypass: tuple[Bypass, ...] | None
    number: int = 0
    file: str = ""
    text: str = field(default="", compare=False, repr=False)

    @property
    def includes(self) -> list[str]:
        """Return the patterns of the refs that it covers."""
        return list(self.conditions.get("ref_name", {}).get("include", []))

    @property
    def excludes(self) -> list[str]:
        """Return the patterns of the refs that it does not cover, though it includes them."""
        return list(self.conditions.get("ref_name", {}).get("exclude", []))

    def line(self, text: str) -> int:
        """Return the line of the file that has *text*, 1 if none has."""
        lines = self.text.splitlines()
        return next((number for number, line in enumerate(lines, start=1) if text in line), 1)

    def error(self, message: str, at: str = "") -> InvalidRulesetError:
        """Return *message* as an error of the file, at the first line with *at*."""
        return InvalidRulesetError(f"{self.file}: {message}", file=self.file, line=self.line(at) if at else 1)

    def body(self) -> dict[str, Any]:
        """Return the ruleset as the API takes it."""
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


@dataclass(frozen=True, kw_only=True, slots=True)
class Difference:
    """One thing in which GitHub has something else than the file of *ruleset*; *kind* is one of four.

    `missing` and `extra` are said of a whole ruleset, `different` of one thing in it, `unknown` of one that this token
    cannot see.
    """

    ruleset: str
    kind: str
    what: str = ""
    file: object = None
    github: object = None

    def to_json(self) -> dict[str, object]:
        """Return it for the output `drift`."""
        return {
            "ruleset": self.ruleset,
            "kind": self.kind,
            "what": self.what,
            "file": self.file,
            "github": self.github,
        }


def parse_ruleset(text: str, file: str, *, scope: str) -> Ruleset:
    """Return the ruleset that *text*, of *file*, says, for a *scope*: `repository` or `organization`.

    Raises InvalidRulesetError if it is no JSON or not what the API takes. Names of actors are not looked up here.
    """
    document = _document(text, file)
    entries = document.get("bypass_actors", [])
    plain = {key: value for key, value in document.items() if key not in ANSWERS_ONLY}
    if isinstance(entries, list):
        plain["bypass_actors"] = [_nameless(entry) for entry in entries]
    _check(plain, text, file, scope)
    ruleset = replace(read_ruleset(plain), file=file, text=text)
    return replace(ruleset, bypass=tuple(_named(entry, ruleset) for entry in entries))


def read_ruleset(document: Mapping[str, Any]) -> Ruleset:
    """Return the ruleset that *document*, an answer of the API, describes."""
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


def differences(wanted: Ruleset, there: Ruleset) -> Iterator[Difference]:
    """Yield in what *there*, as GitHub has it, differs from *wanted*."""
    for what, file, github in _aspects(wanted, there):
        if _plain(what, file) != _plain(what, github):
            yield Difference(ruleset=wanted.name, kind="different", what=what, file=file, github=github)
    if there.bypass is None:
        yield Difference(ruleset=wanted.name, kind="unknown", what="bypass_actors", file=_shown(wanted), github=None)
    elif set(wanted.bypass or ()) != set(there.bypass):
        names = {(entry.kind, entry.number): entry.name for entry in wanted.bypass or ()}
        known = tuple(replace(entry, name=names.get((entry.kind, entry.number), "")) for entry in there.bypass)
        yield Difference(
            ruleset=wanted.name,
            kind="different",
            what="bypass_actors",
            file=_shown(wanted),
            github=_shown(replace(there, bypass=known)),
        )


def _aspects(wanted: Ruleset, there: Ruleset) -> Iterator[tuple[str, object, object]]:
    """Yield name, value of *wanted* and value of *there* for all that they say but who may bypass them."""
    yield "target", wanted.target, there.target
    yield "enforcement", wanted.enforcement, there.enforcement
    for key in sorted({*wanted.conditions, *there.conditions}):
        yield f"conditions.{key}", wanted.conditions.get(key), there.conditions.get(key)
    for kind in sorted({*wanted.rules, *there.rules}):
        one, other = wanted.rules.get(kind), there.rules.get(kind)
        if one is None or other is None:
            yield f"rules.{kind}", None if one is None else one or True, None if other is None else other or True
            continue
        for key in sorted({*one, *other}):
            yield f"rules.{kind}.{key}", one.get(key), other.get(key)


def _plain(what: str, value: object) -> object:
    """Return *value* so that two that mean the same are equal: nothing, false and empty do, and order says nothing."""
    if what.endswith(".allowed_merge_methods") and value is None:
        value = EVERY_METHOD
    if isinstance(value, dict):
        return {key: _plain(key, inner) for key, inner in value.items() if _plain(key, inner) is not None} or None
    if isinstance(value, list):
        return sorted((_plain("", item) for item in value), key=repr) or None
    return None if value in (False, "") else value


def _shown(ruleset: Ruleset) -> list[str]:
    return sorted(map(str, ruleset.bypass or ()))


def _document(text: str, file: str) -> dict[str, Any]:
    try:
        document = json.loads(text)
    except json.JSONDecodeError as error:
        raise InvalidRulesetError(
            f"{file}:{error.lineno}: not JSON: {error.msg}", file=file, line=error.lineno
        ) from error
    except RecursionError as error:
        raise InvalidRulesetError(f"{file}: nested too deeply", file=file, line=1) from error
    if not isinstance(document, dict):
        raise InvalidRulesetError(f"{file}: a ruleset is an object, in braces", file=file, line=1)
    return document


def _check(document: dict[str, Any], text: str, file: str, scope: str) -> None:
    """Hold *document* against what GitHub's API description asks of a request, rule by rule."""
    known = json.loads(SCHEMA.read_text(encoding="utf-8"))[scope]
    _validate(known["ruleset"], document, "", text, file)
    rules = document.get("rules", [])
    if not isinstance(rules, list):
        raise InvalidRulesetError(f"{file}: rules must be a list", file=file, line=_line(text, '"rules"'))
    kinds = [rule.get("type") if isinstance(rule, dict) else None for rule in rules]
    for kind, rule in zip(kinds, rules, strict=True):
        schema = known["rules"].get(kind) if isinstance(kind, str) else None
        if schema is None:
            raise InvalidRulesetError(
                f"{file}: {kind!r:.200} is no type of rule of a {scope}; known: {', '.join(sorted(known['rules']))}",
                file=file,
                line=_line(text, f'"{kind}"'),
            )
        _validate(schema, rule, f"rule {kind}, ", text, file)
        if kinds.count(kind) > 1:
            raise InvalidRulesetError(
                f"{file}: rule {kind} is there more than once", file=file, line=_line(text, f'"{kind}"')
            )


def _validate(schema: dict[str, Any], value: object, what: str, text: str, file: str) -> None:
    import fastjsonschema  # this action alone needs it

    try:
        fastjsonschema.validate(schema, value, use_default=False)
    except fastjsonschema.JsonSchemaValueException as error:
        # "data.parameters.x must be …": `data` is the object that was looked at.
        path = [str(part) for part in error.path[1:]]
        said = error.message.removeprefix(error.name or "").strip()
        where = ".".join(path)
        last = next((part for part in reversed(path) if not part.isdecimal()), "")
        raise InvalidRulesetError(
            f"{file}: {what}{where} {said}".replace("  ", " "), file=file, line=_line(text, f'"{last}"')
        ) from error


def _line(text: str, needle: str) -> int:
    return next((number for number, line in enumerate(text.splitlines(), start=1) if needle in line), 1)


def _nameless(entry: object) -> object:
    """Return an entry of the bypass list without the name, which the API does not know."""
    return {key: value for key, value in entry.items() if key != "actor"} if isinstance(entry, dict) else entry


def _named(entry: Mapping[str, Any], ruleset: Ruleset) -> Bypass:
    bypass, name = _bypass(entry), entry.get("actor", "")
    if not isinstance(name, str) or (name and not NAME.fullmatch(name)):
        raise ruleset.error(
            f"actor is {name!r:.200}; it must be the name of a user, an app, a team or a role", '"actor"'
        )
    if bypass.kind not in NAMELESS and (not name) == (bypass.number is None):
        raise ruleset.error(
            f"a bypass of kind {bypass.kind} needs either actor, a name, or actor_id", f'"{bypass.kind}"'
        )
    return replace(bypass, name=name)


def _bypass(entry: Mapping[str, Any]) -> Bypass:
    kind = entry["actor_type"]
    number = None if kind in NAMELESS else entry.get("actor_id")
    return Bypass(kind=kind, number=number, mode=entry.get("bypass_mode", "always"))
