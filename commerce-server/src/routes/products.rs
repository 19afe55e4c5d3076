//! Products, their variants and pictures, and the search for them.

use axum::extract::{DefaultBodyLimit, FromRequest, Multipart, Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use commerce_core::catalog::{Inventory, ListProducts, Product, SearchRequest, SearchSort};
use commerce_core::change::{RequestKey, digest};
use commerce_core::error::{ErrorClass, Refusal};
use commerce_core::ids::ProductId;
use commerce_core::limits;
use commerce_core::text::{Sku, Slug};
use serde_json::{Value, json};

use super::product_input::{ProductBody, ProductPatchBody, VariantBody, VariantPatchBody};
use super::users::{CURSOR, LIMIT};
use crate::answer::{Told, created, shown, shown_at};
use crate::api::{Api, Param, op};
use crate::auth::{Caller, SignedIn};
use crate::extract::{IfMatch, KeyedJson, Params, Patch, Query, RequestIdempotency};
use crate::front::too_large;
use crate::problem::{Answered, Problem};
use crate::state::Shared;
use crate::views::catalog::{CardView, ImageView, ProductView, READ_ONLY, SearchView};

pub(super) fn routes(api: Api) -> Api {
    let list = op("Products, newest first").public().query([
        Param::text("category", "Only of this category and those below it."),
        Param::text("seller", "Only of this seller."),
        Param::text("status", "Only in this status."),
        LIMIT,
        CURSOR,
    ]);
    let search = op("Search products").public().query([
        Param::text("q", "Words."),
        Param::text("category", "Only of this category and those below it."),
        Param::whole("minPrice", "Minor units."),
        Param::whole("maxPrice", "Minor units."),
        Param::switch("inStock", "Only what can be had."),
        Param::texts("option", "Only with this option, as Size:M. Of one name any of the values will do."),
        Param::text("sort", "relevance, price_asc, price_desc or newest."),
        LIMIT,
        CURSOR,
    ]);
    let product = "/api/products/{id}";
    let variants = "/api/products/{id}/variants";
    let variant = "/api/products/{id}/variants/{sku}";
    let changed = |summary| op(summary).gives::<ProductView>(200, "Changed.");
    api.post(
        "/api/products",
        op("Create a product").takes::<ProductBody>().gives::<ProductView>(201, "Created.").refuses(&["SKU_TAKEN", "SLUG_TAKEN"]),
        create,
    )
    .get("/api/products", list.lists::<CardView>(), self::list)
    .get("/api/products/search", search.gives::<SearchView>(200, "Hits."), self::search)
    .get(product, op("A product, by its id or its slug").public().gives::<ProductView>(200, "The product."), show)
    .put(product, changed("Replace a product; needs If-Match").needs_version().takes::<ProductBody>().refuses(VERSIONED), replace)
    .patch(
        product,
        changed("Change a product; needs If-Match").needs_version().takes::<ProductPatchBody>().refuses(VERSIONED),
        change,
    )
    .delete(product, op("Archive a product").versioned().done(204, "Archived."), archive)
    .post(variants, op("Add a variant").versioned().takes::<VariantBody>().gives::<ProductView>(201, "Added."), add_variant)
    .patch(variant, changed("Change a variant").versioned().takes::<VariantPatchBody>(), change_variant)
    .delete(variant, op("Remove a variant").versioned().done(204, "Removed."), remove_variant)
    .post(
        "/api/products/{id}/images",
        op("Add a picture: JPEG, PNG or WebP").versioned().takes_file(&["alt"]).gives::<ImageView>(201, "Added."),
        add_image,
    )
    .delete("/api/products/{id}/images/{imageId}", op("Remove a picture").versioned().done(204, "Removed."), remove_image)
    .get("/images/{name}", op("A picture").public().gives_bytes("Its bytes; they never change.", PICTURES), picture)
}

const PICTURES: &[&str] = &["image/jpeg", "image/png", "image/webp"];
const VERSIONED: &[&str] = &["VERSION_REQUIRED", "VERSION_MISMATCH", "READ_ONLY"];

async fn create(State(shared): State<Shared>, caller: SignedIn, request: KeyedJson<ProductBody>) -> Answered<Told<ProductView>> {
    let key = request.key();
    let product = shared.catalog().create_product(&caller.actor, request.body.into(), key).await?;
    present(&shared, product).await
}

/// Its version says nothing of its stock, which moves beneath it: no cache keeps the answer, and once stock has moved nobody is
/// answered 304 for knowing the version.
async fn show(State(shared): State<Shared>, Caller(actor): Caller, params: Params) -> Answered<Told<ProductView>> {
    let (text, catalog) = (params.text("id")?, shared.catalog());
    let by_id = match text.parse() {
        Ok(id) => Some(catalog.shown(&actor, id).await),
        Err(_) => None,
    };
    // A slug may look like an id.
    let missed = by_id.as_ref().is_none_or(|found| found.as_ref().is_err_and(|error| error.class() == ErrorClass::NotFound));
    match (by_id, text.parse::<Slug>()) {
        (_, Ok(slug)) if missed => view(&shared, catalog.product_by_slug(&actor, &slug).await?).await,
        (Some(shown), _) => {
            let shown = shown?;
            Ok(told(shown.product.clone(), &shown.stock))
        }
        (None, _) => Err(Problem::not_found("product")),
    }
}

async fn list(State(shared): State<Shared>, Caller(actor): Caller, query: Query) -> Answered<Told<Value>> {
    let list = ListProducts {
        category: query.get("category", "must be a category's id")?,
        seller: query.get("seller", "must be a seller's id")?,
        status: query.get("status", "must be DRAFT, ACTIVE or ARCHIVED")?,
    };
    let page = shared.catalog().product_cards(&actor, list, &query.page()?).await?;
    Ok(shown(json!(page.map(CardView::from))))
}

async fn search(State(shared): State<Shared>, Caller(actor): Caller, query: Query) -> Answered<Told<SearchView>> {
    let request = SearchRequest {
        text: query.text("q").unwrap_or_default().to_owned(),
        category: query.get("category", "must be a category's id")?,
        min_price: query.get("minPrice", "must be a whole number of minor units")?,
        max_price: query.get("maxPrice", "must be a whole number of minor units")?,
        in_stock: query.switch("inStock")?,
        options: query.texts("option").map(option).collect::<Answered<_>>()?,
        sort: query.get::<SearchSort>("sort", "must be relevance, price_asc, price_desc or newest")?.unwrap_or_default(),
        page: query.page_of_the_same(&["q", "category", "minPrice", "maxPrice", "inStock", "option", "sort"])?,
    };
    let found = shared.catalog().search(&actor, request).await?;
    Ok(shown(SearchView::of(found.hits, found.next_cursor)))
}

/// An option with its value: `Size:M`.
fn option(text: &str) -> Answered<(String, String)> {
    let (name, value) =
        text.split_once(':').ok_or_else(|| Refusal::field("option", "INVALID", "must be a name and a value, as Size:M"))?;
    Ok((name.to_owned(), value.to_owned()))
}

async fn replace(
    State(shared): State<Shared>,
    caller: SignedIn,
    params: Params,
    if_match: IfMatch,
    patch: Patch,
) -> Answered<Told<ProductView>> {
    let (id, current) = writable(&shared, &caller, &params).await?;
    let if_match = if_match.required()?;
    let current = json!(ProductView::of(current.clone(), &stock(&shared, &current).await?));
    let body: ProductBody = patch.onto(&current, READ_ONLY)?;
    view(&shared, shared.catalog().update_product(&caller.actor, id, body.replacing(), if_match.version).await?).await
}

async fn change(
    State(shared): State<Shared>,
    caller: SignedIn,
    params: Params,
    if_match: IfMatch,
    patch: Patch,
) -> Answered<Told<ProductView>> {
    let (id, product) = writable(&shared, &caller, &params).await?;
    let if_match = if_match.required()?;
    let metadata = product.metadata.clone();
    let current = json!(ProductView::of(product.clone(), &stock(&shared, &product).await?));
    let body: ProductPatchBody = patch.onto(&current, READ_ONLY)?;
    let product = shared.catalog().update_product(&caller.actor, id, body.onto(metadata), if_match.version).await?;
    view(&shared, product).await
}

async fn archive(State(shared): State<Shared>, caller: SignedIn, params: Params, if_match: IfMatch) -> Answered<StatusCode> {
    shared.catalog().archive_product(&caller.actor, id(&params)?, if_match.version).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn add_variant(
    State(shared): State<Shared>,
    caller: SignedIn,
    params: Params,
    if_match: IfMatch,
    request: KeyedJson<VariantBody>,
) -> Answered<Told<ProductView>> {
    let key = request.key();
    let product = shared.catalog().add_variant(&caller.actor, id(&params)?, request.body.into(), key, if_match.version).await?;
    present(&shared, product).await
}

async fn change_variant(
    State(shared): State<Shared>,
    caller: SignedIn,
    params: Params,
    if_match: IfMatch,
    patch: Patch,
) -> Answered<Told<ProductView>> {
    let sku: Sku = params.get("sku", "SKU")?;
    let (id, product) = writable(&shared, &caller, &params).await?;
    let stock = stock(&shared, &product).await?;
    let known = product.variants.iter().find(|variant| variant.sku == sku);
    let known = known.cloned().ok_or_else(|| Problem::not_found("variant"))?;
    let current = ProductView::of(product, &stock).variant(&sku).ok_or_else(|| Problem::not_found("variant"))?;
    let body: VariantPatchBody = patch.onto(&current, &["sku", "available"])?;
    let product = shared.catalog().update_variant(&caller.actor, id, &sku, body.onto(&known)?, if_match.version).await?;
    view(&shared, product).await
}

async fn remove_variant(
    State(shared): State<Shared>,
    caller: SignedIn,
    params: Params,
    if_match: IfMatch,
) -> Answered<StatusCode> {
    let sku: Sku = params.get("sku", "SKU")?;
    shared.catalog().remove_variant(&caller.actor, id(&params)?, &sku, if_match.version).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn add_image(
    State(shared): State<Shared>,
    caller: SignedIn,
    RequestIdempotency(key): RequestIdempotency,
    if_match: IfMatch,
    params: Params,
    request: Request,
) -> Answered<Told<ImageView>> {
    let product = id(&params)?;
    let (bytes, alt) = upload(request).await?;
    // Every sending of a form draws its own boundary: what counts is the picture.
    let body_hash = digest(&[&bytes, alt.as_bytes()]);
    let key = key.map(|key| RequestKey { key, body_hash });
    let image = shared.catalog().add_image(&caller.actor, product, bytes, &alt, key, if_match.version).await?;
    Ok(created(image.map(ImageView::from), |image| image.url().to_owned()))
}

async fn remove_image(State(shared): State<Shared>, caller: SignedIn, params: Params, if_match: IfMatch) -> Answered<StatusCode> {
    let (product, image) = (id(&params)?, params.get("imageId", "image")?);
    shared.catalog().remove_image(&caller.actor, product, image, if_match.version).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn picture(State(shared): State<Shared>, params: Params) -> Answered<Response> {
    let name = params.text("name")?;
    let kind = match name.rsplit_once('.').map(|(_, end)| end) {
        Some("jpg") => "image/jpeg",
        Some("png") => "image/png",
        Some("webp") => "image/webp",
        _ => return Err(Problem::not_found("image")),
    };
    let bytes = shared.catalog().picture(name).await?;
    let headers = [(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, "public, max-age=31536000, immutable")];
    Ok((headers, bytes).into_response())
}

/// The fields `file` and, if it is there, `alt` of a multipart form.
async fn upload(mut request: Request) -> Answered<(Vec<u8>, String)> {
    // How large it may be, the door has seen to.
    DefaultBodyLimit::disable().apply(&mut request);
    let unreadable = |_| Problem::new(StatusCode::BAD_REQUEST, "BAD_REQUEST", "the form cannot be read");
    let mut form = Multipart::from_request(request, &()).await.map_err(|_| {
        Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "UNSUPPORTED_MEDIA_TYPE", "the body must be multipart/form-data")
    })?;
    let (mut file, mut alt) = (None, None);
    while let Some(field) = form.next_field().await.map_err(unreadable)? {
        let name = field.name().unwrap_or_default().to_owned();
        let wrong = |code, message| Problem::field(StatusCode::BAD_REQUEST, code, &name, code, message);
        match name.as_str() {
            "file" if file.is_none() => file = Some(field.bytes().await.map_err(unreadable)?.to_vec()),
            "alt" if alt.is_none() => alt = Some(field.text().await.map_err(unreadable)?),
            "file" | "alt" => return Err(wrong("DUPLICATE_FIELD", "is there twice")),
            _ => return Err(wrong("UNKNOWN_FIELD", "is not known here; the form has file and alt")),
        }
    }
    let alt = alt.unwrap_or_default();
    let missing = || Problem::field(StatusCode::BAD_REQUEST, "MISSING_FIELD", "file", "REQUIRED", "is needed");
    let file = file.ok_or_else(missing)?;
    if file.len() > limits::IMAGE_BYTES_MAX { Err(too_large(limits::IMAGE_BYTES_MAX)) } else { Ok((file, alt)) }
}

fn id(params: &Params) -> Answered<ProductId> {
    params.get("id", "product")
}

/// The product as it is, for whoever may change it; told before anything about the body is said.
async fn writable(shared: &Shared, caller: &SignedIn, params: &Params) -> Answered<(ProductId, Product)> {
    let id = id(params)?;
    Ok((id, shared.catalog().managed_product(&caller.actor, id).await?))
}

async fn stock(shared: &Shared, product: &Product) -> Answered<Vec<Inventory>> {
    let skus: Vec<Sku> = product.variants.iter().map(|variant| variant.sku.clone()).collect();
    Ok(shared.catalog().stock_of(&skus).await?)
}

async fn view(shared: &Shared, product: Product) -> Answered<Told<ProductView>> {
    let stock = stock(shared, &product).await?;
    Ok(told(product, &stock))
}

/// The version of stock that was counted once: made, and counted.
const COUNTED_ONCE: u64 = 2;

/// With its version, which says all that is shown for as long as no stock has moved since it was first counted.
fn told(product: Product, stock: &[Inventory]) -> Told<ProductView> {
    let moved = stock.iter().any(|it| it.version != COUNTED_ONCE);
    shown_at(ProductView::of(product, stock), ProductView::version).moving_if(moved)
}

async fn present(shared: &Shared, product: commerce_core::change::Answer<Product>) -> Answered<Told<ProductView>> {
    let (commerce_core::change::Answer::Fresh(known) | commerce_core::change::Answer::Replayed(known)) = &product;
    let (stock, version) = (stock(shared, known).await?, known.version);
    Ok(created(product.map(|product| ProductView::of(product, &stock)), ProductView::location).version(version))
}
