// No touch and no mouse: search, choose, pay, tap, next.
import { strict as assert } from "node:assert";
import { headline, open, play } from "./browser.mjs";

await play(async () => {
  const [card] = process.env.PASJE_CARDS.split("|");
  const { browser, page, errors } = await open();
  await page.goto(process.env.PASJE_TILL);
  await page.locator("#tiles button").first().waitFor();
  const focused = () => page.evaluate(() => document.activeElement?.textContent?.trim() ?? "");

  await page.keyboard.press("/");
  await page.keyboard.type("koff");
  // from the field to the only tile that is left
  for (let step = 0; step < 10 && !(await focused()).startsWith("Koffie"); step += 1) await page.keyboard.press("Tab");
  assert.match(await focused(), /^Koffie/);
  await page.keyboard.press("Enter");
  await page.keyboard.press("F9");
  await page.locator("#sheet").getByText("Houd uw pasje voor").waitFor();
  for (let step = 0; step < 20 && (await focused()) !== card; step += 1) await page.keyboard.press("Tab");
  assert.equal(await focused(), card);
  await page.keyboard.press("Enter");
  await page.locator("#sheet.is-ended").waitFor();
  assert.equal(await headline(page), "Betaald");
  await page.keyboard.press("Escape");
  await page.locator("#sheet").waitFor({ state: "hidden" });

  // a dialog opens, and gives the focus back when it is closed
  await page.keyboard.press("F1");
  await page.getByRole("dialog").waitFor();
  await page.keyboard.press("Escape");
  await page.getByRole("dialog").waitFor({ state: "hidden" });
  assert.deepEqual(errors, []);
  await browser.close();
});
