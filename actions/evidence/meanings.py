"""What each exception means, and what to do about it, in a sentence each."""

from __future__ import annotations

MEANINGS = {
    "direct-push": "It came to the branch without a pull request. Ask who pushed, and have the content reviewed.",
    "no-pull-request": "No merged pull request brought the commit. Have its content reviewed.",
    "not-approved": "Nobody independent approved it. Have it reviewed now, and write down the outcome.",
    "self-approved": "Only people who contributed to it approved it. Have somebody else review it.",
    "stale-approval": "What was approved is not what was merged. Have the difference reviewed.",
    "check-missing": "A check did not succeed before the merge. Look at what it would have said.",
    "check-skipped": "A required check was skipped, which GitHub takes for a success. Find out why.",
    "bypass-without-reason": "Somebody used a right to bypass rules, and the commit does not say why. Ask.",
    "unsigned": "GitHub did not verify who made the commit. Ask the author.",
    "no-rules": "No rule asked for a pull request at that time. Find out who switched the rules off.",
    "gate-closed": "It was deployed although a gate was closed. Find out how it got past the deployment workflow.",
    "change-without-deployment": "It is on the branch and does not run. Deploy it, or take it back.",
    "deployment-without-change": "Something was deployed that this list does not have. Find out what runs.",
    "unreleased-tag": "The tag names no commit that went through review in the app. Find out what runs.",
    "emergency-not-reviewed": "A rollback went without a review, and none came since. Approve its pull request.",
    "no-ticket": "Nothing names a ticket, though the environment asks for one. Find out what it was for.",
    "unknown": "A fact could not be read, so nothing is proved. Give the token what it lacks, or ask.",
}
