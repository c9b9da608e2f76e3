// What this device remembers: language, light or dark, sound. Nothing about a client or a sale.

const PLACE = "pasje-till";
const FIRST = { language: "nl", theme: "auto", sound: false, speech: false, shortcuts: true };

function stored() {
  try {
    return JSON.parse(localStorage.getItem(PLACE)) ?? {};
  } catch {
    return {};
  }
}

const asked = new URLSearchParams(location.search).get("lang");
export const prefs = { ...FIRST, ...stored() };
if (asked === "nl" || asked === "en") prefs.language = asked;

export function prefer(name, value) {
  prefs[name] = value;
  try {
    localStorage.setItem(PLACE, JSON.stringify(prefs));
  } catch {
    // a device that stores nothing keeps the choice until the page is closed
  }
  if (name === "theme") showTheme();
}

export function showTheme() {
  if (prefs.theme === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = prefs.theme;
}
