// The till's page in a real browser, against a real till: PASJE_TILL says where one with a tray of virtual cards serves it.
// It takes services and cards as they come, so that any assortment will do.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { AxeBuilder, CHROMIUM, chromium } from "./browser.mjs";

const url = process.env.PASJE_TILL.replace(/\/$/, "");
const WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];

let browser;
before(async () => {
  browser = await chromium.launch({ ...CHROMIUM });
});
after(() => browser.close());

/** A till with nothing rung up and nothing on the sheet. */
async function till(options = {}, path = "/") {
  const context = await browser.newContext({ viewport: { width: 1024, height: 768 }, reducedMotion: "reduce", bypassCSP: true, ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(10_000);
  await page.goto(url + path);
  if (path !== "/") return page;
  await page.waitForSelector(".tile");
  if (await page.locator("#sheet").isVisible()) await page.keyboard.press("Escape");
  await page.waitForSelector("#sheet", { state: "hidden" });
  return page;
}

const plainTile = (page) => page.locator(".tile:not(:has(.mark))").first();

async function tap(page) {
  await page.waitForSelector("#sheet.is-cover");
  await page.locator(".virtual").first().click();
  await page.waitForSelector("#sheet.is-aside");
}

async function meetsWcag(page, what) {
  const { violations } = await new AxeBuilder({ page }).withTags(WCAG).analyze();
  const told = violations.map(({ id, nodes }) => `${what}: ${id}: ${nodes.map((node) => node.target.join(" ")).join(", ")}`);
  assert.deepEqual(told, []);
  const sideways = await page.evaluate(() => document.documentElement.scrollWidth > window.innerWidth);
  assert.equal(sideways, false, `${what} scrolls sideways`);
}

test("a tile touched twice is two on the bill, and the card pays", async () => {
  const page = await till();
  const name = await plainTile(page).locator(".name").innerText();
  await plainTile(page).click();
  await plainTile(page).click();
  assert.equal(await page.locator("#bill .line .name").innerText(), name);
  assert.equal(await page.locator("#bill .line output").innerText(), "2");
  await page.keyboard.press("Enter");
  await tap(page);
  assert.match(await page.locator("#sheet .client").getAttribute("class"), /is-(paid|part|not)/);
  assert.equal(await page.locator("#sheet details").getAttribute("open"), null, "who paid is folded");
});

test("after an answer the touch of a tile begins the next sale", async () => {
  const page = await till();
  await plainTile(page).click();
  await plainTile(page).click();
  await page.locator("[data-key=pay]").click();
  await tap(page);
  await plainTile(page).click();
  await page.waitForSelector("#sheet", { state: "hidden" });
  assert.equal(await page.locator("#bill .line output").innerText(), "1");
});

test("escape stops waiting for a card and keeps the bill", async () => {
  const page = await till();
  await plainTile(page).click();
  await page.keyboard.press("F9");
  await page.waitForSelector("#sheet.is-cover");
  await page.keyboard.press("Escape");
  await page.waitForSelector("#sheet", { state: "hidden" });
  assert.equal(await page.locator("#bill .line").count(), 1);
});

test("while somebody pays the focus stays on the sheet", async () => {
  const page = await till();
  await plainTile(page).click();
  await page.keyboard.press("F9");
  await page.waitForSelector("#sheet.is-cover");
  for (let at = 0; at < 12; at += 1) {
    await page.keyboard.press("Tab");
    assert.ok(await page.evaluate(() => document.activeElement === document.body || document.activeElement.closest("#sheet") !== null));
  }
  await page.keyboard.press("Escape");
});

test("an unknown barcode is told in words and sells nothing", async () => {
  const page = await till();
  await page.keyboard.type("0000000000000");
  await page.keyboard.press("Enter");
  await page.waitForSelector("#bill .note");
  assert.match(await page.locator("#urgent").innerText(), /0000000000000/);
  assert.equal(await page.locator("#bill .line").count(), 0);
});

test("keys reach the search, the tiles, the sales and the help", async () => {
  const page = await till();
  await page.keyboard.press("/");
  assert.equal(await page.evaluate(() => document.activeElement.id), "search");
  await page.keyboard.press("ArrowDown");
  assert.ok(await page.evaluate(() => document.activeElement.classList.contains("tile")));
  for (const key of ["F4", "?"]) {
    await page.keyboard.press(key);
    await page.waitForSelector("dialog[open]");
    await page.keyboard.press("Escape");
    await page.waitForSelector("dialog[open]", { state: "detached" });
  }
});

test("the client's screen shows no purse, no amount and no reason", async () => {
  const page = await till();
  const client = await till({}, "/?side=client");
  await plainTile(page).click();
  await page.keyboard.press("F9");
  await client.waitForSelector(".client.is-tap");
  await tap(page);
  await client.waitForSelector(".client:is(.is-paid, .is-part, .is-not)");
  const text = await client.locator("#client-side").innerText();
  assert.doesNotMatch(text, /€|\bmin\b|punt|budget|spaarpot|saldo/i);
});

for (const colorScheme of ["light", "dark"]) {
  for (const viewport of [{ width: 1024, height: 768 }, { width: 320, height: 640 }]) {
    test(`every state meets WCAG 2.2 AA, ${colorScheme}, ${viewport.width} pixels wide`, { timeout: 300_000 }, async () => {
      const page = await till({ colorScheme, viewport });
      await meetsWcag(page, "empty");
      for (const key of ["F4", "?"]) {
        await page.keyboard.press(key);
        await page.waitForSelector("dialog[open]");
        await meetsWcag(page, `dialog ${key}`);
        await page.keyboard.press("Escape");
      }
      await plainTile(page).click();
      await meetsWcag(page, "bill");
      await page.keyboard.press("F9");
      await page.waitForSelector("#sheet.is-cover");
      await meetsWcag(page, "tap");
      await tap(page);
      await page.locator("[data-key=fold]").click();
      await meetsWcag(page, "answer");
    });
  }
}
