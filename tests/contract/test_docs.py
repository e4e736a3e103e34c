"""What the documents say is there is there."""

from __future__ import annotations

import dataclasses
import os
import re
import shutil
import subprocess
from pathlib import Path

from actions.evidence import facts
from actions.evidence.access import AccessPart
from bench import cost, readme
from tests.contract.tools import OURS, PINNED
from tests.support import ROOT

# What a record of a change holds beside its facts, and where the facts within them are.
MORE = {"approved_by", "approved_at", "emergency", "later_review", "exceptions", "previous"}
WITHIN = {
    "commit": facts.CommitFacts, "commit.pull": facts.PullFacts, "moves": facts.Move, "suite": facts.Suite,
    "rules": facts.Rules, "movement": facts.Movement, "parts": AccessPart,
}  # fmt: skip


def test_every_attack_is_listed_with_what_stops_it() -> None:
    listed = (ROOT / "docs" / "soc2.md").read_text(encoding="utf-8")
    tests = [path for folder in ("sandbox", "e2e") for path in (ROOT / "tests" / folder).glob("test_*.py")]
    tried = "\n".join(path.read_text(encoding="utf-8") for path in tests)

    cells = [line.split("|")[3] for line in listed.splitlines() if line.count("|") == 4]
    found = {name for cell in cells for name in re.findall(r"`([a-z_]+)`", cell)}
    assert found == set(re.findall(r"^def test_attack_(\w+)\(", tried, re.MULTILINE))


def test_the_criteria_name_evidence_and_tests_that_there_are() -> None:
    text = (ROOT / "docs" / "soc2.md").read_text(encoding="utf-8")
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines() if line.count("|") == 6]
    rows = [row for row in rows if row[0] not in ("point of focus", "---")]
    tests = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py"))
    known = {field.name for field in dataclasses.fields(facts.ChangeFacts)} | MORE
    known |= {f"{where}.{field.name}" for where, kind in WITHIN.items() for field in dataclasses.fields(kind)}

    assert len(rows) == 19
    for row in rows:
        assert set(re.findall(r"`([^`]+)`", row[2])) <= known, row[2]
        (named,) = re.findall(r"`(test_\w+)`", row[3])
        assert f"def {named}(" in tests, named


def test_a_release_is_verified_by_the_workflow_and_the_branch_that_make_it() -> None:
    text = (ROOT / "docs" / "releases.md").read_text(encoding="utf-8")
    (workflow,) = re.findall(r"--signer-workflow your-org/gitops-actions/(\S+)", text)
    (ref,) = re.findall(r"--source-ref (\S+)", text)

    assert "uses: actions/attest-build-provenance@" in (ROOT / workflow).read_text(encoding="utf-8")
    assert f'if ref != "{ref}":' in (ROOT / "release" / "settings.py").read_text(encoding="utf-8")


def test_the_examples_are_pinned_by_the_command_of_the_documents(tmp_path: Path) -> None:
    text = (ROOT / "docs" / "releases.md").read_text(encoding="utf-8")
    (command,) = re.findall(r"^sed .*$", text, re.MULTILINE)
    for example in ("app", "infra"):
        shutil.copytree(ROOT / "examples" / example, tmp_path / example)
        subprocess.run(
            ["bash", "-c", command], cwd=tmp_path / example, env={**os.environ, "commit": "c" * 40}, check=True
        )
    workflows = "\n".join(path.read_text(encoding="utf-8") for path in tmp_path.glob("*/.github/workflows/*.yml"))

    used = re.findall(rf"uses: ({OURS}.*)", workflows)
    assert len(used) > 10
    assert [line for line in used if not PINNED.fullmatch(line)] == []


def test_the_figures_of_the_readme_are_those_that_the_benchmarks_print() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")

    times = [row[0] for row in _rows(readme.part(text, readme.TIMES))]
    costs = [row[0] for row in _rows(readme.part(text, readme.COSTS))]

    assert times == [name for benchmark in readme.BENCHMARKS for name in benchmark.ROWS]
    assert costs == [cost.name_of(action) for action in cost.BUDGETS]
    assert re.match(r"Measured with Python 3\.\d+\.\d+ on \d+ cores", readme.part(text, readme.TIMES))


def _rows(table: str) -> list[list[str]]:
    lines = [line for line in table.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines[2:]]
