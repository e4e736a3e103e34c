"""What may name an environment or a service."""

from __future__ import annotations

import pytest

from actions.errors import InputError
from actions.names import require_name


@pytest.mark.parametrize("name", ["dev", "web-app", "eu_1", "a.b", "9"])
def test_a_plain_word_is_a_name(name: str) -> None:
    assert require_name("a service", name) == name


@pytest.mark.parametrize(
    "name", ["", ".", "..", "a..b", "../x", "a/b", "a\\b", "-x", "a b", "a\n", "a" * 101, "$(x)", "${{ x }}", "é"]
)
def test_what_could_leave_the_folder_or_trip_a_shell_is_no_name(name: str) -> None:
    with pytest.raises(InputError, match="is not a valid name for a service"):
        require_name("a service", name)
