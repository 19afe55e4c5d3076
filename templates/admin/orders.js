// All orders, newest first, by status, number or the customer's mail address.

import { byId, h } from "../storefront/lib/dom.js";
import { format } from "../storefront/lib/money.js";
import { dateTime, orderStatus, paymentMethod, paymentStatus, tone } from "../storefront/lib/text.js";
import { api, filters, moreButton, start } from "./admin.js";

start(() => {
  const { q, status } = filters();
  const query = new URLSearchParams({ limit: 50 });
  if (status) query.set("status", status);
  if (q) query.set(q.includes("@") ? "email" : "number", q.includes("@") ? q : q.toUpperCase());
  return more(query, null);
});

async function more(query, cursor) {
  if (cursor) query.set("cursor", cursor);
  const page = await api.get(`/api/orders?${query}`);
  const rows = byId("rows");
  rows.append(...page.items.map(row));
  byId("empty").hidden = rows.children.length > 0;
  moreButton(page.nextCursor, (next) => more(query, next));
}

function row(order) {
  const units = order.lines.reduce((sum, line) => sum + line.quantity, 0);
  return h(
    "tr",
    {},
    h("td", {}, h("a", { href: `/admin/orders/${order.id}` }, order.number)),
    h("td", {}, dateTime(order.placedAt)),
    h("td", {}, order.shippingAddress.fullName),
    h("td", {}, units),
    h("td", {}, paymentMethod(order.payment.method), h("span", { class: "hint block" }, paymentStatus(order))),
    h("td", {}, h("span", { class: `badge ${tone(order.status)}` }, orderStatus(order.status))),
    h("td", { class: "number" }, format(order.total)),
  );
}
