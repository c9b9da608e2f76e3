// A real Chromium, and how a till's page is used in it: by touch, by keyboard, and looked at for barriers.
//
// A script says on standard output, line by line, what the test that started it is to do ("do: stop the service"), and waits on
// standard input until it is done.

import { createInterface } from "node:readline";
import { createRequire } from "node:module";
import { strict as assert } from "node:assert";

const require = createRequire(`${process.env.PASJE_TEST_BROWSER}/`);
export const { chromium } = require("playwright-core");
export const { AxeBuilder } = require("@axe-core/playwright");

/** How the browser is started: it looks for nothing beyond this machine. */
export const CHROMIUM = {
  executablePath: process.env.PASJE_TEST_CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
};

let input = null;

/** Asks the test that started this script to do something, and waits until it is done. */
export async function have(what) {
  input ??= createInterface({ input: process.stdin })[Symbol.asyncIterator]();
  console.log(`do: ${what}`);
  const { value } = await input.next();
  assert.equal(value, "done");
}

/** Plays a script to its end, or tells where it failed: whatever is still open is closed with it. */
export async function play(script) {
  try {
    await script();
    process.exit(0);
  } catch (error) {
    console.error(error);
    process.exit(1);
  }
}

/** A browser with a page that must not write one error to its console. */
export async function open(options = {}) {
  const browser = await chromium.launch(CHROMIUM);
  const context = await browser.newContext({ viewport: { width: 1024, height: 768 }, bypassCSP: true, reducedMotion: "reduce", ...options });
  const page = await context.newPage();
  const errors = [];
  page.on("pageerror", (error) => errors.push(error.message));
  page.on("console", (message) => {
    // a request that the till refuses, or that finds nobody, is shown to staff; the browser notes it too
    if (message.type() === "error" && !message.text().startsWith("Failed to load resource")) errors.push(message.text());
  });
  page.setDefaultTimeout(15_000);
  return { browser, page, errors };
}

/** Nothing that keeps anybody out, by axe, in this state. */
export async function barriers(page, state) {
  const { violations } = await new AxeBuilder({ page }).analyze();
  const found = violations.map((it) => `${it.id}: ${it.nodes.map((node) => node.target.join(" ")).join(", ")}`);
  assert.deepEqual(found, [], `axe in the state "${state}"`);
}

/** Nothing that is wider than the page. */
export async function noSidewaysScrolling(page, state) {
  const [width, room] = await page.evaluate(() => [document.documentElement.scrollWidth, window.innerWidth]);
  assert.ok(width <= room, `${state}: ${width} pixels wide in ${room}`);
}

/** Touches a tile. */
export async function ring(page, name, times = 1) {
  const tile = page.locator("#tiles").getByRole("button", { name: new RegExp(`^${name}`) });
  for (let touch = 0; touch < times; touch += 1) await tile.click();
}

/** Asks to pay and holds a card of the tray to the till. The milliseconds from the tap to the answer. */
export async function pay(page, card) {
  await page.locator("#bill").getByRole("button", { name: "Afrekenen" }).click();
  return tap(page, card);
}

export async function tap(page, card) {
  const button = page.locator("#sheet").getByRole("button", { name: card, exact: true });
  await button.waitFor();
  const began = Date.now();
  await button.click();
  await page.locator("#sheet.is-ended").waitFor();
  return Date.now() - began;
}

/** What the client reads. */
export async function headline(page) {
  return (await page.locator("#sheet .headline").innerText()).trim();
}
