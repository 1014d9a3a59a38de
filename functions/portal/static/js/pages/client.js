// A client, as staff who hold bookings of theirs know them.

import { rpc } from "../data/api.js";
import { config, portal } from "../data/config.js";
import { useLoad, useQuery } from "../data/load.js";
import { html, useEffect, useState } from "../data/preact.js";
import { useZone } from "../data/zone.js";
import { SweepBanner } from "../parts/banner.js";
import { Consents, Person, Phone, Reach, Wishes } from "../parts/client_facts.js";
import { ClientBookings, ClientMessages, ClientNotes } from "../parts/client_lists.js";
import { Skeleton, mount } from "../parts/page.js";
import { Suppressions } from "../parts/suppressions.js";
import { Slow, Trouble } from "../parts/trouble.js";
import { ZoneLine } from "../parts/zone_line.js";
import { mailtoOf } from "../words/person.js";

const WHO = clientOf(location.pathname);

/** The address or number at the end of the path. */
function clientOf(path) {
  const last = path.slice(config.portal.length).replace(/\/$/, "").split("/").at(-1);
  try {
    return decodeURIComponent(last);
  } catch {
    return last;
  }
}

function Client() {
  const [query, setQuery] = useQuery();
  const zone = useZone();
  const now = new Date();
  const { data: client, error, slow, reload } = useLoad((signal) => rpc("client_page", { p_email: WHO }, { signal }), WHO, { poll: true });
  const name = client?.names[0] ?? WHO;
  // What stands below comes into sight once what stands above it has its height.
  const [listed, setListed] = useState(false);
  useEffect(() => {
    document.title = `${name} · Bookings`;
  }, [name]);

  if (error?.code === "not_found") return html`<${Nobody} />`;
  return html`
    <div class="heading">
      <h1><bdi>${name}</bdi></h1>
      <a href=${portal("/admin", { tab: "all", client: WHO })}>All their bookings</a>
    </div>
    <${Slow} slow=${slow} />
    <${Trouble} problem=${error} retry=${reload} />
    ${client ? html`<${Reached} client=${client} />` : null}
    ${client?.suppressions ? html`<${Suppressions} rows=${client.suppressions} zone=${zone} lifted=${reload} />` : null}
    <${ZoneLine} now=${now} />
    ${client || error ? null : html`<${Skeleton} />`}
    <div class="columns" hidden=${!client && !error}>
      <div>
        <${ClientBookings} client=${WHO} ...${{ query, setQuery, zone, now }} shown=${() => setListed(true)} />
        <div hidden=${!listed}>
          <${ClientNotes} client=${WHO} ...${{ zone, now }} />
          <${ClientMessages} client=${WHO} zone=${zone} />
        </div>
      </div>
      <aside hidden=${!listed} aria-label="About this client">${client ? html`<${About} ...${{ client, zone, now }} />` : null}</aside>
    </div>`;
}

function Reached({ client }) {
  const mail = mailtoOf(client.email);
  return html`<p class="row">
    ${client.email ? (mail ? html`<a href=${mail}><bdi>${client.email}</bdi></a>` : html`<bdi>${client.email}</bdi>`) : null}
    ${client.phones.map((phone) => html`<${Phone} key=${phone} phone=${phone} />`)}
  </p>
  <${Reach} reach=${client.reach} />`;
}

function About({ client, zone, now }) {
  return html`
    <section class="card"><h2>Client</h2><${Person} ...${{ client, zone, now }} /></section>
    ${client.email ? html`<section class="card"><h2>Wishes</h2><${Wishes} wishes=${client.preferences} zone=${zone} /></section>` : null}
    ${client.sms_consents && client.email ? html`
      <section class="card"><h2>Consent to texts</h2><${Consents} consents=${client.sms_consents} zone=${zone} /></section>` : null}`;
}

function Nobody() {
  return html`
    <h1>No such client</h1>
    <p>You have no bookings with <bdi>${WHO}</bdi>. The address may be incomplete, or their bookings are held by others.</p>
    <p><a class="button" href=${portal("/admin")}>All bookings</a></p>`;
}

mount(Client, { title: "Client", needs: "staff", wide: true, Banner: SweepBanner });
