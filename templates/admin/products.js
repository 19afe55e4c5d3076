// All products, drafts included, with their stock a click away.

import { byId, fill, h } from "../storefront/lib/dom.js";
import { formatRange } from "../storefront/lib/money.js";
import { picture } from "../storefront/lib/picture.js";
import { humane, tone } from "../storefront/lib/text.js";
import { api, attempt, filters, moreButton, start } from "./admin.js";
import { variantTable } from "./variants.js";

start(() => {
  const { q, status } = filters();
  const query = new URLSearchParams({ limit: 50 });
  if (q) query.set("q", q);
  else if (status) query.set("status", status);
  return more(q ? "/api/products/search" : "/api/products", query, null);
});

async function more(path, query, cursor) {
  if (cursor) query.set("cursor", cursor);
  const page = await api.get(`${path}?${query}`);
  const list = byId("products");
  list.append(...page.items.map(row));
  byId("empty").hidden = list.children.length > 0;
  moreButton(page.nextCursor, (next) => more(path, query, next));
}

function row(product) {
  const stock = h("div", { class: "stock-part" });
  const details = h("details", {}, h("summary", {}, "Stock"), stock);
  details.addEventListener("toggle", () => {
    if (!details.open || stock.hasChildNodes()) return;
    attempt(byId("problem"), null, async () => fill(stock, variantTable(await api.get(`/api/products/${product.id}`))));
  });
  return h(
    "li",
    { class: "panel" },
    h(
      "div",
      { class: "product-row" },
      picture(product.image, product.name, "tiny"),
      h("a", { class: "product-name", href: `/admin/products/${product.id}` }, product.name),
      h("span", { class: `badge ${tone(product.status)}` }, product.status === "ACTIVE" ? "On sale" : humane(product.status)),
      h("span", { class: product.inStock ? "hint" : "hint out" }, product.inStock ? "In stock" : "Sold out"),
      h("span", { class: "number" }, formatRange(product.priceRange)),
    ),
    details,
  );
}
