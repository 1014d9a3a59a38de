// Lines of CSV (RFC 4180) that no spreadsheet takes for formulas, as shared/csv_export.py writes them.

const FORMULA = /^'*(?:\s*[=+\-@＝＋－＠]|[\t\r\n])/;

/** `rows`: lists of texts, null as an empty cell. → one text, with the mark by which Excel knows UTF-8. */
export function csvOf(rows) {
  const cell = (value) => {
    const text = String(value ?? "");
    const safe = FORMULA.test(text) ? `'${text}` : text;
    return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
  };
  return `\ufeff${rows.map((row) => row.map(cell).join(",")).join("\r\n")}\r\n`;
}

/** A counter of the lines of CSV, given its bytes piece by piece; an end of line within quotes does not count. */
export function lineCounter() {
  let lines = 0;
  let isQuoted = false;
  return (bytes) => {
    for (const byte of bytes) {
      if (byte === 34) isQuoted = !isQuoted;
      else if (byte === 10 && !isQuoted) lines += 1;
    }
    return lines;
  };
}
