"""Which rulesets were in force at a moment, by what GitHub says of them now and of their history."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from actions.checks import RequiredCheck
from actions.errors import AccessError
from actions.evidence.facts import Rules
from actions.evidence.nodes import zulu
from actions.evidence.source import PER_PAGE
from actions.patterns import ruleset_pattern
from actions.repository import Repository

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class RulesSource(Repository):
    """Which rulesets were in force for the default branch, called *of*, and when."""

    of: str = ""
    _read: dict[str, Any] = field(default_factory=dict, repr=False)

    def at(self, moment: str) -> tuple[Rules, ...]:
        """Return the rulesets that were in force for the branch at *moment*.

        Raises AccessError if one has changed since and the token may not see its history. One that was deleted since is
        not seen here; what GitHub's rules said of the change names it.
        """
        states = (self._state_at(ruleset, moment) for ruleset in self._rulesets())
        return tuple(self._rules(since, state) for since, state in filter(None, states) if self._holds(state))

    def _rulesets(self) -> list[Mapping[str, Any]]:
        if "all" not in self._read:
            with self._asking("metadata: read"):
                listed = [ruleset for page in self._pages(f"/rulesets?per_page={PER_PAGE}") for ruleset in page]
                self._read["all"] = [self._rest("GET", f"/rulesets/{ruleset['id']}") for ruleset in listed]
        return list(self._read["all"])

    def _state_at(self, ruleset: Mapping[str, Any], moment: str) -> tuple[str, Mapping[str, Any]] | None:
        if zulu(ruleset["updated_at"]) <= moment:
            return zulu(ruleset["updated_at"]), ruleset
        if zulu(ruleset["created_at"]) > moment:
            return None
        version = next((v for v in self._history(ruleset["id"]) if zulu(v["updated_at"]) <= moment), None)
        if not version:
            raise AccessError(f"{self.name} does not say what ruleset '{ruleset['name']}' was at {moment}")
        key = f"{ruleset['id']}/{version['version_id']}"
        if key not in self._read:
            with self._asking("administration: read"):
                self._read[key] = self._rest("GET", f"/rulesets/{ruleset['id']}/history/{version['version_id']}")
        return zulu(version["updated_at"]), {**ruleset, **self._read[key]["state"]}

    def _history(self, number: int) -> list[Mapping[str, Any]]:
        """Return the versions of a ruleset, newest first."""
        key = f"history {number}"
        if key not in self._read:
            with self._asking("administration: read"):
                pages = self._pages(f"/rulesets/{number}/history?per_page={PER_PAGE}")
                self._read[key] = [version for page in pages for version in page]
        return list(self._read[key])

    def _holds(self, ruleset: Mapping[str, Any]) -> bool:
        names = (ruleset.get("conditions") or {}).get("ref_name") or {}
        if ruleset["enforcement"] != "active" or ruleset.get("target", "branch") != "branch":
            return False
        included = any(self._covers(pattern) for pattern in names.get("include", []))
        return included and not any(self._covers(pattern) for pattern in names.get("exclude", []))

    def _covers(self, pattern: str) -> bool:
        everywhere = pattern in ("~DEFAULT_BRANCH", "~ALL")
        return everywhere or ruleset_pattern(pattern).fullmatch(f"refs/heads/{self.of}") is not None

    def _rules(self, since: str, ruleset: Mapping[str, Any]) -> Rules:
        said = {key: ruleset.get(key) for key in ("name", "target", "enforcement", "conditions", "rules")}
        bypass = ruleset.get("bypass_actors")
        checks = [
            RequiredCheck(name=check["context"], app=check.get("integration_id"))
            for rule in ruleset["rules"]
            if rule["type"] == "required_status_checks"
            for check in rule["parameters"]["required_status_checks"]
        ]
        return Rules(
            id=ruleset["id"],
            name=ruleset["name"],
            source=ruleset.get("source") or self.name,
            since=since,
            sha256=hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest(),
            rules=tuple(sorted(rule["type"] for rule in ruleset["rules"])),
            required_checks=tuple(checks),
            bypass=None
            if bypass is None
            else tuple(
                f"{entry['actor_type']} {entry.get('actor_id') or ''} ({entry['bypass_mode']})" for entry in bypass
            ),
        )
