// A new password: asks for the mail, or takes the token that the mail's link brings in its fragment, which
// no server and no other page ever sees.

import { busy, byId, field, fill, h, values } from "./lib/dom.js";
import { clear, show } from "./lib/errors.js";
import { api, start } from "./shop.js";

start(() => {
  const place = byId("reset");
  const token = new URLSearchParams(location.hash.slice(1)).get("token");
  history.replaceState(null, "", location.pathname);
  if (token) fill(place, form("Choose it", newFields(), "Set password", (said) => confirm(token, said), place, "Your password is set.", "/sign-in"));
  else fill(place, form("Forgot your password?", mailFields(), "Send the mail", ask, place, "If this address has an account, a mail is on its way.", "/"));
});

function form(title, fields, action, work, place, done, next) {
  const box = h("div", { role: "alert", class: "problem", hidden: true });
  const button = h("button", { class: "button" }, action);
  const element = h("form", { class: "panel", "aria-labelledby": "reset-title" }, h("h2", { id: "reset-title" }, title), fields, box, button);
  element.addEventListener("submit", (event) => {
    event.preventDefault();
    clear(box, element);
    busy(button, async () => {
      try {
        await work(values(element));
        fill(place, h("p", { role: "status" }, `${done} `, h("a", { href: next }, next === "/" ? "Back to the shop" : "Sign in")));
      } catch (problem) {
        show(box, problem, element);
      }
    });
  });
  return element;
}

function mailFields() {
  return [field("Email", h("input", { id: "reset-email", name: "email", type: "email", required: true, autocomplete: "username" }))];
}

function newFields() {
  return [field("New password", h("input", { id: "reset-new", name: "password", type: "password", required: true, autocomplete: "new-password" }))];
}

async function ask({ email }) {
  await api.post("/api/auth/password-reset", { email }, { open: true });
}

async function confirm(token, { password }) {
  await api.post("/api/auth/password-reset/confirm", { token, password }, { open: true });
}
