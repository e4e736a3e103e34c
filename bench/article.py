"""Run the article's open_infra_pr.sh against the sandbox: clone, edit, commit and push with git, then two REST calls.

The REST calls replace `gh pr create` and `gh pr merge --admin --rebase`, because `gh` does not support plain HTTP. The
edit of `make dev.update`, which sets one key and rewrites the file, is done by Python instead of jq.
"""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from sandbox.server import Sandbox

SCRIPT = """
set -e
BRANCH_NAME=gitops-demo-bot/$SERVICE-$TAG
git clone -q "http://x:$GH_TOKEN@$HOST/your-org/infra.git"
cd infra
git config user.email ""
git config user.name "GitOps Demo Bot"
git checkout -q -b "$BRANCH_NAME"
"$PYTHON" -c 'import json, os
path = "envs/dev.json"
tree = json.load(open(path))
tree[os.environ["SERVICE"]]["tag"] = os.environ["TAG"]
open(path, "w").write(json.dumps(tree, indent=2) + chr(10))'
git add .
git commit -q -m "Update dev to $TAG"
git push -q origin "$BRANCH_NAME"
"$PYTHON" -c 'import json, os, urllib.request
def call(verb, path, body):
    address = "http://" + os.environ["HOST"] + "/api/v3/repos/your-org/infra" + path
    request = urllib.request.Request(address, method=verb, data=json.dumps(body).encode(),
        headers={"Authorization": "Bearer " + os.environ["GH_TOKEN"]})
    return json.load(urllib.request.urlopen(request))
head, title = os.environ["BRANCH_NAME"], "Update dev to " + os.environ["TAG"]
number = call("POST", "/pulls", {"head": head, "base": "main", "title": title, "body": ""})["number"]
call("PUT", "/pulls/" + str(number) + "/merge", {"merge_method": "rebase"})'
"""


def open_infra_pr(sandbox: Sandbox, token: str, folder: Path, *, service: str, tag: str) -> subprocess.Popen[bytes]:
    """Start the script in *folder*."""
    variables = {
        "GH_TOKEN": token,
        "HOST": sandbox.url.removeprefix("http://"),
        "SERVICE": service,
        "TAG": tag,
        "PYTHON": sys.executable,
    }
    script = SCRIPT.replace("BRANCH_NAME=", "export BRANCH_NAME=")
    return subprocess.Popen(
        ["bash", "-c", script],
        env={**os.environ, **variables},
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
