"""The bytecode of a release: whose it is, what it leaves out, and that it is the same wherever it is made."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from release.bytecode import compile_tree
from release.pythons import newest_of_each, pythons

FRUIT = '''"""Fruit."""

import typing
from dataclasses import dataclass
from typing import TYPE_CHECKING, overload

if TYPE_CHECKING:
    from nowhere import Peeler
elif True:
    Peeler = "run"
if typing.TYPE_CHECKING:
    import nowhere

try:
    import vegetables
except ImportError:
    pass


@dataclass
class Basket:
    """Fruit of one kind."""

    kind: str


class RottenError(Exception):
    """It is rotten."""


@overload
def peel(count: int) -> None: ...
@typing.overload
def peel(count: str) -> None: ...
def peel(count: int | str) -> None:
    """Peel *count*."""
    raise RottenError(count)
'''
PYTHONS = newest_of_each(pythons())


def make(folder: Path) -> dict[str, bytes]:
    """Return the bytecode of a release in *folder* of an action that tries to import two modules of three."""
    files = {
        "actions/__init__.py": "",
        "actions/eat.py": "from fruit import peel\n",
        "actions/launcher/bootstrap.py": "raise SystemExit(1)\n",
        "actions/site/fruit.py": FRUIT,
        "actions/site/vegetables.py": "import meat\n",
        "actions/site/fish.py": "",
    }
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    compile_tree(folder, PYTHONS)
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*.pyc")}


def run(python: str, folder: Path, code: str) -> str:
    command = [python, "-I", "-S", "-c", f"import sys; sys.path += [{str(folder / 'actions/site')!r}]; {code}"]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    return done.stdout


def test_what_the_actions_import_is_compiled_the_same_everywhere(tmp_path: Path) -> None:
    here = make(tmp_path / "here")

    assert {path.partition(".")[0] for path in here} == {
        "actions/__pycache__/__init__",
        "actions/__pycache__/eat",
        "actions/site/__pycache__/fruit",
        "actions/site/__pycache__/vegetables",
    }
    assert here == make(tmp_path / "else" / "where")


@pytest.mark.parametrize("python", [pytest.param(path, id=version) for version, path in PYTHONS.items()])
def test_the_bytecode_is_used_and_says_where_it_fails(tmp_path: Path, python: str) -> None:
    make(tmp_path)
    source = tmp_path / "actions/site/fruit.py"

    failed = run(python, tmp_path, "import fruit; fruit.peel(7)")
    source.write_text("raise SystemExit('the source was read')\n", encoding="utf-8")
    texts = "__doc__, peel.__doc__, RottenError.__doc__, Basket.__doc__"
    said = run(python, tmp_path, f"from fruit import *; from fruit import __doc__; print({texts}, Peeler)")
    hints = run(python, tmp_path, "from fruit import *; print(peel.__annotations__, typing.get_overloads(peel))")

    assert f'File "{source}", line 37, in peel\n    raise RottenError(count)\n' in failed
    assert failed.endswith("fruit.RottenError: 7\n")
    assert not any(b"nowhere" in path.read_bytes() for path in tmp_path.rglob("fruit.*.pyc"))
    assert said == "None None None Basket run\n"
    assert hints == "{} []\n"


def test_each_minor_version_is_compiled_by_its_newest_release() -> None:
    found = {"3.12.9": "a", "3.12.10": "b", "3.15.0": "c", "3.11.2": "d"}

    assert newest_of_each(found) == {"3.11.2": "d", "3.12.10": "b"}
