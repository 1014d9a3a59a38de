// A button that opens something small below itself. Esc, a click elsewhere or leaving it closes it.

import { html, useEffect, useRef, useState } from "../data/preact.js";

let count = 0;

/** `text`: of the button; `label`: of what opens, for who does not see it; `children`: a function, given how to close. */
export function Drop({ text, label, tone = "", children }) {
  const [open, setOpen] = useState(false);
  const id = useRef(`drop-${(count += 1)}`).current;
  const whole = useRef(null);
  const button = useRef(null);
  const close = () => {
    setOpen(false);
    button.current?.focus();
  };

  useEffect(() => {
    if (!open) return undefined;
    whole.current.querySelector(".drop-sheet :is(input:checked, input, button, a)")?.focus();
    const elsewhere = (event) => whole.current?.contains(event.target) || setOpen(false);
    document.addEventListener("pointerdown", elsewhere);
    return () => document.removeEventListener("pointerdown", elsewhere);
  }, [open]);

  const press = (event) => {
    if (event.key !== "Escape" || !open) return;
    event.preventDefault();
    event.stopPropagation();
    close();
  };
  // Focus that goes nowhere (a click on plain text) stays with us.
  const leave = (event) => event.relatedTarget && !whole.current.contains(event.relatedTarget) && setOpen(false);
  return html`
    <div class="drop" ref=${whole} onKeyDown=${press} onFocusOut=${leave}>
      <button ref=${button} type="button" class=${`pill ${tone}`} aria-expanded=${open ? "true" : "false"}
        aria-controls=${open ? id : undefined} onClick=${() => setOpen(!open)}>${text}<span aria-hidden="true"> ▾</span></button>
      ${open ? html`<div class="drop-sheet" id=${id} role="group" aria-label=${label}>${children(close)}</div>` : null}
    </div>`;
}
