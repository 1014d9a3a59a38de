// Which rows of the list are selected, which one has the keyboard, and which one is open.

import { useState } from "../../data/preact.js";

/** `[ids, choose, toggle]`: the selected ids, of one list (`key`): another list begins with none. */
export function useChosen(key) {
  const [state, setState] = useState({ key, ids: new Set() });
  const ids = state.key === key ? state.ids : new Set();
  const choose = (next) => setState({ key, ids: new Set(next) });
  const toggle = ({ id }) => choose(ids.has(id) ? [...ids].filter((one) => one !== id) : [...ids, id]);
  return [ids, choose, toggle];
}

/**
 * `current`: the row that Tab reaches; `move(1)`: to the next one, and what is open moves along; `open(id)`;
 * `close()`: back to the row; `step(1)`: what opens the next one, null at the end. `opened`: the id of the open one.
 */
export function useRow(rows, opened, setOpened) {
  const [at, setAt] = useState(null);
  const current = rows.some(({ id }) => id === at) ? at : (rows[0]?.id ?? null);

  const beside = (id, step) => {
    const place = rows.findIndex((one) => one.id === id);
    return rows[Math.min(Math.max(place + step, 0), rows.length - 1)]?.id;
  };
  const open = (id, options) => {
    setAt(id);
    setOpened(id, options);
  };
  const move = (step, what = "a") => {
    const inPanel = opened && isIn(".panel");
    // From elsewhere on the page the first step leads to the row, not past it.
    const next = inPanel ? beside(opened, step) : isIn(".list") ? beside(current, step) : current;
    if (!next) return;
    setAt(next);
    if (opened) open(next, { replace: true });
    if (!inPanel) focus(next, what);
  };
  const close = () => {
    setOpened("");
    setTimeout(() => focus(opened) || document.getElementById("main").focus());
  };
  const step = (by) => {
    const next = beside(opened, by);
    return next && next !== opened ? () => open(next, { replace: true }) : null;
  };
  return { current, move, open, close, step };
}

const isIn = (part) => Boolean(document.activeElement?.closest(part));

/** Whether there was a row to focus. */
function focus(id, what = "a") {
  const found = document.querySelector(`.list [data-id="${CSS.escape(id)}"] ${what}`);
  found?.focus();
  return Boolean(found);
}
