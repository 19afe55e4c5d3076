// Everything that comes back, newest first, by how far it is.

import { byId, h } from "../storefront/lib/dom.js";
import { format } from "../storefront/lib/money.js";
import { dateTime, returnKind, returnStatus, tone } from "../storefront/lib/text.js";
import { api, filters, moreButton, start } from "./admin.js";

start(() => {
  const { status } = filters();
  const query = new URLSearchParams({ limit: 50 });
  if (status) query.set("status", status);
  return more(query, null);
});

async function more(query, cursor) {
  if (cursor) query.set("cursor", cursor);
  const page = await api.get(`/api/returns?${query}`);
  const rows = byId("rows");
  rows.append(...page.items.map(row));
  byId("empty").hidden = rows.children.length > 0;
  moreButton(page.nextCursor, (next) => more(query, next));
}

function row(it) {
  return h(
    "tr",
    {},
    h("td", {}, h("a", { href: `/admin/orders/${it.orderId}` }, dateTime(it.requestedAt))),
    h("td", {}, returnKind(it.type)),
    h("td", {}, it.lines.map((line) => `${line.quantity} × ${line.sku}`).join(", ")),
    h("td", {}, it.reason),
    h("td", {}, h("span", { class: `badge ${tone(it.status)}` }, returnStatus(it.status))),
    h("td", { class: "number" }, it.refund ? format(it.refund) : ""),
  );
}
