// Language, light or dark, sound, speech, keys: for this device.

import { drawDialog, openDialog } from "./dialog.js";
import { button, make } from "./dom.js";
import { listen } from "./link.js";
import { prefer, prefs } from "./prefs.js";
import { changed } from "./state.js";
import { loadWords, say } from "./words.js";
import { tryOut } from "./voice.js";

export async function chooseLanguage(language) {
  const was = prefs.language;
  prefer("language", language);
  try {
    await loadWords();
  } catch {
    prefs.language = was;
    return;
  }
  // the choice outlives the address it came with
  const here = new URL(location.href);
  here.searchParams.delete("lang");
  history.replaceState(null, "", here);
  listen();
  changed();
}

function choice(name, values, choose = (value) => prefer(name, value)) {
  const pick = (value) => async () => {
    await choose(value);
    drawDialog();
  };
  return make("div", { class: "setting", role: "group", "aria-labelledby": `setting-${name}` },
    make("h3", { id: `setting-${name}` }, say(name)),
    make("div", { class: "choices" }, values.map(([value, text, lang]) => button(text, pick(value), {
      key: `${name} ${value}`, "aria-pressed": String(prefs[name] === value), lang,
    }))));
}

const onOff = () => [[true, say("on")], [false, say("off")]];

export function openSettings() {
  openDialog({
    title: () => say("settings-title"),
    body: () => [
      choice("language", [["nl", "Nederlands", "nl"], ["en", "English", "en"]], chooseLanguage),
      choice("theme", ["auto", "light", "dark"].map((value) => [value, say(`theme-${value}`)])),
      choice("sound", onOff(), (value) => { prefer("sound", value); tryOut(); }),
      choice("speech", onOff(), (value) => { prefer("speech", value); tryOut(); }),
      choice("shortcuts", onOff()),
      make("a", { class: "button", href: "/?side=client", target: "_blank", rel: "noopener" }, say("client-screen")),
    ],
  });
}
