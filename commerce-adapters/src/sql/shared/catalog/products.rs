//! Reads products, categories and sellers. A product comes with its variants and images in one statement, so that
//! one state of it is seen.

use async_trait::async_trait;
use commerce_core::catalog::{
    CatalogWrite, Category, CategoryTree, Image, Product, ProductFilter, ProductReads, ProductStatus, Rating, Seller,
    SellerReads, Variant,
};
use commerce_core::error::StoreError;
use commerce_core::ids::{Id, ImageId, ProductId, SellerId, UserId};
use commerce_core::page::{Page, PageRequest};
use commerce_core::text::{Metadata, Sku, Slug};
use commerce_core::{Currency, Money, Timestamp};
use serde::Deserialize;
use std::collections::BTreeMap;

use super::super::engine::{Database, Row};
use super::super::fields::Fields;
use super::super::gathered::Gathered;
use super::super::statements::catalog as sql;
use crate::sql::bulk::{Nested, ids};
use crate::sql::question::{Question, below, blob};

#[derive(Deserialize)]
struct VariantCells(
    i64,
    Sku,
    i64,
    Currency,
    Option<i64>,
    Option<Currency>,
    Nested<BTreeMap<String, String>>,
    Option<u32>,
    Option<String>,
    Nested<Metadata>,
);

#[derive(Deserialize)]
struct ImageCells(i64, ImageId, String, String);

fn read_product(fields: &Fields<'_>) -> Result<Product, StoreError> {
    let mut variants: Vec<VariantCells> = fields.json("variants")?;
    variants.sort_by_key(|cells| cells.0);
    let mut images: Vec<ImageCells> = fields.json("images")?;
    images.sort_by_key(|cells| cells.0);
    Ok(Product {
        id: fields.id("id")?,
        slug: fields.parse("slug")?,
        name: fields.text("name")?,
        description: fields.text("description")?,
        status: fields.parse("status")?,
        category: fields.opt_id("category_id")?,
        seller: fields.id("seller_id")?,
        variants: variants.into_iter().map(variant).collect(),
        images: images.into_iter().map(|ImageCells(_, id, url, alt)| Image { id, url, alt }).collect(),
        rating: Rating { count: fields.count("rating_count")?, sum: fields.count("rating_sum")? },
        metadata: fields.json("metadata")?,
        created_at: fields.at("created_at")?,
        updated_at: fields.at("updated_at")?,
        version: fields.count("version")?,
    })
}

fn variant(cells: VariantCells) -> Variant {
    let VariantCells(_, sku, price, currency, compare_at, compare_currency, options, weight_grams, barcode, metadata) = cells;
    Variant {
        sku,
        price: Money::new(price, currency),
        compare_at: compare_at.zip(compare_currency).map(|(minor, currency)| Money::new(minor, currency)),
        options: options.0,
        weight_grams,
        barcode,
        metadata: metadata.0,
    }
}

fn read_category(row: &Row, operation: &'static str) -> Result<Category, StoreError> {
    let fields = Fields::of(row, operation);
    Ok(Category {
        id: fields.id("id")?,
        slug: fields.parse("slug")?,
        name: fields.text("name")?,
        parent: fields.opt_id("parent_id")?,
        created_at: fields.at("created_at")?,
        version: fields.count("version")?,
    })
}

fn read_seller(row: &Row, operation: &'static str) -> Result<Seller, StoreError> {
    let fields = Fields::of(row, operation);
    Ok(Seller {
        id: fields.id("id")?,
        name: fields.text("name")?,
        slug: fields.parse("slug")?,
        user: fields.opt_id("user_id")?,
        created_at: fields.at("created_at")?,
        version: fields.count("version")?,
    })
}

impl Database<CatalogWrite> {
    /// A product by id, from a replica if it may lag.
    pub(super) async fn read_product(&self, id: ProductId, may_lag: bool) -> Result<Option<Product>, StoreError> {
        const OPERATION: &str = "catalog.product";
        let query = Question::frequent(sql::PRODUCT).shown_if(may_lag).browsed().bind(blob(id.uuid()));
        let product = Gathered::of(self.rows(OPERATION, query).await?, sql::PARTS_OF_PRODUCT, OPERATION)?;
        product.map(|product| read_product(&product.fields(OPERATION))).transpose()
    }
}

#[async_trait]
impl ProductReads for Database<CatalogWrite> {
    async fn product(&self, id: ProductId) -> Result<Option<Product>, StoreError> {
        self.read_product(id, false).await
    }

    async fn product_by_slug(&self, slug: &Slug) -> Result<Option<Product>, StoreError> {
        const OPERATION: &str = "catalog.product_by_slug";
        let query = Question::frequent(sql::PRODUCT_BY_SLUG).browsed().bind(slug.as_str());
        let product = Gathered::of(self.rows(OPERATION, query).await?, sql::PARTS_OF_PRODUCT, OPERATION)?;
        product.map(|product| read_product(&product.fields(OPERATION))).transpose()
    }

