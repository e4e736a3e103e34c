"""`gitops-actions new`: what it asks, what it refuses, what it finds, what it leaves alone, and what it says."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from actions.infra.checkout import Checkout
from actions.infra.config_file import parse_config
from cli.main import main
from cli.new.command import own_version, pinned
from cli.new.examples import replaced
from cli.new.existing import look
from tests.shapes import ACTIONS, SHAPES, flags
from tests.support import ROOT

KUSTOMIZATION = "images:\n- name: ghcr.io/acme/api\n  newTag: 1.0.0\n- name: ghcr.io/acme/web\n  newTag: 2.0.0\n"
EXISTING = {
    "JSON": ({f"envs/{env}.json": '{"api": {"tag": "1.0.0"}}' for env in ("prod", "dev", "staging")}, "", ["api"]),
    "references": ({"envs/dev.yaml": "api: {image: r/api:1}\n"}, 'tag: "{service}.image"', ["api"]),
    "Kustomize": (
        {f"overlays/{env}/kustomization.yaml": KUSTOMIZATION for env in ("dev", "prod")},
        "files: overlays/{env}/kustomization.yaml\ntag: images[name=ghcr.io/acme/{service}].newTag",
        ["api", "web"],
    ),
    "Kustomize, an overlay for each service": (
        {f"apps/{name}/overlays/dev/kustomization.yaml": f"images: [{{name: {name}, newTag: '1'}}]" for name in "ab"},
        "files: apps/{service}/overlays/{env}/kustomization.yaml\ntag: images[name={service}].newTag",
        ["a", "b"],
    ),
    "Helm": (
        {f"charts/{name}/values-dev.yaml": "image: {tag: '1'}" for name in "ab"},
        "files: charts/{service}/values-{env}.yaml\ntag: image.tag",
        ["a", "b"],
    ),
    "Helm, one app": (
        {"chart/values-dev.yaml": "image: {tag: '1'}"},
        "files: chart/values-{env}.yaml\ntag: image.tag",
        ["app"],
    ),
    "Terraform": (
        {"env/dev.tfvars.json": '{"api_tag": "1"}'},
        'files: env/{env}.tfvars.json\ntag: "{service}_tag"',
        ["api"],
    ),
}


def lay(folder: Path, files: dict[str, str]) -> Path:
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    return folder


def commit(folder: Path) -> str:
    identity = ("-c", "user.name=x", "-c", "user.email=x@example")
    for command in (["init", "-q"], ["add", "."], [*identity, "commit", "-qm", "x"]):
        subprocess.run(["git", *command], cwd=folder, check=True)
    done = subprocess.run(["git", "rev-parse", "HEAD"], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.mark.parametrize("layout", EXISTING)
def test_the_layout_of_an_existing_repository_is_found(tmp_path: Path, layout: str) -> None:
    files, keys, services = EXISTING[layout]

    found = look(lay(tmp_path, {**files, "README.md": "x", "envs/notes.txt": "x"}))

    assert found
    assert (found.keys, list(found.services), found.commit) == (keys, services, "")


@pytest.mark.parametrize("files", [{}, {"envs/dev.json": "{"}, {"envs/dev.json": "{}"}, {"gitops.yml": "bots: [x]"}])
def test_where_no_tag_is_found_nothing_is_taken_over(tmp_path: Path, files: dict[str, str]) -> None:
    assert look(lay(tmp_path, files)) is None


def test_environments_come_in_the_usual_order(tmp_path: Path) -> None:
    names = ("prod", "eu-2", "dev", "staging", "eu-10")

    found = look(lay(tmp_path, {f"envs/{env}.json": '{"api": {"tag": "1"}}' for env in names}))

    assert found
    assert found.envs == ("dev", "eu-2", "eu-10", "staging", "prod")


def test_an_existing_infra_repository_keeps_its_files_and_is_adopted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = {**EXISTING["Kustomize"][0], "Makefile": "test:\n\techo mine\n"}
    infra = lay(tmp_path / "shop-infra", files)
    sha = commit(infra)

    codes = [main(flags("the defaults", tmp_path)) for _ in range(2)]

    config = parse_config((infra / "gitops.yml").read_text())
    assert codes == [0, 0]
    assert config.adopt == sha
    assert list(config.environments) == ["dev", "prod"]
    assert Checkout(infra).environments(config.layout("envs"))["dev"].tags() == {"api": "1.0.0", "web": "2.0.0"}
    assert {path: (infra / path).read_text() for path in files} == files
    assert not (infra / "envs").exists()
    said = capsys.readouterr().out
    assert "found overlays/{env}/kustomization.yaml: dev, prod; services api, web; its files stay as they are" in said
    assert f"what {sha[:12]} says is taken as what runs" in said
    assert "Makefile is there and differs; it stays as it is:\n--- Makefile (is)" in said


def test_files_of_the_app_stay_and_get_no_placeholder(tmp_path: Path) -> None:
    app = lay(tmp_path / "shop", {"projects/api/main.go": "package main\n"})

    main(flags("the defaults", tmp_path))

    assert [path.name for path in (app / "projects/api").iterdir()] == ["main.go"]
    assert (app / ".github/workflows/publish.yml").is_file()


def test_nothing_is_written_through_a_link(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / ".github").symlink_to(tmp_path / "elsewhere")

    assert main(flags("the defaults", tmp_path)) == 3
    assert list((tmp_path / "elsewhere").iterdir()) == []
    assert "leads out of" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (["--org", "a b"], "'a b' cannot be an organization"),
        (["--app", "../x"], "'../x' cannot be a repository"),
        (["--infra", "shop"], "app and infra are both 'shop'"),
        (["--branch", "a..b"], "'a..b' cannot be a branch"),
        (["--hotfix-prefix", "fix"], "'fix' cannot be a prefix of hotfix branches"),
        (["--actions", "x"], "'x' cannot be where the actions are"),
        (["--team", "Ops Team"], "'Ops Team' cannot be the slug of a team"),
        (["--service", "api"], "a service is 'api'; write it as api=services/api"),
        (["--service", "a b=x"], "'a b' is not a valid name for a service"),
        (["--service", "api=../x"], "'../x' cannot be a folder in the app repository"),
        (["--service", "api=x", "--service", "api=y"], "service api is named twice"),
        (["--env", "dev", "--env", "Dev"], "an environment is named twice: dev, Dev"),
        (["--deploy", "kustomize"], "kustomize deploys the tags of its overlays"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], changed: list[str], said: str
) -> None:
    assert main([*flags("the defaults", tmp_path), *changed]) == 2
    assert said in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_it_asks_for_what_is_not_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter(["acme", "shop", "", "web=src", "dev live", "helm", "trunk", "", "sha", "", "free", ""])
    asked: list[str] = []

    def answer(question: str) -> str:
        asked.append(question)
        return next(answers)

    monkeypatch.setattr("builtins.input", answer)
    assert main(["new", "--out", str(tmp_path), "--actions", ACTIONS]) == 0

    assert asked[:3] == ["Organization []: ", "App repository [app]: ", "Infra repository [shop-infra]: "]
    assert asked[-3:-1] == [
        "What deploys (make, kustomize, helm) [helm]: ",
        "Plan of GitHub (free, team, enterprise, ghes) [team]: ",
    ]
    assert sorted(path.name for path in (tmp_path / "shop-infra/charts/web").glob("values-*")) == [
        "values-dev.yaml",
        "values-live.yaml",
    ]


def test_a_wrong_answer_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("builtins.input", lambda _: "acme")

    assert main(["new", "--out", str(tmp_path), "--service", "a=b", "--env", "dev", "--infra", "i"]) == 2
    assert "'acme' is none of json, kustomize, helm" in capsys.readouterr().err


def test_without_an_organization_it_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["new", "--yes", "--out", str(tmp_path)]) == 2
    assert "'' cannot be an organization" in capsys.readouterr().err


def lines(text: str, start: str) -> Iterator[str]:
    return (line.strip() for line in text.splitlines() if line.strip().startswith(start))


def test_what_is_there_is_changed_by_pull_request(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A push to the default branch would be refused, or not be applied because nobody approved it."""
    for name in ("shop", "shop-infra"):
        commit(lay(tmp_path / name, {"envs/dev.json": '{"api": {"tag": "sha-2f15a37"}}'}))

    main(flags("the defaults", tmp_path))

    said = capsys.readouterr().out
    assert said.count("switch -c delivery-pipeline && ") == said.count("gh pr create --fill") == 2
    assert "gh repo create" not in said
    assert "[skip ci]" not in said
    assert "api runs sha-2f15a37; what is published from now on is the commit, all 40 digits" in said
    assert "Switch off what deploys today" in said


