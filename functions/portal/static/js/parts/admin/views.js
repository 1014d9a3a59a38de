// Views: lists that a member of staff has given a name, to come back to.

import { announce } from "../announcer.js";
import { table } from "../../data/api.js";
import { useAction, useDraft, useLoad } from "../../data/load.js";
import { html, useState } from "../../data/preact.js";
import { sameView, viewOf } from "../../words/filters.js";
import { Dialog } from "../dialog.js";
import { Drop } from "../drop.js";
import { Field } from "../field.js";
import { Trouble } from "../trouble.js";

/** `show(view)`: go there. */
export function Views({ query, show }) {
  const views = useLoad((signal) => table("saved_views", (t) => t.select("id, name, view").order("name"), { signal }), "views");
  const [asked, setAsked] = useState(null); // {what: save | rename | delete, view}
  const current = views.data?.find(({ view }) => sameView(view, query));
  const done = (text) => {
    setAsked(null);
    announce(text);
    views.reload({ quiet: true });
  };
  const ask = (what, view, close) => {
    close();
    setAsked({ what, view });
  };
  const Asked = asked && { save: Save, rename: Rename, delete: Delete }[asked.what];
  return html`
    <${Drop} text=${html`<bdi>${current ? `View: ${current.name}` : "Saved views"}</bdi>`} label="Saved views" tone=${current ? "set" : ""}>
      ${(close) => html`
        <${Trouble} problem=${views.error} retry=${views.reload} />
        ${views.data?.length === 0 ? html`<p class="muted">None yet. Set filters, then save them under a name.</p>` : null}
        <ul class="views">${views.data?.map((view) => html`
          <li key=${view.id}>
            <button type="button" class="quiet" aria-current=${view === current ? "true" : undefined}
              onClick=${() => [close(), show(view.view)]}><bdi>${view.name}</bdi></button>
            <button type="button" class="link" onClick=${() => ask("rename", view, close)}>Rename<span class="hidden"> ${view.name}</span></button>
            <button type="button" class="link" onClick=${() => ask("delete", view, close)}>Delete<span class="hidden"> ${view.name}</span></button>
          </li>`)}</ul>
        ${current ? null : html`<button type="button" class="wide" onClick=${() => ask("save", null, close)}>Save this view …</button>`}`}
    <//>
    ${Asked ? html`<${Asked} ...${{ ...asked, query, views: views.data ?? [], done }} close=${() => setAsked(null)} />` : null}`;
}

function Save({ query, views, done, close }) {
  const [name, setName, forget] = useDraft("view");
  const other = views.find((view) => view.name === name.trim());
  const save = useAction(async () => {
    const view = viewOf(query);
    await table("saved_views", (t) => (other ? t.update({ view }).eq("id", other.id) : t.insert({ name: name.trim(), view })));
    forget();
    done(`The view “${name.trim()}” is saved.`);
  });
  return html`<${Named} title="Save this view" ...${{ name, setName, close }} action=${save}
    hint=${other ? "There is a view of this name. Saving replaces it." : "Its list, its search and its filters are kept."} button=${other ? "Replace" : "Save"} />`;
}

function Rename({ view, views, done, close }) {
  const [name, setName] = useState(view.name);
  const isTaken = views.some((one) => one.id !== view.id && one.name === name.trim());
  const rename = useAction(async () => {
    await table("saved_views", (t) => t.update({ name: name.trim() }).eq("id", view.id));
    done(`The view is now called “${name.trim()}”.`);
  });
  return html`<${Named} title="Rename the view" ...${{ name, setName, close }} action=${rename} button="Rename"
    error=${isTaken ? "Another view has this name." : null} />`;
}

function Named({ title, name, setName, close, action, button, hint, error }) {
  const submit = (event) => {
    event.preventDefault();
    if (!error) action.run();
  };
  return html`
    <${Dialog} title=${title} onClose=${close}>
      <form onSubmit=${submit}>
        <${Field} label="Name" required maxlength="100" pattern=".*\\S.*" title="at least one letter" autofocus value=${name} onInput=${setName} ...${{ hint, error }} />
        <${Trouble} problem=${action.error} />
        <div class="actions"><button type="button" onClick=${close}>Close</button>
          <button class="primary" disabled=${action.running}>${action.running ? "Saving …" : button}</button></div>
      </form>
    <//>`;
}

function Delete({ view, done, close }) {
  const remove = useAction(async () => {
    await table("saved_views", (t) => t.delete().eq("id", view.id));
    done(`The view “${view.name}” is deleted.`);
  });
  return html`
    <${Dialog} title="Delete the view?" onClose=${close}>
      <p>“<bdi>${view.name}</bdi>” is only a set of filters; no booking changes.</p>
      <${Trouble} problem=${remove.error} />
      <div class="actions"><button autofocus onClick=${close}>Keep it</button>
        <button class="danger" disabled=${remove.running} onClick=${remove.run}>Delete the view</button></div>
    <//>`;
}
