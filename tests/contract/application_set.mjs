// Holds an ApplicationSet, as JSON on standard input, against Argo CD's own definition, and prints what is wrong.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const require = createRequire(import.meta.url);
const { ApplicationSet } = require("@kubernetes-models/argo-cd/argoproj.io/v1alpha1/ApplicationSet");

try {
  new ApplicationSet(JSON.parse(readFileSync(0, "utf8"))).validate();
} catch (error) {
  console.log(error.message);
}
