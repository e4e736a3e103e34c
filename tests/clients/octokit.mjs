// Octokit's ordinary calls. `node octokit.mjs SCENARIO` prints what the scenario saw, as JSON.
import {graphql} from '@octokit/graphql'
import {Octokit} from '@octokit/rest'

const {GITHUB_API_URL, GITHUB_GRAPHQL_URL, GITHUB_TOKEN, SECOND_TOKEN, APP_TOKEN} = process.env
const silent = {debug() {}, info() {}, warn() {}, error() {}}
const as = (token) => new Octokit({auth: token, baseUrl: GITHUB_API_URL, log: silent})
const octokit = as(GITHUB_TOKEN)
const at = {owner: 'your-org', repo: 'app'}
const text = (content) => Buffer.from(content).toString('base64')

async function refusal(call) {
  try {
    await call
  } catch (error) {
    return `${error.status} ${error.message}`
  }
  return 'no refusal'
}

async function branchWith(name, ...paths) {
  const main = await octokit.rest.git.getRef({...at, ref: 'heads/main'})
  await octokit.rest.git.createRef({...at, ref: `refs/heads/${name}`, sha: main.data.object.sha})
  for (const path of paths) {
    const file = {path, branch: name, message: `Add ${path}`, content: text(path)}
    await octokit.rest.repos.createOrUpdateFileContents({...at, ...file})
  }
  return name
}

