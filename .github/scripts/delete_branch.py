"""Delete the branch $BRANCH of this repository, as a clean-up after a self-test."""

import os
import urllib.request

if os.environ["BRANCH"]:
    address = f"{os.environ['GITHUB_API_URL']}/repos/{os.environ['GITHUB_REPOSITORY']}"
    request = urllib.request.Request(  # noqa: S310 - the address is GitHub's own
        f"{address}/git/refs/heads/{os.environ['BRANCH']}",
        method="DELETE",
        headers={"Authorization": f"Bearer {os.environ['TOKEN']}"},
    )
    urllib.request.urlopen(request, timeout=30).close()  # noqa: S310
