"""Measure how many small faults in the pure core the tests detect, with a seeded sample of mutants of every package.

`make mutants` prints the score of every package and the surviving mutants. `MODULES=gates,infra` selects packages,
`SEED=` another sample, `COUNT=` its size. A mutant changes one expression or statement in a copy of the tree. The unit
tests of its module run first, then the nearest sandbox tests, until one fails.
"""

from __future__ import annotations

import ast
import copy
import importlib
import multiprocessing
import os
import random
import shutil
import sys
import tempfile
from collections import defaultdict
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parent.parent
LINKED = (".venv", "node_modules")  # linked into every copy of the tree
SECONDS = 120  # a mutant that takes longer loops, and counts as killed
HEAVY = ("graphql", "hypothesis", "jsonschema", "pygit2", "xdist", "yaml")  # imported once, before the forks
SANDBOX = "tests/sandbox/test_"
QUIET = ("-p", "no:cacheprovider", "-W", "ignore::pytest.PytestAssertRewriteWarning")  # for what was imported before
# The modules of each package that decide something, and the tests that run them through an action.
CORE = {
    "api": ("checks comparison jobs patterns retry", "merge_routes hidden_checks refusals"),
    "app": ("order release lost_commits tested", "release lost_commits check_envs open_infra_pr"),
    "deployments": (
        "adoption baseline history matrix outcome records writer",
        "deployed_truth deploy_matrix promote_and_rollback first_deployment report_deployment",
    ),
    "diagnosis": (
        "access apps configuration deployments environments finding hotfixes infra_files pins report rulesets settings",
        "doctor",
    ),
    "evidence": ("branch_history chain judgement ledger metrics moves period table timeline", "export_evidence"),
    "gates": (
        "approval collect commit_reviews config_changes enforce hotfix_reviews provenance pull_reader request_runs",
        "gate_facts check_envs gate_scenarios deployed_truth attacks_alone requesters digests",
    ),
    "infra": (
        "change config_reader env_diff env_file freeze image layout tag_path",
        "check_envs gate_scenarios folders",
    ),
    "infra/formats": ("json_format toml_format yaml_format yaml_nodes", "check_envs"),
    "protection": (
        "environment environment_lint lint plan review ruleset source target verdict workflow_checks",
        "sync_protection protected_repositories protection_review required_reviewers",
    ),
    "pull_request": (
        "description merge plan proposal",
        "merge_routes refusals hidden_checks open_infra_pr promote_and_rollback",
    ),
    "runner": ("event inputs markdown", "open_infra_pr check_envs deploy_matrix"),
}
# Unit tests of what uses a package more than anything else does.
BESIDE = {"runner": ["tests/unit/test_setup_flags.py", "tests/unit/test_bump_env.py"]}
COMPARISONS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Eq: ast.NotEq, ast.NotEq: ast.Eq, ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt,
    ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Is: ast.IsNot, ast.IsNot: ast.Is,
}  # fmt: skip
OPERATORS: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd, ast.Mult: ast.Add
}  # fmt: skip
SWAPPED = {"any": "all", "all": "any", "min": "max", "max": "min", "startswith": "endswith", "endswith": "startswith",
           "removeprefix": "removesuffix", "partition": "rpartition", "fullmatch": "match"}  # fmt: skip
