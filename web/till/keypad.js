// Large digits: for a PIN and for a staff code. What was typed stays here until it is handed over.

import { button, make } from "./dom.js";
import { say } from "./words.js";

/** `press("7")`, `press("rubout")`, `press("ready")`. */
export function keypad(press) {
  const key = (digit) => button(digit, () => press(digit), { key: `digit ${digit}` });
  return make("div", { class: "keypad" },
    ["1", "2", "3", "4", "5", "6", "7", "8", "9"].map(key),
    button("", () => press("rubout"), { key: "rubout", icon: "rubout", "aria-label": say("pin-delete") }),
    key("0"),
    button(say("pin-ready"), () => press("ready"), { key: "ready", kind: "main" }));
}
