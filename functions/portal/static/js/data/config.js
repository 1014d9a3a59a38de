// What the page knows of its deployment: public values only.

export const config = Object.freeze(JSON.parse(document.getElementById("config").textContent));

/** The address of a page: `portal("/bookings", {tab: "past"})`. Empty values are left out. */
export function portal(path, query = {}) {
  return config.portal + path + queryOf(query);
}

/** `{a: 1, b: null}` → `?a=1`; without any value "". */
export function queryOf(query) {
  const given = Object.entries(query).filter(([, value]) => value != null && value !== "");
  return given.length ? `?${new URLSearchParams(given)}` : "";
}
