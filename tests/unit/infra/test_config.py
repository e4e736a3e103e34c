from __future__ import annotations

import json
from datetime import timedelta

import jsonschema
import pytest
import yaml

from actions.api.checks import NamedCheck
from actions.errors import ConfigError
from actions.infra.config_file import parse_config
from tests.support import ROOT

SCHEMA = json.loads((ROOT / "gitops.schema.json").read_text(encoding="utf-8"))
RIGHT = [
    "",
    "# nothing\n",
    "environments:\nservices:\n",
    "environments: {dev: {review: none}, qa: ~, prod: {after: qa, soak: 1d12h30m}}\nfiles: '{env}.toml'\n",
    "environments: {prod: {freeze: ['Fri 15:00 - Mon 08:00 Europe/Paris', '00:00 - 01:00 UTC']}}\n",
    "environments: {prod: {freeze: ['2026-12-24 18:00 - 2027-01-02 08:00 UTC']}}\nbots: [x, 'y[bot]']\n",
    "services: {api: {repo: a/b}, redis: {repo: none}, web: {}}\nhotfix-prefix: fix/\n",
    "services: {api: {checks: none}, web: {checks: [gate, {name: 'codecov/patch', by: codecov}]}}\n",
    f"deployments: {{by: [argo, 'flux[bot]']}}\nadopt: {'a' * 40}\n",
    "deployments:\ntickets: '(SHOP|INC)-[0-9]+'\n",
    "hold: issues",
    "access: record",
    "hold: issues\nshow-held: issue",
    "environments: {prod: {emergency: {by: [alice, team/on-call], review-within: 24h}}}\n",
    "environments: {prod: {checks: [e2e, {name: scan, by: trivy}], ticket: '(ENG|INC)-[0-9]+'}}\n",
    "services: {api: {tag-format: '{branch}-{short}-{timestamp}', git-tag: 'api-v{version}'}}\n",
    "deployments:\n",
    "environments: {dev: {paths: [overlays/dev, base, ./x.yaml]}}\n",
    "files: 'image-tags/{env}/{service}'\nformat: yaml\ntag: image_tag\n",
    "services: {api: {image: 'x:5000/org/api', path: 'a[0].b', files: 'charts/{service}/{env}.yaml'}}\n",
    "environments: {prod: {artifact: exists}}\nservices: {api: {image: ghcr.io/a/b, attested-by: api.yaml}}\n",
    "environments: {prod: {artifact: [exists, attested]}}\nservices: {api: {image: ghcr.io/a/b}}\n",
    "services: {api: {shared: change-all, files: 'tags/{env}'}}\nformat: toml\n",
]


def test_an_empty_file_is_a_valid_configuration() -> None:
    for text in ("", "# nothing\n", "environments:\nservices:\n"):
        config = parse_config(text)

        assert config.layout("envs").paths("dev")[0] == "envs/dev.json"
        assert config.layout("envs").tag_path.text == "{service}.tag"
        assert config.needs_review("dev")
        assert config.repo_of("api", "your-org/app") == "your-org/app"


