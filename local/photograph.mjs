// Pictures of pages: `node photograph.mjs < orders`, a JSON list of {"page": URL, "scheme", "width", "height", "picture": file}.
// The Chromium comes from npm, so that none has to be installed; where it cannot run (not Linux on x64), CHROMIUM names one.

import { readFileSync } from "node:fs";

import chromium from "@sparticuz/chromium";
import { chromium as playwright } from "playwright-core";

const orders = JSON.parse(readFileSync(0, "utf8"));
const browser = await playwright.launch({
  executablePath: process.env.CHROMIUM || (await chromium.executablePath()),
  args: ["--no-sandbox", "--disable-gpu"], // not the package's own, which are for one page in one process
});
try {
  for (const { page: url, scheme, width, height, picture } of orders) {
    const context = await browser.newContext({ colorScheme: scheme, viewport: { width, height } });
    const page = await context.newPage();
    await page.goto(url);
    await page.screenshot({ path: picture });
    await context.close();
  }
} finally {
  await browser.close();
}
