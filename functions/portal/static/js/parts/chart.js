// A picture of days: bars that stand on each other or hang below the line, and lines. What it shows is also a sentence
// and a table, and each series has a mark beside its colour.

import { html, useLayoutEffect, useRef, useState } from "../data/preact.js";
import { dayLabel } from "../words/health.js";

const [HEIGHT, LEFT, RIGHT, TOP, BOTTOM] = [200, 48, 20, 8, 22]; // CSS pixels: the picture, and the space around its bars

/**
 * `series`: `{name, values, color: "--good", mark, way}`, values by day (null: none that day). `way`: up | down, bars as seen
 * from the line at 0, the nearest first; or line. `mark`: plain | stripes | dots | grid; of a line plain | dashed. `unit`
 * is written behind values.
 */
export function Figure({ title, sentence, days, series, unit = "", most }) {
  const id = `figure-${title.toLowerCase().replaceAll(" ", "-")}`;
  const isEmpty = series.every((one) => one.values.every((value) => !value));
  return html`
    <figure class="card" aria-labelledby=${id}>
      <h3 id=${id}>${title}</h3>
      <p id=${`${id}-says`}>${sentence}</p>
      ${isEmpty ? null : html`
        <${Plot} ...${{ days, series, unit, most, id }} />
        <details>
          <summary>The numbers as a table<span class="hidden">: ${title}</span></summary>
          <${Numbers} ...${{ title, days, series, unit }} />
        </details>`}
    </figure>`;
}

function Plot({ days, series, unit, most, id }) {
  const box = useRef(null);
  const [width, setWidth] = useState(0);
  const [at, setAt] = useState(null); // the place of the day that the pointer is at
  useLayoutEffect(() => {
    const resized = new ResizeObserver(() => setWidth(box.current.clientWidth));
    resized.observe(box.current);
    return () => resized.disconnect();
  }, []);
  const day = at != null && at < days.length ? at : days.length - 1;
  return html`
    <div class="plot" ref=${box}>${width ? html`<${Drawing} ...${{ days, series, unit, most, id, width, point: setAt, day: at == null ? null : day }} />` : null}</div>
    <div class="legend" aria-hidden="true">
      <span class="muted nowrap">${dayLabel(days[day])}:</span>
      ${series.map((one) => html`
        <span class="nowrap" key=${one.name}><i class=${`mark ${one.way === "line" ? "line" : ""} ${one.mark ?? "plain"}`} style=${{ color: `var(${one.color})` }}></i>
          ${one.name} <b>${amount(one.values[day], unit)}</b></span>`)}
    </div>`;
}

function Drawing({ days, series, unit, most, id, width, point, day }) {
  const { bars, lines, ticks, bottom, top } = scaled(series, days, most);
  const y = (value) => TOP + ((top - value) / (top - bottom)) * (HEIGHT - TOP - BOTTOM);
  const slot = (width - LEFT - RIGHT) / days.length;
  const x = (place) => LEFT + (place + 0.5) * slot;
  const thick = Math.min(slot * 0.75, 36);
  const every = [1, 2, 7, 14, 28].find((step) => step * slot >= 56) ?? 28;
  const move = (event) => {
    const place = Math.floor((event.clientX - event.currentTarget.getBoundingClientRect().left - LEFT) / slot);
    point(place >= 0 && place < days.length ? place : null);
  };
  return html`
    <svg width=${width} height=${HEIGHT} viewBox=${`0 0 ${width} ${HEIGHT}`} role="img" aria-labelledby=${`${id}-says`}
        onPointerMove=${move} onPointerLeave=${() => point(null)}>
      <defs>${bars.map((one) => html`<${Mark} key=${one.name} id=${`${id}-${one.place}`} one=${one} />`)}</defs>
      ${day == null ? null : html`<rect class="day" x=${x(day) - slot / 2} y=${TOP} width=${slot} height=${HEIGHT - TOP - BOTTOM} />`}
      ${ticks.map((value) => html`<g key=${value}>
        <line class=${value ? "grid" : "zero"} x1=${LEFT} x2=${width - RIGHT} y1=${y(value)} y2=${y(value)} />
        <text x=${LEFT - 6} y=${y(value) + 4} text-anchor="end">${Math.abs(value)}${unit}</text></g>`)}
      ${days.map((one, place) => ((days.length - 1 - place) % every ? null : html`
        <text key=${one} x=${x(place)} y=${HEIGHT - 4} text-anchor="middle">${dayLabel(one, { short: true })}</text>`))}
      ${bars.map((one) => html`<path key=${one.name} style=${{ color: `var(${one.color})` }} stroke="currentColor"
        fill=${(one.mark ?? "plain") === "plain" ? "currentColor" : `url(#${id}-${one.place})`}
        d=${one.spans.map(([from, to], place) => (from === to ? "" : `M${x(place) - thick / 2} ${y(from)}V${y(to)}h${thick}V${y(from)}z`)).join("")} />`)}
      ${lines.map((one) => html`<g key=${one.name} style=${{ color: `var(${one.color})` }} stroke="currentColor" fill="none" stroke-linecap="round">
        <path stroke-width="2" stroke-dasharray=${one.mark === "dashed" ? "6 5" : null} d=${curve(one.values, x, y)} />
        <path stroke-width="5" d=${one.values.map((value, place) => (value == null ? "" : `M${x(place)} ${y(value)}h0`)).join("")} /></g>`)}
    </svg>`;
}

