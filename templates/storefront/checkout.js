// From the cart to an order: who, where to, which way, how paid. The order is placed under a key
// made once per checkout, so that pressing twice, or again after a lost answer, orders once.

import { newKey } from "./lib/api.js";
import { addressBlock, addressFields, readAddress } from "./lib/address.js";
import { busy, byId, field, fill, h } from "./lib/dom.js";
import { clear, show } from "./lib/errors.js";
import { format } from "./lib/money.js";
import { totals } from "./lib/totals.js";
import { accessForms } from "./access.js";
import { paymentFields, readPayment } from "./payment.js";
import { api, cartIsGone, guestToken, readCart, start } from "./shop.js";

const KEY = "shop.checkout-key";
const METHODS = ["COD", "CARD", "UPI", "NET_BANKING"];

// What was last shown as the price of everything; the order is placed at this price or not at all.
let quote = null;

start(async () => {
  const asGuest = new URLSearchParams(location.search).has("guest");
  if (!api.user && !asGuest) {
    byId("access").hidden = false;
    accessForms(byId("access-forms"), () => location.reload());
    return;
  }
  const [cart, addresses] = await Promise.all([readCart(), api.user ? api.get("/api/users/me/addresses") : { items: [] }]);
  if (!cart || cart.lines.length === 0) {
    byId("empty").hidden = false;
    return;
  }
  const form = byId("checkout");
  if (!api.user) contact();
  fill(byId("address"), addressChoice(addresses.items));
  fill(byId("payment"), paymentFields("Payment", [...METHODS, ...(api.user ? ["WALLET"] : [])]));
  await requote(form);
  form.hidden = false;
  form.addEventListener("change", (event) => {
    // Where it goes decides how it can be shipped, and what that and the taxes cost.
    if (event.target.name === "shipping" || byId("address").contains(event.target)) attempt(form, () => requote(form));
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    busy(byId("place"), () => attempt(form, () => place(form)));
  });
});

/** Where a guest is told of her order. */
function contact() {
  const email = h("input", { id: "email", name: "email", type: "email", required: true, autocomplete: "email" });
  fill(byId("contact"), h("h2", {}, "You"), field("Email", email), h("p", { class: "hint" }, "We mail you the order and a link to it."));
  byId("contact").hidden = false;
}

/** What names the cart of a guest. */
function cartOfGuest() {
  const cartToken = guestToken();
  return cartToken ? { cartToken } : {};
}

/** Asks what the order costs where it goes and with the shipping chosen, and shows it. */
async function requote(form) {
  const to = quotedFor(form);
  const chosen = form.elements.shipping?.value;
  const ask = (wish) => api.post("/api/orders/quote", { ...cartOfGuest(), ...to, ...wish });
  try {
    showQuote(await ask(chosen ? { shippingOptionId: chosen } : {}));
  } catch (problem) {
    // The way chosen for another place is not offered for this one.
    const gone = problem.body?.errors?.some((error) => error.field === "shippingOptionId");
    if (!gone) throw problem;
    showQuote(await ask({}));
  }
}

/** The address chosen, as far as a quote can be asked for it: a new one once it is complete. */
function quotedFor(form) {
  const picked = form.querySelector("input[name=address]:checked")?.value ?? "new";
  if (picked !== "new") return { addressId: picked };
  const complete = [...byId("new-address").querySelectorAll("input, select")].every((field) => field.checkValidity());
  return complete ? { shippingAddress: readAddress(form) } : {};
}

function showQuote(fresh) {
  quote = fresh;
  const lines = quote.lines.map((line) =>
    h("li", {}, h("span", {}, `${line.quantity} × ${line.name}`), h("span", {}, format({ ...line.unitPrice, amount: line.unitPrice.amount * line.quantity }))),
  );
  fill(byId("summary"), h("ul", { class: "summary-lines" }, lines), totals(quote));
  byId("place").textContent = `Place order · ${format(quote.total)}`;
  fill(byId("shipping"), shippingChoice(quote));
}

function shippingChoice({ shippingOptions, shippingOptionId }) {
  const choices = shippingOptions.map((option) => {
    const days = option.estimatedDays === 1 ? "1 day" : `${option.estimatedDays} days`;
    const price = option.price.amount === 0 ? "free" : format(option.price);
    const input = h("input", { type: "radio", id: `shipping-${option.id}`, name: "shipping", value: option.id, checked: option.id === shippingOptionId });
    return h("div", { class: "choice" }, input, h("label", { for: input.id }, h("span", {}, option.name), h("span", { class: "hint" }, `About ${days}, ${price}`)));
  });
  return h("fieldset", { class: "choices" }, h("legend", {}, "Delivery"), choices);
}

