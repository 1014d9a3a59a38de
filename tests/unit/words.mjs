// The pages' pure modules, called as they are. Each line on stdin is {"module", "calls": [[function, [argument, …]], …]},
// each on stdout the results, or {"error"}. Instants are {"at": "2026-12-01T10:00:00Z"}, both ways.

import { createInterface } from "node:readline";

const isInstant = (value) => value && typeof value === "object" && Object.hasOwn(value, "at") && Object.keys(value).length === 1;
const plain = (value) => (value instanceof Date ? { at: value.toISOString() } : value ?? null);

for await (const line of createInterface({ input: process.stdin })) {
  const { module, calls } = JSON.parse(line, (_, value) => (isInstant(value) ? new Date(value.at) : value));
  try {
    const words = await import(new URL(`../../functions/portal/static/js/words/${module}.js`, import.meta.url));
    console.log(JSON.stringify(calls.map(([name, values]) => plain(words[name](...values)))));
  } catch (error) {
    console.log(JSON.stringify({ error: error.stack }));
  }
}