def test_a_service_with_versions_says_how_its_git_tags_are_called(tmp_path: Path) -> None:
    tags = '{"api": {"tag": "v1.2.3"}, "web": {"tag": "2.0.0"}, "job": {"tag": "3.0.0"}, "old": {"tag": "latest"}}'
    commit(lay(tmp_path / "shop-infra", {"envs/dev.json": tags}))
    app = lay(tmp_path / "shop", {"x": "x"})
    commit(app)
    for name in ("api-v1.2.3", "web/2.0.0", "v9.9.9"):
        subprocess.run(["git", "tag", name], cwd=app, check=True)

    main(flags("the defaults", tmp_path))

    text = (tmp_path / "shop-infra/gitops.yml").read_text()
    assert 'api: {repo: acme/shop, git-tag: "api-v{version}"}' in text
    assert 'web: {repo: acme/shop, git-tag: "web/{version}"}' in text
    assert "job: {repo: acme/shop}\n" in text


def test_a_layout_of_ours_is_deployed_as_ours(tmp_path: Path) -> None:
    values = {f"charts/api/values-{env}.yaml": "image: {tag: '1'}\n" for env in ("dev", "prod")}
    lay(tmp_path / "shop-infra", values)

    main(flags("the defaults", tmp_path))

    makefile = (tmp_path / "shop-infra/Makefile").read_text()
    assert "helm lint" in makefile
    assert '--values "$$values"' in makefile
    assert "dev: {review: none, paths: [charts]}" in (tmp_path / "shop-infra/gitops.yml").read_text()


