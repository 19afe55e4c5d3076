// A coupon to be made, changed, switched off or removed.

import { newKey } from "../storefront/lib/api.js";
import { busy, byId, fill, option, pathParts } from "../storefront/lib/dom.js";
import { decimal } from "../storefront/lib/money.js";
import { amountOf, api, attempt, currency, onSubmit, say, start } from "./admin.js";
import { off, state, stateBadge, uses, valid } from "./coupon_words.js";

const code = pathParts()[2];
const here = `/api/coupons/${encodeURIComponent(code)}`;

// As last read; its version guards against overwriting somebody else's change.
let coupon = null;

start(async () => {
  await categories();
  if (code !== undefined) {
    try {
      coupon = await api.get(here);
    } catch (problem) {
      if (problem.status !== 404) throw problem;
      byId("missing").hidden = false;
      return;
    }
    showCoupon(coupon);
  } else {
    byId("save").textContent = "Make coupon";
  }
  byId("coupon").hidden = false;
  byId("type").addEventListener("change", showUnit);
  showUnit();
  const key = newKey();
  onSubmit(byId("form"), byId("form-problem"), (form) => (coupon === null ? create(form, key) : change(read(form), "The coupon is saved.")));
  onClick("switch-off", () => change(ended(), "The coupon is switched off."));
  onClick("remove", remove);
});

async function categories() {
  const { items } = await api.get("/api/categories/tree", { open: true });
  const walk = (nodes, depth) =>
    nodes.flatMap((node) => [option(node.id, `${"\u2003".repeat(depth)}${node.name}`), ...walk(node.children, depth + 1)]);
  byId("categories").append(...walk(items, 0));
}

function onClick(id, work) {
  byId(id).addEventListener("click", () => busy(byId(id), () => attempt(byId("ending-problem"), null, work)));
}

function showCoupon(fresh) {
  coupon = fresh;
  document.title = `${coupon.code} · Back office`;
  byId("title").textContent = coupon.code;
  const standing = `${off(coupon)} · ${valid(coupon)} · used ${uses(coupon)} `;
  fill(byId("standing"), standing, stateBadge(coupon)).hidden = false;
  const { elements } = byId("form");
  elements.code.value = coupon.code;
  elements.code.readOnly = true;
  elements.type.value = coupon.type;
  elements.value.value = coupon.type === "FIXED" ? decimal(coupon.value) : (coupon.value ?? "");
  for (const name of ["maximumDiscount", "minimumSubtotal"]) elements[name].value = coupon[name] ? decimal(coupon[name]) : "";
  for (const name of ["usageLimit", "perUserLimit"]) elements[name].value = coupon[name] ?? "";
  for (const name of ["startsAt", "endsAt"]) elements[name].value = localTime(coupon[name]);
  const chosen = byId("categories");
  for (const id of coupon.categoryIds) {
    if (![...chosen.options].some((known) => known.value === id)) chosen.append(option(id, id));
  }
  for (const one of chosen.options) one.selected = coupon.categoryIds.includes(one.value);
  elements.productIds.value = coupon.productIds.join("\n");
  elements.combinable.value = coupon.combinable ? "yes" : "";
  byId("ending").hidden = false;
  byId("switch-off").hidden = state(coupon) === "ENDED";
  showUnit();
}

/** Free shipping has no value. */
function showUnit() {
  const { type, value } = byId("form").elements;
  byId("value-field").hidden = type.value === "FREE_SHIPPING";
  value.required = type.value !== "FREE_SHIPPING";
  byId("unit").textContent = type.value === "PERCENTAGE" ? "(%)" : `(${coupon?.value?.currency ?? currency})`;
}

/** The whole coupon as the form has it: a PUT makes it just that. */
function read(form) {
  const { elements } = form;
  const number = (name) => (elements[name].value === "" ? null : Number(elements[name].value));
  const amount = (name) => amountOf(form, coupon?.[name]?.currency ?? currency, name);
  const body = {
    code: elements.code.value.trim(),
    type: elements.type.value,
    value: valueOf(form),
    maximumDiscount: amount("maximumDiscount"),
    minimumSubtotal: amount("minimumSubtotal"),
    usageLimit: number("usageLimit"),
    perUserLimit: number("perUserLimit"),
    startsAt: instant(elements.startsAt.value, coupon?.startsAt),
    endsAt: instant(elements.endsAt.value, coupon?.endsAt),
    categoryIds: [...elements.categoryIds.selectedOptions].map((one) => one.value),
    productIds: elements.productIds.value.split(/[\s,]+/).filter(Boolean),
    combinable: elements.combinable.value === "yes",
  };
  return coupon === null ? body : { ...body, metadata: coupon.metadata };
}

function valueOf(form) {
  const { type, value } = form.elements;
  if (type.value === "FREE_SHIPPING") return null;
  if (type.value === "FIXED") return amountOf(form, coupon?.value?.currency ?? currency, "value");
  // In the shape of what the shop objects to.
  if (!/^\d{1,3}$/.test(value.value.trim())) throw { code: "INVALID", errors: [{ field: "value", message: "must be a whole percentage from 1 to 100" }] };
  return Number(value.value.trim());
}

/** The coupon with its end now; one that has not begun never does. */
function ended() {
  const { usedCount, createdAt, version, ...said } = coupon;
  const now = new Date().toISOString();
  return { ...said, startsAt: state(coupon) === "NOT_YET" ? null : said.startsAt, endsAt: now };
}

async function create(form, key) {
  const made = await api.post("/api/coupons", read(form), { key });
  location.assign(`/admin/coupons/${encodeURIComponent(made.code)}`);
}

async function change(body, told) {
  showCoupon(await api.put(here, body, { version: coupon.version }));
  say(told);
}

async function remove() {
  if (!confirm(`Remove ${coupon.code}? What it took off stays.`)) return;
  await api.delete(here, { version: coupon.version });
  location.assign("/admin/coupons");
}

/** An instant as `datetime-local` has it, in this computer's time. */
function localTime(text) {
  if (!text) return "";
  const at = new Date(text);
  return new Date(at.getTime() - at.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}

/** The instant of a field; the one that was shown stays what it was, to the second. */
function instant(text, before) {
  if (text === "") return null;
  return text === localTime(before) ? before : new Date(text).toISOString();
}
