"""Compile what the actions import, so that no runner has to: each job of a hosted runner starts on a new machine.

Only a CPython can make its own bytecode, so each compiles with this file as a program of its own, in a new process:

    python3.12 -I -S -X no_debug_ranges release/bytecode.py <folder> < paths

The bytecode is not compared with its source when it is used (PEP 552, unchecked hash). It contains no annotations of
functions, no columns, which only the carets of a traceback need, and no docstrings: they would be a third of it.
Decorated classes keep theirs, because a dataclass without one writes one, at each import.
"""

from __future__ import annotations

import ast
import importlib.util
import marshal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

# Imports the modules named, as the launcher would. What cannot be imported is the business of the self-test.
IMPORT = """
import importlib, sys
sys.path += [sys.argv[1] + "/actions/site", sys.argv[1]]
for name in sys.argv[2:]:
    try:
        importlib.import_module(name)
    except ImportError as error:
        print(error, file=sys.stderr)
"""
HEAD = (1).to_bytes(4, "little")  # of a hash that is not checked
# Prints the modules of the folder that importing our own ones imports.
IMPORTED = """
import importlib, sys
folder, *names = sys.argv[1:]
sys.path += [folder + "/actions/site", folder]
for name in names:
    importlib.import_module(name)
for module in list(sys.modules.values()):
    path = getattr(module, "__file__", None) or ""
    if path.startswith(folder + "/") and path.endswith(".py"):
        print(path[len(folder) + 1:])
"""


def compile_tree(folder: Path, versions: Mapping[str, str]) -> None:
    """Compile the modules that the actions in *folder* import, with each Python of *versions*."""
    for python in versions.values():
        paths = "".join(f"{path}\n" for path in _imported(folder, python))
        command = [python, "-I", "-S", "-B", "-X", "no_debug_ranges", __file__, str(folder)]
        subprocess.run(command, input=paths, text=True, check=True)


def _imported(folder: Path, python: str) -> list[str]:
    """Return what importing the actions reads, as the caches show that *python* writes meanwhile."""
    own = sorted(path.relative_to(folder) for path in (folder / "actions").rglob("*.py") if _is_ours(path, folder))
    names = [".".join(path.with_suffix("").parts).removesuffix(".__init__") for path in own]
    with tempfile.TemporaryDirectory() as cache:
        command = [python, "-I", "-S", "-X", f"pycache_prefix={cache}", "-c", IMPORT, str(folder), *names]
        subprocess.run(command, check=True)
        root = Path(f"{cache}{folder}")
        written = [path.relative_to(root) for path in root.rglob("*.pyc")]
    return sorted((path.parent / path.name.partition(".")[0]).as_posix() + ".py" for path in written)


def _is_ours(path: Path, folder: Path) -> bool:
    return path.relative_to(folder).parts[1] not in {"site", "launcher"}


def compile_here(folder: Path, paths: Iterable[str]) -> None:
    """Compile the modules of *folder* at *paths* with the running Python."""
    for path in paths:
        source = (folder / path).read_bytes()
        code = compile(_without_hints(ast.parse(source)), path, "exec", dont_inherit=True, optimize=0)
        compiled = Path(importlib.util.cache_from_source(str(folder / path)))
        compiled.parent.mkdir(exist_ok=True)
        head = importlib.util.MAGIC_NUMBER + HEAD + importlib.util.source_hash(source)
        compiled.write_bytes(head + marshal.dumps(code))


def _without_hints(tree: ast.Module) -> ast.Module:
    """Return *tree* without docstrings and the annotations of functions; a dataclass reads both of its class."""
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                node.returns = None
            case ast.arg():
                node.annotation = None
        match node:
            case (
                ast.Module(body=[ast.Expr(value=ast.Constant(value=str())) as text, *rest])
                | ast.ClassDef(decorator_list=[], body=[ast.Expr(value=ast.Constant(value=str())) as text, *rest])
                | ast.FunctionDef(body=[ast.Expr(value=ast.Constant(value=str())) as text, *rest])
                | ast.AsyncFunctionDef(body=[ast.Expr(value=ast.Constant(value=str())) as text, *rest])
            ):
                node.body = rest or [ast.copy_location(ast.Pass(), text)]
    return tree


if __name__ == "__main__":
    compile_here(Path(sys.argv[1]), sys.stdin.read().split("\n")[:-1])
