// The shop window: search, category, sorting, and pages that are added as one goes on.

import { busy, byId, fill, h, option } from "./lib/dom.js";
import { formatRange } from "./lib/money.js";
import { picture } from "./lib/picture.js";
import { api, productPath, start } from "./shop.js";

const PAGE = 24;
/** Values of one option to choose from: the most frequent. */
const OPTIONS = 12;
const wanted = new URLSearchParams(location.search);
const text = (wanted.get("q") ?? "").trim();

start(async () => {
  const grid = byId("products");
  const filters = byId("filters");
  byId("q").value = text;
  filters.elements.sort.value = wanted.get("sort") ?? (text ? "relevance" : "newest");
  filters.elements.inStock.checked = wanted.get("inStock") === "true";
  filters.addEventListener("change", () => filters.requestSubmit());
  const [, tree] = await Promise.all([more(grid, null), api.get("/api/categories/tree", { open: true })]);
  categories(filters, tree);
});

/** Appends the page after `cursor`. */
async function more(grid, cursor) {
  const query = new URLSearchParams({ limit: PAGE, sort: byId("filters").elements.sort.value });
  if (text) query.set("q", text);
  if (wanted.get("category")) query.set("category", wanted.get("category"));
  if (wanted.get("inStock") === "true") query.set("inStock", "true");
  for (const chosen of wanted.getAll("option")) query.append("option", chosen);
  if (cursor) query.set("cursor", cursor);
  const found = await api.get(`/api/products/search?${query}`, { open: true });
  if (!cursor) {
    heading(found.total);
    options(found.facets.options);
  }
  grid.append(...found.items.map(card));
  if (cursor && found.items.length > 0) grid.children[grid.children.length - found.items.length].querySelector("a").focus();
  byId("empty").hidden = grid.children.length > 0;
  const button = h("button", { type: "button", class: "button quiet" }, "Show more");
  button.addEventListener("click", () => busy(button, () => start(() => more(grid, found.nextCursor))));
  fill(byId("more"), found.nextCursor ? button : null);
}

function heading(total) {
  const count = total === 1 ? "1 product" : `${total.toLocaleString()} products`;
  byId("count").textContent = total === 0 ? "" : count;
  if (text) {
    byId("heading").textContent = `Results for “${text}”`;
    document.title = `${text} · ${document.title}`;
  }
}

function card(product) {
  const price = product.priceRange ? formatRange(product.priceRange) : "";
  return h(
    "li",
    { class: product.inStock ? "card" : "card sold-out" },
    h(
      "a",
      { href: productPath(product) },
      picture(product.image, product.name),
      h("span", { class: "card-name" }, product.name),
      h("span", { class: "card-price" }, price),
      product.inStock ? null : h("span", { class: "badge" }, "Sold out"),
    ),
  );
}

/** What the hits come in, to choose from; what was chosen stays, also where nothing is left of it. */
function options(counted) {
  const chosen = wanted.getAll("option");
  const names = new Map();
  const add = (name, value, count) => names.set(name, [...(names.get(name) ?? []), [value, count]]);
  for (const { name, value, count } of counted) add(name, value, count);
  for (const text of chosen) {
    const at = text.indexOf(":");
    const [name, value] = [text.slice(0, at), text.slice(at + 1)];
    if (at > 0 && !names.get(name)?.some(([known]) => known === value)) add(name, value, 0);
  }
  const groups = [...names].map(([name, values], group) => {
    const boxes = values.slice(0, OPTIONS).map(([value, count], at) => {
      const id = `option-${group}-${at}`;
      const box = h("input", { id, type: "checkbox", name: "option", value: `${name}:${value}` });
      box.checked = chosen.includes(box.value);
      return h("span", { class: "check" }, box, h("label", { for: id }, `${value} (${count})`));
    });
    const open = values.some(([value]) => chosen.includes(`${name}:${value}`));
    return h("details", { open }, h("summary", {}, name), boxes);
  });
  fill(byId("options"), groups).hidden = groups.length === 0;
}

/** The tree as one list, each level set in a little further. */
function categories(filters, tree) {
  const flat = [];
  const walk = (nodes, depth) => {
    for (const node of nodes) {
      flat.push(option(node.id, `${"\u2003".repeat(depth)}${node.name}`, node.id === wanted.get("category")));
      walk(node.children, depth + 1);
    }
  };
  walk(tree.items, 0);
  const chooser = filters.elements.category;
  chooser.append(...flat);
  chooser.closest(".field").hidden = flat.length === 0;
}
