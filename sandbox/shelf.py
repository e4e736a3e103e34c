"""The actions that this machine has: ours, and stand-ins for those of others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import yaml

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Shelf:
    """*ours* is the checkout that our actions are taken from, whoever publishes them and whatever their version.

    *stand_ins* are folders by what `uses:` says, as far as a key says it: `owner/name@v1`, or `owner/name@` for all.
    """

    ours: Path
    stand_ins: dict[str, Path]

    def folder(self, uses: str) -> tuple[str, Path] | None:
        """Return the repository and version that *uses* names and the folder in its place, None if there is none."""
        path, _, version = uses.partition("@")
        owner, _, rest = path.partition("/")
        name, _, action = rest.partition("/")
        key = f"{owner}/{name}@{version}"
        if action.startswith("action-") and (self.ours / action / "action.yml").is_file():
            return key, self.ours
        folder = self.stand_ins.get(key) or self.stand_ins.get(f"{owner}/{name}@")
        return (key, folder) if folder else None

    def token_inputs(self, uses: str) -> list[str]:
        """Return the inputs of an action of ours that are the job's token if they are not given."""
        found = self.folder(uses)
        if not found or found[1] != self.ours:
            return []
        action = self.ours / uses.partition("@")[0].split("/", 2)[2] / "action.yml"
        inputs = yaml.safe_load(action.read_text(encoding="utf-8"))["inputs"]
        return [name for name, said in inputs.items() if "github.token" in str(said.get("default", ""))]
