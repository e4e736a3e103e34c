"""By what a later run finds the pull requests of an earlier one."""

from __future__ import annotations

import pytest

from actions.pull_request.proposal import tags_in

MARKED = '<!-- gitops-actions {"env":"dev","tags":{"api":"1.0.0"}} -->'


@pytest.mark.parametrize(
    ("body", "tags"),
    [
        pytest.param(MARKED, {"api": "1.0.0"}, id="ours"),
        pytest.param(f"before\n{MARKED}\nafter", {"api": "1.0.0"}, id="within a text"),
        pytest.param(MARKED.replace("dev", "prod"), {}, id="another environment"),
        pytest.param("", {}, id="somebody else's"),
        pytest.param('<!-- gitops-actions {"env":"dev"} -->', {}, id="without tags"),
        pytest.param('<!-- gitops-actions {"env":"dev","tags":["api"]} -->', {}, id="tags that are none"),
        pytest.param("<!-- gitops-actions {nothing} -->", {}, id="edited"),
        pytest.param(
            f"{MARKED.replace('1.0.0', '9.9.9')}\n{MARKED}", {"api": "1.0.0"}, id="behind one of the workflow's"
        ),
        pytest.param("<!-- gitops-actions [1] -->", {}, id="a list"),
        pytest.param('<!-- gitops-actions {"a":' + "[" * 50_000 + "]" * 50_000 + "} -->", {}, id="nested without end"),
        pytest.param("<!-- gitops-actions {" * 3000, {}, id="markers that begin and do not end"),
    ],
)
def test_a_pull_request_names_its_tags(body: str, tags: dict[str, str]) -> None:
    assert tags_in(body, "dev") == tags
