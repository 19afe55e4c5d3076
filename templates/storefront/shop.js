// What every page of the shop begins with: the session, the header and the cart.
// A page calls `start(work)` once; whatever goes wrong in `work` is said on the page.

import { Api, newKey } from "./lib/api.js";
import { byId, fill, h } from "./lib/dom.js";
import { show } from "./lib/errors.js";

export const api = new Api("shop");
export const currency = document.documentElement.dataset.currency;

const GUEST = "shop.guest-cart";
const WANTED = "shop.wanted";
const COUNT = "shop.count";
const SAY_FOR_MS = 10_000;

/** Runs a page. */
export async function start(work) {
  header();
  try {
    await work();
  } catch (problem) {
    if (problem.code === "UNAUTHENTICATED") return signIn();
    show(byId("problem"), problem);
  }
}

/** Leaves for the sign-in page, to go on afterwards. */
export function signIn(next = location.pathname + location.search) {
  location.assign(`/sign-in?next=${encodeURIComponent(next)}`);
}

/** Says a short thing aloud, and shows it for a moment. */
export function say(...words) {
  const box = byId("status");
  fill(box, words);
  box.hidden = false;
  clearTimeout(say.timer);
  say.timer = setTimeout(() => {
    box.hidden = true;
  }, SAY_FOR_MS);
}

function header() {
  const account = byId("account-link");
  account.textContent = api.user ? api.user.fullName.split(" ")[0] : "Sign in";
  account.href = api.user ? "/account" : "/sign-in";
  if (location.pathname === "/") byId("search-text").value = new URLSearchParams(location.search).get("q") ?? "";
  for (const link of document.querySelectorAll(".site-nav a")) {
    if (link.pathname === location.pathname) link.setAttribute("aria-current", "page");
  }
  const count = sessionStorage.getItem(COUNT);
  if (count !== null) showCount(Number(count));
  else if (cartPath()) readCart().catch((problem) => console.info("cart:", problem.code));
}

function showCount(count) {
  sessionStorage.setItem(COUNT, String(count));
  const badge = byId("cart-count");
  badge.textContent = count > 99 ? "99+" : String(count);
  badge.hidden = count === 0;
  byId("cart-link").setAttribute("aria-label", count === 0 ? "Cart, empty" : `Cart, ${count} items`);
}

/** Keeps the header in step with a cart that was just read. */
function seen(cart) {
  showCount(cart.lines.reduce((sum, line) => sum + line.quantity, 0));
  return cart;
}

/** The cart of whoever is here; null for a guest who has none yet. */
export async function readCart() {
  const path = cartPath();
  if (!path) return null;
  try {
    return seen(await api.get(path));
  } catch (problem) {
    // A guest's cart lives a day.
    if (problem.status !== 404 || api.user) throw problem;
    localStorage.removeItem(GUEST);
    showCount(0);
    return null;
  }
}

/** Adds to the cart; a guest gets one. Leaves for the sign-in page where the shop has no carts for guests. */
export async function addToCart(sku, quantity) {
  const guest = !api.user;
  if (guest && !localStorage.getItem(GUEST) && !(await openGuestCart())) {
    sessionStorage.setItem(WANTED, JSON.stringify({ sku, quantity }));
    signIn("/cart");
    return null;
  }
  try {
    return seen(await api.post(cartPath(), { sku, quantity }, { key: newKey() }));
  } catch (problem) {
    if (!guest || problem.status !== 404) throw problem;
    localStorage.removeItem(GUEST);
    return addToCart(sku, quantity);
  }
}

export async function setLine(sku, quantity) {
  return seen(await api.put(`${cartPath()}/items/${encodeURIComponent(sku)}`, { quantity }));
}

export async function removeLine(sku) {
  return seen(await api.delete(`${cartPath()}/items/${encodeURIComponent(sku)}`));
}

/** After signing in: what was put aside as a guest goes into the account's cart. */
export async function claimCart() {
  const token = localStorage.getItem(GUEST);
  const wanted = JSON.parse(sessionStorage.getItem(WANTED));
  localStorage.removeItem(GUEST);
  sessionStorage.removeItem(WANTED);
  if (token) await unlessGone(api.post("/api/cart/me/merge", { cartToken: token }, { key: newKey() }));
  if (wanted) await unlessGone(api.post("/api/cart/me", wanted, { key: newKey() }));
  await readCart();
}

/** Empties what this browser remembers of a person who leaves. */
export async function signOut() {
  await api.logout();
  localStorage.removeItem(GUEST);
  sessionStorage.clear();
}

/** The cart has been ordered. */
export function cartIsGone() {
  showCount(0);
}

async function openGuestCart() {
  try {
    const cart = await api.post("/api/carts", {}, { open: true });
    localStorage.setItem(GUEST, cart.cartToken);
    return true;
  } catch (problem) {
    if (problem.status === 404 || problem.status === 405) return false;
    throw problem;
  }
}

async function unlessGone(work) {
  try {
    await work;
  } catch (problem) {
    if (![404, 409, 422].includes(problem.status)) throw problem;
  }
}

function cartPath() {
  if (api.user) return "/api/cart/me";
  const token = localStorage.getItem(GUEST);
  return token && `/api/carts/${encodeURIComponent(token)}`;
}

/** The rows of a sum: `[["Subtotal", money], …]`. */
export function sums(rows) {
  return h("dl", { class: "sums" }, rows.map(([label, amount, className]) => h("div", { class: className }, h("dt", {}, label), h("dd", {}, amount))));
}

/** Where a product's page is. */
export function productPath(product) {
  return `/products/${encodeURIComponent(product.slug ?? product.id)}`;
}