const scenarios = {
  async repositories() {
    await branchWith('one', 'a')
    const repo = await octokit.rest.repos.get(at)
    const branches = await octokit.rest.repos.listBranches(at)
    const branch = await octokit.rest.repos.getBranch({...at, branch: 'one'})
    const commits = await octokit.rest.repos.listCommits({...at, sha: 'one', per_page: 1})
    const sha = await octokit.rest.repos.getCommit({...at, ref: 'one', mediaType: {format: 'sha'}})
    const diff = await octokit.rest.repos.getCommit({...at, ref: 'one', mediaType: {format: 'diff'}})
    const compared = await octokit.rest.repos.compareCommitsWithBasehead({...at, basehead: 'main...one'})
    return {
      repo: repo.data.full_name,
      branches: branches.data.map((each) => each.name),
      message: branch.data.commit.commit.message,
      commits: commits.data.length,
      same: sha.data === branch.data.commit.sha,
      diff: diff.data.includes('+a'),
      compared: [compared.data.status, compared.data.files[0].filename, compared.data.files[0].status],
      none: await refusal(octokit.rest.repos.getBranch({...at, branch: 'none'}))
    }
  },

  async contents() {
    await branchWith('one', 'docs/a', 'docs/b')
    const file = await octokit.rest.repos.getContent({...at, path: 'docs/a', ref: 'one'})
    const raw = await octokit.rest.repos.getContent({...at, path: 'docs/a', ref: 'one', mediaType: {format: 'raw'}})
    const folder = await octokit.rest.repos.getContent({...at, path: 'docs', ref: 'one'})
    const known = {path: 'docs/a', branch: 'one', message: 'Change', sha: file.data.sha}
    const changed = await octokit.rest.repos.createOrUpdateFileContents({...at, ...known, content: text('new')})
    const stale = await refusal(octokit.rest.repos.createOrUpdateFileContents({...at, ...known, content: text('newer')}))
    return {
      file: Buffer.from(file.data.content, 'base64').toString(),
      raw: raw.data,
      folder: folder.data.map((entry) => entry.name),
      changed: [changed.status, changed.data.commit.message],
      stale,
      removed: (await octokit.rest.repos.deleteFile({...at, ...known, sha: changed.data.content.sha})).status,
      gone: await refusal(octokit.rest.repos.getContent({...at, path: 'docs/a', ref: 'one'}))
    }
  },

  async pulls() {
    await branchWith('one', 'a')
    const pull = await octokit.rest.pulls.create({...at, head: 'one', base: 'main', title: 'One'})
    const one = {...at, pull_number: pull.data.number}
    const issue = {...at, issue_number: pull.data.number}
    await octokit.rest.pulls.update({...one, title: 'Two'})
    await octokit.rest.pulls.requestReviewers({...one, reviewers: ['bob']})
    const asked = await octokit.rest.pulls.get(one)
    await as(SECOND_TOKEN).rest.pulls.createReview({...one, event: 'APPROVE'})
    await octokit.rest.issues.addLabels({...issue, labels: ['ready']})
    await octokit.rest.issues.createComment({...issue, body: 'Hello'})
    const open = await octokit.rest.pulls.get(one)
    const files = await octokit.rest.pulls.listFiles(one)
    const commits = await octokit.rest.pulls.listCommits(one)
    const reviews = await octokit.rest.pulls.listReviews(one)
    const comments = await octokit.rest.issues.listComments(issue)
    const twice = await refusal(octokit.rest.pulls.create({...at, head: 'one', base: 'main', title: 'One'}))
    const diff = await octokit.rest.pulls.get({...one, mediaType: {format: 'diff'}})
    const result = {
      title: open.data.title,
      asked: asked.data.requested_reviewers.map((user) => user.login),
      reviewers: open.data.requested_reviewers.map((user) => user.login),
      labels: open.data.labels.map((label) => label.name),
      files: files.data.map((file) => file.filename),
      commits: commits.data.length,
      reviews: reviews.data.map((review) => review.state),
      comments: comments.data.map((comment) => comment.body),
      issue: (await octokit.rest.issues.get(issue)).data.pull_request.url === open.data.url,
      diff: diff.data.includes('+a'),
      twice,
      blank: await refusal(octokit.rest.pulls.createReview({...one, event: 'REQUEST_CHANGES'})),
      unmerged: await refusal(octokit.rest.pulls.checkIfMerged(one))
    }
    const merged = await octokit.rest.pulls.merge({...one, merge_method: 'rebase', sha: open.data.head.sha})
    const checked = await octokit.rest.pulls.checkIfMerged(one)
    return {...result, merged: merged.data.merged, checked: checked.status}
  },

  async checks() {
    const app = as(APP_TOKEN)
    const sha = (await octokit.rest.git.getRef({...at, ref: 'heads/main'})).data.object.sha
    await octokit.rest.repos.createCommitStatus({...at, sha, state: 'success', context: 'ci'})
    const combined = await octokit.rest.repos.getCombinedStatusForRef({...at, ref: 'main'})
    const statuses = await octokit.rest.repos.listCommitStatusesForRef({...at, ref: 'main'})
    const run = await app.rest.checks.create({...at, name: 'scan', head_sha: sha})
    await app.rest.checks.update({...at, check_run_id: run.data.id, status: 'completed', conclusion: 'neutral'})
    const runs = await app.rest.checks.listForRef({...at, ref: sha, app_id: run.data.app.id})
    const person = await refusal(octokit.rest.checks.create({...at, name: 'scan', head_sha: sha}))
    const deployment = await octokit.rest.repos.createDeployment({...at, ref: 'main', environment: 'qa', auto_merge: false})
    const known = {...at, deployment_id: deployment.data.id}
    await octokit.rest.repos.createDeploymentStatus({...known, state: 'in_progress'})
    const latest = await octokit.rest.repos.listDeploymentStatuses(known)
    return {
      combined: combined.data.state,
      statuses: statuses.data.map((status) => status.context),
      runs: runs.data.check_runs.map((each) => each.conclusion),
      person,
      state: await refusal(octokit.rest.repos.createCommitStatus({...at, sha, state: 'done'})),
      deployments: latest.data.map((status) => status.state)
    }
  },

  async rulesets() {
    const rule = {type: 'deletion'}
    const conditions = {ref_name: {include: ['~DEFAULT_BRANCH'], exclude: []}}
    const wanted = {...at, name: 'main', enforcement: 'active', conditions, rules: [rule]}
    const made = await octokit.rest.repos.createRepoRuleset(wanted)
    const known = {...at, ruleset_id: made.data.id}
    await octokit.rest.repos.updateRepoRuleset({...known, enforcement: 'disabled'})
    const read = await octokit.rest.repos.getRepoRuleset(known)
    const bare = await octokit.rest.repos.createRepoRuleset({...at, name: 'bare', enforcement: 'active', rules: [rule]})
    const rules = await octokit.rest.repos.getBranchRules({...at, branch: 'main'})
    const all = await octokit.rest.repos.getRepoRulesets(at)
    const result = {
      read: [read.data.enforcement, read.data.rules[0].type],
      rules: rules.data.length,
      names: all.data.map((each) => each.name)
    }
    await octokit.rest.repos.deleteRepoRuleset({...at, ruleset_id: bare.data.id})
    return {...result, gone: await refusal(octokit.rest.repos.getRepoRuleset({...at, ruleset_id: bare.data.id}))}
  },

  async pages() {
    const all = await octokit.paginate(octokit.rest.repos.listBranches, {...at, per_page: 10})
    const sizes = []
    for await (const page of octokit.paginate.iterator(octokit.rest.repos.listBranches, {...at, per_page: 10})) {
      sizes.push(page.data.length)
    }
    const first = await octokit.rest.repos.listBranches({...at, per_page: 10, page: 2})
    const rels = [...first.headers.link.matchAll(/page=(\d+)>; rel="(\w+)"/g)].map((found) => `${found[2]} ${found[1]}`)
    const runs = await octokit.paginate(octokit.rest.checks.listForRef, {...at, ref: 'main', filter: 'all', per_page: 2})
    return {all: all.length, sizes, rels, runs: runs.length}
  },

  async graphql() {
    const ask = graphql.defaults({baseUrl: GITHUB_GRAPHQL_URL.replace(/\/graphql$/, ''), headers: {authorization: `token ${GITHUB_TOKEN}`}})
    const query = `query ($owner: String!, $repo: String!) {
      viewer { login }
      repository(owner: $owner, name: $repo) { name defaultBranchRef { name target { oid } } }
    }`
    const answer = await ask(query, at)
    const lacking = ask('query { repository(owner: "your-org", name: "app") { pullRequest(number: 999) { id } } }')
    const told = await lacking.catch((error) => `${error.errors[0].type} ${error.errors[0].message}`)
    return {login: answer.viewer.login, name: answer.repository.name, branch: answer.repository.defaultBranchRef.name, told}
  }
}

console.log(JSON.stringify(await scenarios[process.argv[2]]()))
