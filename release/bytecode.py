"""Compile what the actions import, so that no runner has to: each job of a hosted runner starts on a new machine.

Only a CPython can make its own bytecode, so each compiles with this file as a program of its own, in a new process:

    python3.12 -I -S -X no_debug_ranges release/bytecode.py <folder> < paths

The bytecode is not compared with its source when it is used (PEP 552, unchecked hash). It contains no docstrings, no
annotations of functions and nothing else that only type checkers read, and no columns, which only the carets of a
traceback need: they would be a third of it.
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
        tree = ast.fix_missing_locations(_Reduced().visit(ast.parse(source)))
        code = compile(tree, path, "exec", dont_inherit=True, optimize=0)
        compiled = Path(importlib.util.cache_from_source(str(folder / path)))
        compiled.parent.mkdir(exist_ok=True)
        head = importlib.util.MAGIC_NUMBER + HEAD + importlib.util.source_hash(source)
        compiled.write_bytes(head + marshal.dumps(code))


class _Reduced(ast.NodeTransformer):
    """Removes what only readers and type checkers need; annotations of classes stay, they make dataclasses."""

    def visit_If(self, node: ast.If) -> ast.AST | list[ast.stmt]:
        """Keep of *node* what is run."""
        if ast.unparse(node.test) not in {"TYPE_CHECKING", "typing.TYPE_CHECKING"}:
            return self.generic_visit(node)
        return [self.visit(statement) for statement in node.orelse] or ast.Pass()

    def generic_visit(self, node: ast.AST) -> ast.AST:
        """Remove strings that are statements, hints of functions, and functions that say no more than their hints."""
        super().generic_visit(node)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            node.body = [statement for statement in node.body if not _is_for_readers(statement)] or [ast.Pass()]
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            node.returns = None
        if isinstance(node, ast.arg):
            node.annotation = None
        if isinstance(node, ast.ClassDef) and node.decorator_list:
            # A dataclass without a docstring writes one whenever it is imported, which takes a tenth of that time.
            node.body.insert(0, ast.Expr(ast.Constant(node.name)))
        return node


def _is_for_readers(statement: ast.stmt) -> bool:
    """Tell whether *statement* is a docstring, or one of several signatures of the function that follows it."""
    if isinstance(statement, ast.FunctionDef):
        return any(ast.unparse(each).rpartition(".")[2] == "overload" for each in statement.decorator_list)
    return isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)


if __name__ == "__main__":
    compile_here(Path(sys.argv[1]), sys.stdin.read().split("\n")[:-1])
