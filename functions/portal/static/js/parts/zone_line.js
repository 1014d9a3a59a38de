// In which zone the times of the page are, and how to choose another.

import { html, useState } from "../data/preact.js";
import { browserZone, chooseZone, useZone } from "../data/zone.js";
import { zoneName } from "../words/time.js";
import { Dialog } from "./dialog.js";
import { Choice } from "./field.js";

/** `Times in Europe/Paris (UTC+1) · Change`. */
export function ZoneLine({ now }) {
  const zone = useZone();
  const [open, setOpen] = useState(false);
  return html`
    <p class="zone">Times in ${zoneName(now, zone)} ${"· "}
      <button class="link" type="button" onClick=${() => setOpen(true)}>Change<span class="hidden"> the time zone</span></button>
    </p>
    ${open ? html`<${ChooseZone} zone=${zone} now=${now} close=${() => setOpen(false)} />` : null}`;
}

function ChooseZone({ zone, now, close }) {
  const [chosen, setChosen] = useState(zone);
  const zones = [...new Set([browserZone, zone, "UTC", ...Intl.supportedValuesOf("timeZone")])];
  const submit = (event) => {
    event.preventDefault();
    chooseZone(chosen);
    close();
  };
  return html`
    <${Dialog} title="Time zone" onClose=${close}>
      <form onSubmit=${submit}>
        <${Choice} label="Show times in" value=${chosen} onChange=${setChosen}
          options=${zones.map((name) => [name, zoneName(now, name) + (name === browserZone ? ": this device" : "")])} />
        <div class="actions"><button type="button" onClick=${close}>Keep</button><button class="primary">Show in this zone</button></div>
      </form>
    <//>`;
}
