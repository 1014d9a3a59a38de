// A picture of days: bars that stand on each other or hang below the line, and curves. What it shows is also a sentence
// and a table, and each series has a mark beside its colour.

import { html, useEffect, useLayoutEffect, useRef, useState } from "../data/preact.js";
import { dayLabel } from "../words/health.js";

const HEIGHT = 200; // CSS pixels

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
        <${Plot} ...${{ days, series, unit, most, about: `${id}-says` }} />
        <details>
          <summary>The numbers as a table<span class="hidden">: ${title}</span></summary>
          <${Numbers} ...${{ title, days, series, unit }} />
        </details>`}
    </figure>`;
}

function Plot({ days, series, unit, most, about }) {
  const box = useRef(null);
  const [at, setAt] = useState(null);
  const drawn = JSON.stringify([days, series]);
  useLayoutEffect(() => {
    let plot;
    const draw = () => {
      plot?.destroy();
      plot = plotIn(box.current, { days, series, unit, most, point: setAt });
    };
    let width;
    const resized = new ResizeObserver(() => {
      if (box.current.clientWidth === width) return; // redrawing changes its height
      width = box.current.clientWidth;
      draw();
    });
    resized.observe(box.current);
    const scheme = matchMedia("(prefers-color-scheme: dark)");
    scheme.addEventListener("change", draw);
    return () => {
      resized.disconnect();
      scheme.removeEventListener("change", draw);
      plot?.destroy();
    };
  }, [drawn]);
  useEffect(() => setAt(null), [drawn]);

  const day = at ?? days.length - 1;
  return html`
    <div class="plot" ref=${box} role="img" aria-labelledby=${about}></div>
    <div class="legend" aria-hidden="true">
      <span class="muted nowrap">${dayLabel(days[day])}:</span>
      ${series.map((one) => html`
        <span class="nowrap" key=${one.name}><i class=${`mark ${one.way === "line" ? "line" : ""} ${one.mark ?? "plain"}`} style=${{ color: `var(${one.color})` }}></i>
          ${one.name} <b>${amount(one.values[day], unit)}</b></span>`)}
    </div>`;
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

/** Draws into `box`; `point(day)` tells which day the pointer is at, null for none. */
function plotIn(box, { days, series, unit, most, point }) {
  const color = (name) => getComputedStyle(box).getPropertyValue(name).trim();
  const bars = (way) => series.filter((one) => one.way === way).map((one, place, all) => ({
    fill: () => pattern(color(one.color), color("--sheet"), one.mark), stroke: color(one.color), width: 1,
    paths: uPlot.paths.bars({ size: [0.75, 36] }), points: { show: false },
    values: days.map((_, day) => (way === "down" ? -1 : 1)
      * all.slice(0, place + 1).reduce((sum, nearer) => sum + (nearer.values[day] ?? 0), 0) || null),
  })).reverse(); // the longest is drawn first, and covered by those nearer to the line
  const lines = series.filter((one) => one.way === "line").map((one) => ({
    stroke: color(one.color), width: 2, dash: one.mark === "dashed" ? [6, 4] : undefined,
    points: { show: true, size: 5, fill: color(one.color) }, values: one.values,
  }));
  const drawn = [...bars("up"), ...bars("down"), ...lines];
  const text = { stroke: color("--muted"), font: "12px system-ui, sans-serif", ticks: { show: false } };
  return new uPlot({
    width: box.clientWidth, height: HEIGHT, legend: { show: false },
    scales: {
      x: { time: false, range: [-0.6, days.length - 0.4] },
      y: { range: (_, lowest, highest) => [Math.min(0, Math.floor(lowest * 1.1)), most ?? Math.max(4, Math.ceil(highest * 1.1))] },
    },
    axes: [
      { ...text, grid: { show: false }, size: 26, space: 60, incrs: [1, 2, 7, 14, 28], values: (_, places) => places.map((place) => dayLabel(days[place], { short: true })) },
      { ...text, size: 44, space: 36, incrs: [1, 2, 5, 10, 20, 25, 50, 100, 200, 500, 1000, 2000, 5000, 10000, 50000], grid: { stroke: color("--line"), width: 1 }, values: (_, values) => values.map((value) => `${Math.abs(value)}${unit}`) },
    ],
    cursor: { y: false, points: { show: false }, drag: { x: false, y: false } },
    series: [{}, ...drawn.map(({ values, ...look }) => look)],
    hooks: { setCursor: [(plot) => point(plot.cursor.idx ?? null)] },
  }, [days.map((_, day) => day), ...drawn.map((one) => one.values)], box);
}

/** What fills a bar: its colour, and a mark that can be told apart without it. */
function pattern(color, ground, mark = "plain") {
  if (mark === "plain") return color;
  const tile = Object.assign(document.createElement("canvas"), { width: 8, height: 8 });
  const pen = tile.getContext("2d");
  pen.fillStyle = ground;
  pen.fillRect(0, 0, 8, 8);
  pen.fillStyle = pen.strokeStyle = color;
  pen.lineWidth = 2;
  const stroke = (...points) => {
    pen.beginPath();
    for (let n = 0; n < points.length; n += 4) {
      pen.moveTo(points[n], points[n + 1]);
      pen.lineTo(points[n + 2], points[n + 3]);
    }
    pen.stroke();
  };
  if (mark === "stripes") stroke(-2, 2, 2, -2, -2, 10, 10, -2, 6, 10, 10, 6);
  if (mark === "dots") pen.fillRect(2, 2, 4, 4);
  if (mark === "grid") stroke(0, 4, 8, 4, 4, 0, 4, 8);
  return pen.createPattern(tile, "repeat");
}
