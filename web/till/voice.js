// The answer to the ear: a soft sound and a spoken sentence, each only where it was switched on.

import { prefs } from "./prefs.js";

const TONES_HZ = { paid: [523, 784], part: [523, 587], not: [330], back: [587, 440] };
const LOUDNESS = 0.08;
const TONE_S = 0.22;

let audio = null;

function sound(shape) {
  audio ??= new AudioContext();
  (TONES_HZ[shape] ?? []).forEach((frequency, at) => {
    const start = audio.currentTime + at * TONE_S * 0.7;
    const tone = new OscillatorNode(audio, { type: "sine", frequency });
    const volume = new GainNode(audio, { gain: 0 });
    volume.gain.setTargetAtTime(LOUDNESS, start, 0.02);
    volume.gain.setTargetAtTime(0, start + TONE_S * 0.5, 0.06);
    tone.connect(volume).connect(audio.destination);
    tone.start(start);
    tone.stop(start + TONE_S * 3);
  });
}

function speak(words) {
  if (!words || !window.speechSynthesis) return;
  const sentence = new SpeechSynthesisUtterance(words);
  sentence.lang = prefs.language === "en" ? "en-GB" : "nl-NL";
  speechSynthesis.cancel();
  speechSynthesis.speak(sentence);
}

/** How a sale goes, as the client may hear it. */
export function tell(sale) {
  if (prefs.sound && sale.stage === "ended") sound(sale.client.shape);
  if (prefs.speech) speak(sale.client.speech);
}

/** A browser lets a page sound only after a touch: this is one. */
export function tryOut() {
  if (prefs.sound) sound("paid");
}
