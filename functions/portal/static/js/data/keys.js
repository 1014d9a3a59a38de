// Keys that do something on a page, as long as nobody is typing and no dialog is on top.

import { useEffect, useRef } from "./preact.js";

const TYPED = "textarea, select, input:not([type=checkbox], [type=radio], [type=button]), [contenteditable]";

/** `keys`: what a key does, by its name: `{"/": search, j: next}`. What returns false was not for it. */
export function useKeys(keys) {
  const latest = useRef(keys);
  latest.current = keys;
  useEffect(() => {
    const press = (event) => {
      if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
      if (event.target.closest?.(TYPED) || document.querySelector("dialog:modal:not(.panel)")) return;
      const act = Object.hasOwn(latest.current, event.key) ? latest.current[event.key] : null;
      if (act && act(event) !== false) event.preventDefault();
    };
    addEventListener("keydown", press);
    return () => removeEventListener("keydown", press);
  }, []);
}

