// Every mail the shop wrote or is about to write, and the way to send one again.

import { busy, byId, h } from "../storefront/lib/dom.js";
import { dateTime, humane, tone } from "../storefront/lib/text.js";
import { api, attempt, filters, moreButton, say, start } from "./admin.js";

start(() => {
  const query = new URLSearchParams({ limit: 50, ...filters() });
  return more(query, null);
});

async function more(query, cursor) {
  if (cursor) query.set("cursor", cursor);
  const page = await api.get(`/api/notifications?${query}`);
  const rows = byId("rows");
  rows.append(...page.items.map(row));
  byId("empty").hidden = rows.children.length > 0;
  moreButton(page.nextCursor, (next) => more(query, next));
}

function row(mail) {
  const again = h("button", { type: "button", class: "link" }, "Send again");
  const place = h(
    "tr",
    {},
    h("td", {}, dateTime(mail.createdAt)),
    h("td", {}, humane(mail.template)),
    h("td", {}, mail.email ?? (mail.recipient === "ops" ? "Operators" : "A customer")),
    h("td", {}, h("span", { class: `badge ${tone(mail.status)}` }, humane(mail.status)), h("span", { class: "hint block" }, detail(mail))),
    h("td", {}, again),
  );
  again.addEventListener("click", () =>
    busy(again, () =>
      attempt(byId("problem"), null, async () => {
        place.replaceWith(row(await api.post(`/api/notifications/${mail.id}/resend`, {})));
        say("It will be sent again.");
      }),
    ),
  );
  return place;
}

function detail(mail) {
  if (mail.error) return mail.error;
  const sent = mail.sentAt ? dateTime(mail.sentAt) : null;
  return [sent, mail.tries > 1 ? `${mail.tries} tries` : null, mail.maybeTwice ? "may have gone out twice" : null].filter(Boolean).join(", ");
}
