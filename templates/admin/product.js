// A product to be made or changed: its texts, its variants, its pictures.

import { newKey } from "../storefront/lib/api.js";
import { busy, byId, fill, h, option, pathParts } from "../storefront/lib/dom.js";
import { picture } from "../storefront/lib/picture.js";
import { api, attempt, onSubmit, say, start } from "./admin.js";
import { readVariant, variantFields, variantTable } from "./variants.js";

const id = pathParts()[2];
const isNew = id === "new";

// As last read; its version guards against overwriting somebody else's change.
let product = null;

start(async () => {
  await categories();
  if (isNew) {
    byId("first").append(...variantFields("first"));
    byId("first").hidden = false;
    byId("save").textContent = "Create product";
  } else {
    try {
      showProduct(await api.get(`/api/products/${id}`));
    } catch (problem) {
      if (problem.status !== 404) throw problem;
      byId("missing").hidden = false;
      return;
    }
    fill(byId("add-fields"), variantFields("add"));
  }
  byId("product").hidden = false;
  const key = newKey();
  onSubmit(byId("form"), byId("form-problem"), (form) => (isNew ? create(form, key) : change(form)));
  onSubmit(byId("add-variant"), byId("add-problem"), addVariant);
  onSubmit(byId("upload"), byId("upload-problem"), upload);
});

async function categories() {
  const { items } = await api.get("/api/categories/tree", { open: true });
  const walk = (nodes, depth) =>
    nodes.flatMap((node) => [option(node.id, `${"\u2003".repeat(depth)}${node.name}`), ...walk(node.children, depth + 1)]);
  byId("category").append(...walk(items, 0));
}

function showProduct(fresh) {
  product = fresh;
  document.title = `${product.name} · Back office`;
  byId("title").textContent = product.name;
  const { name, slug, categoryId, status, description } = byId("form").elements;
  name.value = product.name;
  slug.value = product.slug;
  categoryId.value = product.categoryId ?? "";
  status.value = product.status;
  description.value = product.description;
  const link = byId("in-shop");
  link.href = `/products/${product.slug}`;
  link.hidden = product.status !== "ACTIVE";
  showRest(product);
}

/** What is changed at once, beside the form: it keeps what was typed into the form. */
function showRest(fresh) {
  product = fresh;
  byId("variants-part").hidden = false;
  byId("pictures-part").hidden = false;
  fill(byId("variants"), variantTable(product, showRest));
  fill(byId("pictures"), product.images.map(shownPicture));
}

function read(form) {
  const { name, slug, categoryId, status, description } = form.elements;
  const body = { name: name.value.trim(), description: description.value, status: status.value };
  if (slug.value.trim()) body.slug = slug.value.trim();
  return { ...body, categoryId: categoryId.value || null };
}

async function create(form, key) {
  const made = await api.post("/api/products", { ...read(form), variants: [readVariant(form)] }, { key });
  location.assign(`/admin/products/${made.id}`);
}

async function change(form) {
  showProduct(await api.patch(`/api/products/${id}`, read(form), { version: product.version }));
  say("The product is saved.");
}

async function addVariant(form) {
  showRest(await api.post(`/api/products/${id}/variants`, readVariant(form), { key: newKey() }));
  form.reset();
  byId("add-details").open = false;
  say("The variant is added.");
}

async function upload(form) {
  await api.post(`/api/products/${id}/images`, undefined, { form: new FormData(form), key: newKey() });
  form.reset();
  showRest(await api.get(`/api/products/${id}`));
  say("The picture is added.");
}

function shownPicture(image) {
  const button = h("button", { type: "button", class: "link" }, "Remove");
  button.addEventListener("click", () =>
    busy(button, () =>
      attempt(byId("upload-problem"), null, async () => {
        await api.delete(`/api/products/${id}/images/${image.id}`);
        showRest(await api.get(`/api/products/${id}`));
      }),
    ),
  );
  return h("li", {}, picture(image, product.name), button);
}
