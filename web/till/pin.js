// The PIN: dots for digits, large keys, a way without where the card allows one.

import { announce } from "./announce.js";
import { button, make } from "./dom.js";
import { keypad } from "./keypad.js";
import { ask } from "./link.js";
import { changed, saleShown } from "./state.js";
import { say, sayCount } from "./words.js";

const DIGITS_MAX = 12;
let typed = "";

export function forgetPin() {
  typed = "";
}

export function pinLength() {
  return typed.length;
}

export function isPinAsked() {
  return saleShown()?.stage === "pin";
}

export function pressPin(what) {
  if (what === "ready") {
    if (!typed) return;
    const digits = typed;
    typed = "";
    ask("pin", { digits });
  } else if (what === "rubout") {
    typed = typed.slice(0, -1);
  } else if (typed.length < DIGITS_MAX) {
    typed += what;
  }
  announce(say("pin-digits", { count: typed.length }));
  changed();
}

/** A key of the keyboard, where a PIN is asked. Whether it was one for the PIN. */
export function pinKey(event) {
  if (!isPinAsked()) return false;
  if (/^\d$/.test(event.key)) pressPin(event.key);
  else if (event.key === "Backspace") pressPin("rubout");
  else if (event.key === "Enter" && !event.target.matches?.("button")) pressPin("ready");
  else return false;
  return true;
}

export function pinEntry(pin) {
  const tries = pin?.tries_left;
  return make("div", { class: "pin" },
    make("p", { class: "dots", role: "img", "aria-label": `${say("pin-entry")}: ${say("pin-digits", { count: typed.length })}` },
      Array.from({ length: Math.max(4, typed.length) }, (_, at) => make("span", { class: at < typed.length ? "is-typed" : "" }))),
    Number.isInteger(tries) && make("p", {}, sayCount("pin-tries", tries)),
    keypad(pressPin),
    pin?.may_go_without && button(say("pin-without"), () => ask("pin", { without: true }), { key: "without" }));
}
