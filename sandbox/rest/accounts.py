"""Users, apps and teams."""

from __future__ import annotations

from sandbox.rest.call import Answer, Call, found, require_grant, route


@route("GET /user")
def _user(call: Call) -> Answer:
    return 200, call.payloads.user(call.token.user)


@route("GET /users/{username}")
def _get_user(call: Call) -> Answer:
    return 200, call.payloads.user(found(call.state.users.get(call.path["username"])))


@route("GET /apps/{app_slug}")
def _get_app(call: Call) -> Answer:
    user = found(call.state.users.get(f"{call.path['app_slug']}[bot]"))
    return 200, {"id": user.id, "slug": call.path["app_slug"], "name": call.path["app_slug"]}


@route("GET /orgs/{org}/teams/{team_slug}")
def _get_team(call: Call) -> Answer:
    require_grant(call.token, "read", "members")
    owner = found(call.state.users.get(call.path["org"]))
    team = found(next((team for team in owner.teams if team.slug == call.path["team_slug"]), None))
    return 200, {"id": team.id, "slug": team.slug, "name": team.slug}


@route("GET /orgs/{org}/teams/{team_slug}/memberships/{username}")
def _get_membership(call: Call) -> Answer:
    require_grant(call.token, "read", "members")
    owner = found(call.state.users.get(call.path["org"]))
    team = found(next((team for team in owner.teams if team.slug == call.path["team_slug"]), None))
    members = {login.casefold() for login in team.members}
    found(call.path["username"].casefold() in members or None)
    url = f"{call.payloads.api}/orgs/{owner.login}/teams/{team.slug}/memberships/{call.path['username']}"
    return 200, {"url": url, "role": "member", "state": "active"}
