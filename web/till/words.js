// The words of the chosen language, and amounts as people write them.

import { prefs } from "./prefs.js";

let words = {};

export async function loadWords() {
  const answer = await fetch(`/api/words?lang=${prefs.language}`);
  if (!answer.ok) throw new Error(`words: ${answer.status}`);
  words = await answer.json();
  document.documentElement.lang = prefs.language;
  document.title = say("page-title");
  for (const element of document.querySelectorAll("[data-say]")) element.textContent = say(element.dataset.say);
}

/** A message, its `{ $name }` filled from `values`. */
export function say(key, values = {}) {
  const text = words[key] ?? key;
  return text.replace(/\{\s*\$([\w-]+)\s*\}/g, (whole, name) => values[name] ?? whole);
}

/** `items-one` or `items-many`. */
export function sayCount(key, count) {
  return say(`${key}-${count === 1 ? "one" : "many"}`, { count });
}

export function nameOf(service) {
  return (prefs.language === "en" && service.name_en) || service.name;
}

function hundredths(minor) {
  const [thousand, point] = prefs.language === "en" ? [",", "."] : [".", ","];
  const whole = String(Math.floor(minor / 100)).replace(/\B(?=(\d{3})+$)/g, thousand);
  return `${whole}${point}${String(minor % 100).padStart(2, "0")}`;
}

/** `€ 2,50`, `20 min`, `1,50 punt`: minor units, whole numbers. */
export function amount(unit, minor) {
  const english = prefs.language === "en";
  if (unit === "minutes") return `${minor}\u00a0min`;
  if (unit === "points") return `${hundredths(minor)}\u00a0${english ? "points" : "punt"}`;
  return english ? `€${hundredths(minor)}` : `€\u00a0${hundredths(minor)}`;
}
