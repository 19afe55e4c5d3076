//! Creates, changes and deletes categories. Every write goes with the version of the whole tree, so
//! that two moves at once cannot close a circle together.

use serde::Deserialize;
use serde_json::json;

use crate::actor::Actor;
use crate::change::{Answer, ChangeSet, CommitError, CommitRefusal, RequestKey, Round, expect_version, rounds, settle};
use crate::error::{Outcome, Refusal};
use crate::ids::{CategoryId, Id};
use crate::limits;
use crate::page::PageRequest;
use crate::staff::{StaffAction, Subject, SubjectKind};
use crate::text::{Check, Slug, slugify};

use super::Catalog;
use super::create_product::slug_apart;
use super::model::{Category, CategoryTree};
use super::ports::{CatalogWrite, ProductFilter};
use crate::keyed::Keyed;

/// A category to be created.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NewCategory {
    /// 1 to 255 characters.
    pub name: String,
    /// Made from the name where none is given.
    #[serde(default)]
    pub slug: Option<String>,
    /// The node above; none for a root.
    #[serde(default, rename = "parentId")]
    pub parent: Option<CategoryId>,
}

/// What is to change on a category; what is `None` stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CategoryPatch {
    /// Its name for people.
    pub name: Option<String>,
    /// Its name in addresses.
    pub slug: Option<String>,
    /// The node above; `Some(None)` makes it a root.
    pub parent: Option<Option<CategoryId>>,
}

impl Catalog {
    /// All categories.
    pub async fn category_tree(&self) -> Outcome<CategoryTree> {
        Ok(self.store.categories().await?)
    }

    /// One category.
    ///
    /// # Errors
    /// `NOT_FOUND`.
    pub async fn category(&self, id: CategoryId) -> Outcome<Category> {
        Ok(self.store.categories().await?.node(id).cloned().ok_or(Refusal::NotFound("category"))?)
    }

    /// Creates a category. Staff.
    ///
    /// # Errors
    /// `SLUG_TAKEN` (where the slug was chosen), `INVALID`.
    pub async fn create_category(&self, actor: &Actor, new: NewCategory, key: Option<RequestKey>) -> Outcome<Answer<Category>> {
        actor.require_staff()?;
        let keyed = Keyed::of(actor, "POST /api/categories", key);
        if let Some(made) = keyed.seen(&*self.store).await? {
            return Ok(Answer::Replayed(self.category(CategoryId::from_uuid(made)).await?));
        }
        let (keyed, (name, slug)) = (&keyed, parse(&new.name, new.slug.as_deref())?);
        let (name, chosen, parent) = (&name, &slug, new.parent);
        rounds("category tree", || async move {
            let tree = self.store.categories().await?;
            tree.check_place(None, parent)?;
            let category = self.new_category(&tree, name, chosen.as_ref(), parent);
            let now = category.created_at;
            let changes = self.inserting(actor, &tree, &category).claim(keyed.claim(category.id.uuid(), now));
            match self.store.commit(changes).await {
                Err(CommitError::Refused(CommitRefusal::KeyTaken(record))) => {
                    let made = CategoryId::from_uuid(keyed.twin(&record)?);
                    Ok(Round::Done(Answer::Replayed(self.category(made).await?)))
                }
                Err(CommitError::Refused(CommitRefusal::Duplicate("slug"))) if chosen.is_none() => Ok(Round::Again),
                committed => settle_slug(committed, Answer::Fresh(category)),
            }
        })
        .await
    }

    /// A category to be written, under a slug that none of the tree has where none was chosen.
    pub(super) fn new_category(
        &self,
        tree: &CategoryTree,
        name: &str,
        chosen: Option<&Slug>,
        parent: Option<CategoryId>,
    ) -> Category {
        let id: CategoryId = self.ids.mint();
        let slug = chosen.cloned().unwrap_or_else(|| free_slug(tree, name, parent, id));
        Category { id, slug, name: name.to_owned(), parent, created_at: self.clock.now(), version: 1 }
    }

    pub(super) fn inserting(&self, actor: &Actor, tree: &CategoryTree, category: &Category) -> ChangeSet<CatalogWrite> {
        ChangeSet::of([CatalogWrite::InsertCategory(category.clone()), touch(tree)]).say(self.told(
            actor,
            StaffAction::CategoryCreated,
            node(category.id),
            json!({ "slug": category.slug }),
        ))
    }

