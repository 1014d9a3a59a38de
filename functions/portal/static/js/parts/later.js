// Parts of a page that come when they are first needed, so that the page itself comes sooner.

import { html, useEffect, useState } from "../data/preact.js";
import { Problem } from "../data/problem.js";
import { Trouble } from "./trouble.js";

/** The component `name` of the module that `load` imports. `.soon()` fetches it before it is needed. */
export function later(load, name) {
  let Part = null;
  const soon = async () => {
    Part = (await load())[name];
  };
  function Later(props) {
    const [problem, setProblem] = useState(null);
    const [, setTurn] = useState(0);
    const fetch = () => {
      setProblem(null);
      soon().then(() => setTurn(1), () => setProblem(new Problem("offline")));
    };
    useEffect(() => {
      if (!Part) fetch();
    }, []);
    return Part ? html`<${Part} ...${props} />` : html`<${Trouble} problem=${problem} retry=${fetch} />`;
  }
  return Object.assign(Later, { soon: () => soon().catch(() => {}) });
}
