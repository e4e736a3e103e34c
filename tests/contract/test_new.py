"""What `new` writes passes what the examples pass."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest
import yaml

from actions.infra.checkout import Checkout
from actions.protection.ruleset import read_ruleset
from actions.protection.target import read_targets
from cli.main import main
from tests.contract.tools import BIN, PINNED
from tests.shapes import ACTIONS, SHAPES, flags
from tests.support import ROOT


@pytest.fixture(name="written", params=list(SHAPES))
def _written(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    assert main(flags(request.param, tmp_path)) == 0
    return tmp_path


def workflows(folder: Path) -> list[Path]:
    return sorted(folder.glob("*/.github/workflows/*.yml"))


def test_the_schema_and_the_parser_of_github_accept_every_workflow(written: Path) -> None:
    paths = workflows(written)
    schema: list[str | Path] = [BIN / "check-jsonschema", "--builtin-schema", "vendor.github-workflows", *paths]
    parser: list[str | Path] = ["node", ROOT / "tests" / "contract" / "workflow_parser.mjs", *paths]

    for command in (schema, parser):
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def test_zizmor_has_nothing_to_say(written: Path) -> None:
    config = written / "zizmor.yml"
    config.write_text("rules: {self-repository: {disable: true}}\n")
    options = ("--persona", "pedantic", "--offline", "--no-progress", "--config", config)
    command: list[str | Path] = [BIN / "zizmor", *options, written / "shop", written / "shop-infra"]

    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout


def test_every_action_is_pinned_to_a_commit(written: Path) -> None:
    for path in workflows(written):
        for used in re.findall(r"(?m)^\s*(?:- )?uses: (.+)$", path.read_text(encoding="utf-8")):
            assert used.startswith("./") or PINNED.fullmatch(used), used
    ours = ACTIONS.partition("@")[2]
    assert f"/action-deploy-matrix@{ours}\n" in (written / "shop-infra/.github/workflows/deploy.yml").read_text()


def test_the_schema_of_gitops_yml_accepts_it_and_the_env_files_are_found(written: Path) -> None:
    infra = written / "shop-infra"
    command: list[str | Path] = [
        BIN / "check-jsonschema",
        "--schemafile",
        ROOT / "gitops.schema.json",
        infra / "gitops.yml",
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout

    checkout = Checkout(infra)
    config = checkout.config()
    environments = checkout.environments(config.layout("envs"))

    assert sorted(environments) == sorted(config.environments)
    for snapshot in environments.values():
        assert sorted(snapshot.tags()) == sorted(config.repos)
        assert set(snapshot.tags().values()) == {""}


def test_protection_is_read_and_names_what_there_is(written: Path) -> None:
    targets = {
        target.name: target for target in read_targets(Checkout(written / "shop-infra"), "protection", owner="acme")
    }
    jobs = {job for path in workflows(written) for job in yaml.safe_load(path.read_text(encoding="utf-8"))["jobs"]}

    assert set(targets) == {"acme/shop", "acme/shop-infra"}
    for path in written.glob("shop-infra/protection/*/rulesets/*.json"):
        ruleset = json.loads(path.read_text(encoding="utf-8"))
        assert read_ruleset(ruleset)
        for rule in ruleset["rules"]:
            for check in rule.get("parameters", {}).get("required_status_checks", ()):
                assert check["context"] in jobs


def test_nothing_of_the_examples_names_is_left(written: Path) -> None:
    for path in written.rglob("*"):
        if path.is_file() and ".git/" not in path.as_posix():
            assert "your-org" not in path.read_text(encoding="utf-8"), path


def test_a_second_run_changes_nothing(
    request: pytest.FixtureRequest, written: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {path: path.read_bytes() for path in written.rglob("*") if path.is_file()}
    capsys.readouterr()

    assert main(flags(request.node.callspec.params["written"], written)) == 0

    assert {path: path.read_bytes() for path in written.rglob("*") if path.is_file()} == before
    said = capsys.readouterr().out
    assert said.count(": 0 files written, ") == 2
    assert "differs" not in said
