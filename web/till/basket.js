// The bill that is rung up: services and quantities, and the most that anyone would pay for it.

const QUANTITY_MAX = 99;

export const basket = {
  /** Service id to quantity, in the order of touching. */
  lines: new Map(),
  /** The buyer's age was asked and is enough, for this bill. */
  isAdult: false,
  /** The id that was touched last. */
  last: null,
};

/** Changes a line by `step`; a line of nothing goes away. The new quantity. */
export function change(id, step) {
  const quantity = Math.min((basket.lines.get(id) ?? 0) + step, QUANTITY_MAX);
  if (quantity > 0) basket.lines.set(id, quantity);
  else basket.lines.delete(id);
  basket.last = id;
  return Math.max(quantity, 0);
}

export function clear() {
  basket.lines.clear();
  basket.isAdult = false;
  basket.last = null;
}

export function pieces() {
  return [...basket.lines.values()].reduce((sum, quantity) => sum + quantity, 0);
}

export function saleLines() {
  return [...basket.lines].map(([service, quantity]) => ({ service, quantity }));
}

/**
 * What the dearest buyer pays for one: `[unit, minor]`. A service with a price in minutes or points is shown in those,
 * so that no euros stand beside a budget of time.
 */
export function dearest(service) {
  for (const unit of ["minutes", "points", "price_cents"]) {
    const prices = service.prices.map((price) => price[unit]).filter((minor) => minor !== null && minor !== undefined);
    if (prices.length > 0) return [unit, Math.max(...prices)];
  }
  return ["price_cents", 0];
}

/** Whether every buyer pays the same. */
export function hasOnePrice(service) {
  const [unit] = dearest(service);
  return new Set(service.prices.map((price) => price[unit] ?? null)).size <= 1;
}

/** The sum by unit: minutes and euros are never added. */
export function atMost(find) {
  const sums = new Map();
  for (const [id, quantity] of basket.lines) {
    const service = find(id);
    if (!service) continue;
    const [unit, minor] = dearest(service);
    sums.set(unit, (sums.get(unit) ?? 0) + minor * quantity);
  }
  return [...sums];
}
