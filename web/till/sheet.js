// The sheet of a sale. While somebody pays it covers everything; with the answer it moves aside, so that the next sale
// begins with the touch of a tile. What the client reads stands first and large; what is for staff stands apart.

import { announce } from "./announce.js";
import { staffSide } from "./answer.js";
import { atMostWords } from "./bill.js";
import { basket } from "./basket.js";
import { clientSide } from "./client.js";
import { button, byId, fill, hasChanged, icon, make } from "./dom.js";
import { ask } from "./link.js";
import { forgetPin, pinEntry, pinLength } from "./pin.js";
import { prefs } from "./prefs.js";
import { stop } from "./selling.js";
import { isPaying, saleShown, state } from "./state.js";
import { openByName, tell } from "./ways.js";
import { say } from "./words.js";

let before = null;

function tray() {
  const cards = state.view?.tray ?? [];
  return cards.length > 0 && make("section", { class: "tray", "aria-label": say("tray") },
    make("h3", {}, say("tray")),
    make("p", { class: "small quiet" }, say("tray-help")),
    make("div", { class: "choices" }, cards.map((card) => button(card, () => ask("tap", { card }), { key: `card ${card}`, icon: "card", kind: "virtual" }))));
}

function onTheBill(sale) {
  const lines = sale.lines.map((line) => make("li", {}, make("span", {}, `${line.quantity} × ${line.name}`)));
  const hasTotal = sale.kind === "sale" && basket.lines.size > 0 && atMostWords() !== null;
  return make("section", { class: "rung" },
    make("h3", {}, say("on-this-bill")),
    make("ul", {}, lines),
    hasTotal && make("p", { class: "total" }, make("span", { class: "quiet" }, say("at-most")), make("strong", { class: "amount" }, atMostWords())));
}

function paying(sale) {
  const mayTap = ["tap", "tap_offline", "tap_again"].includes(sale.stage);
  return make("div", { class: "desk" },
    state.isGone && make("div", { class: "note" }, icon("away"), make("p", {}, say("gone"))),
    state.refusal && make("div", { class: "note" }, icon("note"), make("p", {}, state.refusal)),
    sale.words.map((words) => make("div", { class: "note" }, icon("note"), make("p", {}, words))),
    sale.stage === "pin" && pinEntry(sale.pin),
    onTheBill(sale),
    mayTap && tray(),
    make("div", { class: "row end" },
      mayTap && sale.kind === "sale" && button(say("by-name"), openByName, { key: "by-name", icon: "person", kind: "grow large" }),
      sale.kind === "sale" && button(say("cancel"), stop, { key: "cancel", icon: "close", kind: "grow large" })));
}

/** What who listens hears of the client's side. */
function spoken(client) {
  return client.left_out.length > 0 ? `${client.headline}. ${say("left-out-title")} ${client.left_out.join(", ")}` : client.headline;
}

function moveFocus(sheet, sale, was) {
  const isModal = sale && sale.stage !== "ended";
  const wasModal = was && was.stage !== "ended";
  if (isModal && (!wasModal || !sheet.contains(document.activeElement))) sheet.focus({ preventScroll: true });
  else if (sale && !isModal && was?.stage !== "ended") sheet.focus();
  else if (!sale && was && (document.activeElement === document.body || sheet.contains(document.activeElement))) {
    // back to where paying was asked, or to the tiles
    const from = was.stage === "ended" ? null : state.paidFrom && byId("bill").querySelector(`[data-key="${CSS.escape(state.paidFrom)}"]`);
    (from ?? byId("tiles")).focus({ preventScroll: true });
  }
}

function drawSale(sheet, sale, isModal) {
  sheet.setAttribute("role", isModal ? "dialog" : "region");
  sheet.setAttribute("aria-label", say("pay-region"));
  if (isModal) sheet.setAttribute("aria-modal", "true");
  else sheet.removeAttribute("aria-modal");
  sheet.className = `${isModal ? "is-cover" : "is-aside"} is-${sale.stage}`;
  if (!hasChanged(sheet, sale, state.refusal, state.isGone, state.view.tray, pinLength(), prefs.language)) return;
  const place = sheet.scrollTop;
  fill(sheet, clientSide(sale.client), isModal ? paying(sale) : staffSide(sale));
  sheet.scrollTop = place;
}

export function drawSheet() {
  const sheet = byId("sheet");
  const sale = saleShown();
  const isModal = isPaying();
  for (const id of ["skip", "top", "notices", "ring"]) byId(id).inert = isModal;
  document.body.classList.toggle("is-paying", isModal);
  document.body.classList.toggle("is-answered", Boolean(sale) && !isModal);
  sheet.hidden = !sale;
  if (sale?.stage !== "pin") forgetPin();
  if (sale) drawSale(sheet, sale, isModal);
  const heard = sale && `${sale.stage} ${spoken(sale.client)}`;
  if (heard && heard !== before?.heard) {
    announce(spoken(sale.client));
    if (prefs.sound || prefs.speech) tell(sale);
  }
  if (sale?.stage !== before?.stage) {
    if (sale) sheet.scrollTop = 0;
    if (sale?.stage === "ended") window.scrollTo(0, 0);
    moveFocus(sheet, sale, before);
  }
  before = sale && { stage: sale.stage, heard };
}
