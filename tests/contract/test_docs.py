"""What the documents say is there is there."""

from __future__ import annotations

import re

from tests.support import ROOT


def test_every_attack_is_listed_with_what_stops_it() -> None:
    listed = (ROOT / "docs" / "soc2.md").read_text(encoding="utf-8")
    tried = (ROOT / "tests" / "sandbox" / "test_attacks.py").read_text(encoding="utf-8")

    cells = [line.split("|")[3] for line in listed.splitlines() if line.count("|") == 4]
    found = {name for cell in cells for name in re.findall(r"`([a-z_]+)`", cell)}
    assert found == set(re.findall(r"^def test_attack_(\w+)\(", tried, re.MULTILINE))