def test_every_key_is_read() -> None:
    config = parse_config(
        "environments:\n  dev: {review: none}\n  prod: {review: required}\n  qa:\n  none: ~\n"
        "files: overlays/{env}/kustomization.yaml\ntag: images[name={service}].newTag\n"
        "services:\n  api: {repo: your-org/api}\n  web: {}\n"
    )

    assert config.in_order(["zz", "prod", "qa", "a10", "a9", "dev"]) == ["dev", "prod", "qa", "a9", "a10", "zz"]
    assert [config.needs_review(env) for env in ("dev", "prod", "qa", "other")] == [False, True, True, True]
    assert config.layout("envs").paths("dev") == ["overlays/dev/kustomization.yaml"]
    assert config.repo_of("api", "x/y") == "your-org/api"
    assert config.repo_of("web", "x/y") == "x/y"


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        pytest.param("environments: {}\nenviroments: {}\n", 2, "unknown key 'enviroments' of gitops.yml", id="a slip"),
        pytest.param("environments:\n  dev:\n    reviews: none\n", 3, "unknown key 'reviews'", id="a slip deeper"),
        pytest.param("environments:\n  prod: {}\n  Prod: {}\n", 3, "prod and Prod are the same", id="case alone"),
        pytest.param("environments: [dev]", 1, "environments must be a mapping", id="a list"),
        pytest.param("- a", 1, "gitops.yml must be a mapping", id="a list at the top"),
        pytest.param(
            "environments:\n  ../x: {}", 2, "is not a valid name for an environment", id="a name that leads out"
        ),
        pytest.param("environments:\n  dev: {review: maybe}", 2, "it can be 'required' or 'none'", id="no such review"),
        pytest.param("environments:\n  dev: {review: [x]}", 2, "review must be a string", id="a review that is a list"),
        pytest.param("files: /etc/{env}.json", 1, "must stay within the repository", id="an absolute path"),
        pytest.param("files: ../{env}.json", 1, "must stay within the repository", id="a path that leads out"),
        pytest.param("files: envs/{env}.ini", 1, "must end in .json, .yaml", id="another format"),
        pytest.param("files: envs/dev.json", 1, "must name {env} once", id="no environment in the path"),
        pytest.param("files: '{env}/{env}.json'", 1, "must name {env} once", id="the environment twice"),
        pytest.param("files: '{service}/{service}-{env}.json'", 1, "{service} at most once", id="the service twice"),
        pytest.param("tag: a..b", 1, "is not a path to a tag", id="no path"),
        pytest.param("services: {a: {}, b: {}}\ntag: image.tag", 2, "nothing says whose tag is at image.tag",
                     id="two services and one tag"),
        pytest.param("services:\n  a: {path: a..b}", 2, "is not a path to a tag", id="no path of a service"),
        pytest.param("services:\n  a: {files: a.json}", 2, "must name {env} once", id="no environment of a service"),
        pytest.param("services:\n  a: {files: 'a/{env}'}", 2, "or format must be json", id="no format of a service"),
        pytest.param("services:\n  a: {image: 'ghcr.io/a b'}", 2, "write it as the name of an image", id="no image"),
        pytest.param("services:\n  a: {image: 'x:5000/a:1'}", 2, "write it without its tag", id="an image's tag"),
        pytest.param("services:\n  a: {shared: all}", 2, "it can be 'change-all'", id="no way to share"),
        pytest.param("environments:\n  a:\n    paths: [../x]", 3, "paths is '../x'; it must stay", id="a path out"),
        pytest.param("format: ini", 1, "write it as json, yaml or toml", id="no format"),
        pytest.param("x: 1\nfiles: '{service}/{env}.json'", 1, "unknown key 'x'", id="the first of two errors"),
        pytest.param("services:\n  api: {repo: app}", 2, "write it as owner/name", id="a repository without owner"),
        pytest.param("a: b: c", 1, "not YAML", id="no YAML"),
        pytest.param("files: envs/{env}.json\n---\nx: 1", 3, "a second document begins", id="two documents"),
        pytest.param("environments:\n  a: {}\n  b: {after: c}", 3, "listed above: a", id="after"),
        pytest.param("environments:\n  a: {after: a}", 2, "listed above: none", id="after itself"),
        pytest.param("environments:\n  a: {soak: 1h}", 2, "soak needs after", id="soak without after"),
        pytest.param("environments:\n  a: {}\n  b: {after: a, soak: 1 day}", 3, "like 24h, 2d or 1h30m", id="no span"),
        pytest.param("environments:\n  a: {freeze: weekends}", 2, "freeze must be a list", id="no list"),
        pytest.param("environments:\n  a:\n    freeze:\n    - x", 4, "is not a freeze", id="no freeze"),
        pytest.param("environments:\n  a: {freeze: ['00:00 - 01:00 X']}", 2, "not a time zone", id="no time zone"),
        pytest.param("bots: gitops-bot", 1, "bots must be a list", id="a bot that is no list"),
        pytest.param("bots:\n- a b", 2, "write it as a login", id="no login"),
        pytest.param("hotfix-prefix: a/b/", 1, "one word and a slash", id="a deep prefix"),
        pytest.param("tag: images[name={env}].newTag", 1, "has braces", id="the environment in a tag"),
        pytest.param("files: a\nfiles: b", 2, "occurs twice", id="a key twice"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_its_line(text: str, line: int, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as raised:
        parse_config(text)

    assert (raised.value.file, raised.value.line) == ("gitops.yml", line)


def test_the_gates_of_an_environment_are_read() -> None:
    config = parse_config(RIGHT[3])

    assert config.environment("prod").after == "qa"
    assert config.environment("prod").soak == timedelta(days=1, hours=12, minutes=30)
    assert config.environment("other").review == "required"
    assert len(parse_config(RIGHT[4]).environment("prod").freeze) == 2
    assert [parse_config(RIGHT[5]).is_bot(login) for login in ("x", "y[bot]", "z[bot]", "z")] == [
        True,
        True,
        True,
        False,
    ]
    assert parse_config(RIGHT[6]).repo_of("redis", "a/b") == ""
    assert parse_config(RIGHT[6]).hotfix_prefix == "fix/"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("24h", timedelta(hours=24)),
        ("2d", timedelta(days=2)),
        ("90m", timedelta(minutes=90)),
        ("1h30m", timedelta(minutes=90)),
    ],
)
def test_a_soak_is_read_in_days_hours_and_minutes(text: str, expected: timedelta) -> None:
    found = parse_config(f"environments: {{a: {{}}, b: {{after: a, soak: {text}}}}}\n")

    assert found.environment("b").soak == expected


