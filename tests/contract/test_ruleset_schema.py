"""What we ask of a ruleset before it is sent is what GitHub's description asks of the request."""

from __future__ import annotations

import json

from sandbox.ruleset_schema import TARGET, extract


def test_the_schema_is_that_of_githubs_description() -> None:
    assert json.loads(TARGET.read_text(encoding="utf-8")) == extract(), "run: python -m sandbox.ruleset_schema"