/** Saved addresses, and the form of a new one that counts only while it is chosen. */
function addressChoice(addresses) {
  const known = addresses.find((address) => address.isDefault) ?? addresses[0];
  const saved = addresses.map((address) => choice(address.id, address === known, addressBlock(address)));
  const save = h("input", { type: "checkbox", id: "save-address", checked: Boolean(api.user) });
  const fresh = h(
    "fieldset",
    { id: "new-address", class: "plain" },
    h("legend", { class: "visually-hidden" }, "New address"),
    addressFields("to", { fullName: api.user?.fullName, phone: api.user?.phone }),
    h("div", { class: "check", hidden: !api.user }, save, h("label", { for: "save-address" }, "Keep this address in my address book")),
  );
  const other = addresses.length > 0 ? choice("new", !known, "Another address") : null;
  const all = h("fieldset", { class: "choices" }, h("legend", {}, "Delivery address"), saved, other, fresh);
  const refresh = () => {
    const isNew = addresses.length === 0 || all.querySelector("input[name=address]:checked").value === "new";
    fresh.disabled = !isNew;
    fresh.hidden = !isNew;
  };
  all.addEventListener("change", refresh);
  refresh();
  return all;
}

function choice(value, checked, label) {
  const input = h("input", { type: "radio", id: `address-${value}`, name: "address", value, checked });
  return h("div", { class: "choice" }, input, h("label", { for: input.id }, label));
}

/** Runs one step and says what the shop objects to. */
async function attempt(form, step) {
  const box = byId("checkout-problem");
  clear(box, form);
  try {
    await step();
  } catch (problem) {
    if (problem.code === "PRICE_CHANGED") return priceChanged(box, problem);
    if (problem.code === "IDEMPOTENCY_MISMATCH") sessionStorage.removeItem(KEY);
    for (const line of problem.body?.lines ?? []) {
      line.name = quote?.lines.find((known) => known.sku === line.sku)?.name;
    }
    show(box, problem, form);
    if (problem.code === "SOLD_OUT") box.append(h("p", {}, h("a", { href: "/cart" }, "Change the cart")));
    if (["IDEMPOTENCY_MISMATCH", "CART_ORDERED"].includes(problem.code)) box.append(h("p", {}, h("a", { href: "/orders" }, "See your orders")));
  }
}

function priceChanged(box, problem) {
  const before = quote.total;
  const { shippingOptionId, shippingOptions } = quote;
  showQuote({ shippingOptionId, shippingOptions, ...problem.body.quote });
  fill(box, `The price has changed from ${format(before)} to ${format(quote.total)}. Nothing was ordered. If the new total is fine with you, place the order again.`);
  box.hidden = false;
  box.scrollIntoView({ block: "nearest" });
}

async function place(form) {
  const guest = api.user ? {} : { email: form.elements.email.value.trim(), ...cartOfGuest() };
  const body = {
    ...guest,
    ...(await destination(form)),
    shippingOptionId: form.elements.shipping?.value,
    payment: readPayment(form),
    expectedTotal: quote.total,
  };
  const key = sessionStorage.getItem(KEY) ?? newKey();
  sessionStorage.setItem(KEY, key);
  const order = await api.post("/api/orders", body, { key });
  sessionStorage.removeItem(KEY);
  cartIsGone();
  location.assign(`/orders/${order.id}?placed=true${order.orderLink ? `#${order.orderLink.token}` : ""}`);
}

/** The address chosen; a new one that shall be kept is put into the book first, and is then a saved one. */
async function destination(form) {
  const picked = form.querySelector("input[name=address]:checked")?.value ?? "new";
  if (picked !== "new") return { addressId: picked };
  const address = readAddress(form);
  if (!byId("save-address").checked) return { shippingAddress: address };
  const saved = await api.post("/api/users/me/addresses", address, { key: newKey() });
  const addresses = await api.get("/api/users/me/addresses");
  const list = addresses.items.map((each) => ({ ...each, isDefault: each.id === saved.id }));
  fill(byId("address"), addressChoice(list));
  return { addressId: saved.id };
}