@pytest.mark.parametrize("text", [*RIGHT, (ROOT / "examples/infra/gitops.yml").read_text(encoding="utf-8")])
def test_what_is_right_is_right_for_editors_too(text: str) -> None:
    parse_config(text)

    jsonschema.validate(yaml.safe_load(text), SCHEMA)


@pytest.mark.parametrize(
    "text",
    [
        "enviroments: {}",
        "environments: [dev]",
        "environments: {../x: {}}",
        "environments: {dev: {reviews: none}}",
        "environments: {dev: {review: maybe}}",
        "environments: {dev: {soak: 1h}}",
        "environments: {dev: {}, prod: {after: dev, soak: 1 day}}",
        "environments: {dev: {freeze: weekends}}",
        "environments: {dev: {freeze: [weekends]}}",
        "files: /etc/{env}.json",
        "files: ../{env}.json",
        "files: a/../{env}.json",
        "files: envs/{env}.ini",
        "files: envs/dev.json",
        "files: '{env}/{env}.json'",
        "tag: ''",
        "services: {api: {repo: app}}",
        "services: {api: {image: 'api:1'}}",
        "services: {api: {files: 'a/{env}'}}",
        "services: {api: {files: a.json}}",
        "services: {api: {shared: all}}",
        "format: ini",
        "environments: {dev: {paths: [/etc]}}",
        "environments: {dev: {paths: [a/../../b]}}",
        "environments: {dev: {paths: x}}",
        "services: {api: {repos: a/b}}",
        "bots: x",
        "bots: [a b]",
        "hotfix-prefix: a/b/",
        f"tickets: {'x' * 201}",
        "environments: {dev: {checks: []}}",
        "environments: {dev: {checks: none}}",
        f"environments: {{dev: {{ticket: '{'x' * 201}'}}}}",
        "environments: {a: {emergency: {by: [x]}}}",
        "environments: {a: {emergency: {by: [], review-within: 1h}}}",
        "environments: {a: {emergency: {by: [x/y], review-within: 1h}}}",
        "environments: {a: {emergency: {by: [x], review-within: soon}}}",
        "environments: {a: {artifact: signed}}\nservices: {api: {image: x/y}}",
        "environments: {a: {artifact: []}}\nservices: {api: {image: x/y}}",
        "environments: {a: {artifact: {exists: true}}}\nservices: {api: {image: x/y}}",
        "services: {api: {attested-by: ../publish.yml}}",
        "services: {api: {attested-by: .github/workflows/publish.yml}}",
        "services: {api: {attested-by: --help.yml}}",
        "services: {api: {attested-by: publish}}",
        "services: {api: {image: ghcr.io/x@evil}}",
        "services: {api: {image: --flag}}",
        "hold: yes",
        "access: yes",
        "hold: [issues]",
        "show-held: issues",
        "services: {api: {tag-format: latest}}",
        "services: {api: {tag-format: '{sha}{short}'}}",
        "services: {api: {git-tag: '{sha}'}}",
        "- a",
    ],
)
def test_what_is_wrong_is_wrong_for_editors_too(text: str) -> None:
    """But for what takes more than a schema: an order, a time zone, a path to a tag."""
    with pytest.raises(ConfigError):
        parse_config(text)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(yaml.safe_load(text), SCHEMA)


def test_the_schema_is_a_schema() -> None:
    jsonschema.Draft7Validator.check_schema(SCHEMA)


def test_the_rules_of_an_environment_hold_however_its_name_is_written() -> None:
    config = parse_config("environments: {prod: {review: none}}")

    assert [config.needs_review(name) for name in ("prod", "Prod", "PROD", "qa")] == [False, False, False, True]


