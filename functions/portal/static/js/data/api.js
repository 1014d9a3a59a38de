// What pages ask for: SQL functions and tables through the API, and our own functions. Each raises Problem.
// A session that has ended is renewed by the person, on top of the page; then the same question is asked again.

import { config, queryOf } from "./config.js";
import { Problem, apiProblem, problemOf, unanswered } from "./problem.js";
import { accessToken, bounded, signedInAgain, supabase } from "./session.js";

/** The result of an SQL function. */
export function rpc(name, args = {}, { signal } = {}) {
  return asMyself(async () => {
    const asked = supabase.rpc(name, args);
    return dataOf(await (signal ? asked.abortSignal(signal) : asked), signal);
  });
}

/** Rows of a table: `table("saved_views", (t) => t.select("*").order("name"))`. */
export function table(name, ask, { signal } = {}) {
  return asMyself(async () => {
    const asked = ask(supabase.from(name));
    return dataOf(await (signal ? asked.abortSignal(signal) : asked), signal);
  });
}

/** The JSON of one of our functions: `call("POST", "/cancel", {body})`; null where it answers without any. */
export async function call(method, path, options) {
  const response = await fetchFrom(method, path, options);
  const text = await response.text();
  return text ? JSON.parse(text) : null;
}

/** The answer of one of our functions, for what is not JSON. `seconds`: until it is given up (20); null: never. */
export function fetchFrom(method, path, { body, query = {}, signal, headers = {}, seconds } = {}) {
  return asMyself(async () => {
    const token = await accessToken();
    if (!token) throw new Problem("not_signed_in", { status: 401 });
    const sent = body === undefined ? {} : { body: JSON.stringify(body) };
    const all = { Authorization: `Bearer ${token}`, ...(sent.body ? { "Content-Type": "application/json" } : {}), ...headers };
    const url = config.functions_url + path + queryOf(query);
    const response = await bounded(url, { method, headers: all, signal, ...sent }, seconds && seconds * 1000).catch((error) => {
      throw unanswered(error);
    });
    if (!response.ok) throw await problemOf(response);
    return response;
  });
}

async function asMyself(ask) {
  try {
    return await ask();
  } catch (error) {
    if (error.code !== "not_signed_in") throw error;
    const renewed = await supabase.auth.refreshSession();
    if (renewed.error) await signedInAgain();
    return ask();
  }
}

function dataOf(answer, signal) {
  if (signal?.aborted) throw new DOMException("", "AbortError");
  if (answer.error) throw apiProblem(answer);
  return answer.data;
}
