"""What a release carries of libyaml works without what only a debugger reads."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from release.bundle import without_debug_information


@pytest.mark.parametrize(
    "library", [*Path(yaml.__file__).parent.glob("_yaml.*linux-gnu.so")], ids=lambda path: path.name
)
def test_a_library_without_debug_information_works(tmp_path: Path, library: Path) -> None:
    shutil.copytree(Path(yaml.__file__).parent, tmp_path / "yaml", ignore=shutil.ignore_patterns("__pycache__"))
    whole = library.read_bytes()

    (tmp_path / "yaml" / library.name).write_bytes(without_debug_information(whole))

    code = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import yaml; print(yaml.__file__)"
    code += "; print(yaml.load('a: [1, \"ü\"]', Loader=yaml.CSafeLoader))"
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == f"{tmp_path / 'yaml' / '__init__.py'}\n{{'a': [1, 'ü']}}\n"
    assert len(without_debug_information(whole)) < len(whole) / 4
