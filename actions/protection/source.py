"""Parse a JSON file of protection, validate it, and point every error at its line."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any

from actions.errors import InvalidRulesetError

if TYPE_CHECKING:
    from collections.abc import Callable

    from actions.errors import ActionError


@dataclass(frozen=True, kw_only=True, slots=True)
class Source:
    """A *file* with its *text*, both empty for what GitHub has; what is wrong in it is an error of *kind*."""

    file: str = ""
    text: str = field(default="", repr=False)
    kind: type[ActionError] = InvalidRulesetError

    def line(self, text: str) -> int:
        """Return the number of the first line that contains *text*, 1 if none does."""
        lines = self.text.splitlines()
        return next((number for number, line in enumerate(lines, start=1) if text in line), 1)

    def error(self, message: str, at: str = "") -> ActionError:
        """Return *message* as an error in the file, at the first line that contains *at*."""
        return self.kind(f"{self.file}: {message}", file=self.file, line=self.line(at))

    def document(self, noun: str) -> dict[str, Any]:
        """Return the JSON object that the file holds, which must be *noun*."""
        try:
            document = json.loads(self.text)
        except json.JSONDecodeError as error:
            raise self.kind(
                f"{self.file}:{error.lineno}: not JSON: {error.msg}", file=self.file, line=error.lineno
            ) from error
        except RecursionError as error:
            raise self.error("nested too deeply") from error
        if not isinstance(document, dict):
            raise self.error(f"{noun} must be a JSON object")
        return document

    def validate(self, schema: dict[str, Any], value: object, prefix: str = "") -> None:
        """Raise an error, whose message starts with *prefix*, unless *schema* allows *value*."""
        import fastjsonschema  # this action alone needs it

        try:
            _compiled(json.dumps(schema))(value)
        except fastjsonschema.JsonSchemaValueException as error:
            # "data.parameters.x must be …": `data` is the validated object.
            path = [str(part) for part in error.path[1:]]
            problem = error.message.removeprefix(error.name or "")
            words = f"{prefix}{'.'.join(path)} {problem}".split()
            last = next((part for part in reversed(path) if not part.isdecimal()), "")
            at = error.value if isinstance(error.value, str) and error.value else last
            raise self.error(" ".join(words), f'"{at}"') from error


@cache
def _compiled(schema: str) -> Callable[[object], object]:
    """Return the program that validates by *schema*, in JSON; the same few rules are in most rulesets."""
    import fastjsonschema

    compiled: Callable[[object], object] = fastjsonschema.compile(json.loads(schema), use_default=False)
    return compiled
