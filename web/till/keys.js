// The keyboard and the scanner, anywhere on the page unless a field has the focus.

import { basket } from "./basket.js";
import { isDialogOpen } from "./dialog.js";
import { byId } from "./dom.js";
import { isPinAsked, pinKey } from "./pin.js";
import { prefs } from "./prefs.js";
import { scanner } from "./scanner.js";
import { add, addBarcode, empty, next, pay, stop } from "./selling.js";
import { isPaying, saleShown } from "./state.js";
import { openByName, openHelp, openHistory } from "./ways.js";

const read = scanner();

const isField = (element) => element.matches?.("input, select, textarea");
const isControl = (element) => element.matches?.("button, a, summary");

function onward() {
  if (saleShown()?.stage === "ended") next();
  else if (!isPaying()) pay();
}

/** Keys with a name of their own: they work from everywhere on the page. */
const NAMED = {
  F1: openHelp,
  F2: openByName,
  F4: () => !isPaying() && openHistory(),
  F8: empty,
  F9: onward,
};

const SIGNS = {
  "/": () => !isPaying() && byId("search").focus(),
  "?": openHelp,
  "+": () => basket.last && add(basket.last, 1),
  "-": () => basket.lines.has(basket.last) && add(basket.last, -1),
};

function escape() {
  const sale = saleShown();
  if (sale?.stage === "ended") next();
  else if (sale?.kind === "sale") stop();
}

function act(event) {
  if (pinKey(event)) return true;
  if (NAMED[event.key]) {
    NAMED[event.key]();
    return true;
  }
  if (isField(event.target)) return false;
  if (event.key === "Escape") escape();
  else if (event.key === "Enter" && !isControl(event.target)) onward();
  else if (SIGNS[event.key] && prefs.shortcuts) SIGNS[event.key]();
  else return false;
  return true;
}

export function startKeys() {
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    if (!isField(event.target) && !isPinAsked()) {
      const code = read(event.key, event.timeStamp);
      if (code) {
        // the scanner's Enter presses no button
        event.preventDefault();
        if (!isDialogOpen()) addBarcode(code);
        return;
      }
    }
    if (isDialogOpen()) return;
    if (event.repeat && event.key === "Enter") return;
    if (act(event)) event.preventDefault();
  });
}
