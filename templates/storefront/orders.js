// A customer's orders, newest first.

import { busy, byId, fill, h } from "./lib/dom.js";
import { format } from "./lib/money.js";
import { date, orderStatus, tone } from "./lib/text.js";
import { api, signIn, start } from "./shop.js";

start(async () => {
  if (!api.user) return signIn();
  await more(null);
});

async function more(cursor) {
  const page = await api.get(`/api/orders?limit=20${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ""}`);
  const list = byId("orders");
  list.append(...page.items.map(row));
  byId("empty").hidden = list.children.length > 0;
  const button = h("button", { type: "button", class: "button quiet" }, "Show older orders");
  button.addEventListener("click", () => busy(button, () => start(() => more(page.nextCursor))));
  fill(byId("more"), page.nextCursor ? button : null);
}

function row(order) {
  const names = order.lines.map((line) => (line.quantity > 1 ? `${line.quantity} × ${line.name}` : line.name)).join(", ");
  return h(
    "li",
    {},
    h(
      "a",
      { href: `/orders/${order.id}`, class: "order-row" },
      h("span", { class: "order-number" }, order.number),
      h("span", { class: "hint" }, date(order.placedAt)),
      h("span", { class: "order-names" }, names),
      h("span", { class: `badge ${tone(order.status)}` }, orderStatus(order.status)),
      h("span", { class: "order-total" }, format(order.total)),
    ),
  );
}
