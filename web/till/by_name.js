// Care and meals for who has no card: the client is looked up by name, by staff who signed on.

import { basket, change } from "./basket.js";
import { closeDialog, openDialog } from "./dialog.js";
import { byId, fill, make } from "./dom.js";
import { announce } from "./announce.js";
import { findClients } from "./link.js";
import { pay, stop } from "./selling.js";
import { changed, isPaying, saleShown, state } from "./state.js";
import { openStaff } from "./ways.js";
import { say } from "./words.js";

const LETTERS_MIN = 2;
const PATIENCE_MS = 200;
const STOP_MS = 5000;

let clients = [];
let asked = "";
let timer = null;

function hint() {
  if (asked.length < LETTERS_MIN) return say("clients-type");
  return clients.length === 0 ? say("clients-none") : say("clients-found", { count: clients.length });
}

function result(client) {
  const choice = { type: "button", class: "button client-choice", "data-key": `client ${client.wallet}`, click: () => choose(client) };
  const number = say("client-number", { number: client.wallet });
  return make("li", {}, make("button", choice, make("span", {}, client.name), make("span", { class: "quiet small" }, number)));
}

function drawResults() {
  const place = byId("clients");
  if (place) fill(place, make("p", { class: "small quiet" }, hint()), make("ul", {}, clients.map(result)));
}

function search(text) {
  asked = text.trim();
  clearTimeout(timer);
  timer = setTimeout(async () => {
    const found = asked.length < LETTERS_MIN ? [] : await findClients(asked).catch(() => []);
    if (found === null) {
      closeDialog();
      openStaff(say("staff-needed"), openByName);
      return;
    }
    clients = found;
    drawResults();
    announce(hint());
  }, PATIENCE_MS);
}

/** Resolves when the till waits for no card any more. */
function stopped() {
  return new Promise((resolve) => {
    const until = Date.now() + STOP_MS;
    const look = () => (isPaying() && Date.now() < until ? setTimeout(look, 50) : resolve());
    look();
  });
}

function choose(client) {
  closeDialog();
  pay(client.wallet);
}

/** Who goes on by name waits for no card any more: the bill stays. */
async function leaveCard() {
  const sale = saleShown();
  if (sale?.kind === "sale" && basket.lines.size === 0) for (const line of sale.lines) change(line.service, line.quantity);
  if (!isPaying()) return;
  await stop();
  await stopped();
}

export async function openByName() {
  await leaveCard();
  if (!state.view?.staff) {
    openStaff(say("staff-needed"), openByName);
    return;
  }
  if (basket.lines.size === 0 && !saleShown()) {
    state.refusal = say("empty-first");
    changed();
    return;
  }
  clients = [];
  asked = "";
  const field = make("input", { id: "client-search", "data-key": "client-search", type: "search", autocomplete: "off", spellcheck: "false", autofocus: true, input: (event) => search(event.target.value) });
  const place = make("div", { id: "clients", class: "found" });
  openDialog({
    title: () => say("by-name-title"),
    body: () => [
      make("p", {}, say("by-name-help")),
      make("div", { class: "field" }, make("label", { for: "client-search" }, say("client-search")), field),
      place,
    ],
  });
  drawResults();
  field.focus();
}
