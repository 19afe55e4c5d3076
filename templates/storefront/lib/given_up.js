// What of an order was given up before it left the house: its amounts stay as they were ordered.

/** The units of one line that were given up. */
export function givenUp(order, sku) {
  const lines = (order.cancellations ?? []).flatMap((it) => it.lines).filter((line) => line.sku === sku);
  return lines.reduce((sum, line) => sum + line.quantity, 0);
}

/** What is not to be paid for it, or went back. */
export function worthGivenUp(order) {
  return (order.cancellations ?? []).reduce((sum, it) => ({ ...it.worth, amount: sum.amount + it.worth.amount }), { ...order.total, amount: 0 });
}

/** The steps of an order with what was given up among them, in the order of time: `{at, words, note}`. */
export function history(order, steps) {
  const units = (line) => `${line.quantity} × ${order.lines.find((it) => it.sku === line.sku)?.name ?? line.sku}`;
  const given = (order.cancellations ?? []).map((it) => ({ at: it.at, words: `Given up: ${it.lines.map(units).join(", ")}`, note: it.reason }));
  return [...steps, ...given].sort((one, other) => new Date(one.at) - new Date(other.at));
}
