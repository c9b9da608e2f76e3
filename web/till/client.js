// The client's side: a shape, a sentence, and what was left out. Never a reason, a balance or a purse.

import { byId, fill, hasChanged, icon, make } from "./dom.js";
import { pinEntry, pinLength } from "./pin.js";
import { prefs } from "./prefs.js";
import { state } from "./state.js";
import { say } from "./words.js";

/** A sentence of fewer letters is written larger. */
const SHORT = 10;

export function clientSide(client, level = "h2") {
  return make("div", { class: `client is-${client.shape}` },
    icon(client.shape, "shape"),
    make(level, { class: `headline${client.headline.length < SHORT ? " is-short" : ""}` }, client.headline),
    client.left_out.length > 0 && make("div", { class: "left-out" },
      make("p", {}, say("left-out-title")),
      make("ul", {}, client.left_out.map((name) => make("li", {}, name)))));
}

/** A screen of its own, turned to the client. */
export function drawClientScreen() {
  const screen = byId("client-side");
  const sale = state.view?.sale;
  screen.className = `is-${sale?.stage ?? "idle"}`;
  if (!hasChanged(screen, sale, state.isGone, pinLength(), prefs.language)) return;
  if (state.isGone || !sale) {
    fill(screen, make("div", { class: "client is-idle" }, icon("card", "shape"), make("h1", { class: "headline" }, say("client-idle"))));
    return;
  }
  fill(screen, clientSide(sale.client, "h1"),
    sale.stage === "pin" && pinEntry(sale.pin),
    sale.client.shape === "tap" && make("ul", { class: "rung" }, sale.lines.map((line) => make("li", {}, `${line.quantity} × ${line.name}`))));
}
