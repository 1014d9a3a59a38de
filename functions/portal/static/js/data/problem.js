// What can go wrong, as one kind of error, whoever says it: our functions (RFC 9457), the API, or the network.

export class Problem extends Error {
  /** `code` is stable; `more` holds the further members of a function's problem (`until`, `contact`, `slots`, …). */
  constructor(code, { status = 0, title = "", detail = "", retryAfter = null, more = {} } = {}) {
    super(title || code);
    Object.assign(this, { code, status, title, detail, retryAfter, more });
  }

  /** Whether asking again later can help. */
  get passes() {
    return ["offline", "timeout", "unavailable", "upstream_unavailable", "rate_limited", "internal"].includes(this.code);
  }
}

const BY_STATUS = { 401: "not_signed_in", 403: "not_allowed", 404: "not_found", 409: "conflict", 429: "rate_limited" };

/** The error of a `fetch` that had no answer. An abort by the page itself stays what it is. */
export function unanswered(error) {
  if (error.name === "AbortError") return error;
  return new Problem(error.name === "TimeoutError" ? "timeout" : "offline");
}

/** The problem in an answer of one of our functions. */
export async function problemOf(response) {
  const body = await response.json().catch(() => ({}));
  const { code, status, title, detail, ...more } = body;
  const seconds = Number(response.headers.get("Retry-After"));
  return new Problem(code || BY_STATUS[response.status] || (response.status >= 500 ? "unavailable" : "invalid"), {
    status: response.status, title, detail, retryAfter: seconds || null, more,
  });
}

/** The problem in an answer of the API: `{error: {message, hint, code}, status}`. */
export function apiProblem({ error, status }) {
  const hint = [error.message, error.hint].filter(Boolean).join(": ");
  // supabase-js tells a failed fetch by a status of 0 and a message.
  if (!status) return new Problem(/timeout/i.test(error.message) ? "timeout" : "offline");
  const code = BY_STATUS[status] || (status >= 500 ? "unavailable" : "invalid");
  return new Problem(code, { status, detail: code === "invalid" ? hint : "", more: { sqlstate: error.code } });
}
