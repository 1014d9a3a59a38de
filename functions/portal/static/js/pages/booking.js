import { html } from "../data/preact.js";
import { mount } from "../parts/page.js";

mount(() => html`<h1>booking</h1>`, { title: "booking" });
