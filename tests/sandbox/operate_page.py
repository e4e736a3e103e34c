"""The snippets of docs/operate.md, which the tests run."""

from __future__ import annotations

import re

from tests.support import ROOT


def snippet(section: str, number: int = 0) -> str:
    """Return a YAML snippet of a *section* of the page, the first one by default."""
    text = (ROOT / "docs" / "operate.md").read_text(encoding="utf-8")
    part = text.partition(f"\n## {section}\n")[2].partition("\n## ")[0]
    return str(re.findall(r"(?ms)^```yaml\n(.*?)^```$", part)[number])
