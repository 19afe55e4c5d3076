// Signing in and making an account, as two forms side by side; used alone and within the checkout.

import { newKey } from "./lib/api.js";
import { busy, field, fill, h, values } from "./lib/dom.js";
import { clear, show } from "./lib/errors.js";
import { api, claimCart } from "./shop.js";

/** Fills `place` with both forms; `done` runs once somebody is signed in. */
export function accessForms(place, done) {
  fill(place, form("in", "Sign in", inFields(), signIn, done), form("up", "New here?", upFields(), register, done));
}

function form(id, title, fields, work, done) {
  const box = h("div", { role: "alert", class: "problem", hidden: true });
  const button = h("button", { class: id === "in" ? "button" : "button quiet" }, id === "in" ? "Sign in" : "Create account");
  const element = h("form", { class: "panel", novalidate: false, "aria-labelledby": `${id}-title` }, h("h2", { id: `${id}-title` }, title), fields, box, button);
  element.addEventListener("submit", (event) => {
    event.preventDefault();
    clear(box, element);
    busy(button, async () => {
      try {
        await work(values(element));
        await claimCart();
        await done();
      } catch (problem) {
        show(box, problem, element);
      }
    });
  });
  return element;
}

function inFields() {
  return [
    field("Email", h("input", { id: "in-email", name: "email", type: "email", required: true, autocomplete: "username" })),
    field("Password", h("input", { id: "in-password", name: "password", type: "password", required: true, autocomplete: "current-password" })),
  ];
}

function upFields() {
  return [
    field("Full name", h("input", { id: "up-name", name: "fullName", required: true, maxlength: 255, autocomplete: "name" })),
    field("Email", h("input", { id: "up-email", name: "email", type: "email", required: true, autocomplete: "email" })),
    field("Password", h("input", { id: "up-password", name: "password", type: "password", required: true, autocomplete: "new-password" })),
  ];
}

async function signIn({ email, password }) {
  await api.login(email, password);
}

async function register({ fullName, email, password }) {
  await api.post("/api/users", { fullName, email, password }, { open: true, key: newKey() });
  await api.login(email, password);
}
