// What is on top of the list when somebody asks for it: help, files, and batches with their preview.

import { waitingIn } from "../../data/batch.js";
import { html } from "../../data/preact.js";
import { bookingsInWords } from "../../words/batch.js";
import { countInWords } from "../../words/filters.js";
import { later } from "../later.js";
import { BulkBar, UnfinishedBatch } from "./bulk_bar.js";

const BulkDialog = later(() => import("./bulk_dialog.js"), "BulkDialog");
const BatchDialog = later(() => import("./batch_dialog.js"), "BatchDialog");
const CsvDialog = later(() => import("./csv_dialog.js"), "CsvDialog");
const KeysHelp = later(() => import("./keys_help.js"), "KeysHelp");

/** `asked`: null, cancel | resend | export (of the selection), view (as a file), batch, keys. `count` is the list's. */
export function OnTop({ asked, setAsked, chosen, choose, filters, count, work, zone, now, changed }) {
  const close = () => setAsked(null);
  const shared = { zone, now, close };
  const end = () => {
    close();
    work.forget();
    changed();
  };
  const begin = (batch) => {
    setAsked("batch");
    choose([]);
    work.begin(batch).then(changed);
  };
  // The bar stays below what it opens, so that the focus can come back to it.
  return html`
    ${!work.batch ? html`<${BulkBar} ...${{ chosen, filters, count, choose }} act=${setAsked} />`
      : asked === "batch" ? html`<${BatchDialog} ...${shared} work=${work} end=${end} />`
      : html`<${UnfinishedBatch} waiting=${waitingIn(work.batch).length} of=${work.batch.ids.length} open=${() => setAsked("batch")} />`}
    ${asked === "keys" ? html`<${KeysHelp} close=${close} />` : null}
    ${asked === "view" ? html`<${CsvDialog} ...${shared} what=${`${countInWords(count) || "The bookings"} of this view`}
      body=${() => ({ filters: filters() })} expected=${count?.more ? null : count?.count} />` : null}
    ${asked === "export" ? html`<${CsvDialog} ...${shared} what=${`${bookingsInWords(chosen.size)}, as selected`}
      body=${() => ({ booking_ids: [...chosen] })} expected=${chosen.size} />` : null}
    ${asked === "cancel" || asked === "resend" ? html`<${BulkDialog} ...${shared} kind=${asked} ids=${[...chosen]} begin=${begin} />` : null}`;
}
