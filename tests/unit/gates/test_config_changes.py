"""What a change of gitops.yml does, in words."""

from __future__ import annotations

import pytest

from actions.gates.config_changes import config_changes
from actions.infra.config_file import parse_config

BEFORE = """
environments:
  dev: {review: none}
  staging: {after: dev}
  prod: {after: staging, soak: 24h, freeze: ["Fri 15:00 - Mon 08:00 Europe/Paris"]}
services: {api: {repo: your-org/app}, redis: {repo: none}}
bots: [gitops-bot]
"""


@pytest.mark.parametrize(
    ("old", "new", "text", "loosens"),
    [
        ("soak: 24h", "soak: 1h", "prod: soak 1 d → 1 h", True),
        ("soak: 24h, ", "", "prod: soak 1 d → none", True),
        ("soak: 24h", "soak: 48h", "prod: soak 1 d → 2 d", False),
        ("after: staging, soak", "after: dev, soak", "prod: after staging → dev", True),
        ("staging: {after: dev}", "staging: {}", "staging: after dev → nothing", True),
        ("staging: {after: dev}", "staging: {after: dev, review: none}", "staging: review required → none", True),
        ("dev: {review: none}", "dev: {}", "dev: review none → required", False),
        (
            ', freeze: ["Fri 15:00 - Mon 08:00 Europe/Paris"]', "",
            "prod: no freeze Fri 15:00 - Mon 08:00 Europe/Paris any more", True,
        ),
        ("{after: dev}", '{after: dev, freeze: ["00:00 - 01:00 UTC"]}', "staging: freeze 00:00 - 01:00 UTC", False),
        ("your-org/app", "your-org/other", "api: repo your-org/app → your-org/other", True),
        ("api: {repo: your-org/app}", "api: {repo: none}", "api: repo your-org/app → none", True),
        ("api: {repo: your-org/app}", "api: {}", "api: repo your-org/app → default", True),
        ("redis: {", "web: {repo: none}, redis: {", "web: repo default → none", False),
        ("[gitops-bot]", "[]", "bots: gitops-bot is no bot any more", True),
        ("[gitops-bot]", "[gitops-bot, x]", "bots: x is a bot", True),
        ("api: {", "api: {checks: none, ", "api: checks required by the repository → none", True),
        ("api: {", "api: {checks: [x, {name: y, by: z}], ", "api: checks required by the repository → x, y by z", True),
        ("bots:", "deployments: {by: [argo]}\nbots:", "deployments: records of argo count", True),
        ("bots:", "adopt: " + "a" * 40 + "\nbots:", "adopt: nothing → aaaaaaaaaaaa", True),
        ("bots:", "tickets: SHOP-[0-9]+\nbots:", "tickets: nothing → SHOP-[0-9]+", False),
        ("soak: 24h", "soak: 24h, checks: [e2e]", "prod: checks none of its own → e2e", False),
        ("soak: 24h", "soak: 24h, ticket: X-1", "prod: ticket nothing → X-1", False),
        (
            "soak: 24h", "soak: 24h, emergency: {by: [alice, team/ops], review-within: 24h}",
            "prod: emergency nobody → alice, team/ops within 1 d", True,
        ),
        ("api: {", "api: {image: ghcr.io/a/b, ", "api: image none → ghcr.io/a/b", False),
        ("api: {", "api: {attested-by: api.yml, ", "api: attested-by publish.yml → api.yml", True),
        ("bots:", "hold: issues\nbots:", "hold: nothing → issues", False),
        ("bots:", "show-held: issue\nbots:", "show-held: nothing → issue", False),
        ("bots:", "access: record\nbots:", "access: nothing → record", False),
        ("bots:", "files: e/{env}.json\nbots:", "files: default → e/{env}.json", True),
        ("bots:", "tag: 'apps.{service}.tag'\nbots:", "tag: default → apps.{service}.tag", True),
        ("bots:", "hotfix-prefix: fix/\nbots:", "hotfix-prefix: hotfixes/ → fix/", True),
        ("  prod:", "  qa: {}\n  prod:", "qa: new", False),
    ],
)  # fmt: skip
def test_each_change_is_told_and_whether_it_loosens_a_gate(old: str, new: str, text: str, loosens: bool) -> None:
    assert old in BEFORE
    before, after = parse_config(BEFORE), parse_config(BEFORE.replace(old, new, 1))

    (change,) = config_changes(before, after)

    assert (change.text, change.loosens) == (text, loosens)


def test_what_an_environment_asks_for_no_more_is_told() -> None:
    more = parse_config(BEFORE.replace("soak: 24h", "soak: 24h, checks: [e2e, {name: scan, by: trivy}], ticket: X-1"))

    assert [(change.text, change.loosens) for change in config_changes(more, parse_config(BEFORE))] == [
        ("prod: checks e2e, scan by trivy → none of its own", True),
        ("prod: ticket X-1 → nothing", True),
    ]


def test_what_is_asked_of_images_no_more_is_told() -> None:
    image = BEFORE.replace("api: {", "api: {image: ghcr.io/a/b, ")
    less, more, other = (
        parse_config(image.replace("soak: 24h", f"soak: 24h, artifact: {rule}"))
        for rule in ("exists", "[exists, attested]", "attested")
    )

    assert [
        (change.text, change.loosens)
        for changes in (
            config_changes(less, more),
            config_changes(more, less),
            config_changes(less, other),
            config_changes(less, parse_config(image)),
            config_changes(parse_config(image), parse_config(BEFORE)),
        )
        for change in changes
    ] == [
        ("prod: artifact exists → exists, attested", False),
        ("prod: artifact exists, attested → exists", True),
        ("prod: artifact exists → attested", True),
        ("prod: artifact exists → nothing", True),
        ("api: image ghcr.io/a/b → none", True),
    ]


def test_holds_that_go_are_told() -> None:
    (change,) = config_changes(parse_config(f"{BEFORE}hold: issues\n"), parse_config(BEFORE))

    assert (change.text, change.loosens) == ("hold: issues → nothing", True)


def test_a_deployer_that_stays_is_no_change() -> None:
    before, after = (f"{BEFORE}deployments: {{by: [argo{more}]}}\n" for more in ("", ", flux"))

    changes = [*config_changes(parse_config(before), parse_config(after))]
    changes += config_changes(parse_config(after), parse_config(before))

    assert [(change.text, change.loosens) for change in changes] == [
        ("deployments: records of flux count", True),
        ("deployments: records of flux do not count any more", False),
    ]


def test_the_same_has_no_changes() -> None:
    assert config_changes(parse_config(BEFORE), parse_config(BEFORE + "# a comment\n")) == []


def test_an_environment_that_is_taken_out_loses_its_rules() -> None:
    without = (
        BEFORE.partition("  prod:")[0]
        + "services: {api: {repo: your-org/app}, redis: {repo: none}}\nbots: [gitops-bot]\n"
    )

    changes = config_changes(parse_config(BEFORE), parse_config(without))

    assert [change.text for change in changes if change.loosens] == [
        "prod: after staging → nothing",
        "prod: soak 1 d → none",
        "prod: no freeze Fri 15:00 - Mon 08:00 Europe/Paris any more",
    ]
    assert [change.text for change in changes if not change.loosens] == ["prod: removed"]