    /// Changes a category or moves it. Staff.
    ///
    /// # Errors
    /// `CATEGORY_CYCLE`, `SLUG_TAKEN`, `VERSION_MISMATCH`, `NOT_FOUND`, `INVALID`.
    pub async fn update_category(
        &self,
        actor: &Actor,
        id: CategoryId,
        patch: CategoryPatch,
        expected: Option<u64>,
    ) -> Outcome<Category> {
        actor.require_staff()?;
        let patch = &patch;
        rounds("category tree", || async move {
            let tree = self.store.categories().await?;
            let before = tree.node(id).ok_or(Refusal::NotFound("category"))?;
            expect_version("category", expected, before.version)?;
            let mut category = patched(before, patch)?;
            if category == *before {
                return Ok(Round::Done(category));
            }
            tree.check_place(Some(id), category.parent)?;
            category.version = before.version.saturating_add(1);
            let changes = ChangeSet::of([CatalogWrite::UpdateCategory(category.clone()), touch(&tree)]);
            let told = self.told(actor, StaffAction::CategoryChanged, node(id), json!({ "slug": category.slug }));
            settle_slug(self.store.commit(changes.say(told)).await, category)
        })
        .await
    }

    /// Deletes a category that nothing is in. Staff.
    ///
    /// # Errors
    /// `IN_USE` while categories or products are below it, `NOT_FOUND`, `VERSION_MISMATCH` when it
    /// is not `expected`.
    pub async fn delete_category(&self, actor: &Actor, id: CategoryId, expected: Option<u64>) -> Outcome<()> {
        actor.require_staff()?;
        rounds("category tree", || async move {
            let tree = self.store.categories().await?;
            let before = tree.node(id).ok_or(Refusal::NotFound("category"))?;
            expect_version("category", expected, before.version)?;
            if tree.children(Some(id)).next().is_some() {
                return Err(Refusal::InUse("other categories are below this one").into());
            }
            let inside = ProductFilter { categories: Some(vec![id]), ..ProductFilter::default() };
            if !self.store.products(&inside, &PageRequest::first()).await?.items.is_empty() {
                return Err(Refusal::InUse("products are in this category").into());
            }
            let changes = ChangeSet::of([CatalogWrite::DeleteCategory(id), touch(&tree)]);
            let told = self.told(actor, StaffAction::CategoryDeleted, node(id), json!({ "slug": before.slug }));
            settle(self.store.commit(changes.say(told)).await, ())
        })
        .await
    }
}

/// A slug that no category has: of the name, else with that of the category above before it, else with
/// random bits at its end.
fn free_slug(tree: &CategoryTree, name: &str, parent: Option<CategoryId>, id: CategoryId) -> Slug {
    let plain = slugify(name);
    let below = parent.and_then(|parent| tree.node(parent)).map(|above| slugify(&format!("{} {name}", above.slug)));
    let free = |slug: &Slug| !tree.nodes.iter().any(|node| node.slug == *slug);
    [Some(plain.clone()), below].into_iter().flatten().find(free).unwrap_or_else(|| slug_apart(&plain, id.uuid()))
}

fn node(category: CategoryId) -> Subject {
    Subject::of(SubjectKind::Category, category)
}

fn touch(tree: &CategoryTree) -> CatalogWrite {
    CatalogWrite::TouchTree(tree.version.saturating_add(1))
}

/// The checked name and slug of a category or a seller.
pub(super) fn parse(name: &str, slug: Option<&str>) -> Result<(String, Option<Slug>), Refusal> {
    let mut check = Check::new();
    let name = check.line("name", name, 1, limits::SHORT_TEXT_MAX);
    let slug = slug.and_then(|slug| check.take(Slug::parse("slug", slug)));
    check.finish()?;
    Ok((name, slug))
}

fn patched(before: &Category, patch: &CategoryPatch) -> Result<Category, Refusal> {
    let (name, slug) = parse(patch.name.as_deref().unwrap_or(&before.name), patch.slug.as_deref())?;
    Ok(Category {
        name,
        slug: slug.unwrap_or_else(|| before.slug.clone()),
        parent: patch.parent.unwrap_or(before.parent),
        ..before.clone()
    })
}

/// Like [`settle`], with the slug's own refusal.
pub(super) fn settle_slug<T>(committed: Result<(), CommitError>, result: T) -> Outcome<Round<T>> {
    match committed {
        Err(CommitError::Refused(CommitRefusal::Duplicate("slug"))) => Err(Refusal::SlugTaken.into()),
        committed => settle(committed, result),
    }
}
