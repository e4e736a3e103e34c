"""Represent a ruleset of a file and of GitHub in one form, and compare the two.

A file contains a request of the API (docs.github.com, "REST API endpoints for rules") or GitHub's export, with two
additions: keys that only answers have, like `id`, are ignored, and a bypass may name its actor (`actor`).
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
# The merge methods that GitHub allows if a file names none.
EVERY_METHOD = ["merge", "rebase", "squash"]
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
    file: str = ""
    text: str = field(default="", compare=False, repr=False)

    @property
    def includes(self) -> list[str]:
        """Return the patterns of the refs that the ruleset applies to."""
        return list(self.conditions.get("ref_name", {}).get("include", []))

    @property
    def excludes(self) -> list[str]:
        """Return the patterns of the refs that are exempt although they are included."""
        return list(self.conditions.get("ref_name", {}).get("exclude", []))

    def line(self, text: str) -> int:
        """Return the number of the first line that contains *text*, 1 if none does."""
        lines = self.text.splitlines()
        return next((number for number, line in enumerate(lines, start=1) if text in line), 1)

    def error(self, message: str, at: str = "") -> InvalidRulesetError:
        """Return *message* as an error in the file, at the first line that contains *at*."""
        return InvalidRulesetError(f"{self.file}: {message}", file=self.file, line=self.line(at))

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


@dataclass(frozen=True, kw_only=True, slots=True)
class RulesetDifference:
    """A difference between GitHub and the file of *ruleset*.

    *kind* is `missing` or `extra` for a whole ruleset, `different` for one property of it (*what*), and `unknown` for a
    property that the token cannot read.
    """

    ruleset: str
    kind: str
    what: str = ""
    file: object = None
    github: object = None

    def to_json(self) -> dict[str, object]:
        """Return the difference as an entry of the output `drift`."""
        return {
            "ruleset": self.ruleset,
            "kind": self.kind,
            "what": self.what,
            "file": self.file,
            "github": self.github,
        }


def parse_ruleset(text: str, file: str, *, scope: str) -> Ruleset:
    """Parse *text*, the content of *file*, for a *scope*: `repository` or `organization`.

    Raises InvalidRulesetError if it is not JSON or if the API would reject it. Names of actors are not resolved here.
    """
    document = _document(text, file)
    entries = document.get("bypass_actors", [])
    plain = {key: value for key, value in document.items() if key not in ANSWERS_ONLY}
    _check(plain, text, file, scope)
    ruleset = replace(read_ruleset(plain), file=file, text=text)
    return replace(ruleset, bypass=tuple(_named(entry, ruleset) for entry in entries))


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


def differences(wanted: Ruleset, current: Ruleset) -> Iterator[RulesetDifference]:
    """Yield the differences of *current*, from GitHub, from *wanted*, from a file."""
    for name, file, github in _properties(wanted, current):
        if _plain(name, file) != _plain(name, github):
            yield RulesetDifference(ruleset=wanted.name, kind="different", what=name, file=file, github=github)
    if current.bypass is None:
        yield RulesetDifference(
            ruleset=wanted.name, kind="unknown", what="bypass_actors", file=_shown(wanted), github=None
        )
    elif set(wanted.bypass or ()) != set(current.bypass):
        names = {(entry.kind, entry.number): entry.name for entry in wanted.bypass or ()}
        named = tuple(replace(entry, name=names.get((entry.kind, entry.number), "")) for entry in current.bypass)
        yield RulesetDifference(
            ruleset=wanted.name,
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
    """Normalize *value*: missing, false and empty values become equal, and the order of lists does not matter."""
    if name.endswith(".allowed_merge_methods") and value is None:
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
        raise InvalidRulesetError(f"{file}: a ruleset must be a JSON object", file=file, line=1)
    return document


def _check(document: dict[str, Any], text: str, file: str, scope: str) -> None:
    """Validate *document*, rule by rule, against the schemas of GitHub's API description."""
    known = json.loads(SCHEMA.read_text(encoding="utf-8"))[scope]
    _validate(known["ruleset"], document, "", text, file)
    rules = document.get("rules", [])
    if not isinstance(rules, list):
        raise InvalidRulesetError(f"{file}: rules must be a list", file=file, line=_line(text, '"rules"'))
    kinds = [rule.get("type") if isinstance(rule, dict) else None for rule in rules]
    for kind, rule in zip(kinds, rules, strict=True):
        schema = known["rules"].get(kind) if isinstance(kind, str) else None
        if schema is None:
            types = ", ".join(sorted(known["rules"]))
            raise InvalidRulesetError(
                f"{file}: {kind!r:.200} is not a rule type for a ruleset of {scope} scope; known: {types}",
                file=file,
                line=_line(text, f'"{kind}"'),
            )
        _validate(schema, rule, f"rule {kind}, ", text, file)
        if kinds.count(kind) > 1:
            raise InvalidRulesetError(
                f"{file}: rule {kind} occurs more than once", file=file, line=_line(text, f'"{kind}"')
            )


def _validate(schema: dict[str, Any], value: object, prefix: str, text: str, file: str) -> None:
    import fastjsonschema  # this action alone needs it

    try:
        fastjsonschema.validate(schema, value, use_default=False)
    except fastjsonschema.JsonSchemaValueException as error:
        # "data.parameters.x must be …": `data` is the validated object.
        path = [str(part) for part in error.path[1:]]
        problem = error.message.removeprefix(error.name or "")
        words = f"{prefix}{'.'.join(path)} {problem}".split()
        last = next((part for part in reversed(path) if not part.isdecimal()), "")
        raise InvalidRulesetError(f"{file}: {' '.join(words)}", file=file, line=_line(text, f'"{last}"')) from error


def _line(text: str, needle: str) -> int:
    return next((number for number, line in enumerate(text.splitlines(), start=1) if needle in line), 1)


def _named(entry: Mapping[str, Any], ruleset: Ruleset) -> Bypass:
    bypass, name = _bypass(entry), entry.get("actor", "")
    if not isinstance(name, str) or (name and not NAME.fullmatch(name)):
        raise ruleset.error(
            f"actor is {name!r:.200}; it must be the name of a user, an app, a team or a role", '"actor"'
        )
    if bypass.kind not in NAMELESS and (not name) == (bypass.number is None):
        raise ruleset.error(
            f"a bypass of kind {bypass.kind} needs either actor (a name) or actor_id", f'"{bypass.kind}"'
        )
    return replace(bypass, name=name)


def _bypass(entry: Mapping[str, Any]) -> Bypass:
    kind = entry["actor_type"]
    number = None if kind in NAMELESS else entry.get("actor_id")
    return Bypass(kind=kind, number=number, mode=entry.get("bypass_mode", "always"))
