// Cal.com's inline embed. Calls are queued until its script has come, which takes them from there.

import { config } from "./config.js";

const NAMESPACE = "book";
// What tells the embed how to look or what to move, not what somebody would type into its form.
const NOT_TYPED = /^(embed|embedType|theme|layout|type|origin|debug|iframeAttrs|prerender|rescheduleUid|rescheduledBy|seatReferenceUid|bookingUid|ui\..*|cal\..*|__.*)$/i;

function queued() {
  const call = (...words) => {
    call.q.push(words);
  };
  call.q = [];
  return call;
}

/** Load the embed: `embed("inline", {…})`, `embed("ui", {…})`, `embed("on", {action, callback})`. Once a page. */
export function loadEmbed({ loaded, failed }) {
  const embed = queued();
  globalThis.Cal = Object.assign(queued(), { ns: { [NAMESPACE]: embed }, loaded: true });
  globalThis.Cal("initNamespace", NAMESPACE);
  embed("init", NAMESPACE, { origin: config.calcom_origin });
  const script = document.createElement("script");
  Object.assign(script, { src: `${config.calcom_origin}/embed/embed.js`, async: true, onload: loaded, onerror: failed });
  document.head.append(script);
  return embed;
}

/** What of Cal.com is embedded. Where the settings name somebody's page, `?type=` of our address chooses from it. */
export function calendar(search = location.search) {
  const link = config.calcom_link.replace(/^\/+|\/+$/g, "");
  const type = new URLSearchParams(search).get("type") ?? "";
  const isPage = /^([^/]+|team\/[^/]+)$/.test(link);
  return isPage && /^[\w-]{1,200}$/.test(type) ? `${link}/${type}` : link;
}

/** What stands in the form already: from our address, and who is signed in. `{name, email, guests: […], …}` */
export function prefill(person, search = location.search) {
  const typed = {};
  for (const [key, value] of new URLSearchParams(search)) {
    if (!NOT_TYPED.test(key) && value) typed[key] = key in typed ? [typed[key], value].flat() : value;
  }
  return { ...typed, ...Object.fromEntries(Object.entries(person).filter(([, value]) => value)) };
}

/** The same without our page around it. */
export function plainLink(person) {
  const query = new URLSearchParams(Object.entries(prefill(person)).flatMap(([key, value]) => [value].flat().map((one) => [key, one])));
  return `${config.calcom_origin}/${calendar()}${query.size ? `?${query}` : ""}`;
}
