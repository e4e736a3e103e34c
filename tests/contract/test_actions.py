"""action.yml, README, code and the hand-over between them say the same, for every action."""

from __future__ import annotations

import importlib
import re
import subprocess
from typing import Any

import pytest

from actions.errors import ActionError
from actions.runner.inputs import Inputs
from tests.support import ACTIONS, ROOT, declaration, module_name, readme_rows

PLAUSIBLE = {
    "env": "dev",
    "tag": "1.0.0",
    "hotfix-prefix": "hotfixes/",
    "base-commit-sha": "a" * 40,
    "branch-name": "x",
    "token": "a-secret",
    "app-token": "another-secret",
    "branch-token": "a-third-secret",
    "status": "success",
}


@pytest.fixture(name="action", params=ACTIONS)
def _action(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(name="module")
def _module(action: str) -> Any:
    return importlib.import_module(f"actions.{module_name(action)}")


def step(action: str) -> dict[str, Any]:
    (only,) = declaration(action)["runs"]["steps"]
    return dict(only)


def families(kinds: tuple[type[ActionError], ...]) -> set[type[ActionError]]:
    return {below for kind in kinds for below in (kind, *families(tuple(kind.__subclasses__())))}


def test_there_are_the_actions_that_the_readme_lists() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")

    assert sorted(set(re.findall(r"\]\((action-[a-z-]+)\)", text))) == ACTIONS


def test_one_step_runs_the_launcher_with_the_entrypoint_of_the_action(action: str) -> None:
    run = step(action)

    assert run["shell"] == "bash"
    assert run["run"] == f'"$GITHUB_ACTION_PATH/../actions/run.sh" "$GITHUB_ACTION_PATH/{module_name(action)}.py"\n'


def test_nothing_is_expanded_into_a_shell(action: str) -> None:
    assert "${{" not in step(action)["run"]


def test_every_input_is_handed_over_by_hand(action: str) -> None:
    """GitHub does not do it for composite actions; act does, so no run under act would notice."""
    inputs = declaration(action)["inputs"]

    assert step(action)["env"] == {
        f"INPUT_{name.upper().replace('-', '_')}": f"${{{{ inputs.{name} }}}}" for name in inputs
    }


def test_every_output_comes_from_the_step(action: str) -> None:
    for name, output in declaration(action)["outputs"].items():
        assert output["value"] == f"${{{{ steps.run.outputs.{name} }}}}"


def test_names_are_kebab_case(action: str) -> None:
    declared = declaration(action)
    for name in (*declared["inputs"], *declared["outputs"]):
        assert re.fullmatch(r"[a-z]+(-[a-z]+)*", name)


def test_an_input_is_required_or_has_a_default(action: str) -> None:
    for declared in declaration(action)["inputs"].values():
        assert declared["required"] != ("default" in declared)


def test_the_code_reads_the_inputs_that_are_declared_and_no_other(action: str, module: Any) -> None:
    read: set[str] = set()

    class Recording(Inputs):
        def text(self, name: str) -> str:
            read.add(name)
            return str(PLAUSIBLE.get(name) or declaration(action)["inputs"][name].get("default", ""))

    arguments = ("your-org/app",) if "repository" in module.Settings.read.__annotations__ else ()
    settings = module.Settings.read(Recording({}), *arguments)

    assert read == set(declaration(action)["inputs"])
    assert "secret" not in repr(settings)


def test_a_run_that_fails_still_sets_every_output(action: str, module: Any) -> None:
    assert set(module.UNSET) | {"reason"} == set(declaration(action)["outputs"])


def test_the_readme_has_the_inputs_of_action_yml(action: str) -> None:
    assert [(row[0], row[1], row[2]) for row in readme_rows(action, "Inputs")] == [
        (
            f"`{name}`",
            "**required**" if declared["required"] else f"`{declared['default']}`" if declared["default"] else "",
            declared["description"],
        )
        for name, declared in declaration(action)["inputs"].items()
    ]


def test_the_readme_has_the_outputs_of_action_yml(action: str) -> None:
    rows = readme_rows(action, "Outputs")

    assert [row[0] for row in rows] == [f"`{name}`" for name in declaration(action)["outputs"]]
    for row, output in zip(rows, declaration(action)["outputs"].values(), strict=True):
        assert row[1].split(", one of")[0] in (output["description"], "What kind of event it was")


def test_the_readme_has_the_reasons_of_the_code(action: str, module: Any) -> None:
    """Which failures an action can end with is what `tests/reasons.py` finds out."""
    rows = {(row[0].strip("`"), row[1]) for row in readme_rows(action, "Reasons")}

    assert {reason for reason, code in rows if code == "0"} == set(module.Reason)
    assert {row for row in rows if row[1] != "0"} <= {
        (kind.reason, str(kind.exit_code)) for kind in families((ActionError,)) - {ActionError}
    }


def test_an_entrypoint_does_nothing_but_start_its_module(action: str) -> None:
    name = module_name(action)

    text = (ROOT / action / f"{name}.py").read_text(encoding="utf-8")
    assert text == f"from actions.{name} import main\n\nraise SystemExit(main())\n"


def test_an_action_that_needs_no_github_does_not_import_its_client() -> None:
    for name in ("setup_flags", "bump_env", "deploy_matrix"):
        code = f"import sys, actions.{name}; sys.exit(any(m in sys.modules for m in ('github', 'requests', 'yaml')))"
        done = subprocess.run([str(ROOT / ".venv/bin/python"), "-c", code], cwd=ROOT, check=False)
        assert done.returncode == 0, f"{name} imports more than it needs"