@pytest.mark.parametrize(
    ("envs", "problem"),
    [
        pytest.param(["dev", "prod"], "", id="all"),
        pytest.param(["dev"], "names 'prod', which has no file", id="no file"),
        pytest.param(["dev", "prod", "qa"], "does not name 'qa', which has a file; it names dev, prod", id="no name"),
        pytest.param(["dev", "Prod"], "does not name 'Prod', which has a file", id="another case"),
    ],
)
def test_environments_have_names_and_files(envs: list[str], problem: str) -> None:
    config = parse_config("environments: {dev: {}, prod: {}}")
    if problem:
        with pytest.raises(ConfigError, match=problem):
            config.require_files(envs)
    else:
        config.require_files(envs)
    parse_config("bots: [x]").require_files(envs)


def test_checks_are_named_or_none_or_those_of_the_repository() -> None:
    config = parse_config("services: {api: {checks: none}, web: {checks: [gate, {name: x / y, by: App}]}, mail: {}}")

    assert config.checks == {"api": (), "web": (NamedCheck("gate"), NamedCheck("x / y", by="App"))}


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        pytest.param("services:\n  api:\n    checks: []\n", 3, "checks is empty; name at least one", id="no check"),
        pytest.param("services: {api: {checks: some}}", 1, "checks must be a list", id="a word"),
        pytest.param("services: {api: {checks: [{name: x}]}}", 1, "a check needs by", id="of nobody"),
        pytest.param("services: {api: {checks: [{by: x}]}}", 1, "a check needs name", id="without a name"),
        pytest.param("services: {api: {checks: [{name: x, by: 'a b'}]}}", 1, "by is 'a b'", id="of no App"),
        pytest.param("services: {api: {checks: [' x']}}", 1, "checks is ' x'", id="a space before it"),
        pytest.param("tickets: '('", 1, "tickets is '(', which is no regular expression", id="no pattern"),
        pytest.param("tickets: '[0-9]*'", 1, "find nothing in nothing", id="a pattern of nothing"),
        pytest.param("environments:\n  a: {checks: []}", 2, "checks is empty; name at least one", id="no check at all"),
        pytest.param("environments:\n  a: {emergency: {}}", 2, "emergency needs by", id="nobody"),
        pytest.param("environments: {a: {emergency: {by: [], review-within: 1h}}}", 1, "by is empty", id="no person"),
        pytest.param("environments:\n  a: {ticket: '('}", 2, "ticket is '(', which is no regular", id="no ticket"),
        pytest.param("environments:\n  a: {}\n  b: {artifact: exists}", 3, "no service says its image", id="no image"),
        pytest.param('services:\n  api: {image: "ghcr.io/x\\n"}', 2, "image is 'ghcr.io/x\\n'", id="a new line"),
        pytest.param("environments:\n  a: {artifact: []}", 2, "artifact is empty", id="nothing of an image"),
        pytest.param(f"tickets: {'x' * 201}", 1, "at most 200 characters", id="a long pattern"),
        pytest.param(
            "services:\n  api:\n    tag-format: x\n", 3, "tag-format is 'x'; it must have one of", id="no form"
        ),
        pytest.param("services: {api: {git-tag: '{sha}'}}", 1, "git-tag is '{sha}'; it can have {version}", id="a SHA"),
        pytest.param("adopt: abc", 1, "adopt is 'abc'; write it as a commit, all 40 digits", id="a short commit"),
        pytest.param("deployments: {by: [x],\n who: y}", 2, "unknown key 'who' of deployments", id="a slip"),
        pytest.param("deployments:\n  by:\n  - github-actions\n", 3, "every workflow of every branch", id="Actions"),
        pytest.param("deployments: {by: ['GitHub-Actions[bot]']}", 1, "name an App of your own", id="in other words"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(text: str, line: int, message: str) -> None:
    with pytest.raises(ConfigError) as error:
        parse_config(text)

    assert error.value.line == line
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("", {"alice", "gitops-bot", "argo"}, id="nobody is named: everybody's count"),
        pytest.param("bots: [gitops-bot]", {"gitops-bot"}, id="the bot"),
        pytest.param("bots: [gitops-bot]\ndeployments: {by: ['Argo[bot]']}", {"gitops-bot", "argo"}, id="and another"),
        pytest.param("deployments: {by: [argo]}", {"argo"}, id="another alone"),
    ],
)
def test_the_records_of_who_is_named_count(text: str, expected: set[str]) -> None:
    config = parse_config(text)

    assert {login for login in ("alice", "gitops-bot", "argo") if config.is_deployer(login)} == expected
    assert config.is_deployer("gitops-bot[bot]") == ("gitops-bot" in expected)
