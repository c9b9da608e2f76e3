// One dialog for all: a title, a body, a way out. What lies behind it cannot be reached meanwhile.

import { button, byId, fill, make } from "./dom.js";
import { say } from "./words.js";

let shown = null;

/**
 * Opens a dialog. `body()` makes its content, now and at each change; `closed` is told when it went away.
 * `isModest`: it asks one thing and has its own buttons.
 */
export function openDialog({ title, body, closed = () => {}, isModest = false }) {
  const dialog = byId("dialog");
  if (dialog.open) closeDialog();
  shown = { title, body, closed, isModest };
  drawDialog();
  dialog.showModal();
}

function ended() {
  if (!shown) return;
  const { closed } = shown;
  shown = null;
  byId("dialog").replaceChildren();
  closed();
}

export function closeDialog() {
  byId("dialog").close();
  ended();
}

export function isDialogOpen() {
  return byId("dialog").open;
}

/** Draws the open dialog anew: the till told something, or another language was chosen. */
export function drawDialog() {
  if (!shown) return;
  const close = button("", closeDialog, { key: "close", icon: "close", kind: "plain square", "aria-label": say("close") });
  // what asks one thing answers no key before it was read
  const title = make("h2", { id: "dialog-title", tabindex: shown.isModest ? -1 : null, autofocus: shown.isModest }, shown.title());
  fill(byId("dialog"), make("div", { class: "top" }, title, !shown.isModest && close), make("div", { class: "body" }, shown.body()));
}

export function startDialog() {
  const dialog = byId("dialog");
  // comes after another one may have been opened
  dialog.addEventListener("close", () => dialog.open || ended());
  // a touch beside it closes it
  dialog.addEventListener("click", (event) => event.target === dialog && closeDialog());
}
