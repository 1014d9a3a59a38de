// Supabase's API and Auth over a real Postgres.
//
//   node supabase.mjs prepare   once, as superuser: the tables of Auth
//   node supabase.mjs serve     as the role `authenticator`, with the grants of the migrations and no more
//
// Settings come from the environment: DATABASE_URL, and for `serve` SUPABASE_PORT and the settings of the functions.

import { serve } from "@hono/node-server";
import { App, ResendEmailDriver } from "@supabase/lite";
import { createPostgresConnection } from "@supabase/lite/postgres";

const env = process.env;

// JSON that is text already goes through as it is: otherwise an argument of `rpc` arrives as a JSON *string*.
const asItIs = (oid) => ({
  to: oid,
  from: [oid],
  serialize: (value) => (typeof value === "string" ? value : JSON.stringify(value)),
  parse: (text) => JSON.parse(text),
});

const connection = createPostgresConnection({
  url: env.DATABASE_URL,
  postgresOptions: { types: { json: asItIs(114), jsonb: asItIs(3802) }, onnotice: () => {}, max: 20 },
});

// The mails of supabase/config.toml.
const code = { subject: "{{ .Token }} is your code", content_path: "supabase/templates/code.html" };

// The text part says what the HTML says; the API's own offers a link to pages that are not here.
const words = (html) =>
  html.replace(/<!--.*?-->|<(title|style)>.*?<\/\1>|<[^>]*>/gs, "").replace(/\s*\n\s*/g, "\n").trim();

async function prepare() {
  await new App({ connection, auth: { enabled: true, jwt_secret: "not used here" } }).ensureSystemSchema();
  await connection.close();
}

// Supabase lets the pages of every origin call it. This Auth would refuse the headers that its own client sends.
const ALLOWED = {
  "Access-Control-Allow-Origin": "*",
  "Access-Control-Allow-Methods": "GET, POST, PUT, PATCH, DELETE, OPTIONS",
  "Access-Control-Expose-Headers": "Content-Range",
  "Access-Control-Max-Age": "7200",
};

async function answer(app, request) {
  if (request.method === "OPTIONS") {
    const asked = request.headers.get("access-control-request-headers") ?? "";
    return new Response(null, { status: 204, headers: { ...ALLOWED, "Access-Control-Allow-Headers": asked } });
  }
  const { body, status, headers } = await verified(app, request);
  const allowed = new Headers([...headers].filter(([name]) => name !== "access-control-allow-credentials"));
  for (const [name, value] of Object.entries(ALLOWED)) allowed.set(name, value);
  return new Response(body, { status, headers: allowed });
}

// A mailed code is of type `email` to Supabase, whether the account is new or not; this Auth tells the two apart.
async function verified(app, request) {
  if (request.method !== "POST" || new URL(request.url).pathname !== "/auth/v1/verify") return app.fetch(request);
  const proof = await request.json().catch(() => ({}));
  const types = proof.type === "email" ? ["magiclink", "signup"] : [proof.type];
  let answer;
  for (const type of types) {
    answer = await app.fetch(new Request(request, { body: JSON.stringify({ ...proof, type }) }));
    if (answer.ok) break;
  }
  return answer;
}

async function run() {
  const resend = new ResendEmailDriver({
    apiKey: env.RESEND_API_KEY,
    from: env.RESEND_FROM_EMAIL,
    endpoint: `${env.RESEND_API_URL}/emails`,
  });
  // At its first request the API would grant all tables to all roles. The migrations say who may do what.
  connection.rlsState = "active";
  const app = new App({
    connection,
    auth: {
      enabled: true,
      jwt_secret: env.SUPABASE_JWT_SECRET,
      publishable_key: env.SUPABASE_PUBLISHABLE_KEY,
      secret_key: env.SUPABASE_SECRET_KEY,
      site_url: env.PORTAL_URL,
      minimum_password_length: 8,
      email: {
        enable_confirmations: true,
        otp_length: 6,
        otp_expiry: 600,
        template: { confirmation: code, magic_link: code, recovery: code },
      },
    },
    options: { drivers: { email: { send: (message) => resend.send({ ...message, text: words(message.html) }) } } },
  });
  const server = serve({ fetch: (request) => answer(app, request), port: Number(env.SUPABASE_PORT), hostname: "127.0.0.1" });
  process.on("SIGTERM", () => server.close(() => process.exit(0)));
}

// A connection that Postgres ends while somebody writes to it ends that request, not the API for everybody: the driver
// throws then where nobody can catch it.
for (const event of ["unhandledRejection", "uncaughtException"]) {
  process.on(event, (error) => {
    console.error(`${event}: ${error?.stack ?? error}`);
    if (!/node_modules\/postgres\//.test(error?.stack ?? "")) process.exit(1);
  });
}

await { prepare, serve: run }[process.argv[2]]();
