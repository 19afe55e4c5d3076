// A customer's own things: profile, address book, wallet, and the way out.

import { newKey } from "./lib/api.js";
import { addressBlock, addressFields, readAddress } from "./lib/address.js";
import { busy, byId, fill, h, values } from "./lib/dom.js";
import { clear, show } from "./lib/errors.js";
import { api, say, signIn, signOut, start } from "./shop.js";
import { wallet } from "./wallet.js";

const ADDRESSES = "/api/users/me/addresses";

start(async () => {
  if (!api.user) return signIn();
  const [user] = await Promise.all([api.get("/api/users/me"), loadAddresses(), wallet()]);
  showProfile(user);
  byId("account").hidden = false;
  submit(byId("profile"), saveProfile);
  byId("new-address").addEventListener("click", () => edit({}));
  byId("sign-out").addEventListener("click", () =>
    busy(byId("sign-out"), async () => {
      await signOut();
      location.assign("/");
    }),
  );
});

function showProfile(user) {
  api.setUser(user);
  const { email, fullName, phone } = byId("profile").elements;
  email.value = user.email;
  fullName.value = user.fullName;
  phone.value = user.phone ?? "";
}

async function saveProfile(form) {
  showProfile(await api.put("/api/users/me", values(form)));
  say("Your profile is saved.");
}

async function loadAddresses() {
  const { items: addresses } = await api.get(ADDRESSES);
  byId("no-addresses").hidden = addresses.length > 0;
  fill(byId("addresses"), addresses.map(card));
}

function card(address) {
  const act = (label, name, work) => {
    const button = h("button", { type: "button", class: "link", "aria-label": `${name}: ${address.line1}` }, label);
    button.addEventListener("click", () => busy(button, () => attempt(byId("address-problem"), null, work)));
    return button;
  };
  const one = `${ADDRESSES}/${address.id}`;
  return h(
    "li",
    { class: "panel" },
    address.isDefault ? h("span", { class: "badge good" }, "Default") : null,
    addressBlock(address),
    h(
      "div",
      { class: "actions" },
      act("Edit", "Edit", async () => edit(address)),
      address.isDefault ? null : act("Make default", "Make default", () => api.put(`${one}/default`).then(loadAddresses)),
      act("Delete", "Delete", () => api.delete(one).then(loadAddresses)),
    ),
  );
}

/** Opens the form for a new address, or for one that is known. */
function edit(address) {
  const dialog = byId("address-dialog");
  const form = byId("address-form");
  const box = byId("dialog-problem");
  clear(box, form);
  byId("address-title").textContent = address.id ? "Edit address" : "New address";
  fill(byId("address-fields"), addressFields("book", address.id ? address : { fullName: api.user.fullName, phone: api.user.phone }));
  const key = newKey();
  form.onsubmit = (event) => {
    event.preventDefault();
    busy(byId("save-address"), () =>
      attempt(box, form, async () => {
        const body = readAddress(form);
        await (address.id ? api.put(`${ADDRESSES}/${address.id}`, body) : api.post(ADDRESSES, body, { key }));
        dialog.close();
        await loadAddresses();
        say("Your address book is saved.");
      }),
    );
  };
  byId("close-address").onclick = () => dialog.close();
  dialog.showModal();
}

function submit(form, work) {
  const box = form.querySelector(".problem");
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    busy(form.querySelector("button"), () => attempt(box, form, () => work(form)));
  });
}

async function attempt(box, form, work) {
  clear(box, form);
  try {
    await work();
  } catch (problem) {
    show(box, problem, form);
  }
}
