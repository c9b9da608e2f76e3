// Who works at the till: signed on with a code, signed off with one touch.

import { closeDialog, openDialog } from "./dialog.js";
import { button, byId, icon, make } from "./dom.js";
import { keypad } from "./keypad.js";
import { ask } from "./link.js";
import { state } from "./state.js";
import { say } from "./words.js";

async function signOn(then) {
  const staff = byId("staff-code").value.trim();
  if (!staff) return;
  const refused = (words) => {
    const place = byId("staff-refusal");
    place.replaceChildren(icon("note"), make("p", {}, words));
    place.hidden = false;
  };
  if (!(await ask("staff", { staff }, refused))) return;
  closeDialog();
  if (then) waitForStaff(then);
}

/** The view says that it is so a moment after the till took it. */
function waitForStaff(then, tries = 40) {
  if (state.view?.staff) then();
  else if (tries > 0) setTimeout(waitForStaff, 50, then, tries - 1);
}

/** `words`: why it is asked now; `then`: where to go on afterwards. */
export function openStaff(words = null, then = null) {
  const why = typeof words === "string" ? words : null;
  const field = make("input", { id: "staff-code", "data-key": "staff-code", type: "password", inputmode: "none", autocomplete: "off", autofocus: true });
  const refusal = make("div", { class: "note", id: "staff-refusal", role: "alert", hidden: true });
  const press = (what) => {
    if (what === "ready") signOn(then);
    else field.value = what === "rubout" ? field.value.slice(0, -1) : field.value + what;
  };
  const form = make("form", {
    class: "sign-on",
    submit: (event) => {
      event.preventDefault();
      signOn(then);
    },
  },
  make("div", { class: "field" }, make("label", { for: "staff-code" }, say("staff-code")), field), refusal);
  openDialog({
    title: () => say("staff-title"),
    body: () => {
      const { staff } = state.view ?? {};
      if (staff) {
        const off = async () => (await ask("staff", { off: true })) && closeDialog();
        return [make("p", {}, say("staff-on", staff)), button(say("staff-sign-off"), off, { key: "off", icon: "person", kind: "large" })];
      }
      return [make("p", {}, why ?? say("staff-none")), form, keypad(press)];
    },
  });
  if (!state.view?.staff) field.focus();
}
