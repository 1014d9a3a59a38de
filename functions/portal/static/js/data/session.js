// Who is signed in. supabase-js keeps the session, in this browser, until one signs out.

import { config } from "./config.js";
import { Problem, apiProblem } from "./problem.js";

const SLOWEST = 20_000; // milliseconds until an answer is given up

const LAST = "booking-role"; // whose, and which

export const supabase = globalThis.supabase.createClient(config.supabase_url, config.supabase_publishable_key, {
  auth: { detectSessionInUrl: false, storageKey: "booking-session" },
  global: { fetch: bounded },
});

/** `state`: loading | out | in | expired. `role`: admin, host, or null for a client. */
export const session = { state: "loading", user: null, role: null };

const listeners = new Set();
let again = null; // what waits until an expired session is renewed

/** Call `listener` at each change; returns how to stop. */
export function onSession(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

function change(values) {
  Object.assign(session, values);
  for (const listener of listeners) listener();
}

/** Read the kept session, and who that is. */
export async function openSession() {
  const { data } = await supabase.auth.getSession();
  await enter(data.session);
  supabase.auth.onAuthStateChange((event, now) => {
    // Signed out in another tab, or the session could not be renewed: what is on the page stays.
    if (event === "SIGNED_OUT" && session.state === "in") change({ state: "expired" });
    if (event === "SIGNED_IN" && session.state !== "in") setTimeout(() => enter(now));
  });
}

async function enter(now) {
  if (!now) return change({ state: "out", user: null, role: null });
  if (session.user && session.user.id !== now.user.id) {
    sessionStorage.clear(); // drafts of somebody else
    return location.reload(); // and not what this page shows
  }
  const asked = session.user ? null : roleOf(now.user.id);
  const last = JSON.parse(localStorage.getItem(LAST) ?? "{}");
  // Who one was last time stands in until the answer comes, so that no page waits for it; the server decides anyway.
  const role = !asked ? session.role : last.id === now.user.id ? last.role : await asked;
  change({ state: "in", user: now.user, role });
  again?.resolve();
  again = null;
  asked?.then((found) => found !== session.role && change({ role: found }), () => {}); // what fails is told by the page
}

async function roleOf(userId) {
  const answer = await supabase.from("staff").select("role").eq("user_id", userId).maybeSingle();
  if (answer.status === 401) return session.role; // found out again by whatever the page asks for
  if (answer.error) throw apiProblem(answer);
  const role = answer.data?.role ?? null;
  localStorage.setItem(LAST, JSON.stringify({ id: userId, role }));
  return role;
}

/** Ask for a code by mail. Raises Problem. */
export async function sendCode(email) {
  const { error } = await supabase.auth.signInWithOtp({ email, options: { shouldCreateUser: true } });
  if (error) throw authProblem(error);
}

/** Sign in with the code. Raises Problem, `wrong_code` among them. */
export async function signInWithCode(email, token) {
  const { data, error } = await supabase.auth.verifyOtp({ email, token, type: "email" });
  if (error) throw authProblem(error, "wrong_code");
  await enter(data.session);
}

/** Raises Problem, `wrong_password` among them. */
export async function signInWithPassword(email, password) {
  const { data, error } = await supabase.auth.signInWithPassword({ email, password });
  if (error) throw authProblem(error, "wrong_password");
  await enter(data.session);
}

export async function signOut() {
  change({ state: "out", user: null, role: null });
  sessionStorage.clear(); // drafts
  await supabase.auth.signOut({ scope: "local" });
}

/** Resolves once the person whose session has expired has signed in again. */
export function signedInAgain() {
  again ??= Promise.withResolvers();
  if (session.state === "in") change({ state: "expired" });
  return again.promise;
}

/** The token of the session, renewed if it is about to end; null if there is none. */
export async function accessToken() {
  const { data } = await supabase.auth.getSession();
  return data.session?.access_token ?? null;
}

function authProblem(error, refused = "invalid") {
  if (error.name === "AuthRetryableFetchError" || !error.status) return new Problem("offline");
  if (error.status === 429) return new Problem("rate_limited", { status: 429 });
  if (error.status >= 500) return new Problem("unavailable", { status: error.status });
  return new Problem(refused, { status: error.status, detail: refused === "invalid" ? error.message : "" });
}

/** `fetch` that does not wait for ever; `milliseconds` null: it does, for what comes piece by piece. */
export function bounded(input, init = {}, milliseconds = SLOWEST) {
  if (milliseconds === null) return fetch(input, init);
  const limit = AbortSignal.timeout(milliseconds);
  return fetch(input, { ...init, signal: init.signal ? AbortSignal.any([init.signal, limit]) : limit });
}
