// How the till works, on one sheet, with its keys.

import { openDialog } from "./dialog.js";
import { make } from "./dom.js";
import { say } from "./words.js";

const KEYS = [
  ["Enter", "key-enter"], ["F9", "key-pay"], ["Esc", "key-escape"], ["/", "key-search"], ["F2", "key-by-name"], ["F4", "key-history"],
  ["F8", "key-clear"], ["+ −", "key-quantity"], ["← ↑ → ↓", "key-arrows"], ["?  F1", "key-help"],
];

export function openHelp() {
  openDialog({
    title: () => say("help-title"),
    body: () => [
      ["help-sell", "help-after", "help-scanner"].map((key) => make("p", {}, say(key))),
      make("dl", { class: "keys" }, KEYS.map(([key, words]) => make("div", {}, make("dt", {}, make("kbd", {}, key)), make("dd", {}, say(words))))),
    ],
  });
}
