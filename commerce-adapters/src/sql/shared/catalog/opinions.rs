//! Reviews and wishlists: loaded and written for a batch, read for use cases.

use async_trait::async_trait;
use commerce_core::audit::tables::{REVIEWS, WISHLISTS};
use commerce_core::catalog::{CatalogWrite, Rating, Review, ReviewFilter, ReviewReads, ReviewStatus, Wish};
use commerce_core::error::StoreError;
use commerce_core::ids::{Id, ProductId, ReviewId, UserId};
use commerce_core::page::{Page, PageRequest};

use super::super::engine::{Database, Row};
use super::super::fields::Fields;
use super::super::script::{Queries, Script};
use super::super::statements::catalog as sql;
use crate::sql::bulk::{Bulk, RowText, ids};
use crate::sql::judge::{CatalogJudge, Loaded, OpinionJudge, OpinionWants, ReviewRow};
use crate::sql::question::{Param, Question, below, blob};

const OPERATION: &str = "catalog.commit";

/// Asks for the rows that a batch touches.
pub(super) fn ask<'a>(queries: &mut Queries<Loaded<'a, CatalogJudge<'a>>>, wants: &OpinionWants) {
    if !wants.reviews.is_empty() {
        let by_id = ids(wants.reviews.iter().copied());
        queries.ask(sql::REVIEWS_BY_ID, [by_id.into()], |row, loaded| load_review(row, &mut loaded.judge.opinions));
    }
    if let Some(by_author) = pairs(wants.authors.iter().copied()) {
        queries.ask(sql::REVIEWS_BY_AUTHOR, [by_author], |row, loaded| load_review(row, &mut loaded.judge.opinions));
    }
    if let Some(wishes) = pairs(wants.wishes.iter().copied()) {
        queries.ask(sql::KNOWN_WISHES, [wishes], |row, loaded| {
            let fields = Fields::of(row, OPERATION);
            loaded.judge.opinions.wishes.load([((fields.id("user_id")?, fields.id("product_id")?), None)]);
            Ok(())
        });
    }
}

fn pairs(whose: impl IntoIterator<Item = (UserId, ProductId)>) -> Option<Param> {
    pair_rows(whose).map(|rows| rows.into_text().into())
}

fn pair_rows(whose: impl IntoIterator<Item = (UserId, ProductId)>) -> Option<Bulk> {
    Bulk::of(whose, |row: RowText, (user, product)| row.id(user).id(product))
}

fn load_review(row: &Row, judge: &mut OpinionJudge<'_>) -> Result<(), StoreError> {
    let fields = Fields::of(row, OPERATION);
    let id: ReviewId = fields.id("id")?;
    judge.reviews.load([(id, ReviewRow { version: fields.count("version")?, write: None })]);
    judge.authors.load([((fields.id("user_id")?, fields.id("product_id")?), id)]);
    Ok(())
}

/// Writes the rows.
pub(super) fn write(script: &mut Script, judge: &OpinionJudge<'_>) {
    let reviews = judge.reviews.written().filter_map(|(id, row)| Some((judge.reviews.is_stored(id), row.write?)));
    script.put(sql::REVIEWS, reviews, |row: RowText, it: &Review| {
        let row = row.id(it.id).id(it.product).id(it.user).int(it.rating).opt_text(it.title.as_deref()).text(&it.text);
        let row = row.flag(it.verified_purchase).text(it.status.as_str()).opt_text(it.reason.as_deref());
        row.at(it.created_at).opt_at(it.moderated_at).opt_id(it.moderated_by).count(it.version).seal(REVIEWS)
    });
    script.bulk(sql::WISHES_GONE, pair_rows(judge.wishes.removed().copied()));
    let wishes = judge.wishes.written().filter_map(|(whose, wish)| Some((judge.wishes.is_stored(whose), (*wish)?)));
    script.put(sql::WISHES, wishes, |row: RowText, it: &Wish| {
        row.id(it.id).id(it.user).id(it.product).at(it.added_at).seal(WISHLISTS)
    });
}

