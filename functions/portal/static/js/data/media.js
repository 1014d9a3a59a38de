// What the screen is like, followed while it changes.

import { useEffect, useState } from "./preact.js";

/** Whether a media query holds: `useMedia("(max-width: 40rem)")`. */
export function useMedia(query) {
  const [holds, setHolds] = useState(() => matchMedia(query).matches);
  useEffect(() => {
    const list = matchMedia(query);
    const change = () => setHolds(list.matches);
    list.addEventListener("change", change);
    return () => list.removeEventListener("change", change);
  }, [query]);
  return holds;
}
