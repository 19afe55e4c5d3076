// The variants of a product with their prices and stock: change a price, book units in or out,
// read the ledger.

import { newKey } from "../storefront/lib/api.js";
import { busy, byId, field, fill, h } from "../storefront/lib/dom.js";
import { decimal, format, parse } from "../storefront/lib/money.js";
import { dateTime, humane } from "../storefront/lib/text.js";
import { api, attempt, currency, onSubmit, say } from "./admin.js";

const HEADS = ["SKU", "Price", "Available", "Book in or out", ""];

/** `changed` hears the product as it is after a price was changed or a variant removed. */
export function variantTable(product, changed) {
  const heads = HEADS.map((text) => h("th", { scope: "col", class: text === "Available" ? "number" : null }, text || h("span", { class: "visually-hidden" }, "Actions")));
  const box = h("div", { class: "problem", role: "alert", hidden: true });
  const rows = product.variants.map((variant) => row(product, variant, box, changed));
  return [box, h("div", { class: "table" }, h("table", {}, h("thead", {}, h("tr", {}, heads)), h("tbody", {}, rows)))];
}

function row(product, variant, box, changed) {
  const options = Object.entries(variant.options).map(([name, value]) => `${name}: ${value}`).join(", ");
  const available = h("td", { class: "number" }, variant.available);
  const ledger = h("button", { type: "button", class: "link" }, "Ledger");
  ledger.addEventListener("click", () => busy(ledger, () => attempt(box, null, () => showLedger(variant.sku))));
  return h(
    "tr",
    {},
    h("td", {}, h("span", { class: "sku" }, variant.sku), options ? h("span", { class: "hint block" }, options) : null),
    h("td", {}, changed ? priceForm(product, variant, box, changed) : format(variant.price)),
    available,
    h("td", {}, adjustForm(variant, box, available)),
    h("td", {}, h("div", { class: "actions" }, ledger, changed && product.variants.length > 1 ? removeButton(product, variant, box, changed) : null)),
  );
}

function priceForm(product, variant, box, changed) {
  const price = h("input", { name: "price", value: decimal(variant.price), inputmode: "decimal", "aria-label": `Price of ${variant.sku} in ${variant.price.currency}`, class: "short" });
  const form = h("form", { class: "inline" }, price, h("button", { class: "button quiet small" }, "Save"));
  onSubmit(form, box, async () => {
    const amount = readPrice(price, variant.price.currency);
    changed(await api.patch(`/api/products/${product.id}/variants/${encodeURIComponent(variant.sku)}`, { price: amount }));
    say("The price is saved.");
  });
  return form;
}

function adjustForm(variant, box, available) {
  const delta = h("input", { name: "delta", type: "number", step: 1, required: true, placeholder: "+10", "aria-label": `Units of ${variant.sku} in or out`, class: "short" });
  const reason = h("input", { name: "reason", required: true, maxlength: 255, placeholder: "Delivery", "aria-label": "Reason" });
  const form = h("form", { class: "inline" }, delta, reason, h("button", { class: "button quiet small" }, "Book"));
  let key = newKey();
  onSubmit(form, box, async () => {
    const stock = await api.post(`/api/inventory/${encodeURIComponent(variant.sku)}/adjust`, { delta: Number(delta.value), reason: reason.value.trim() }, { key });
    key = newKey();
    form.reset();
    available.textContent = stock.available;
    say(`${variant.sku}: ${stock.onHand} on hand, ${stock.reserved} reserved, ${stock.available} available.`);
  });
  return form;
}

function removeButton(product, variant, box, changed) {
  const button = h("button", { type: "button", class: "link" }, "Remove");
  button.addEventListener("click", () => {
    if (!confirm(`Remove ${variant.sku}?`)) return;
    busy(button, () =>
      attempt(box, null, async () => {
        await api.delete(`/api/products/${product.id}/variants/${encodeURIComponent(variant.sku)}`);
        changed(await api.get(`/api/products/${product.id}`));
      }),
    );
  });
  return button;
}

async function showLedger(sku) {
  const path = `/api/inventory/${encodeURIComponent(sku)}`;
  const [stock, ledger] = await Promise.all([api.get(path), api.get(`${path}/ledger?limit=30`)]);
  const dialog = h("dialog", { "aria-label": `Ledger of ${sku}` });
  const signed = (delta) => (delta > 0 ? `+${delta}` : delta);
  const rows = ledger.items.map((move) =>
    h(
      "tr",
      {},
      h("td", {}, dateTime(move.at)),
      h("td", {}, humane(move.kind), move.reason ? h("span", { class: "hint block" }, move.reason) : null),
      h("td", { class: "number" }, signed(move.onHandDelta)),
      h("td", { class: "number" }, signed(move.reservedDelta)),
    ),
  );
  const heads = ["When", "What", "On hand", "Reserved"].map((text, index) => h("th", { scope: "col", class: index > 1 ? "number" : null }, text));
  const close = h("button", { type: "button", class: "button quiet" }, "Close");
  close.addEventListener("click", () => dialog.close());
  dialog.addEventListener("close", () => dialog.remove());
  fill(
    dialog,
    h("h2", {}, sku),
    h("p", {}, `${stock.onHand} on hand, ${stock.reserved} reserved, ${stock.available} available.`),
    h("div", { class: "table" }, h("table", {}, h("thead", {}, h("tr", {}, heads)), h("tbody", {}, rows))),
    close,
  );
  byId("main").append(dialog);
  dialog.showModal();
}

/** The fields of a variant to be made. */
export function variantFields(prefix) {
  const input = (name, attributes) => h("input", { id: `${prefix}-${name}`, name, ...attributes });
  return [
    field("SKU", input("sku", { required: true, maxlength: 64 })),
    field(`Price in ${currency}`, input("price", { required: true, inputmode: "decimal", placeholder: "499.00" })),
    field("Units in stock", input("stock", { type: "number", min: 0, step: 1 })),
    field("Options", input("options", { placeholder: "Size: M, Colour: Red" })),
  ];
}

export function readVariant(form) {
  const { sku, price, stock, options } = form.elements;
  return {
    sku: sku.value.trim(),
    price: readPrice(price, currency),
    stock: Number(stock.value || 0),
    options: readOptions(options.value),
  };
}

/** `Size: M, Colour: Red`; a value may have colons of its own. */
function readOptions(text) {
  const pairs = text.split(",").filter((pair) => pair.trim());
  const named = pairs.map((pair) => {
    const at = pair.indexOf(":");
    const [name, value] = [pair.slice(0, Math.max(at, 0)).trim(), pair.slice(at + 1).trim()];
    if (!name || !value) throw unread("options", "must be names with their values, such as Size: M, Colour: Red");
    return [name, value];
  });
  if (new Set(named.map(([name]) => name)).size < named.length) throw unread("options", "must name each option once");
  return Object.fromEntries(named);
}

function readPrice(input, code) {
  const amount = parse(input.value, code);
  if (amount) return amount;
  throw unread("price", `must be an amount of ${code} such as ${decimal({ amount: 49900, currency: code })}`);
}

/** In the shape of what the shop objects to. */
function unread(field, message) {
  return Object.assign(new Error(`${field} cannot be read`), { code: "INVALID", errors: [{ field, code: "INVALID", message }] });
}
