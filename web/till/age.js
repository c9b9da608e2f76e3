// "Is de koper 18 of ouder?": once for each bill.

import { closeDialog, openDialog } from "./dialog.js";
import { button, make } from "./dom.js";
import { say } from "./words.js";

/** Whether the buyer is old enough. Closing it is a no. */
export function askAge() {
  return new Promise((resolve) => {
    let isAdult = false;
    const answer = (value) => () => {
      isAdult = value;
      closeDialog();
    };
    openDialog({
      title: () => say("age-question"),
      body: () => [
        make("p", { class: "quiet" }, say("age-help")),
        make("div", { class: "row" },
          button(say("age-yes"), answer(true), { key: "yes", kind: "main large grow" }),
          button(say("age-no"), answer(false), { key: "no", kind: "large grow" })),
      ],
      closed: () => resolve(isAdult),
      isModest: true,
    });
  });
}