DROPPED = {"casefold", "lower", "rstrip", "strip", "sorted", "reversed"}


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change of the text of a module."""

    package: str
    module: str
    start: int
    end: int
    line: int
    before: str
    after: str

    def __str__(self) -> str:
        return f"{self.module}:{self.line}: {' '.join(self.before.split())} -> {self.after}"

    @property
    def tests(self) -> list[str]:
        """Return the tests that could detect the mutant, the cheapest first."""
        folder = f"tests/unit/{self.package.partition('/')[0]}"
        own = f"{folder}/test_{Path(self.module).stem}.py"
        unit = [path for path in (own, folder, *BESIDE.get(self.package, ())) if (ROOT / path).exists()]
        return [*unit, *(f"{SANDBOX}{name}.py" for name in CORE[self.package][1].split())]


def main() -> None:
    """Run the tests on a sample of mutants, and print the scores."""
    seed = os.environ.get("SEED") or f"{datetime.now(UTC):%Y%m%d}"
    count = int(os.environ.get("COUNT") or 20)
    packages = [name.strip() for name in os.environ.get("MODULES", "").split(",") if name.strip()] or list(CORE)
    chosen = [mutant for package in packages for mutant in sample(package, count, seed)]
    print(f"{len(chosen)} mutants of {', '.join(packages)}; SEED={seed}", flush=True)
    for name in HEAVY:
        importlib.import_module(name)
    with tempfile.TemporaryDirectory(prefix="mutants-") as tmp:
        forking = multiprocessing.get_context("fork")
        with ProcessPoolExecutor(os.cpu_count(), mp_context=forking, initializer=_copy_tree, initargs=(tmp,)) as pool:
            unchanged = [Mutant(package, f"actions/{package}/__init__.py", 0, 0, 1, "", "") for package in packages]
            failures = zip(packages, pool.map(is_killed, unchanged), strict=True)
            if failing := [package for package, fails in failures if fails]:
                sys.exit(f"the tests of {', '.join(failing)} fail or time out without any mutant")
            by_package: dict[str, list[bool]] = defaultdict(list)
            for mutant, killed in zip(chosen, pool.map(is_killed, chosen), strict=True):
                by_package[mutant.package].append(killed)
                if not killed:
                    print(f"survived: {mutant}", flush=True)
    _report(by_package)


def sample(package: str, count: int, seed: str) -> list[Mutant]:
    """Return *count* mutants of *package*, the same for the same *seed*."""
    mutants = [mutant for module in CORE[package][0].split() for mutant in mutants_of(package, module)]
    return random.Random(f"{seed} {package}").sample(mutants, min(count, len(mutants)))


def mutants_of(package: str, module: str) -> Iterator[Mutant]:
    """Yield every mutant of a module."""
    path = f"actions/{package}/{module}.py"
    text = (ROOT / path).read_text(encoding="utf-8")
    starts = [0]
    for line in text.encode().splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    for node in _reached(ast.parse(text)):
        start, end = starts[node.lineno - 1] + node.col_offset, starts[(node.end_lineno or 1) - 1]
        end += node.end_col_offset or 0
        before = text.encode()[start:end].decode()
        for after in _changes(node):
            written = ast.unparse(after)
            replacement = f"({written})" if isinstance(after, ast.expr) else written
            yield Mutant(package, path, start, end, node.lineno, before, replacement)


def _reached(tree: ast.AST) -> Iterator[ast.expr | ast.stmt]:
    """Yield the nodes that run: no annotation, no decorator, no docstring, no text of a message."""
    for field, value in ast.iter_fields(tree):
        if field in ("annotation", "returns", "decorator_list", "bases"):
            continue
        for node in value if isinstance(value, list) else [value]:
            if isinstance(node, ast.JoinedStr | ast.Import | ast.ImportFrom | ast.Raise):
                continue
            if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
                continue
            if isinstance(node, ast.AST):
                if isinstance(node, ast.expr | ast.stmt):
                    yield node
                yield from _reached(node)


def _changes(node: ast.expr | ast.stmt) -> Iterator[ast.expr | ast.stmt]:
    """Yield what *node* may be changed to."""
    match node:
        case ast.BoolOp(op=operator, values=values):
            yield _with(node, op=ast.Or() if isinstance(operator, ast.And) else ast.And())
            for number in range(len(values)):
                left = values[:number] + values[number + 1 :]
                yield left[0] if len(left) == 1 else _with(node, values=left)
        case ast.IfExp(body=body, orelse=orelse):
            yield from (body, orelse)
        case ast.ListComp(generators=[only]) | ast.SetComp(generators=[only]) | ast.GeneratorExp(generators=[only]):
            for number in range(len(only.ifs)):
                yield _with(node, generators=[_with(only, ifs=only.ifs[:number] + only.ifs[number + 1 :])])
        case ast.Call():
            yield from _calls(node)
        case ast.AugAssign(target=target, value=value):
            yield ast.Assign([target], value, lineno=1)
        case ast.Expr(value=ast.Call()) | ast.Continue() | ast.Break():
            yield ast.Pass()
        case ast.expr():
            yield from _simple(node)


def _simple(node: ast.expr) -> Iterator[ast.expr]:
    match node:
        case ast.Compare(ops=[operator]):
            yield _with(node, ops=[COMPARISONS[type(operator)]()])
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            yield operand
        case ast.BinOp(op=operator) if type(operator) in OPERATORS:
            yield _with(node, op=OPERATORS[type(operator)]())
        case ast.Constant(value=bool() as value):
            yield ast.Constant(not value)
        case ast.Constant(value=int() as number):
            yield ast.Constant(number + 1)


def _calls(node: ast.Call) -> Iterator[ast.expr]:
    match node.func:
        case ast.Name(id=name) if name in SWAPPED:
            yield _with(node, func=ast.Name(SWAPPED[name]))
        case ast.Attribute(value=value, attr=name) if name in SWAPPED:
            yield _with(node, func=ast.Attribute(value, SWAPPED[name]))
        case ast.Name(id=name) if name in DROPPED and node.args:
            yield node.args[0]
        case ast.Attribute(value=value, attr=name) if name in DROPPED:
            yield value


def _with(node: Any, **fields: object) -> Any:
    changed = copy.copy(node)
    for name, value in fields.items():
        setattr(changed, name, value)
    return changed


def _copy_tree(folder: str) -> None:
    """Give this worker a tree of its own, and make it the place where it works."""
    tree = Path(folder) / str(os.getpid())
    shutil.copytree(ROOT, tree, ignore=shutil.ignore_patterns(".git", ".*cache", ".hypothesis", "__pycache__", *LINKED))
    for name in LINKED:
        (tree / name).symlink_to(ROOT / name)
    os.chdir(tree)
    sys.path[:] = [path for path in sys.path if path and Path(path) != ROOT]
    sys.dont_write_bytecode = True


def is_killed(mutant: Mutant) -> bool:
    """Return whether a test fails with *mutant* in place; run in a worker."""
    path = Path(mutant.module)
    original = path.read_bytes()
    path.write_bytes(original[: mutant.start] + mutant.after.encode() + original[mutant.end :])
    child = multiprocessing.get_context("fork").Process(target=_test, args=(mutant.tests,))
    try:
        child.start()
        child.join(SECONDS)
        if child.is_alive():
            child.kill()
            child.join()
        return child.exitcode != 0
    finally:
        path.write_bytes(original)


def _test(tests: list[str]) -> None:
    """Run *tests* in this process, which is for that alone."""
    for stream in (1, 2):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream)
    os._exit(pytest.main(["-x", "-q", *QUIET, *tests]))


def _report(by_package: dict[str, list[bool]]) -> None:
    print(f"\n{'package':<14}{'mutants':>8}{'killed':>8}{'survived':>10}{'score':>8}")
    for name, kills in [*by_package.items(), ("all", [each for found in by_package.values() for each in found])]:
        score = 100 * sum(kills) / (len(kills) or 1)
        print(f"{name:<14}{len(kills):>8}{sum(kills):>8}{len(kills) - sum(kills):>10}{score:>7.1f}%")


if __name__ == "__main__":
    main()
