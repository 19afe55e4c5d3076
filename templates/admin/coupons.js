// All coupons, newest first.

import { byId, h } from "../storefront/lib/dom.js";
import { api, moreButton, start } from "./admin.js";
import { off, stateBadge, uses, valid } from "./coupon_words.js";

start(() => more(new URLSearchParams({ limit: 50 }), null));

async function more(query, cursor) {
  if (cursor) query.set("cursor", cursor);
  const page = await api.get(`/api/coupons?${query}`);
  const rows = byId("rows");
  rows.append(...page.items.map(row));
  byId("empty").hidden = rows.children.length > 0;
  moreButton(page.nextCursor, (next) => more(query, next));
}

function row(coupon) {
  return h(
    "tr",
    {},
    h("td", {}, h("a", { href: `/admin/coupons/${encodeURIComponent(coupon.code)}` }, coupon.code)),
    h("td", {}, off(coupon)),
    h("td", {}, valid(coupon)),
    h("td", {}, stateBadge(coupon)),
    h("td", { class: "number" }, uses(coupon)),
  );
}
