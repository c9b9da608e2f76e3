// The verbs of ringing up: add, take off, pay, stop, on to the next. Each is reached by touch, key and scanner alike.

import { askAge } from "./age.js";
import { announce } from "./announce.js";
import { basket, change, clear, saleLines } from "./basket.js";
import { ask } from "./link.js";
import { changed, isPaying, saleShown, service, state } from "./state.js";
import { nameOf, say } from "./words.js";

/** The answer was seen. The bill it was about is done, unless nothing of it was sold and it is `kept`. */
export function next({ kept = false } = {}) {
  const sale = saleShown();
  if (!sale || sale.stage !== "ended") return;
  state.isSeen = true;
  state.refusal = null;
  if (sale.kind === "sale" && !kept) clear();
  if (kept && basket.lines.size === 0) for (const line of sale.lines) change(line.service, line.quantity);
  changed();
  ask("dismiss");
}

/** Puts one more on the bill; after an answer that begins the next one. */
export async function add(id, step = 1) {
  const one = service(id);
  if (!one || isPaying()) return;
  next();
  if (step > 0 && one.asks_age && !basket.isAdult) {
    if (!(await askAge())) return;
    basket.isAdult = true;
  }
  const quantity = change(id, step);
  state.refusal = null;
  changed();
  announce(quantity > 0 ? say("added", { name: nameOf(one), count: quantity }) : say("taken-off", { name: nameOf(one) }));
}

export function addBarcode(code) {
  if (isPaying()) return;
  const one = state.assortment?.services.find((service) => service.barcode === code);
  if (one) {
    add(one.id);
  } else {
    state.refusal = say("unknown-barcode", { code });
    changed();
  }
}

export function empty() {
  if (basket.lines.size === 0 || isPaying()) return;
  clear();
  changed();
  announce(say("cleared"));
}

export function canPay() {
  return basket.lines.size > 0 && !state.isGone && !state.view?.till.is_revoked && !isPaying();
}

/** Rings the bill up: with a card, or on who is named. */
export async function pay(wallet = null) {
  if (!canPay()) return false;
  state.paidFrom = document.activeElement?.dataset.key ?? null;
  return ask("sale", { lines: saleLines(), wallet });
}

export async function stop() {
  return ask("cancel");
}

/** The lines of an earlier sale on the bill: a new one after an answer. */
export async function ringUp(lines) {
  next();
  const known = lines.filter((line) => service(line.service));
  if (!basket.isAdult && known.some((line) => service(line.service).asks_age)) {
    if (!(await askAge())) return;
    basket.isAdult = true;
  }
  for (const line of known) change(line.service, line.quantity);
  changed();
}

/** The last sale of this till, if there was one. */
export function lastSale() {
  return state.view?.history[0] ?? null;
}
