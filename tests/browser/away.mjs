// The service goes away in the midst, the till goes on, and sends what waited when it is back.
import { strict as assert } from "node:assert";
import { barriers, have, headline, open, pay, play, ring } from "./browser.mjs";

await play(async () => {
  const [card] = process.env.PASJE_CARDS.split("|");
  const { browser, page, errors } = await open();
  await page.goto(process.env.PASJE_TILL);
  await ring(page, "Koffie");
  await pay(page, card);
  assert.equal(await headline(page), "Betaald");

  await have("stop the service");
  await ring(page, "Koffie");
  await page.locator("#bill").getByRole("button", { name: "Afrekenen" }).click();
  const button = page.locator("#sheet").getByRole("button", { name: card, exact: true });
  await button.click();
  // it was held to the till once in vain: "nog een keer"
  await page.locator("#sheet").getByText("nog een keer").waitFor();
  await barriers(page, "tap without the service");
  await button.click();
  await page.locator("#sheet.is-ended").waitFor();
  assert.equal(await headline(page), "Betaald");
  await page.locator("#top").getByText("Werkt zonder verbinding").waitFor();
  await barriers(page, "away");

  await have("start the service");
  await page.locator("#top").getByText("Verbonden").waitFor({ timeout: 90_000 });
  await page.waitForFunction(async () => (await (await fetch("/api/view?lang=nl")).json()).till.waiting === 0, null, { timeout: 60_000 });
  assert.deepEqual(errors, []);
  await browser.close();
});
