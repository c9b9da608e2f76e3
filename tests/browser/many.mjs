// 500 services on the page and 2,000 cards in the till: from the touch of a card to the answer on the screen.
import { strict as assert } from "node:assert";
import { headline, open, play, ring } from "./browser.mjs";

await play(async () => {
  const [card] = process.env.PASJE_CARDS.split("|");
  const { browser, page, errors } = await open();
  await page.goto(process.env.PASJE_TILL);
  await page.locator("#tiles button").first().waitFor();
  // all at once is the most that the page ever draws
  await page.getByRole("tab", { name: "Alles" }).click();
  assert.ok((await page.locator("#tiles button").count()) >= 500);

  const spans = [];
  for (let sale = 0; sale < 15; sale += 1) {
    await ring(page, "Koffie");
    await page.locator("#bill").getByRole("button", { name: "Afrekenen" }).click();
    const button = page.locator("#sheet").getByRole("button", { name: card, exact: true });
    await button.waitFor();
    // measured in the page: from the click until the answer stands there
    const span = await button.evaluate((element) => new Promise((resolve) => {
      const sheet = document.getElementById("sheet");
      const began = performance.now();
      const watch = new MutationObserver(() => {
        if (!sheet.classList.contains("is-ended")) return;
        watch.disconnect();
        requestAnimationFrame(() => resolve(performance.now() - began));
      });
      watch.observe(sheet, { attributes: true, childList: true, subtree: true });
      element.click();
    }));
    assert.equal(await headline(page), "Betaald");
    spans.push(span);
  }
  spans.sort((one, other) => one - other);
  console.log(`500 services, 2,000 cards: median ${spans[7].toFixed(0)} ms from tap to answer, slowest ${spans[14].toFixed(0)} ms`);
  // the median: a machine that does other things at the same moment makes one of them slow
  assert.ok(spans[7] < 100, `the median is ${spans[7]} ms`);
  assert.deepEqual(errors, []);
  await browser.close();
});
