// What staff did all over the shop, newest first, and whether what is shown hangs together.

import { byId, fill, h } from "../storefront/lib/dom.js";
import { dateTime, humane } from "../storefront/lib/text.js";
import { api, filters, moreButton, start } from "./admin.js";

// The last entry that is shown, and the positions where the chain is broken.
let last = null;
const broken = new Set();

start(() => {
  const wanted = filters();
  return more(new URLSearchParams({ limit: 50, ...wanted }), null, Object.keys(wanted).length === 0);
});

async function more(query, cursor, all) {
  if (cursor) query.set("cursor", cursor);
  const page = await api.get(`/api/staff-log?${query}`);
  const rows = byId("rows");
  rows.append(...page.items.map(row));
  byId("empty").hidden = rows.children.length > 0;
  follow(page.items, all, page.nextCursor === null);
  moreButton(page.nextCursor, (next) => more(query, next, all));
}

/** Looks at each entry's own seal and, where none is left out between them, at what binds it to the one before. */
function follow(entries, all, toTheFirst) {
  for (const entry of entries) {
    if (!entry.intact) broken.add(entry.position);
    if (all && last && (last.position !== entry.position + 1 || last.previous !== entry.hash)) broken.add(last.position);
    last = entry;
  }
  if (all && toTheFirst && last && (last.position !== 1 || /[^0]/.test(last.previous))) broken.add(last.position);
  const box = byId("chain");
  box.hidden = last === null;
  box.className = broken.size > 0 ? "problem" : "hint";
  fill(box, broken.size > 0 ? `The log is not as it was written at ${[...broken].join(", ")}. Run commerce audit.` : holds(all, toTheFirst));
}

function holds(all, toTheFirst) {
  if (!all) return "Each entry shown is as it was written. Whether all are there shows the whole log.";
  return toTheFirst ? "The chain holds, to the first entry." : "The chain holds as far as it is shown.";
}

function row(entry) {
  const filter = (name, id, text) => h("a", { href: `/admin/log?${new URLSearchParams({ [name]: id })}` }, text);
  return h(
    "tr",
    {},
    h("td", { class: "number" }, entry.position),
    h("td", {}, dateTime(entry.at)),
    h("td", {}, entry.actorId ? filter("actor", entry.actorId, entry.actorId.slice(-12)) : "Command line"),
    h("td", {}, humane(entry.action), entry.intact ? null : h("span", { class: "badge bad" }, "Changed")),
    h("td", {}, filter("subject", entry.subject.id, `${humane(entry.subject.kind)} ${entry.subject.id.slice(-12)}`), page(entry)),
    h("td", {}, details(entry.detail)),
  );
}

/** The back office's page of what it was done to, where there is one. */
function page({ subject: { kind, id }, detail }) {
  const pages = { ORDER: `/admin/orders/${id}`, PRODUCT: `/admin/products/${id}` };
  if (detail?.code && kind === "COUPON") pages.COUPON = `/admin/coupons/${encodeURIComponent(detail.code)}`;
  return pages[kind] ? h("a", { class: "block", href: pages[kind] }, "Open") : null;
}

function details(detail) {
  const pairs = Object.entries(detail ?? {}).filter(([, value]) => value !== null);
  return pairs.map(([name, value]) => `${name} ${typeof value === "object" ? JSON.stringify(value) : value}`).join(", ");
}
