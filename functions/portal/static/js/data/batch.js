// Doing one thing to many bookings, a few at a time, each with a result of its own. What has been begun is kept in this
// tab, so that a reload or a cut costs nothing: the same batch goes on, and never does a thing twice.

import { call, rpc } from "./api.js";
import { namesOf } from "./bookings_found.js";
import { useRef, useState } from "./preact.js";
import { Problem } from "./problem.js";

const KEPT = "batch";
const PREVIEW = 20; // bookings a look
const CHUNK = 10; // bookings a call: results come in often, and one can stop between two
const PATIENCE = 65; // seconds: the function answers within 50
const OFTEN = 3; // calls without any result, after which it stops by itself

/** What each kind of batch does to a few bookings: → rows `{booking_id, outcome, error?}`. */
const DO = {
  cancel: async ({ id, reason }, ids) =>
    (await call("POST", "/cancel", { body: { batch_id: id, booking_ids: ids, reason }, seconds: PATIENCE })).results,
  resend: (_, ids) => Promise.all(ids.map(async (id) => {
    try {
      const { planned } = await rpc("resend_confirmation", { p_booking_id: id });
      return { booking_id: id, outcome: planned.length ? "resent" : "nothing_to_send", messages: planned.length };
    } catch (error) {
      if (error.passes) throw error; // concerns them all: they wait
      return { booking_id: id, outcome: "failed", error: error.code };
    }
  })),
};

/** What cancelling would do to each booking: → rows `{booking_id, outcome, messages, tells, error?}`. Nothing changes. */
const lookAt = (batchId, ids) =>
  call("POST", "/cancel", { body: { batch_id: batchId, booking_ids: ids, reason: "Preview", dry_run: true } });

/** Names and, of a cancellation, what it would do, handed to `seen({names, rows})` piece by piece. Raises Problem. */
export async function preview({ id, kind, ids }, seen, signal) {
  for (let first = 0; first < ids.length; first += PREVIEW) {
    const some = ids.slice(first, first + PREVIEW);
    const [names, looked] = await Promise.all([namesOf(some), kind === "cancel" ? lookAt(id, some) : null]);
    if (signal.aborted) return;
    seen({ names, rows: looked?.results ?? null, ids: some });
  }
}

/**
 * The batch of this tab: `{id, kind, reason, ids, names, results}` or null; `results`: by booking.
 * `begin(batch)` and `go()` work through what has no result, `stop()` ends after the call under way, `again(ids)` does
 * these once more, `forget()`.
 */
export function useBatch() {
  const [batch, setBatch] = useState(() => JSON.parse(sessionStorage.getItem(KEPT)));
  const [state, setState] = useState({ running: false, stopping: false, error: null });
  const now = useRef(batch);
  const stopped = useRef(false);

  const keep = (next) => {
    now.current = next;
    if (next) sessionStorage.setItem(KEPT, JSON.stringify(next));
    else sessionStorage.removeItem(KEPT);
    setBatch(next);
  };

  const go = async () => {
    stopped.current = false;
    setState({ running: true, stopping: false, error: null });
    let error = null;
    try {
      for (let without = 0; !stopped.current; ) {
        const waiting = waitingIn(now.current).slice(0, CHUNK);
        if (!waiting.length) break;
        const rows = await DO[now.current.kind](now.current, waiting);
        const settled = rows.filter((row) => row.error !== "not_reached");
        without = settled.length ? 0 : without + 1;
        if (without === OFTEN) throw new Problem("upstream_unavailable");
        const results = Object.fromEntries(settled.map(({ booking_id: id, ...row }) => [id, row]));
        keep({ ...now.current, results: { ...now.current.results, ...results } });
      }
    } catch (problem) {
      error = problem;
    }
    setState({ running: false, stopping: false, error });
  };

  return {
    batch, ...state, go,
    begin: (next) => {
      keep({ ...next, results: {} });
      return go();
    },
    stop: () => {
      stopped.current = true;
      setState((old) => ({ ...old, stopping: true }));
    },
    again: (ids) => {
      const results = Object.fromEntries(Object.entries(now.current.results).filter(([id]) => !ids.includes(id)));
      keep({ ...now.current, results });
      return go();
    },
    forget: () => keep(null),
  };
}

/** The bookings of a batch that have no result yet. */
export const waitingIn = (batch) => batch.ids.filter((id) => !batch.results[id]);
