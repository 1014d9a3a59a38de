// The agenda: what the event type says, and what people have noted. Notes can be added, not changed.

import { addNote } from "../data/booking_page.js";
import { useAction, useDraft } from "../data/load.js";
import { html, useState } from "../data/preact.js";
import { instant, moment } from "../words/time.js";
import { announce } from "./announcer.js";
import { Field } from "./field.js";
import { LongText } from "./long_text.js";
import { Trouble } from "./trouble.js";

const LONGEST = 5000;

/** `reload` after a note was added. */
export function Notes({ page, session, zone, reload }) {
  const { booking, notes, actions } = page;
  const staff = actions?.part === "staff";
  const mayShare = staff || (actions && actions.part !== "seat");
  return html`
    ${booking.description ? html`<${LongText} text=${booking.description} tone="agenda" />` : null}
    ${notes.length === 0 && !booking.description ? html`<p class="muted">No notes yet.</p>` : null}
    <ul class="notes">
      ${notes.map((note) => html`<li key=${note.id}>
        <${LongText} text=${note.body} />
        <p class="muted"><bdi>${note.author_name || "Somebody"}</bdi>${note.mine ? " (you)" : ""} · <time datetime=${instant(note.created_at).toISOString()}>${moment(instant(note.created_at), zone)}</time>
          ${note.visibility === "staff" ? html` <span class="badge">team only</span>` : null}</p>
      </li>`)}
    </ul>
    ${mayShare ? html`<${AddNote} ...${{ booking, session, staff, reload }} />`
      : actions ? html`<p class="muted">In a booking with seats, only the team shares notes.</p>` : null}`;
}

function AddNote({ booking, session, staff, reload }) {
  const [body, setBody, clear] = useDraft(`note ${booking.id}`);
  const [visibility, setVisibility] = useState("shared");
  const add = useAction(async () => {
    await addNote(booking.id, session.user.id, body.trim(), visibility);
    clear();
    announce("Note added.");
    await reload();
  });
  const submit = (event) => {
    event.preventDefault();
    if (body.trim()) add.run();
  };
  return html`
    <form onSubmit=${submit}>
      <${Field} label="Add a note" rows="3" maxlength=${LONGEST} value=${body} onInput=${setBody}
        hint=${staff ? null : "Your host and the people in this booking can read it."} />
      ${staff ? html`<fieldset class="row"><legend class="hidden">Who reads it</legend>
        ${[["shared", "Everybody in the booking"], ["staff", "Only the team"]].map(([key, text]) => html`
          <label class="check"><input type="radio" name=${`who-${booking.id}`} checked=${visibility === key} onChange=${() => setVisibility(key)} />${text}</label>`)}
      </fieldset>` : null}
      <${Trouble} problem=${add.error} />
      <button disabled=${add.running || !body.trim()}>${add.running ? "Adding …" : "Add note"}</button>
    </form>`;
}
