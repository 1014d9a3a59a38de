import { html } from "../data/preact.js";
import { mount } from "../parts/page.js";

mount(() => html`<h1>admin</h1>`, { title: "admin" });
