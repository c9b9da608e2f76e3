// In part, not, and what staff see of it; a void; in both themes and languages without barriers.
import { strict as assert } from "node:assert";
import { barriers, headline, open, pay, play, ring } from "./browser.mjs";

await play(async () => {
  const [some, own] = process.env.PASJE_CARDS.split("|");
  for (const colorScheme of ["light", "dark"]) {
    const { browser, page, errors } = await open({ colorScheme });
    await page.goto(process.env.PASJE_TILL);
    await ring(page, "Koffie");
    await barriers(page, `${colorScheme}: rung up`);
    await page.locator("#bill").getByRole("button", { name: "Afrekenen" }).click();
    await page.locator("#sheet").getByText("Houd uw pasje voor").waitFor();
    await barriers(page, `${colorScheme}: tap`);
    await page.locator("#sheet").getByRole("button", { name: "Stoppen" }).click();
    // the bill stays as it was
    await page.locator("#sheet").waitFor({ state: "hidden" });
    assert.equal(await page.locator("#bill .line").count(), 1);
    await browser.close();
    assert.deepEqual(errors, []);
  }

  const { browser, page, errors } = await open();
  await page.goto(process.env.PASJE_TILL);
  await ring(page, "Koffie");
  await ring(page, "Wijn");
  await pay(page, some);
  assert.equal(await headline(page), "Een deel is betaald");
  const client = page.locator("#sheet .client");
  assert.match(await client.innerText(), /Wijn/);
  assert.doesNotMatch(await client.innerText(), /saldo|budget|€/i);
  await barriers(page, "in part");

  // the void gives it back
  await page.getByRole("button", { name: "Bonnen" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByRole("button", { name: new RegExp(some) }).first().click();
  await barriers(page, "a past sale");
  await dialog.getByRole("button", { name: "Annuleer hele bon" }).click();
  await dialog.getByRole("button", { name: "Ja, annuleer" }).click();
  await page.waitForFunction(async () => {
    const view = await (await fetch("/api/view?lang=nl")).json();
    return view.history[0].outcome === "voided";
  });
  await dialog.getByText("geannuleerd").first().waitFor();
  await barriers(page, "voided");
  await page.keyboard.press("Escape");
  await dialog.waitFor({ state: "hidden" });

  // own money pays the wine, and then there is none for coffee
  await ring(page, "Wijn");
  await pay(page, own);
  assert.equal(await headline(page), "Betaald");
  await ring(page, "Koffie");
  await pay(page, own);
  assert.equal(await headline(page), "Dit kan nu niet met uw pasje");
  await barriers(page, "declined");
  assert.deepEqual(errors, []);
  await browser.close();
});
