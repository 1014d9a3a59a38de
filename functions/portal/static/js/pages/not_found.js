// Where nothing is.

import { portal } from "../data/config.js";
import { html } from "../data/preact.js";
import { mount } from "../parts/page.js";

function NotFound() {
  return html`
    <h1>This page does not exist</h1>
    <p>The address may be incomplete. Your bookings are <a href=${portal("/bookings")}>here</a>.</p>`;
}

mount(NotFound, { title: "This page does not exist", needs: "nobody" });
