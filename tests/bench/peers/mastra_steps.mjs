// SPDX-License-Identifier: MIT OR Apache-2.0
// Mastra: a workflow of steps in a row, and `foreach` over a list.
//
// Durable means that a snapshot of the run is kept in LibSQL after each step. What is measured, how often and in which
// order is the same as in watch.py, which says why. The first argument is the folder for what is kept, the second the
// folder that the packages are installed in.

import { mkdtempSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { pathToFileURL } from "node:url";

const [, , below, installed] = process.argv;
const require = createRequire(pathToFileURL(join(installed, "package.json")));
const load = (name) => import(pathToFileURL(require.resolve(name)));
const { Mastra } = await load("@mastra/core");
const { createStep, createWorkflow } = await load("@mastra/core/workflows");
const { LibSQLStore } = await load("@mastra/libsql");
const { z } = await load("zod");

const STEPS = 100;
const WIDTH = 1_000;
const WARM_ROUNDS = 1;
const ROUNDS = 3;
const MERGED = (WIDTH * (WIDTH + 1)) / 2;

const number = z.number();
const numbers = z.array(z.number());

const add = (id) =>
  createStep({ id, inputSchema: number, outputSchema: number, execute: async ({ inputData }) => inputData + 1 });

const merge = createStep({
  id: "merge",
  inputSchema: numbers,
  outputSchema: number,
  execute: async ({ inputData }) => inputData.reduce((sum, item) => sum + item, 0),
});

// The workflows of a host: with a store each step is kept, without one nothing is.
const workflows = (storage) => {
  const options = { shouldPersistSnapshot: () => storage !== undefined };
  let chain = createWorkflow({ id: "chain", inputSchema: number, outputSchema: number, options });
  for (let index = 0; index < STEPS; index += 1) chain = chain.then(add(`s${index}`));
  const fanout = createWorkflow({ id: "fanout", inputSchema: numbers, outputSchema: number, options })
    .foreach(add("each"), { concurrency: WIDTH })
    .then(merge);
  return new Mastra({ workflows: { chain: chain.commit(), fanout: fanout.commit() }, storage, logger: false });
};

const run = (host, name, inputData) => async () => {
  const started = await host.getWorkflow(name).createRun();
  return (await started.start({ inputData })).result;
};

const middle = (readings) => [...readings].sort((a, b) => a - b)[Math.floor(readings.length / 2)];

const path = join(mkdtempSync(join(below, "state-")), "mastra.db");
const [plain, kept] = [workflows(), workflows(new LibSQLStore({ id: "steps", url: `file:${path}` }))];
const items = Array.from({ length: WIDTH }, (_, index) => index);
const runs = {
  chain_ms: [run(plain, "chain", 0), STEPS],
  chain_durable_ms: [run(kept, "chain", 0), STEPS],
  fanout_ms: [run(plain, "fanout", items), MERGED],
  fanout_durable_ms: [run(kept, "fanout", items), MERGED],
};
const readings = Object.fromEntries(Object.keys(runs).map((name) => [name, []]));
for (let round = 0; round < WARM_ROUNDS + ROUNDS; round += 1) {
  for (const [name, [one, expected]] of Object.entries(runs)) {
    const began = performance.now();
    const result = await one();
    const took = performance.now() - began;
    if (result !== expected) throw new Error(`Mastra: ${name} should end in ${expected}, not in ${result}`);
    if (round >= WARM_ROUNDS) readings[name].push(took);
  }
}
const manifest = join(installed, "node_modules", "@mastra", "core", "package.json");
const { version } = JSON.parse(readFileSync(manifest, "utf8"));
const figures = Object.fromEntries(Object.keys(runs).map((name) => [name, Number(middle(readings[name]).toFixed(3))]));
console.log(JSON.stringify({ peer: "Mastra", version, ...figures }));
process.exit(0);
