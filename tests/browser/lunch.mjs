// Twenty sales, one after the other, with the cards of the tray in turn.
import { strict as assert } from "node:assert";
import { barriers, headline, open, pay, play, ring } from "./browser.mjs";

await play(async () => {
  const cards = process.env.PASJE_CARDS.split("|");
  const { browser, page, errors } = await open();
  await page.goto(process.env.PASJE_TILL);
  await page.locator("#tiles button").first().waitFor();
  const read = await page.evaluate(() => performance.getEntries().filter((it) => it.encodedBodySize).map((it) => [it.name, it.encodedBodySize]));
  const bytes = read.reduce((sum, [, size]) => sum + size, 0);
  console.log(`first page: ${bytes} bytes in ${read.length} files`);
  assert.ok(bytes > 20_000 && bytes < 100 * 1024, `the first page has ${bytes} bytes: ${read.join("; ")}`);
  await barriers(page, "empty");

  const spans = [];
  for (let sale = 0; sale < 20; sale += 1) {
    // after an answer the next sale begins with the touch of a tile
    await ring(page, "Koffie");
    spans.push(await pay(page, cards[sale % cards.length]));
    assert.equal(await headline(page), "Betaald");
  }
  spans.sort((one, other) => one - other);
  console.log(`from the tap to the answer: median ${spans[10]} ms, slowest ${spans[19]} ms`);
  await page.getByRole("button", { name: "Bonnen" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByText("betaald").first().waitFor();
  assert.equal(await dialog.getByText("betaald", { exact: true }).count(), 20);
  await barriers(page, "history");
  assert.deepEqual(errors, []);
  await browser.close();
});
