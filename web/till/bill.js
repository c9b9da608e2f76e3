// The bill at the right: lines with their quantities, the most it can cost, and the way to pay.

import { atMost, basket, dearest, pieces } from "./basket.js";
import { button, byId, fill, hasChanged, icon, letGo, make } from "./dom.js";
import { prefs } from "./prefs.js";
import { add, canPay, empty, lastSale, pay, ringUp } from "./selling.js";
import { changed, isPaying, saleShown, service, state } from "./state.js";
import { openByName } from "./ways.js";
import { amount, nameOf, say, sayCount } from "./words.js";

let isOpen = false;

function stepper(id, name, quantity) {
  const step = (key, by, picture) => button("", () => add(id, by), {
    key: `${key} ${id}`, icon: picture, kind: "square", "aria-label": say(key, { name }), mousedown: letGo,
  });
  return make("div", { class: "steps" }, step("less", -1, "minus"), make("output", {}, String(quantity)), step("more", 1, "plus"));
}

function line([id, quantity]) {
  const one = service(id);
  const name = one ? nameOf(one) : id;
  const dear = one ? dearest(one) : null;
  return make("li", { class: `line${id === basket.last ? " is-last" : ""}` },
    make("div", { class: "what" }, make("span", { class: "name" }, name), dear && make("span", { class: "amount small quiet" }, amount(dear[0], dear[1] * quantity))),
    stepper(id, name, quantity));
}

/** What the dearest buyer pays, by unit; nothing where that depends on the card. */
export function atMostWords() {
  const most = atMost(service);
  return most && (most.filter(([, minor]) => minor > 0).map(([unit, minor]) => amount(unit, minor)).join(" + ") || say("free"));
}

function nothingYet() {
  const last = lastSale();
  return make("div", { class: "nothing" },
    icon("card", "icon big"),
    make("p", {}, say("bill-empty")),
    last && button(say("repeat-last"), () => ringUp(last.lines), { key: "repeat", icon: "again" }));
}

function refusal() {
  const seen = () => {
    state.refusal = null;
    changed();
  };
  return make("div", { class: "note" }, icon("note"), make("p", {}, state.refusal),
    button("", seen, { key: "seen", icon: "close", kind: "plain square", "aria-label": say("understood") }));
}

function foot() {
  const can = canPay();
  const most = atMostWords();
  const total = most && make("p", { class: "total" },
    make("span", {}, make("span", { class: "quiet" }, `${say("at-most")} `), make("span", { class: "unseen" }, `(${say("at-most-help")}) `)),
    make("strong", { class: "amount" }, most));
  const open = button(sayCount("items", pieces()), () => {
    isOpen = !isOpen;
    changed();
  }, { key: "open", icon: "up", kind: "plain opener", "aria-expanded": String(isOpen), "aria-label": `${say("show-bill")}, ${sayCount("items", pieces())}` });
  return make("div", { class: "foot" },
    make("div", { class: "sum" }, open, total),
    make("div", { class: "row" },
      button(say("by-name"), openByName, { key: "by-name", icon: "person", kind: "large by-name" }),
      button(say("pay"), () => pay(), { key: "pay", icon: "card", kind: "main large grow pay", "aria-disabled": can ? null : "true" })));
}

export function drawBill() {
  const bill = byId("bill");
  const count = basket.lines.size;
  if (count === 0) isOpen = false;
  const shown = [[...basket.lines], basket.last, isOpen, state.refusal, canPay(), isPaying(), lastSale()?.id, state.assortment?.shownFor, prefs.language];
  bill.inert = Boolean(saleShown());
  if (!hasChanged(bill, shown)) return;
  bill.className = `${isOpen ? "is-open" : ""} ${count === 0 ? "is-empty" : ""}`;
  bill.setAttribute("aria-label", say("bill"));
  const place = bill.querySelector(".lines")?.scrollTop ?? 0;
  fill(bill,
    make("div", { class: "top" }, make("h2", {}, say("bill")),
      count > 0 && button(say("clear"), empty, { key: "clear", icon: "bin", kind: "plain" })),
    state.refusal && !isPaying() && refusal(),
    count > 0 ? make("ul", { class: "lines", tabindex: "0", "aria-label": say("on-this-bill") }, [...basket.lines].map(line)) : nothingYet(),
    count > 0 && foot());
  const lines = bill.querySelector(".lines");
  if (lines) lines.scrollTop = place;
  // the line touched last is seen
  bill.querySelector(".is-last")?.scrollIntoView({ block: "nearest" });
}
