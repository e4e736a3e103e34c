"""The inline shell of the article beside our actions, on the same inputs."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from tests.events import EVENTS, SHA, start
from tests.support import ROOT, Runner

# "Setup Job" of the publish workflow and of the deploy workflow, with the two expressions as variables.
PUBLISH = """
if [[ "$EVENT_NAME" == "push" ]]; then
  echo "publish=true" >> "$GITHUB_OUTPUT"

  if [[ $REF == refs/heads/main ]]; then
    echo "open_infra_pr=true" >> "$GITHUB_OUTPUT"
  fi
fi
"""
DEPLOY = """
if [[ "$EVENT_NAME" == "push" ]] && [[ $REF == refs/heads/main ]]; then
  echo "deploy=true" >> "$GITHUB_OUTPUT"
fi
"""
# The events that start the article's workflows, and what its shell gets wrong on some of them.
RIGHT = [
    "push to main",
    "forced push to main",
    "push to main, run again",
    "push to a hotfix branch",
    "main created with new commits",
    "hotfix branch created with new commits",
    "pull request to main opened",
    "pull request to main, new commits",
    "pull request to a hotfix branch opened",
]
WRONG = {
    "hotfix branch created at a released commit": {"publish": ("true", "false")},
    "main created at a commit that is there already": {
        "publish": ("true", "false"),
        "open_infra_pr": ("true", "false"),
    },
    "hotfix branch deleted": {"publish": ("true", "false")},
}
# `make dev.update` of the infra repository.
DEV_UPDATE = "jq --arg tag \"$TAG\" '.api.tag = $tag' envs/dev.json > .dev.json && mv .dev.json envs/dev.json"
JQ = f"""#!/bin/sh
# jq itself, compiled to WebAssembly, for the one call that the article makes: jq --arg NAME VALUE FILTER FILE
cd {ROOT} && exec node --input-type=module -e '
import {{ readFileSync }} from "node:fs";
const jq = await (await import("jq-web")).default;
const [flag, name, value, filter, file] = process.argv.slice(1);
console.log(jq.raw(readFileSync(file, "utf8"), filter, [flag, name, value]));
' -- "$1" "$2" "$3" "$4" "$OLDPWD/$5"
"""


def shell(script: str, folder: Path, **variables: str) -> dict[str, str]:
    output = folder / "article_output"
    output.write_text("")
    environment = {"PATH": f"{folder}:/usr/local/bin:/usr/bin:/bin", "GITHUB_OUTPUT": str(output), **variables}
    subprocess.run(["bash", "-euc", script], cwd=folder, env=environment, check=True)
    return dict(line.split("=") for line in output.read_text().splitlines())


def both(runner: Runner, event: str, folder: Path) -> tuple[dict[str, str], dict[str, str]]:
    start(runner, event)
    name, ref, _ = EVENTS[event]
    theirs = shell(PUBLISH, folder, EVENT_NAME=name, REF=ref) | shell(DEPLOY, folder, EVENT_NAME=name, REF=ref)
    ours = runner.run("action-setup-flags").outputs
    keys = {"publish": "publish", "open_infra_pr": "open-infra-pr", "deploy": "deploy"}
    return {key: theirs.get(key, "false") for key in keys}, {key: ours[name] for key, name in keys.items()}


@pytest.mark.parametrize("event", RIGHT)
def test_where_the_shell_was_right_the_action_says_the_same(runner: Runner, tmp_path: Path, event: str) -> None:
    theirs, ours = both(runner, event, tmp_path)

    assert ours == theirs


@pytest.mark.parametrize("event", WRONG)
def test_where_the_shell_was_wrong_the_action_differs_in_just_that(runner: Runner, tmp_path: Path, event: str) -> None:
    theirs, ours = both(runner, event, tmp_path)

    assert {key: (theirs[key], ours[key]) for key in ours if theirs[key] != ours[key]} == WRONG[event]


OLD = "0c409f3174e39c944adb598ada1fd632fac389a1"
ARTICLE = f'{{\n  "api": {{\n    "url": "https://registry.example.com/api",\n    "tag": "{OLD}"\n  }}\n}}\n'


@pytest.mark.parametrize(
    ("text", "same"),
    [
        pytest.param(ARTICLE, True, id="the article's own file"),
        pytest.param(ARTICLE.replace("  ", "\t"), False, id="tabs, which jq rewrites"),
        pytest.param('{"api":{"tag":"x"},"n":1.0}', False, id="one line, which jq spreads over many"),
    ],
)
def test_a_bump_gives_what_jq_gives_and_nothing_that_it_rewrites(
    runner: Runner, tmp_path: Path, text: str, same: bool
) -> None:
    runner.write({"envs/dev.json": text})
    (tmp_path / "envs").mkdir()
    (tmp_path / "envs" / "dev.json").write_text(text)
    (tmp_path / "jq").write_text(JQ)
    (tmp_path / "jq").chmod(0o755)

    shell(DEV_UPDATE, tmp_path, TAG=SHA)
    result = runner.run("action-bump-env", env="dev", tag=SHA)

    theirs, ours = (tmp_path / "envs" / "dev.json").read_text(), runner.read("envs/dev.json")
    assert result.exit_code == 0
    assert json.loads(ours) == json.loads(theirs)
    assert (ours == theirs) == same
    assert len(ours) - len(text) == len(SHA) - len(json.loads(text)["api"]["tag"])