fn read_review(row: &Row, operation: &'static str) -> Result<Review, StoreError> {
    let fields = Fields::of(row, operation);
    Ok(Review {
        id: fields.id("id")?,
        product: fields.id("product_id")?,
        user: fields.id("user_id")?,
        rating: fields.count("rating")?,
        title: fields.opt_text("title")?,
        text: fields.text("body")?,
        verified_purchase: fields.flag("verified_purchase")?,
        status: fields.parse("status")?,
        reason: fields.opt_text("reason")?,
        created_at: fields.at("created_at")?,
        moderated_at: fields.opt_at("moderated_at")?,
        moderated_by: fields.opt_id("moderated_by")?,
        version: fields.count("version")?,
    })
}

fn read_wish(row: &Row, operation: &'static str) -> Result<Wish, StoreError> {
    let fields = Fields::of(row, operation);
    Ok(Wish {
        id: fields.id("id")?,
        user: fields.id("user_id")?,
        product: fields.id("product_id")?,
        added_at: fields.at("added_at")?,
    })
}

#[async_trait]
impl ReviewReads for Database<CatalogWrite> {
    async fn review(&self, id: ReviewId) -> Result<Option<Review>, StoreError> {
        const OPERATION: &str = "catalog.review";
        let query = Question::of("SELECT * FROM reviews WHERE id = ?").bind(blob(id.uuid()));
        self.row(OPERATION, query).await?.map(|row| read_review(&row, OPERATION)).transpose()
    }

    async fn reviews(&self, filter: &ReviewFilter, page: &PageRequest) -> Result<Page<Review>, StoreError> {
        const OPERATION: &str = "catalog.reviews";
        // Who sees what nobody else does wants to see what she just wrote.
        let browses = filter.status == Some(ReviewStatus::Approved) && filter.seen_by.is_none();
        let query = Question::of("SELECT * FROM reviews WHERE id < ?").shown_if(browses).bind(below(page));
        let query = query
            .when(" AND product_id = ?", filter.product.map(|product| blob(product.uuid())))
            .when(" AND user_id = ?", filter.author.map(|user| blob(user.uuid())))
            .when(" AND status = ?", filter.status.map(ReviewStatus::as_str))
            .when(" AND (status = 'APPROVED' OR user_id = ?)", filter.seen_by.map(|user| blob(user.uuid())));
        let query = query.then(" ORDER BY id DESC LIMIT ?").bind(page.limit() + 1);
        let rows = self.rows(OPERATION, query).await?;
        let reviews = rows.iter().map(|row| read_review(row, OPERATION)).collect::<Result<_, _>>()?;
        Ok(Page::cut(reviews, page, |review: &Review| review.id.uuid()))
    }

    async fn tally(&self, product: ProductId) -> Result<Rating, StoreError> {
        const OPERATION: &str = "catalog.tally";
        let query = Question::of(sql::TALLY).bind(blob(product.uuid()));
        let Some(row) = self.row(OPERATION, query).await? else { return Ok(Rating::default()) };
        let fields = Fields::of(&row, OPERATION);
        Ok(Rating { count: fields.count("approved")?, sum: fields.count("stars")? })
    }

    async fn wish(&self, user: UserId, product: ProductId) -> Result<Option<Wish>, StoreError> {
        const OPERATION: &str = "catalog.wish";
        const SQL: &str = "SELECT * FROM wishlists WHERE user_id = ? AND product_id = ?";
        let query = Question::of(SQL).bind(blob(user.uuid())).bind(blob(product.uuid()));
        self.row(OPERATION, query).await?.map(|row| read_wish(&row, OPERATION)).transpose()
    }

    async fn wishes(&self, user: UserId, page: &PageRequest) -> Result<Page<Wish>, StoreError> {
        const OPERATION: &str = "catalog.wishes";
        const SQL: &str = "SELECT * FROM wishlists WHERE user_id = ? AND id < ? ORDER BY id DESC LIMIT ?";
        let query = Question::of(SQL).bind(blob(user.uuid())).bind(below(page)).bind(page.limit() + 1);
        let rows = self.rows(OPERATION, query).await?;
        let wishes = rows.iter().map(|row| read_wish(row, OPERATION)).collect::<Result<_, _>>()?;
        Ok(Page::cut(wishes, page, |wish: &Wish| wish.id.uuid()))
    }
}
