// A barcode scanner is a quick typist: digits a few milliseconds apart, then Enter.

const GAP_MS_MAX = 60;
const DIGITS_MIN = 6;

/** Feed it each key; it returns a barcode when one is complete. */
export function scanner() {
  let digits = "";
  let last_ms = 0;
  return (key, time_ms) => {
    if (time_ms - last_ms > GAP_MS_MAX) digits = "";
    last_ms = time_ms;
    if (/^\d$/.test(key)) {
      digits += key;
      return null;
    }
    const code = key === "Enter" && digits.length >= DIGITS_MIN ? digits : null;
    // scanners may send Shift between digits
    if (key !== "Shift") digits = "";
    return code;
  };
}