def test_nobody_to_ask_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", StringIO(""))

    assert main(["new", "--out", str(tmp_path)]) == 2
    assert "Organization? Nobody is there to ask; say it by a flag, or --yes for ''" in capsys.readouterr().err


def test_a_server_has_an_address(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*flags("the defaults", tmp_path), "--plan", "ghes"]) == 2
    assert "give it by --server" in capsys.readouterr().err


def test_on_free_the_repositories_are_public(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main([*flags("the defaults", tmp_path), "--plan", "free"])

    said = capsys.readouterr().out
    assert "gh repo create acme/shop --public" in said
    assert "make both public, or use Team" in said


@pytest.mark.parametrize("shape", SHAPES)
def test_what_is_left_is_said_in_at_most_twelve_commands(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], shape: str
) -> None:
    main(flags(shape, tmp_path))

    said = capsys.readouterr().out
    commands = [line.strip() for line in said.splitlines() if re.match(r"   (?!https://)\S", line)]
    assert len(commands) <= 12
    for command in commands:
        shlex.split(command)
    links = [parse_qs(urlsplit(link).query) for link in lines(said, "https://")]
    assert [link.get("administration") for link in links] == [None, ["write"]]
    server = "https://ghe.acme.com" if "server" in shape else "https://github.com"
    assert all(link.startswith(f"{server}/organizations/acme/settings/apps/new?") for link in lines(said, "https://"))


def test_the_apps_may_what_the_document_says(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = re.findall(
        r"^\| ([A-Z][\w ()]+) \| ([a-z ]*) \| ([a-z ]*) \|", (ROOT / "docs/setup.md").read_text(), re.MULTILINE
    )
    names = {
        "Administration (organization)": "organization_administration",
        "Commit statuses": "statuses",
        "Members (organization)": "members",
    }
    main(flags("the defaults", tmp_path))

    for column, link in enumerate(lines(capsys.readouterr().out, "https://"), 1):
        told = {
            names.get(row[0], row[0].lower().replace(" ", "_")): row[column].replace("read and write", "write").strip()
            for row in table
            if row[column].strip() and row[0] != "Metadata"
        }
        asked = {key: value[0] for key, value in parse_qs(urlsplit(link).query).items()}
        assert {key: asked[key] for key in asked if asked[key] in ("read", "write")} == told


def test_an_example_that_changes_cannot_be_copied_half() -> None:
    with pytest.raises(LookupError, match="the example has no 'x' any more"):
        replaced("abc", ("b", "x"), ("x", "y"), ("x", "z"))


@pytest.mark.parametrize(
    ("remote", "expected"),
    [
        ("https://github.com/acme/gitops-actions.git", "acme/gitops-actions"),
        ("git@ghe.acme.com:ops/actions", "ops/actions"),
        ("ssh://git@github.com/acme/gitops-actions/", "acme/gitops-actions"),
        ("", "your-org/gitops-actions"),
        ("/home/ann/src/gitops-actions", "your-org/gitops-actions"),
    ],
)
def test_a_version_is_called_by_its_repository_and_its_commit(remote: str, expected: str) -> None:
    assert pinned(remote, "1" * 40, "v1.2.3") == f"{expected}@{'1' * 40} # v1.2.3"
    assert pinned(remote, "") == f"{expected}@v1"


def test_what_was_installed_is_called_by_the_commit_that_the_installer_noted(tmp_path: Path) -> None:
    origin = {"url": "https://github.com/acme/gitops-actions", "vcs_info": {"vcs": "git", "commit_id": "2" * 40}}
    before = own_version(tmp_path)
    lay(tmp_path, {"gitops_actions-0.dist-info/direct_url.json": json.dumps(origin)})

    assert own_version(tmp_path) == f"acme/gitops-actions@{'2' * 40}"
    assert before == "your-org/gitops-actions@v1"


@pytest.mark.parametrize("released", [True, False])
def test_the_actions_are_pinned_where_this_version_of_them_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], *, released: bool
) -> None:
    sha = commit(lay(tmp_path, {"x": "x"}))
    subprocess.run(
        ["git", "remote", "add", "origin", "git@github.com:acme/gitops-actions.git"], cwd=tmp_path, check=True
    )
    if released:
        subprocess.run(["git", "tag", "v1.2.3"], cwd=tmp_path, check=True)

    assert own_version(tmp_path) == f"acme/gitops-actions@{sha}{' # v1.2.3' if released else ''}"
    assert ("this clone has no release" in capsys.readouterr().out) is not released
