// Tabs whose choice is in the address. Arrow keys move between them.

import { html, useRef } from "../data/preact.js";

/** `tabs`: `[key, text]`; `panel`: the id of what they change. */
export function Tabs({ tabs, chosen, choose, label, panel }) {
  const list = useRef(null);
  const move = (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1, Home: "first", End: "last" }[event.key];
    if (!step) return;
    event.preventDefault();
    const keys = tabs.map(([key]) => key);
    const at = step === "first" ? 0 : step === "last" ? keys.length - 1 : (keys.indexOf(chosen) + step + keys.length) % keys.length;
    choose(keys[at]);
    list.current.children[at].focus();
  };
  return html`
    <div class="tabs" role="tablist" aria-label=${label} ref=${list} onKeyDown=${move}>
      ${tabs.map(([key, text]) => html`
        <button role="tab" type="button" id=${`tab-${key}`} aria-controls=${panel} aria-selected=${key === chosen ? "true" : "false"}
          tabindex=${key === chosen ? 0 : -1} onClick=${() => choose(key)}>${text}</button>`)}
    </div>`;
}
