//! An import to a running server: what the core decides about a product, asked for as any client asks.

use std::collections::BTreeMap;
use std::sync::Arc;

use commerce_core::Refusal;
use commerce_core::catalog::{
    HOUSE, ImportCategory, ImportProduct, ImportSeller, Imported, MetCategories, MetSellers, NewImage, NewVariant, Product,
    ProductPatch,
};
use commerce_core::ids::{CategoryId, Id, IdSource, SellerId};
use commerce_core::text::{Metadata, Slug};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::sync::Mutex;

use crate::failure::Failure;
use crate::remote::{Remote, part};
use crate::shop::{OsEntropy, SystemClock};

use super::super::shown::{Category, Seller, Shown, read};
use super::goal::Trouble;

/// How often a product is looked at again that somebody else changes meanwhile.
const ROUNDS: usize = 5;

/// A server that takes an import.
pub(super) struct OverHttp {
    remote: Remote,
    ids: IdSource,
    /// Its categories, once they were asked for.
    categories: Mutex<Option<Vec<Category>>>,
}

impl OverHttp {
    /// Asks who the caller is first: what she may not see would look as if it were not there.
    ///
    /// # Errors
    /// `UNAUTHENTICATED`, and what keeps the server from answering.
    pub(super) async fn open(remote: Remote) -> Result<Self, Failure> {
        remote.get_in_turn("/api/users/me", &[]).await?;
        let ids = IdSource::new(Arc::new(SystemClock), Arc::new(OsEntropy));
        Ok(Self { remote, ids, categories: Mutex::default() })
    }

    /// See [`Goal::category`](super::goal::Goal::category).
    pub(super) async fn category(
        &self,
        path: &[ImportCategory],
        met: &mut MetCategories,
        dry_run: bool,
    ) -> Result<Option<CategoryId>, Trouble> {
        if path.is_empty() {
            return Ok(None);
        }
        let mut held = self.categories.lock().await;
        let known = match &mut *held {
            Some(known) => known,
            none => none.insert(read(self.remote.whole("/api/categories").await?.into())?),
        };
        let mut at = None;
        for step in path {
            let beside = known.iter().filter(|it| it.parent_id == at).map(|it| (it.id, it.name.as_str(), &it.slug));
            let found = match step.among(beside, met) {
                None if dry_run => return Ok(None),
                None => {
                    let made = self.new_category(step, at, known).await?;
                    let id = made.id;
                    known.push(made);
                    id
                }
                Some(found) => found,
            };
            met.extend(step.slug.clone().map(|slug| (found, slug)));
            at = Some(found);
        }
        Ok(at)
    }

    /// Makes a category, with the slug that it is called by where none of `known` has it.
    async fn new_category(
        &self,
        step: &ImportCategory,
        parent: Option<CategoryId>,
        known: &[Category],
    ) -> Result<Category, Trouble> {
        let mut body = json!({ "name": step.name.trim(), "parentId": parent });
        set(&mut body, "slug", step.slug.as_ref().filter(|slug| known.iter().all(|it| it.slug != **slug)));
        Ok(read(self.remote.call_in_turn(Method::POST, "/api/categories", &body, None).await?)?)
    }

    /// See [`Goal::seller`](super::goal::Goal::seller). The house that is not there yet is made by the server, with the first
    /// product that names nobody.
    pub(super) async fn seller(
        &self,
        named: &ImportSeller,
        met: &mut MetSellers,
        dry_run: bool,
    ) -> Result<Option<SellerId>, Trouble> {
        if named.house {
            let house = SellerId::from_uuid(HOUSE);
            return match self.remote.get_in_turn(&format!("/api/sellers/{house}"), &[]).await {
                Err(failure) if failure.status() == Some(404) => Ok(None),
                shown => Ok(Some(read::<Seller>(shown?)?.id)),
            };
        }
        if let Some(known) = self.seller_among(named, met).await? {
            return Ok(Some(known));
        }
        if dry_run {
            return Ok(None);
        }
        let name = if named.name.trim().is_empty() { named.slug.as_str() } else { &named.name };
        let body = json!({ "name": name, "slug": named.slug });
        match self.remote.call_in_turn(Method::POST, "/api/sellers", &body, None).await {
            // Another import was faster.
            Err(failure) if failure.code() == "SLUG_TAKEN" => {}
            made => {
                let Seller { id, slug, .. } = read(made?)?;
                met.insert(slug, id);
            }
        }
        Ok(Some(self.seller_among(named, met).await?.ok_or(Refusal::SlugTaken)?))
    }

