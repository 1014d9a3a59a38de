// What a page shows while it asks, when it is slow, and when it fails: hooks for reading and for doing.

import { useCallback, useEffect, useRef, useState } from "./preact.js";

export const SLOW = 3000; // milliseconds until one is told that it takes longer
const POLL = [30_000, 60_000, 120_000, 300_000]; // looked at again while nobody changes anything

/**
 * `load(signal)` again at each change of `key`: `{data, error, loading, slow, reload}`.
 * Old data stay on the page while the new are on their way, and when they fail. With `poll`, what others change comes
 * in by itself: less and less often, at once when one comes back to the page, never while it is hidden.
 */
export function useLoad(load, key, { poll = false } = {}) {
  const [state, setState] = useState({ data: undefined, error: null, loading: true, slow: false });
  const latest = useRef(load);
  latest.current = load;
  const running = useRef(null);

  const reload = useCallback(async ({ quiet = false } = {}) => {
    running.current?.abort();
    const controller = (running.current = new AbortController());
    const set = (values) => running.current === controller && setState((old) => ({ ...old, ...values }));
    if (!quiet) set({ loading: true, slow: false });
    const timer = setTimeout(() => quiet || set({ slow: true }), SLOW);
    try {
      set({ data: await latest.current(controller.signal), error: null, loading: false, slow: false });
    } catch (error) {
      if (error.name === "AbortError" || running.current !== controller) return;
      // Nobody asked for a quiet look, so nobody hears of its failure, unless there is nothing else to see.
      setState((old) => ({ ...old, error: quiet && old.data !== undefined ? old.error : error, loading: false, slow: false }));
    } finally {
      clearTimeout(timer);
    }
  }, []);

  useEffect(() => {
    reload();
    return () => running.current?.abort();
  }, [key, reload]);

  useEffect(() => {
    const back = () => reload({ quiet: true });
    addEventListener("online", back);
    return () => removeEventListener("online", back);
  }, [reload]);

  useEffect(() => {
    if (!poll) return undefined;
    let turn = 0;
    let timer;
    const wait = () => (timer = setTimeout(look, POLL[Math.min(turn++, POLL.length - 1)]));
    const look = async () => {
      if (!document.hidden) await reload({ quiet: true });
      wait();
    };
    const seen = () => {
      if (document.hidden) return;
      turn = 0;
      clearTimeout(timer);
      look();
    };
    wait();
    document.addEventListener("visibilitychange", seen);
    return () => {
      clearTimeout(timer);
      document.removeEventListener("visibilitychange", seen);
    };
  }, [poll, key, reload]);

  const change = useCallback((how) => setState((old) => ({ ...old, data: how(old.data) })), []);
  return { ...state, reload, change };
}

/**
 * A list that grows page by page: `ask(cursor, size, signal)` gives at most `size` rows after `cursor`.
 * Beside what `useLoad` gives: `rows` (undefined until the first came), `more` (an action; null at the end).
 */
export function usePages(ask, key, size, options) {
  const count = useRef(1);
  useEffect(() => {
    count.current = 1;
  }, [key]);
  const list = useLoad(async (signal) => {
    let all = [];
    for (let page = 1; ; page += 1) {
      const rows = await ask(all.at(-1)?.cursor ?? null, size + 1, signal);
      all = [...all, ...rows.slice(0, size)];
      if (rows.length <= size || page >= count.current) return { key, rows: all, ended: rows.length <= size };
    }
  }, key, options);
  const shown = list.data?.key === key ? list.data : null;
  const more = useAction(async () => {
    const rows = await ask(shown.rows.at(-1).cursor, size + 1);
    count.current += 1;
    list.change((data) => ({ key, rows: [...data.rows, ...rows.slice(0, size)], ended: rows.length <= size }));
  });
  return { ...list, rows: shown?.rows, more: !shown || shown.ended ? null : more };
}

/** Doing something once at a time: `{run, running, slow, error, clear}`; `run` gives what `action` gives, or undefined. */
export function useAction(action) {
  const [state, setState] = useState({ running: false, slow: false, error: null });
  const busy = useRef(false);
  const latest = useRef(action);
  latest.current = action;

  const run = useCallback(async (...args) => {
    if (busy.current) return undefined;
    busy.current = true;
    setState({ running: true, slow: false, error: null });
    const timer = setTimeout(() => setState((old) => ({ ...old, slow: old.running })), SLOW);
    try {
      const result = await latest.current(...args);
      setState({ running: false, slow: false, error: null });
      return result;
    } catch (error) {
      setState({ running: false, slow: false, error });
      return undefined;
    } finally {
      busy.current = false;
      clearTimeout(timer);
    }
  }, []);

  return { ...state, run, clear: () => setState({ running: false, slow: false, error: null }) };
}

/** A value that survives a reload of the page, in this tab, until it is cleared: what somebody has typed. */
export function useDraft(key, initial = "") {
  const name = `draft:${key}`;
  const [value, setValue] = useState(() => sessionStorage.getItem(name) ?? initial);
  const set = useCallback((next) => {
    setValue(next);
    if (next === "" || next == null) sessionStorage.removeItem(name);
    else sessionStorage.setItem(name, next);
  }, [name]);
  const clear = useCallback(() => {
    sessionStorage.removeItem(name);
    setValue(initial);
  }, [name, initial]);
  return [value, set, clear];
}

/** The query of the address as an object, and how to change it: `set({tab: "past"})`; Back works. */
export function useQuery() {
  const read = () => Object.fromEntries(new URLSearchParams(location.search));
  const [query, setQuery] = useState(read);
  useEffect(() => {
    const back = () => setQuery(read());
    addEventListener("popstate", back);
    return () => removeEventListener("popstate", back);
  }, []);
  const set = useCallback((changes, { replace = false } = {}) => {
    const next = Object.entries({ ...read(), ...changes }).filter(([, value]) => value != null && value !== "");
    const search = next.length ? `?${new URLSearchParams(next)}` : location.pathname;
    history[replace ? "replaceState" : "pushState"](null, "", search);
    setQuery(read());
  }, []);
  return [query, set];
}
