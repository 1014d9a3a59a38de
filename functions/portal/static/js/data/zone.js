// The zone that times are shown in: chosen and remembered, else the browser's own.

import { useEffect, useState } from "./preact.js";

const KEY = "time-zone";
const listeners = new Set();

export const browserZone = Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";

export function timeZone() {
  const chosen = localStorage.getItem(KEY);
  return chosen && isZone(chosen) ? chosen : browserZone;
}

export function chooseZone(zone) {
  if (zone === browserZone) localStorage.removeItem(KEY);
  else localStorage.setItem(KEY, zone);
  for (const listener of listeners) listener(timeZone());
}

/** The zone, followed by whoever shows times in it. */
export function useZone() {
  const [zone, setZone] = useState(timeZone);
  useEffect(() => {
    listeners.add(setZone);
    return () => listeners.delete(setZone);
  }, []);
  return zone;
}

export function isZone(name) {
  try {
    new Intl.DateTimeFormat("en", { timeZone: name });
    return true;
  } catch {
    return false;
  }
}
