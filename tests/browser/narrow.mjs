// 320 pixels wide, and a page magnified twice: nothing scrolls sideways, nothing is out of reach.
import { strict as assert } from "node:assert";
import { barriers, headline, noSidewaysScrolling, open, play } from "./browser.mjs";

await play(async () => {
  const [card] = process.env.PASJE_CARDS.split("|");
  const words = { nl: { coffee: "Koffie", pay: "Afrekenen", paid: "Betaald" }, en: { coffee: "Coffee", pay: "Pay", paid: "Paid" } };
  for (const [language, { coffee, pay, paid }] of Object.entries(words)) {
    // 512x384 is what a page of 1024x768 has at 200 %
    for (const viewport of [{ width: 320, height: 640 }, { width: 512, height: 384 }]) {
      const where = `${language} ${viewport.width}`;
      const { browser, page, errors } = await open({ viewport });
      await page.goto(`${process.env.PASJE_TILL}?lang=${language}`);
      assert.equal(await page.locator("html").getAttribute("lang"), language);
      await page.locator("#tiles").getByRole("button", { name: new RegExp(`^${coffee}`) }).click();
      await noSidewaysScrolling(page, `${where}: rung up`);
      await barriers(page, `${where}: rung up`);
      await page.locator("#bill").getByRole("button", { name: pay, exact: true }).click();
      await noSidewaysScrolling(page, `${where}: tap`);
      await page.locator("#sheet").getByRole("button", { name: card, exact: true }).click();
      await page.locator("#sheet.is-ended").waitFor();
      assert.equal(await headline(page), paid);
      await noSidewaysScrolling(page, `${where}: answer`);
      await barriers(page, `${where}: answer`);
      assert.deepEqual(errors, []);
      await browser.close();
    }
  }
});
