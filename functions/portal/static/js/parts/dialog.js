// A modal dialog: the browser's own, which keeps the focus inside and gives it back.

import { html, useEffect, useLayoutEffect, useRef } from "../data/preact.js";

let count = 0;

/** `onClose` on Esc, on a click beside it and on its ✕; `steady`: it stays until what it asks for is done. */
export function Dialog({ title, onClose, steady = false, wide = false, children }) {
  const dialog = useRef(null);
  const id = useRef(`dialog-${(count += 1)}`).current;

  useLayoutEffect(() => {
    const before = document.activeElement;
    const node = dialog.current;
    node.showModal();
    return () => {
      node.close(); // while it is open, nothing beside it takes the focus
      if (before?.isConnected) before.focus();
      else document.getElementById("main")?.focus({ preventScroll: true }); // what had opened it is gone
    };
  }, []);

  useEffect(() => {
    const node = dialog.current;
    const cancel = (event) => {
      event.preventDefault();
      if (!steady) onClose();
    };
    node.addEventListener("cancel", cancel);
    return () => node.removeEventListener("cancel", cancel);
  }, [onClose, steady]);

  const beside = (event) => event.target === dialog.current && !steady && onClose();
  return html`
    <dialog ref=${dialog} class=${wide ? "wide" : ""} aria-labelledby=${id} onMouseDown=${beside}>
      <div class="sheet">
        <header><h2 id=${id}>${title}</h2>
          ${steady ? null : html`<button class="quiet" type="button" aria-label="Close" onClick=${onClose}>✕</button>`}
        </header>
        ${children}
      </div>
    </dialog>`;
}
