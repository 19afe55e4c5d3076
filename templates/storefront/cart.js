// The cart: quantities, removing, totals, and a word where a price or the stock has changed.

import { byId, fill, h } from "./lib/dom.js";
import { clear, show } from "./lib/errors.js";
import { format } from "./lib/money.js";
import { picture } from "./lib/picture.js";
import { sums } from "./lib/totals.js";
import { api, readCart, removeLine, say, setLine, start } from "./shop.js";

const pictures = new Map();

start(async () => {
  const cart = await readCart();
  render(cart);
  if (cart) await loadPictures(cart);
});

function render(cart) {
  const filled = Boolean(cart) && cart.lines.length > 0;
  byId("empty").hidden = filled;
  byId("filled").hidden = !filled;
  if (!filled) return;
  fill(byId("lines"), cart.lines.map(line));
  const short = cart.lines.some((each) => each.available < each.quantity);
  const rows = [["Subtotal", format(cart.subtotal)]];
  if (cart.discount.amount > 0) rows.push([`Discount${cart.couponCode ? ` (${cart.couponCode})` : ""}`, `−${format(cart.discount)}`]);
  byId("refusal").hidden = !cart.couponRefusal;
  byId("refusal").textContent = cart.couponRefusal ? `The coupon takes nothing off now: ${cart.couponRefusal.detail}.` : "";
  rows.push(["Total before delivery", format(cart.total), "grand"]);
  fill(byId("totals"), sums(rows));
  byId("short").hidden = !short;
  byId("checkout").setAttribute("aria-describedby", short ? "short" : "");
}

function line(item) {
  const id = `quantity-${item.sku}`;
  const quantity = h("input", { id, type: "number", min: 1, max: 999, value: item.quantity, inputmode: "numeric", class: "quantity" });
  quantity.addEventListener("change", () => change(quantity, () => setLine(item.sku, Number(quantity.value))));
  const remove = h("button", { type: "button", id: `remove-${item.sku}`, class: "link", "aria-label": `Remove ${item.name}` }, "Remove");
  remove.addEventListener("click", () => change(remove, () => removeLine(item.sku), `${item.name} removed.`));
  const href = item.productId && `/products/${item.productId}`;
  return h(
    "li",
    { class: "line" },
    h("a", { href, class: "line-picture", tabindex: "-1", "aria-hidden": "true" }, picture(pictures.get(item.productId), item.name)),
    h(
      "div",
      { class: "line-text" },
      h("a", { href }, item.name),
      h("span", { class: "hint" }, `${format(item.unitPrice)} each`),
      item.priceChanged ? h("span", { class: "notice" }, "The price has changed since you added this.") : null,
      shortage(item),
    ),
    h("div", { class: "line-quantity" }, h("label", { for: id, class: "visually-hidden" }, `Quantity of ${item.name}`), quantity, remove),
    h("span", { class: "line-total" }, format(item.lineTotal)),
  );
}

function shortage(item) {
  if (item.available >= item.quantity) return null;
  return h("span", { class: "notice" }, item.available > 0 ? `Only ${item.available} left.` : "Sold out.");
}

async function change(control, work, done) {
  const box = byId("problem");
  clear(box);
  const focused = document.activeElement?.id;
  control.disabled = true;
  try {
    render(await work());
    (byId(focused) ?? byId("main")).focus();
    say(done ?? "Cart updated.");
  } catch (problem) {
    control.disabled = false;
    show(box, problem);
    const cart = await readCart().catch(() => null);
    if (cart) render(cart);
  }
}

/** Pictures are nice to have: each product is asked once, and a silent one stays a tile. */
async function loadPictures(cart) {
  const ids = [...new Set(cart.lines.map((item) => item.productId).filter(Boolean))].slice(0, 30);
  const found = await Promise.allSettled(ids.map((id) => api.get(`/api/products/${id}`, { open: true })));
  found.forEach((result, index) => {
    if (result.status === "fulfilled") pictures.set(ids[index], result.value.images?.[0]);
  });
  render(cart);
}
