"""The files of the infra repository."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cli.new.examples import example, names, replaced, with_prefix, workflow
from cli.new.layouts import Files, config_keys, env_files, makefile, paths, placeholders
from cli.new.protection import protection
from cli.new.shape import Deploy, Plan, Tags

if TYPE_CHECKING:
    from cli.new.shape import Shape

WORKFLOWS = ".github/workflows"
QUEUE = "gates-queue.yml"


def files(shape: Shape) -> Files:
    """Return the text of every file by its path."""
    made: Files = {
        "README.md": _readme(shape),
        "gitops.yml": _gitops(shape),
        "Makefile": makefile(shape),
        ".github/dependabot.yml": example("infra/.github/dependabot.yml"),
        **{f"{WORKFLOWS}/{name}": _workflow(shape, name) for name in _workflows(shape)},
        **protection(shape),
    }
    if shape.team:
        made[".github/CODEOWNERS"] = f"* @{shape.org}/{shape.team}\n"
    return made if shape.found else made | env_files(shape) | placeholders(shape)


def _workflows(shape: Shape) -> list[str]:
    left_out = (QUEUE,) if shape.plan in (Plan.FREE, Plan.TEAM) else ()
    return [name for name in names(f"infra/{WORKFLOWS}", "*.yml") if name not in left_out]


def _workflow(shape: Shape, name: str) -> str:
    text = workflow(shape, f"infra/{WORKFLOWS}/{name}")
    first, last = shape.envs[0], shape.envs[-1]
    if name == "change.yml":
        return _change(shape, text)
    if name == "deploy.yml":
        if shape.deploy is not Deploy.MAKE:
            given = "          KUBECONFIG_TEXT: ${{ secrets.KUBECONFIG }}\n        run: make deploy\n"
            text = replaced(text, ("        run: make deploy\n", given))
        text = text.replace("opens prod", f"opens {last}")
        return with_prefix(shape, text, "action-setup-flags")
    if name.startswith("evidence"):
        text = text.replace("(prod)", f"({last})").replace("evidence-prod", f"evidence-{last}")
        return replaced(text, ("env: prod\n", f"env: {last}\n"))
    return text.replace("env: dev\n", f"env: {first}\n")


def _change(shape: Shape, text: str) -> str:
    *others, _ = shape.envs
    envs = [*shape.envs[1:], shape.envs[0]]
    text = replaced(text, ("options: [staging, prod, dev]", f"options: [{', '.join(envs)}]"))
    if others:
        return replaced(text, ("options: [dev, staging]", f"options: [{', '.join(others)}]"))
    start, end = text.index("      from:\n"), text.index("      tag:\n")
    return replaced(
        text[:start] + text[end:],
        ("options: [promote, roll back, set a tag]", "options: [roll back, set a tag]"),
        ("promotes, rolls back, or sets a tag", "rolls back, or sets a tag"),
        (", and to promote all", ""),
        ("          from-env: ${{ inputs.what == 'promote' && inputs.from || '' }}\n", ""),
    )


def _gitops(shape: Shape) -> str:
    schema = example("infra/gitops.yml").splitlines()[0]
    lines = [replaced(schema, ("your-org/gitops-actions/v1", "/".join(shape.actions.split(" ")[0].split("@")))), ""]
    lines += ["# The environments, in the order of promotion, and what each requires of a change.", "environments:"]
    for env, before in zip(shape.envs, (None, *shape.envs), strict=False):
        rule = f"{{after: {before}}}" if before else "{review: none} # the bot merges here without approval"
        lines.append(f"  {env}: {_with_paths(rule if len(shape.envs) > 1 else '{}', paths(shape, env))}")
    lines += config_keys(shape)
    lines += ["", "# The repository with the commits behind each service's tags.", "services:"]
    for service in shape.services:
        called = f"{service}-v{{version}}" if shape.tags is Tags.VERSION else shape.git_tags.get(service, "")
        git_tag = f', git-tag: "{called}"' if called else ""
        lines.append(f"  {service}: {{repo: {shape.org}/{shape.app}{git_tag}}}")
    lines += ["", "# Machine accounts. They may change tags only, and their approvals do not count."]
    lines.append(f"bots: [{shape.bot}]")
    if shape.hotfix_prefix != "hotfixes/":
        lines.append(f"hotfix-prefix: {shape.hotfix_prefix}")
    if shape.found and shape.found.commit:
        lines += ["", "# What ran before the gates did: this commit and all before it are taken as they are."]
        lines.append(f"adopt: {shape.found.commit}")
    return "\n".join(lines) + "\n"


def _with_paths(rule: str, belongs: list[str]) -> str:
    """Return the *rule* of an environment with what *belongs* to it beside its env files."""
    if not belongs:
        return rule
    inner, _, comment = rule.removeprefix("{").partition("}")
    listed = f"paths: [{', '.join(belongs)}]"
    return f"{{{', '.join(filter(None, [inner, listed]))}}}{comment}"


def _readme(shape: Shape) -> str:
    _, _, rest = example("infra/README.md").partition("| workflow |")
    rows, _, _ = rest.partition("\n\n")
    kept = [row for row in rows.splitlines()[2:] if shape.plan not in (Plan.FREE, Plan.TEAM) or QUEUE not in row]
    if len(kept) < len(rows.splitlines()[2:]):
        kept.insert(1, "| `gates.yml` | pull request | checks the change against the gates, and comments |")
    table = "| workflow |" + "\n".join([*rows.splitlines()[:2], *kept])
    table = table.replace("`main`", f"`{shape.branch}`").replace(" prod ", f" {shape.envs[-1]} ")
    places = ", ".join(f"`{env}`" for env in shape.envs)
    secret = "`KUBECONFIG`" if shape.deploy is not Deploy.MAKE else "what your command needs"
    return (
        f"# {shape.infra}\n\nWhat runs where, of [{shape.app}](https://github.com/{shape.org}/{shape.app}): the"
        f" environments are {', '.join(shape.envs)}, in this order.\n\n{table}\n\n"
        f"These environments hold secrets, and only `{shape.branch}` may use them:\n\n"
        "| environment | secret | what it may do |\n|---|---|---|\n"
        "| `gitops-bot` | `GITOPS_BOT_KEY` | write to this repository and the app's, record deployments |\n"
        "| `gitops-guard` | `GITOPS_GUARD_KEY` | administer both repositories, write the evidence |\n"
        f"| {places} | {secret} | deploy there |\n\n"
        "`protection/` has the rulesets and environments of both repositories. `protect.yml` applies only files whose"
        " last change somebody else approved, or of the first commit.\n"
    )
