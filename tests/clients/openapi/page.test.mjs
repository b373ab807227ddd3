// The page of the OpenAPI document in Chromium: it shows every operation, and nothing breaks its policy.
import assert from "node:assert/strict";
import { test } from "node:test";

import { chromium } from "playwright-core";

const { CHROMIUM, GATEWAY_URL, OPERATIONS, SCREENSHOT, API_KEY } = process.env;
const ARGS = [
  "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync",
];

test("the page shows every operation, and sends a request", async () => {
  const browser = await chromium.launch({ executablePath: CHROMIUM, args: ARGS });
  try {
    const page = await browser.newPage({ viewport: { width: 1400, height: 1000 } });
    const troubles = [];
    const outside = [];
    page.on("console", (message) => troubles.push(message.text()));
    page.on("pageerror", (error) => troubles.push(String(error)));
    page.on("request", (request) => {
      if (!request.url().startsWith(GATEWAY_URL) && !request.url().startsWith("data:")) outside.push(request.url());
    });

    await page.goto(`${GATEWAY_URL}/docs`);
    await page.waitForSelector(".opblock");
    assert.equal(await page.locator(".opblock").count(), Number(OPERATIONS));
    assert.match(await page.locator(".info").innerText(), /OAS 3\.1/);

    await page.click(".authorize");
    await page.fill(".auth-container input[type=text]", API_KEY);
    await page.locator(".modal-btn.authorize").first().click();
    await page.click(".btn-done");
    const operation = page.locator("#operations-Model-listModels");
    await operation.locator(".opblock-summary-control").click();
    await operation.locator(".try-out__btn").click();
    await operation.locator(".execute").click();
    await operation.locator(".live-responses-table .response-col_status").last().waitFor();
    assert.match(await operation.locator(".live-responses-table .response-col_status").last().innerText(), /^200/);
    await page.screenshot({ path: SCREENSHOT });

    assert.deepEqual(troubles, []);
    assert.deepEqual(outside, []);
  } finally {
    await browser.close();
  }
});
