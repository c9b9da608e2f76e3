// The staff's side of an answer: what to do with what was left out, and, on touch, who paid what and why.

import { button, icon, make } from "./dom.js";
import { next, ringUp } from "./selling.js";
import { state } from "./state.js";
import { openByName } from "./ways.js";
import { say, sayCount } from "./words.js";

/** Per sale, the lines that lie on the shelf again. */
const shelved = { sale: null, lines: new Set() };
let isUnfolded = false;

function keyOf(sale) {
  return sale.number ?? sale.id;
}

function leftOut(sale) {
  if (shelved.sale !== keyOf(sale)) {
    shelved.sale = keyOf(sale);
    shelved.lines.clear();
  }
  const lines = sale.lines.map((line, at) => ({ ...line, at })).filter((line) => line.state === "left_out");
  if (sale.kind !== "sale" || sale.client.shape !== "part") return null;
  const item = (line) => {
    const toggle = (event) => {
      const done = !shelved.lines.has(line.at);
      if (done) shelved.lines.add(line.at);
      else shelved.lines.delete(line.at);
      const pressed = event.currentTarget;
      pressed.setAttribute("aria-pressed", String(done));
      pressed.querySelector("span").textContent = say(done ? "on-shelf" : "to-shelf");
    };
    const isDone = shelved.lines.has(line.at);
    return make("li", {},
      make("span", { class: "name" }, `${line.quantity} × ${line.name}`),
      make("div", { class: "choices" },
        button(say(isDone ? "on-shelf" : "to-shelf"), toggle, { key: `shelf ${line.at}`, icon: "shelf", "aria-pressed": String(isDone) }),
        button(say("new-bill"), () => ringUp([line]), { key: `new ${line.at}`, icon: "receipt" })));
  };
  return make("ul", { class: "left" }, lines.map(item));
}

function leg(one) {
  return make("li", {}, make("span", {}, one.purse), make("span", { class: "amount" }, one.amount),
    one.why && one.why.toLowerCase() !== one.purse.toLowerCase() && make("span", { class: "quiet" }, one.why));
}

function line(one, sale) {
  const isLeftOut = one.state === "left_out";
  const outcome = isLeftOut ? say("line-left-out") : (one.paid ?? (sale.is_offline || one.state === "open" ? "" : say("line-free")));
  return make("li", {},
    make("p", { class: "pair" }, make("strong", {}, `${one.quantity} × ${one.name}`), make("span", { class: "amount" }, outcome)),
    one.legs.length > 0 && make("ul", { class: "legs" }, one.legs.map(leg)),
    one.reason && make("p", { class: "quiet" }, `${say("reason")}: ${one.reason}`));
}

const note = (words) => make("div", { class: "note" }, icon("note"), make("p", {}, words));

/** A reason stays folded: the client reads this screen too. That there is one is said. */
function details(sale, words) {
  const facts = [[say("total"), sale.total], [say("book-date"), sale.book_date], [say("number"), sale.number]];
  return make("details", { class: "fold", open: isUnfolded, toggle: (event) => { isUnfolded = event.target.open; } },
    make("summary", { "data-key": "fold" }, icon("up"), make("span", {}, say("for-staff")),
      words.length > 0 && make("span", { class: "chip sand" }, icon("note"), sayCount("messages", words.length))),
    words.map(note),
    make("ul", { class: "who-paid" }, sale.lines.map((one) => line(one, sale))),
    make("dl", {}, facts.filter(([, fact]) => fact).map(([name, fact]) => make("div", { class: "pair" }, make("dt", {}, name), make("dd", {}, fact)))));
}

function onward() {
  const words = make("span", {}, say("next-client"), make("small", {}, say("next-help")));
  return make("button", { type: "button", class: "button main large", "data-key": "next", click: () => next() }, icon("next"), words);
}

function ways(sale) {
  if (sale.kind === "sale" && sale.client.shape === "not") {
    return [
      button(say("back-to-bill"), () => next({ kept: true }), { key: "kept", icon: "back" }),
      button(say("by-name"), () => openByName(), { key: "by-name", icon: "person" }),
    ];
  }
  return sale.kind === "sale" && sale.client.shape === "paid" && [button(say("once-more"), () => ringUp(sale.lines), { key: "again", icon: "again" })];
}

export function staffSide(sale) {
  // why something was not sold is not for all to read; what else the till says must not be missed
  const isNot = sale.client.shape === "not";
  return make("div", { class: "desk" },
    state.refusal && note(state.refusal),
    !isNot && sale.words.map(note),
    (sale.who || sale.total) && make("p", { class: "pair who" }, make("strong", {}, sale.who ?? ""), make("strong", { class: "amount" }, sale.total ?? "")),
    sale.is_offline && sale.words.length === 0 && make("p", {}, say("offline-sale")),
    leftOut(sale),
    make("div", { class: "ways" }, onward(), make("div", { class: "choices" }, ways(sale))),
    details(sale, isNot ? sale.words : []));
}
