// Reads workflows with GitHub's own parser and prints what it has against them, one line each.
import { readFileSync } from "node:fs";
import { register } from "node:module";

// The parser is made for bundlers: it imports JSON without saying so, which Node refuses.
const loadJson = `
  import { readFile } from "node:fs/promises";
  export async function load(url, context, next) {
    if (!url.endsWith(".json")) return next(url, context);
    const json = await readFile(new URL(url), "utf8");
    return { format: "module", source: "export default " + json, shortCircuit: true };
  }`;
register(`data:text/javascript,${encodeURIComponent(loadJson)}`);
const { NoOperationTraceWriter, parseWorkflow } = await import("@actions/workflow-parser");

for (const name of process.argv.slice(2)) {
  const { context } = parseWorkflow({ name, content: readFileSync(name, "utf8") }, new NoOperationTraceWriter());
  for (const error of context.errors.getErrors()) console.log(error.message);
}
