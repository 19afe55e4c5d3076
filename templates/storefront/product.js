// One product: pictures, the choice of a variant, price, stock, and into the cart.

import { busy, byId, fill, h, pathParts, select } from "./lib/dom.js";
import { clear, show } from "./lib/errors.js";
import { format, formatRange } from "./lib/money.js";
import { picture } from "./lib/picture.js";
import { paragraphs } from "./lib/text.js";
import { reviews } from "./reviews.js";
import { addToCart, api, say, start } from "./shop.js";

// Below this the page says how many are left.
const FEW = 5;

start(async () => {
  const name = pathParts()[1];
  let product;
  try {
    product = await api.get(`/api/products/${encodeURIComponent(name)}`, { open: true });
  } catch (problem) {
    if (problem.status !== 404) throw problem;
    byId("missing").hidden = false;
    return;
  }
  document.title = `${product.name} · ${document.title}`;
  byId("name").textContent = product.name;
  fill(byId("description"), paragraphs(product.description ?? "").map((line) => h("p", {}, line)));
  gallery(product);
  offer(product);
  byId("product").hidden = false;
  // A product can be bought although nobody tells what others say about it.
  reviews(product).catch((problem) => show(byId("review-problem"), problem));
  byId("said").hidden = false;
});

function gallery(product) {
  const images = product.images ?? [];
  const main = byId("picture");
  fill(main, picture(images[0], product.name, "large"));
  if (images.length < 2) return;
  const thumbs = images.slice(0, 12).map((image, index) => {
    const button = h(
      "button",
      { type: "button", class: "thumb", "aria-label": `Picture ${index + 1}`, "aria-pressed": String(index === 0) },
      picture(image, product.name),
    );
    button.addEventListener("click", () => {
      fill(main, picture(image, product.name, "large"));
      for (const other of thumbs) other.setAttribute("aria-pressed", String(other === button));
    });
    return button;
  });
  fill(byId("thumbs"), thumbs);
}

/** The form to buy with: what is chosen decides the price and the stock shown. */
function offer(product) {
  const form = byId("buy");
  const names = optionNames(product.variants);
  fill(byId("options"), chooser(product.variants, names));
  const refresh = () => showVariant(product, chosen(form, product.variants, names));
  form.addEventListener("change", refresh);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    busy(byId("add"), () => add(form, chosen(form, product.variants, names)));
  });
  refresh();
}

async function add(form, variant) {
  const box = byId("buy-problem");
  clear(box);
  try {
    const quantity = Number(form.elements.quantity.value);
    await addToCart(variant.sku, quantity);
    say(`${quantity} × ${byId("name").textContent} is in your cart. `, h("a", { href: "/cart" }, "Go to cart"));
  } catch (problem) {
    show(box, problem);
  }
}

function optionNames(variants) {
  return [...new Set(variants.flatMap((variant) => Object.keys(variant.options ?? {})))];
}

function chooser(variants, names) {
  if (variants.length < 2) return [];
  if (names.length === 0 || new Set(variants.map((variant) => signature(variant, names))).size < variants.length) {
    const pairs = variants.map((variant) => [variant.sku, variantName(variant)]);
    return [h("div", { class: "field" }, h("label", { for: "sku" }, "Choose"), select({ id: "sku", name: "sku" }, pairs))];
  }
  const first = variants.find((variant) => variant.available > 0) ?? variants[0];
  return names.map((name, index) => {
    const offered = [...new Set(variants.map((variant) => variant.options[name]).filter((value) => value !== undefined))];
    const pills = offered.map((value, place) => {
      const id = `option-${index}-${place}`;
      const input = h("input", { type: "radio", id, name: `option-${index}`, value, checked: first.options[name] === value });
      return h("span", { class: "pill" }, input, h("label", { for: id }, value));
    });
    return h("fieldset", { class: "options" }, h("legend", {}, name), pills);
  });
}

function signature(variant, names) {
  return JSON.stringify(names.map((name) => variant.options?.[name] ?? null));
}

function variantName(variant) {
  return Object.values(variant.options ?? {}).join(", ") || variant.sku;
}

function chosen(form, variants, names) {
  if (variants.length < 2) return variants[0];
  if (form.elements.sku) return variants.find((variant) => variant.sku === form.elements.sku.value);
  const picks = names.map((_, index) => form.elements[`option-${index}`].value);
  return variants.find((variant) => names.every((name, index) => (variant.options[name] ?? "") === picks[index]));
}

function showVariant(product, variant) {
  const left = variant?.available ?? 0;
  const stock = byId("stock");
  stock.className = left > 0 ? "stock good" : "stock bad";
  if (!variant) stock.textContent = "Not available in this combination";
  else if (left <= 0) stock.textContent = "Sold out";
  else stock.textContent = left <= FEW ? `Only ${left} left` : "In stock";
  const prices = product.variants.map((one) => one.price).sort((a, b) => a.amount - b.amount);
  byId("price").textContent = variant ? format(variant.price) : formatRange({ min: prices[0], max: prices.at(-1) });
  const before = variant?.compareAtPrice;
  byId("before").textContent = before && before.amount > variant.price.amount ? format(before) : "";
  byId("sku-text").textContent = variant ? `Article ${variant.sku}` : "";
  byId("quantity").max = String(Math.min(Math.max(left, 1), 999));
  byId("add").disabled = left <= 0;
}
