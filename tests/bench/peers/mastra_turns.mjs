// SPDX-License-Identifier: MIT OR Apache-2.0
// Mastra: an Agent with a tool, generating without memory. It is loaded from the folder that is its last argument.

import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";

const folder = process.argv.at(-1);
const require = createRequire(path.join(folder, "package.json"));
const load = async (name) => import(pathToFileURL(require.resolve(name)).href);
const { Agent } = await load("@mastra/core/agent");
const { createTool } = await load("@mastra/core/tools");
const { createOpenAICompatible } = await load("@ai-sdk/openai-compatible");
const { z } = await load("zod");

const TURNS = [3, 100];
const WARM_ROUNDS = 2;
const ROUNDS = 7;

const provider = createOpenAICompatible({ name: "scripted", baseURL: process.env.SCRIPTED_URL, apiKey: "none" });
const add = createTool({
  id: "add",
  description: "Adds two numbers.",
  inputSchema: z.object({ a: z.number(), b: z.number() }),
  outputSchema: z.number(),
  execute: async (input) => {
    const { a, b } = input.context ?? input;
    return a + b;
  },
});
const agent = new Agent({
  id: "adder",
  name: "adder",
  instructions: "You add numbers. Call the tool until you are done.",
  model: provider("scripted"),
  tools: { add },
});

const readings = Object.fromEntries(TURNS.map((turns) => [turns, []]));
for (let round = 0; round < WARM_ROUNDS + ROUNDS; round += 1) {
  for (const turns of TURNS) {
    const began = process.hrtime.bigint();
    const { text } = await agent.generate(`turns=${turns}`, { maxSteps: Math.max(...TURNS) + 2 });
    const tookUs = Number(process.hrtime.bigint() - began) / 1e3;
    if (text !== `done ${turns}`) {
      console.error(`Mastra: \`done ${turns}\` should be its last words, not ${text}`);
      process.exit(1);
    }
    if (round >= WARM_ROUNDS) readings[turns].push(tookUs / turns);
  }
}
const median = (values) => values.sort((a, b) => a - b)[Math.floor(values.length / 2)];
const figures = Object.fromEntries(TURNS.map((turns) => [`turn_${turns}_us`, Number(median(readings[turns]).toFixed(1))]));
const { version } = JSON.parse(readFileSync(path.join(folder, "node_modules/@mastra/core/package.json"), "utf8"));
console.log(JSON.stringify({ peer: "Mastra", version, ...figures }));
process.exit(0);
