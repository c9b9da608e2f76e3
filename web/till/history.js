// The last sales: ring one up again, void it whole, take a part back.

import { closeDialog, openDialog, drawDialog } from "./dialog.js";
import { button, icon, make } from "./dom.js";
import { ask } from "./link.js";
import { ringUp } from "./selling.js";
import { state } from "./state.js";
import { say } from "./words.js";

const SHAPES = { approved: "paid", approved_in_part: "part", declined: "not", offline: "paid", voided: "back" };

/** The sale that is unfolded, what is asked about it, and how many of each line come back. */
let open = null;
let asking = null;
let returned = new Map();
let refusal = null;
/** Sales that the till was asked to undo, whole or in part. */
const wanted = new Set();

function askAbout(what) {
  refusal = null;
  asking = what;
  returned = new Map();
  drawDialog();
}

async function undo(verb, body) {
  const refused = (words) => {
    refusal = words;
    drawDialog();
  };
  if (!(await ask(verb, body, refused))) return;
  wanted.add(body.sale);
  askAbout(null);
}

function voiding(sale) {
  return [
    make("p", {}, make("strong", {}, say("void-sure"))),
    make("div", { class: "row" },
      button(say("void-yes"), () => undo("void", { sale: sale.id }), { key: "void-yes", icon: "back", kind: "main" }),
      button(say("void-no"), () => askAbout(null), { key: "void-no" })),
  ];
}

function refunding(sale) {
  const sold = sale.lines.map((one, at) => ({ line: at, ...one })).filter((one) => one.state === "sold");
  const line = (one) => {
    const quantity = returned.get(one.line) ?? 0;
    const step = (by) => () => {
      returned.set(one.line, Math.min(Math.max(quantity + by, 0), one.quantity));
      drawDialog();
    };
    return make("li", { class: "line" },
      make("span", { class: "what" }, `${one.name} (${one.quantity})`),
      make("div", { class: "steps" },
        button("", step(-1), { key: `less ${one.line}`, icon: "minus", kind: "square", "aria-label": say("less", one) }),
        make("output", {}, String(quantity)),
        button("", step(1), { key: `more ${one.line}`, icon: "plus", kind: "square", "aria-label": say("more", one) })));
  };
  const lines = [...returned].filter(([, quantity]) => quantity > 0).map(([number, quantity]) => ({ line: number, quantity }));
  return [
    make("p", {}, make("strong", {}, say("refund-title"))),
    make("ul", {}, sold.map(line)),
    make("div", { class: "row" },
      button(say("refund-do"), () => lines.length > 0 && undo("refund", { sale: sale.id, lines }), { key: "refund-do", icon: "back", kind: "main", "aria-disabled": lines.length === 0 ? "true" : null }),
      button(say("void-no"), () => askAbout(null), { key: "void-no" })),
  ];
}

function choices(sale) {
  const again = () => {
    closeDialog();
    ringUp(sale.lines);
  };
  const isUnderway = wanted.has(sale.id) && sale.outcome !== "voided";
  return make("div", { class: "choices" },
    isUnderway && make("p", { class: "grow", role: "status" }, say("undo-asked")),
    button(say("sell-again"), again, { key: `again ${sale.id}`, icon: "again" }),
    sale.can_refund && button(say("refund"), () => askAbout("refund"), { key: `refund ${sale.id}`, icon: "back" }),
    sale.can_void && button(say("void"), () => askAbout("void"), { key: `void ${sale.id}`, icon: "close" }));
}

function entry(sale) {
  const isOpen = open === sale.id;
  const toggle = () => {
    open = isOpen ? null : sale.id;
    askAbout(null);
  };
  const names = sale.lines.map((line) => (line.quantity > 1 ? `${line.quantity} × ${line.name}` : line.name)).join(", ");
  return make("li", { class: "sale" },
    make("button", { type: "button", class: "head", "data-key": `sale ${sale.id}`, "aria-expanded": String(isOpen), click: toggle },
      make("span", { class: "at amount" }, sale.at),
      make("span", { class: "what" }, make("strong", {}, sale.who ?? ""), make("span", { class: "quiet small" }, names)),
      make("span", { class: "how" }, make("strong", { class: "amount" }, sale.total ?? ""),
        make("span", { class: "outcome small" }, icon(SHAPES[sale.outcome] ?? "wait"), say(`outcome-${sale.outcome}`)))),
    isOpen && make("div", { class: "unfolded" },
      make("ul", { class: "small" }, sale.lines.map((line) => make("li", { class: "pair" }, make("span", {}, `${line.quantity} × ${line.name}`), make("span", { class: "quiet" }, say(line.state === "left_out" ? "line-left-out" : "line-sold"))))),
      asking === "void" ? voiding(sale) : asking === "refund" ? refunding(sale) : choices(sale)));
}

export function openHistory() {
  open = null;
  asking = null;
  refusal = null;
  openDialog({
    title: () => say("history-title"),
    body: () => {
      const sales = state.view?.history ?? [];
      return [
        refusal && make("div", { class: "note", role: "alert" }, icon("note"), make("p", {}, refusal)),
        sales.length > 0 ? make("ul", { class: "history" }, sales.map(entry)) : make("p", { class: "quiet" }, say("history-empty")),
      ];
    },
  });
}
