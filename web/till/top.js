// The bar at the top: which till this is, how it is, and the ways to everything else.

import { openDialog } from "./dialog.js";
import { button, byId, fill, hasChanged, icon, make } from "./dom.js";
import { prefs } from "./prefs.js";
import { state } from "./state.js";
import { chooseLanguage, openHelp, openHistory, openSettings, openStaff } from "./ways.js";
import { say, sayCount } from "./words.js";

function link() {
  if (state.isGone) return ["gone", say("state-gone")];
  const till = state.view?.till;
  if (till?.link === "here") return ["here", say("state-here")];
  if (till?.link === "away") return ["away", till.since ? say("state-away-since", { since: till.since }) : say("state-away")];
  return ["unknown", say("state-unknown")];
}

function waiting() {
  const count = state.view?.till.waiting ?? 0;
  return count > 0 ? sayCount("waiting", count) : null;
}

function openState() {
  openDialog({
    title: () => say("state-title"),
    body: () => {
      const till = state.view?.till;
      const [kind, words] = link();
      const notices = till?.notices ?? [];
      return [
        make("p", { class: "row" }, icon(kind === "here" ? "here" : "away"), make("strong", {}, words)),
        make("p", {}, kind === "gone" ? `${say("gone")} ${say("gone-help")}` : say(`state-${kind}-help`)),
        till?.waiting > 0 && make("p", {}, till.waiting_words ?? waiting()),
        notices.length > 0 ? notices.map(note) : make("p", { class: "quiet" }, say("state-no-notices")),
      ];
    },
  });
}

const note = (text) => make("div", { class: "note" }, icon("note"), make("p", {}, text));

export function drawTop() {
  if (!hasChanged(byId("top"), state.view?.till, state.view?.staff, state.isGone, prefs.language)) return;
  const till = state.view?.till;
  const [kind, words] = link();
  const count = waiting();
  const other = prefs.language === "nl" ? "en" : "nl";
  const tool = (name, open, picture, text = say(name)) => button(text, open, { key: name, icon: picture, kind: "plain tool", "aria-label": say(name) });
  fill(byId("top"),
    make("h1", {}, icon("mark"), make("span", {}, till?.name ?? "Pasje")),
    make("button", { type: "button", class: `chip state is-${kind}`, "data-key": "state", click: openState },
      icon(kind === "here" ? "here" : "away"), make("span", {}, words, count && make("span", { class: "waiting" }, make("i", {}, " · "), count))),
    make("nav", { class: "tools", "aria-label": say("settings") },
      tool("history", openHistory, "receipt"),
      button(state.view?.staff?.name ?? say("staff"), () => openStaff(), { key: "staff", icon: "person", kind: "plain tool", "aria-label": state.view?.staff ? say("staff-on", state.view.staff) : say("staff") }),
      button(other.toUpperCase(), () => chooseLanguage(other), { key: "language", kind: "plain tool short", lang: other, "aria-label": other === "nl" ? "Nederlands" : "English" }),
      tool("settings", openSettings, "settings", ""),
      tool("help", openHelp, "help", "")));
  drawNotices();
}

function drawNotices() {
  const till = state.view?.till;
  const notices = [
    ...(state.isGone ? [`${say("gone")} ${say("gone-help")}`] : []),
    ...(till?.is_revoked ? [say("revoked")] : []),
    ...(till?.notices ?? []),
  ];
  const place = byId("notices");
  const rest = notices.length - 1;
  const shown = notices.length > 0 && make("div", { class: "note" }, icon(state.isGone ? "away" : "note"), make("p", {}, notices[0]),
    rest > 0 && button(`${say("notices-more")} (${notices.length})`, openState, { key: "notices", kind: "plain" }));
  fill(place, shown);
  place.hidden = notices.length === 0;
  place.setAttribute("aria-label", say("notices"));
}