    /// Who it is among those that were met, or else at the server.
    async fn seller_among(&self, named: &ImportSeller, met: &mut MetSellers) -> Result<Option<SellerId>, Trouble> {
        if let Some(known) = named.among(met)? {
            return Ok(Some(known));
        }
        match self.remote.get_in_turn(&format!("/api/sellers/{}", part(named.slug.as_str())), &[]).await {
            Err(failure) if failure.status() == Some(404) => {}
            shown => {
                let Seller { id, slug, .. } = read(shown?)?;
                met.insert(slug, id);
            }
        }
        Ok(named.among(met)?)
    }

    /// See [`Goal::product`](super::goal::Goal::product).
    pub(super) async fn product(&self, import: &ImportProduct, dry_run: bool) -> Result<Imported, Trouble> {
        for _ in 0..ROUNDS {
            let Some(known) = self.known(&import.slug).await? else {
                import.check(&self.ids)?;
                if dry_run {
                    return Ok(Imported::Created);
                }
                match self.remote.call_in_turn(Method::POST, "/api/products", &whole(import), None).await {
                    Ok(_) => return Ok(Imported::Created),
                    // Another import of the same was faster.
                    Err(failure) if failure.code() == "SLUG_TAKEN" => continue,
                    Err(failure) => return Err(failure.into()),
                }
            };
            let (patch, imported) = import.change_of(&known, &self.ids)?;
            if dry_run || imported == Imported::Unchanged {
                return Ok(imported);
            }
            let (path, body) = (format!("/api/products/{}", known.id), changes(&patch, &known));
            match self.remote.call_in_turn(Method::PATCH, &path, &body, Some(known.version)).await {
                Ok(_) => return Ok(imported),
                Err(failure) if failure.code() == "VERSION_MISMATCH" => {}
                Err(failure) => return Err(failure.into()),
            }
        }
        Err(Trouble::Refused("somebody else has its name, or changes it again and again".to_owned()))
    }

    /// The product with this slug.
    async fn known(&self, slug: &Slug) -> Result<Option<Product>, Failure> {
        match self.remote.get_in_turn(&format!("/api/products/{}", part(slug.as_str())), &[]).await {
            Err(failure) if failure.status() == Some(404) => Ok(None),
            shown => Ok(Some(read::<Shown>(shown?)?.into())),
        }
    }
}

/// A product that is not there, as it is asked for.
fn whole(import: &ImportProduct) -> Value {
    let product = &import.product;
    let mut body = json!({
        "slug": import.slug, "name": product.name, "description": product.description, "categoryId": product.category,
        "variants": variants(&product.variants), "images": images(&product.images), "metadata": product.metadata,
    });
    set(&mut body, "sellerId", product.seller);
    set(&mut body, "status", product.status);
    body
}

/// What is to change, as a merge patch: notes that go are named with nothing.
fn changes(patch: &ProductPatch, known: &Product) -> Value {
    let ProductPatch { name, description, slug, category, seller, status, variants: sold, images: shown, metadata } = patch;
    let mut body = json!({});
    set(&mut body, "name", name.as_ref());
    set(&mut body, "description", description.as_ref());
    set(&mut body, "slug", slug.as_ref());
    set(&mut body, "categoryId", *category);
    set(&mut body, "sellerId", *seller);
    set(&mut body, "status", *status);
    set(&mut body, "variants", sold.as_deref().map(variants));
    set(&mut body, "images", shown.as_deref().map(images));
    set(&mut body, "metadata", metadata.as_ref().map(|metadata| notes(metadata, &known.metadata)));
    body
}

fn set(body: &mut Value, name: &str, value: Option<impl serde::Serialize>) {
    if let Some(value) = value {
        body[name] = json!(value);
    }
}

fn notes(wanted: &Metadata, known: &Metadata) -> BTreeMap<String, Option<String>> {
    let gone = known.keys().filter(|name| !wanted.contains_key(*name)).map(|name| (name.clone(), None));
    gone.chain(wanted.iter().map(|(name, value)| (name.clone(), Some(value.clone())))).collect()
}

fn variants(variants: &[NewVariant]) -> Value {
    let one = |variant: &NewVariant| {
        let NewVariant { sku, price, compare_at, options, stock, weight_grams, barcode, metadata } = variant;
        let mut body = json!({ "sku": sku, "price": price, "options": options, "stock": stock });
        set(&mut body, "compareAtPrice", *compare_at);
        set(&mut body, "weightGrams", *weight_grams);
        set(&mut body, "barcode", barcode.as_ref());
        set(&mut body, "metadata", metadata.as_ref());
        body
    };
    variants.iter().map(one).collect()
}

fn images(images: &[NewImage]) -> Value {
    images.iter().map(|NewImage { url, alt }| json!({ "url": url, "alt": alt })).collect()
}
