// Files that the page gives to the person.

import { fetchFrom } from "./api.js";
import { lineCounter } from "../words/csv.js";
import { unanswered } from "./problem.js";

export function save(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

/** Bookings as CSV, as they come: `received(rows)` after each piece. → Blob. What breaks on the way raises Problem. */
export async function receiveCsv(body, received, signal) {
  const response = await fetchFrom("POST", "/export", { body: { format: "csv", ...body }, signal, seconds: null });
  const count = lineCounter();
  const pieces = [];
  try {
    for (const reader = response.body.getReader(); ;) {
      const { done, value } = await reader.read();
      if (done) return new Blob(pieces, { type: "text/csv" });
      pieces.push(value);
      received(Math.max(0, count(value) - 1)); // without the heading
    }
  } catch (error) {
    throw unanswered(error);
  }
}
