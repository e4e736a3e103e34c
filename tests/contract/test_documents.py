"""What is in the documents works: every snippet, every link, every command."""

from __future__ import annotations

import copy
import json
import re
import shlex
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from actions.infra.config_file import parse_config
from cli.main import main
from tests.contract.tools import BIN, OURS, PINNED
from tests.support import ROOT, declaration

DOCUMENTS = sorted(
    path
    for path in (
        *ROOT.glob("*.md"),
        *ROOT.glob("docs/*.md"),
        *ROOT.glob("action-*/*.md"),
        *ROOT.glob("examples/*/*.md"),
    )
)
FENCE = re.compile(r"(?ms)^(?P<indent> *)```(?P<kind>[^\n]*)\n(?P<text>.*?)^ *```$")
LINK = re.compile(r"(?<!!)\[[^\]]+\]\((?P<to>[^)\s]+)\)")


@dataclass(frozen=True, slots=True)
class Snippet:
    """Something to copy out of a document; *kind* is what its fence says."""

    document: Path
    line: int
    kind: str
    text: str

    def __str__(self) -> str:
        return f"{self.document.relative_to(ROOT).as_posix()}:{self.line}"


@cache
def snippets() -> tuple[Snippet, ...]:
    found = []
    for document in DOCUMENTS:
        text = document.read_text(encoding="utf-8")
        for match in FENCE.finditer(text):
            indent = len(match["indent"])
            body = "\n".join(line[indent:] for line in match["text"].splitlines())
            found.append(Snippet(document, text.count("\n", 0, match.start()) + 1, match["kind"], f"{body}\n"))
    return tuple(found)


def of_kind(kind: str) -> list[Snippet]:
    return [snippet for snippet in snippets() if snippet.kind == kind]


def workflow_of(snippet: Snippet) -> dict[str, Any] | None:
    """Return *snippet* as a workflow: as it is, or with what is around its jobs or its steps; None if it is none."""
    said = yaml.safe_load(snippet.text)
    if isinstance(said, list):
        said = {"jobs": {"snippet": {"name": "snippet", "runs-on": "ubuntu-24.04", "steps": said}}}
    if not isinstance(said, dict) or "jobs" not in said:
        return None
    around: dict[Any, Any] = {
        "name": "Snippet",
        True: {"workflow_dispatch": {}},
        "permissions": {},
        "concurrency": "snippet",
    }
    return around | copy.deepcopy(said)


WORKFLOWS = [snippet for snippet in of_kind("yaml") if workflow_of(snippet)]


def test_the_kinds_of_snippets_are_those_that_are_checked() -> None:
    assert {snippet.kind for snippet in snippets()} == {
        "yaml", "yaml before", "sh", "sh before", "json", "mermaid", "text",
    } & {snippet.kind for snippet in snippets()}  # fmt: skip


def test_what_is_written_as_before_is_what_one_leaves_behind() -> None:
    assert {s.document.name for s in snippets() if s.kind.endswith("before")} == {"migrating.md"}