/** Where bars begin and end, and which lines of the grid there are: at most five or so. */
function scaled(series, days, most) {
  const stacked = { up: days.map(() => 0), down: days.map(() => 0) };
  const bars = series.map((one, place) => ({ ...one, place })).filter((one) => one.way !== "line").map((one) => ({
    ...one,
    spans: one.values.map((value, day) => [stacked[one.way][day], (stacked[one.way][day] += (one.way === "down" ? -1 : 1) * (value ?? 0))]),
  }));
  const lines = series.filter((one) => one.way === "line");
  const highest = most ?? Math.max(4, ...stacked.up, ...lines.flatMap((one) => one.values.map((value) => value ?? 0)));
  const lowest = Math.min(...stacked.down);
  const least = (highest - lowest) / 4;
  const ten = 10 ** Math.floor(Math.log10(least));
  const step = Math.max(1, [1, 2, 2.5, 5, 10].map((n) => n * ten).find((n) => n >= least && Number.isInteger(n)) ?? 10 * ten);
  const [bottom, top] = [Math.floor(lowest / step) * step, Math.ceil(highest / step) * step];
  return { bars, lines, bottom, top, ticks: Array.from({ length: Math.round((top - bottom) / step) + 1 }, (_, n) => bottom + n * step) };
}

/** A line from day to day, broken where there is no value. */
function curve(values, x, y) {
  return values.map((value, place) => (value == null ? "" : `${values[place - 1] == null ? "M" : "L"}${x(place)} ${y(value)}`)).join("");
}

const MARKS = { stripes: "M-2 2l4-4M-2 10l12-12M6 10l4-4", dots: "M2 4h4", grid: "M0 4h8M4 0v8" };

/** What fills a bar beside its colour, so that it can be told apart without. */
function Mark({ id, one }) {
  return html`<pattern id=${id} width="8" height="8" patternUnits="userSpaceOnUse" style=${{ color: `var(${one.color})` }}>
    <rect class="ground" width="8" height="8" /><path d=${MARKS[one.mark]} stroke="currentColor" stroke-width=${one.mark === "dots" ? 4 : 2} /></pattern>`;
}

function Numbers({ title, days, series, unit }) {
  const rows = days.map((day, place) => ({ day, place })).reverse()
    .filter(({ place }) => series.some((one) => one.values[place]));
  return html`
    <div class="scroll" tabindex="0" role="region" aria-label=${`${title}, by day`}>
      <table>
        <thead><tr><th scope="col">Day</th>${series.map((one) => html`<th scope="col" key=${one.name}>${one.name}</th>`)}</tr></thead>
        <tbody>${rows.map(({ day, place }) => html`
          <tr key=${day}><th scope="row">${dayLabel(day)}</th>${series.map((one) => html`<td key=${one.name}>${amount(one.values[place], unit)}</td>`)}</tr>`)}
        </tbody>
      </table>
    </div>`;
}

const amount = (value, unit) => (value == null ? "–" : `${value}${unit}`);