    async fn products(&self, filter: &ProductFilter, page: &PageRequest) -> Result<Page<Product>, StoreError> {
        const OPERATION: &str = "catalog.products";
        // Who may see only what is on sale browses.
        let query = Question::of(sql::PRODUCTS_BELOW).shown_if(filter.status == Some(ProductStatus::Active)).bind(below(page));
        let query = query
            .when(sql::CATEGORY_AMONG, filter.categories.as_ref().map(|categories| ids(categories.iter().copied())))
            .when(" AND seller_id = ?", filter.seller.map(|seller| blob(seller.uuid())))
            .when(" AND status = ?", filter.status.map(ProductStatus::as_str));
        let query = query.then(" ORDER BY id DESC LIMIT ?").bind(page.limit() + 1);
        let rows = self.rows(OPERATION, query).await?;
        let products = rows.iter().map(|row| read_product(&Fields::of(row, OPERATION))).collect::<Result<_, _>>()?;
        Ok(Page::cut(products, page, |product: &Product| product.id.uuid()))
    }

    async fn products_by_id(&self, among: &[ProductId]) -> Result<Vec<Product>, StoreError> {
        const OPERATION: &str = "catalog.products_by_id";
        let query = Question::frequent(sql::PRODUCTS_AMONG).browsed();
        let rows = self.rows(OPERATION, query.bind(ids(among.iter().copied()))).await?;
        rows.iter().map(|row| read_product(&Fields::of(row, OPERATION))).collect()
    }

    async fn products_changed(
        &self,
        since: Timestamp,
        after: Option<ProductId>,
        limit: u32,
    ) -> Result<Vec<(Timestamp, Product)>, StoreError> {
        const OPERATION: &str = "catalog.products_changed";
        let after = after.map(|id| blob(id.uuid())).unwrap_or_default();
        let query = Question::of(sql::PRODUCTS_CHANGED).shown();
        let query = query.bind(since.as_micros()).bind(since.as_micros()).bind(after).bind(limit);
        let rows = self.rows(OPERATION, query).await?;
        let read = |row| Ok((Fields::of(row, OPERATION).at("changed_at")?, read_product(&Fields::of(row, OPERATION))?));
        rows.iter().map(read).collect()
    }

    async fn categories(&self) -> Result<CategoryTree, StoreError> {
        const OPERATION: &str = "catalog.categories";
        // One statement, so that the nodes are those of the version: the tree's row comes with each.
        const SQL: &str = "SELECT tree.version AS tree_version, categories.*
            FROM category_tree AS tree LEFT JOIN categories ON true";
        let rows = self.rows(OPERATION, Question::of(SQL).browsed()).await?;
        let mut tree = CategoryTree::default();
        for row in &rows {
            let fields = Fields::of(row, OPERATION);
            tree.version = fields.count("tree_version")?;
            if fields.opt_id::<ProductId>("id")?.is_some() {
                tree.nodes.push(read_category(row, OPERATION)?);
            }
        }
        Ok(tree)
    }
}

#[async_trait]
impl SellerReads for Database<CatalogWrite> {
    async fn seller(&self, id: SellerId) -> Result<Option<Seller>, StoreError> {
        const OPERATION: &str = "catalog.seller";
        let query = Question::frequent("SELECT * FROM sellers WHERE id = ?").browsed().bind(blob(id.uuid()));
        self.row(OPERATION, query).await?.map(|row| read_seller(&row, OPERATION)).transpose()
    }

    async fn seller_by_slug(&self, slug: &Slug) -> Result<Option<Seller>, StoreError> {
        const OPERATION: &str = "catalog.seller_by_slug";
        let query = Question::of("SELECT * FROM sellers WHERE slug = ?").browsed().bind(slug.as_str());
        self.row(OPERATION, query).await?.map(|row| read_seller(&row, OPERATION)).transpose()
    }

    async fn seller_run_by(&self, user: UserId) -> Result<Option<Seller>, StoreError> {
        const OPERATION: &str = "catalog.seller_run_by";
        let query = Question::of("SELECT * FROM sellers WHERE user_id = ? ORDER BY id DESC LIMIT 1").bind(blob(user.uuid()));
        self.row(OPERATION, query).await?.map(|row| read_seller(&row, OPERATION)).transpose()
    }

    async fn sellers(&self, page: &PageRequest) -> Result<Page<Seller>, StoreError> {
        const OPERATION: &str = "catalog.sellers";
        const SQL: &str = "SELECT * FROM sellers WHERE id < ? ORDER BY id DESC LIMIT ?";
        let query = Question::of(SQL).shown().bind(below(page)).bind(page.limit() + 1);
        let rows = self.rows(OPERATION, query).await?;
        let sellers = rows.iter().map(|row| read_seller(row, OPERATION)).collect::<Result<_, _>>()?;
        Ok(Page::cut(sellers, page, |seller: &Seller| seller.id.uuid()))
    }
}