@pytest.fixture(name="folder", scope="module")
def _folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository of all snippets that are workflows."""
    folder = tmp_path_factory.mktemp("snippets")
    workflows = folder / ".github" / "workflows"
    workflows.mkdir(parents=True)
    (folder / "zizmor.yml").write_text((ROOT / "zizmor.yml").read_text(encoding="utf-8"), encoding="utf-8")
    for number, snippet in enumerate(WORKFLOWS):
        text = yaml.safe_dump(workflow_of(snippet), sort_keys=False).replace("\ntrue:", "\non:")
        for used, version in set(re.findall(r"(\S+@[0-9a-f]{40}) # (v[\d.]+)", snippet.text)):
            text = text.replace(f"uses: {used}", f"uses: {used} # {version}")
        for key, answer in re.findall(r"^ *(\w+): (# zizmor: ignore\[[\w-]+\])$", snippet.text, re.MULTILINE):
            text = text.replace(f"{key}:\n", f"{key}: {answer}\n")
        (workflows / f"snippet-{number}.yml").write_text(text, encoding="utf-8")
    return folder


def test_snippets_are_workflows_that_github_takes(folder: Path) -> None:
    paths = sorted((folder / ".github" / "workflows").iterdir())
    schema = [BIN / "check-jsonschema", "--builtin-schema", "vendor.github-workflows", *paths]
    parser = ["node", ROOT / "tests" / "contract" / "workflow_parser.mjs", *paths]

    assert len(paths) > 10
    for command in (schema, parser):
        done = subprocess.run([*map(str, command)], cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout
    assert done.stdout == ""


def test_zizmor_has_nothing_against_the_snippets(folder: Path) -> None:
    """Regular persona: a snippet of steps has no names of jobs to give, nor reasons for its permissions."""
    done = subprocess.run(
        [BIN / "zizmor", "--offline", "--no-progress", "."], cwd=folder, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("snippet", WORKFLOWS, ids=str)
def test_what_a_snippet_uses_is_there_and_is_given_what_it_takes(snippet: Snippet) -> None:
    for used in re.findall(r"\buses: (.+)$", snippet.text, re.MULTILINE):
        assert used.startswith(("./", OURS)) or PINNED.fullmatch(used), used
    for job in (workflow_of(snippet) or {})["jobs"].values():
        for step in job.get("steps", []):
            name = re.fullmatch(rf"{OURS}(action-[a-z-]+)@v1", step.get("uses", ""))
            if name:
                inputs, given = declaration(name[1])["inputs"], step.get("with", {})
                assert given.keys() <= inputs.keys()
                assert {key for key, declared in inputs.items() if declared["required"]} <= given.keys()


@pytest.mark.parametrize("snippet", [s for s in of_kind("yaml") if s not in WORKFLOWS], ids=str)
def test_what_is_no_workflow_is_a_gitops_yml(snippet: Snippet) -> None:
    """If a snippet shows an env file it is one of ours, in which a service has a tag."""
    said = yaml.safe_load(snippet.text)
    if any(isinstance(value, dict) and {"tag", "image"} & value.keys() for value in said.values()):
        return
    assert parse_config(snippet.text)


@pytest.mark.parametrize("snippet", of_kind("json"), ids=str)
def test_json_is_json(snippet: Snippet) -> None:
    json.loads(snippet.text)


@pytest.mark.parametrize("snippet", of_kind("mermaid"), ids=str)
def test_a_diagram_is_of_a_kind_that_github_draws(snippet: Snippet) -> None:
    assert re.match(r"(flowchart (LR|TB|TD)|sequenceDiagram)\n", snippet.text)
    assert snippet.text.count("[") == snippet.text.count("]")
    assert snippet.text.count("(") == snippet.text.count(")")
    assert len(re.findall(r"(?m)^\s*subgraph ", snippet.text)) == len(re.findall(r"(?m)^\s*end$", snippet.text))


def test_the_commands_of_the_readme_are_those_that_run_in_the_tests() -> None:
    """`make test` is this; CI runs both commands as they are."""
    ci = (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()
    said = [line for s in of_kind("sh") if s.document.name == "README.md" for line in s.text.splitlines()]

    assert sorted(said) == ["make demo", 'make new ARGS="--org your-org --app shop"', "make test"]
    assert {line for line in said if not line.startswith("make new")} <= set(ci)


def test_the_flags_of_make_new_are_there(tmp_path: Path) -> None:
    commands = [line for s in of_kind("sh") for line in s.text.splitlines() if line.startswith("make new")]

    assert len(commands) > 2
    for number, command in enumerate(commands):
        (given,) = [word.removeprefix("ARGS=") for word in shlex.split(command) if word.startswith("ARGS=")]
        assert main(["new", *shlex.split(given), "--yes", "--out", str(tmp_path / str(number))]) == 0


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(document: Path) -> None:
    prose = FENCE.sub("", document.read_text(encoding="utf-8"))
    for link in LINK.finditer(prose):
        to = link["to"].partition("#")[0]
        if to and not to.startswith("http"):
            assert (document.parent / to).exists(), link[0]


def test_make_targets_and_files_that_documents_name_are_there() -> None:
    targets = set(re.findall(r"(?m)^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8")))
    for document in DOCUMENTS:
        text = document.read_text(encoding="utf-8")
        if "examples" not in document.parts:
            assert set(re.findall(r"`make ([a-z-]+)`", text)) <= targets | {"deploy"}, document


def test_pre_commit_runs_what_make_lint_runs() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    lint = re.findall(r"(?m)^\t\$\(BIN\)/(.+)$", makefile.partition("\nlint:")[2].partition("\n\n")[0])
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))["repos"][0]["hooks"]

    assert [hook["entry"].removeprefix(".venv/bin/") for hook in hooks] == lint


@pytest.mark.parametrize(
    ("schema", "pattern"),
    [
        ("vendor.dependabot", ".github/dependabot.yml"),
        ("vendor.dependabot", "examples/*/.github/dependabot.yml"),
    ],
)
def test_the_schemas_accept_what_is_beside_the_workflows(schema: str, pattern: str) -> None:
    paths = sorted(ROOT.glob(pattern))
    command = [BIN / "check-jsonschema", "--builtin-schema", schema, *paths]

    done = subprocess.run([*map(str, command)], capture_output=True, text=True, check=False)

    assert paths
    assert done.returncode == 0, done.stdout


def against_argo(text: str) -> str:
    given = json.dumps(yaml.safe_load(text))
    script = ROOT / "tests" / "contract" / "application_set.mjs"
    return subprocess.run(["node", script], cwd=ROOT, input=given, capture_output=True, text=True, check=True).stdout


def test_argo_cd_takes_the_application_set() -> None:
    text = (ROOT / "examples" / "pull-based" / "applicationset.yaml").read_text(encoding="utf-8")

    assert against_argo(text) == ""
    assert "template" in against_argo(text.replace("  template:\n", "  templates:\n"))
