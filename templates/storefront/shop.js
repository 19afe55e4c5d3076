// What every page of the shop begins with: the session, the header and the cart.
// A page calls `start(work)` once; whatever goes wrong in `work` is said on the page.

import { Api, newKey } from "./lib/api.js";
import { byId, fill } from "./lib/dom.js";
import { show } from "./lib/errors.js";

export const api = new Api("shop");

const GUEST = "shop.guest-cart";
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
export function signIn() {
  location.assign(`/sign-in?next=${encodeURIComponent(location.pathname + location.search)}`);
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

/** The cart of whoever is here; null for a guest who has none. */
export async function readCart() {
  const path = cartPath();
  if (!path) return null;
  try {
    return seen(await api.get(path));
  } catch (problem) {
    if (!forgotten(problem)) throw problem;
    return null;
  }
}

/** Whether a guest's cart is not known to the shop any more; then this browser forgets it, too. */
function forgotten(problem) {
  if (problem.status !== 404 || api.user) return false;
  localStorage.removeItem(GUEST);
  return true;
}

/** Adds to the cart; a guest gets one with the first thing in it. */
export async function addToCart(sku, quantity) {
  const add = async () => seen(await api.post(cartPath(), { sku, quantity }, { key: newKey() }));
  if (!cartPath()) await openCart();
  try {
    return await add();
  } catch (problem) {
    if (!forgotten(problem)) throw problem;
  }
  await openCart();
  return add();
}

async function openCart() {
  const cart = await api.post("/api/carts", {}, { open: true });
  localStorage.setItem(GUEST, cart.cartToken);
}

export async function setLine(sku, quantity) {
  return seen(await api.put(`${cartPath()}/items/${encodeURIComponent(sku)}`, { quantity }));
}

export async function removeLine(sku) {
  return seen(await api.delete(`${cartPath()}/items/${encodeURIComponent(sku)}`));
}

/** After signing in: what was put aside as a guest goes into the account's cart, if it has room for it. */
export async function claimCart() {
  const token = localStorage.getItem(GUEST);
  if (token) {
    try {
      await api.post("/api/cart/me/merge", { cartToken: token }, { key: newKey() });
      localStorage.removeItem(GUEST);
    } catch (problem) {
      if (problem.status !== 422) throw problem;
    }
  }
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

/** What a guest's cart is known by; null for somebody who is signed in, and for a guest who has none. */
export function guestToken() {
  return api.user ? null : localStorage.getItem(GUEST);
}

function cartPath() {
  if (api.user) return "/api/cart/me";
  const token = guestToken();
  return token && `/api/carts/${encodeURIComponent(token)}`;
}

/** Where a product's page is. */
export function productPath(product) {
  return `/products/${encodeURIComponent(product.slug ?? product.id)}`;
}
