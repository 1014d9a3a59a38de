// A search that begins by itself once one has stopped typing.

import { html, useEffect, useState } from "../data/preact.js";

const PAUSE = 300; // milliseconds

/** `words`: what is searched for now; `search(words)` begins another one. */
export function Search({ words, search, label, placeholder, id = "q" }) {
  const [text, setText] = useState(words);
  useEffect(() => setText(words), [words]);
  useEffect(() => {
    const timer = setTimeout(() => text.trim() !== words && search(text.trim()), PAUSE);
    return () => clearTimeout(timer);
  }, [text]);
  return html`<form role="search" class="search" onSubmit=${(event) => event.preventDefault()}>
    <label class="hidden" for=${id}>${label}</label>
    <input id=${id} type="search" placeholder=${placeholder} maxlength="200" value=${text} onInput=${(event) => setText(event.target.value)} />
  </form>`;
}
