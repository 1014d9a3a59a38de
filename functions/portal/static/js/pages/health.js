import { html } from "../data/preact.js";
import { mount } from "../parts/page.js";

mount(() => html`<h1>health</h1>`, { title: "health" });
