//! Finds the categories that an import names, and makes those that are not there. From shop to shop a category is known by the
//! names from the root down to it; where two beside each other have one name, their slugs tell them apart.

use std::collections::BTreeMap;

use crate::actor::Actor;
use crate::change::{CommitError, CommitRefusal, Round, rounds, settle};
use crate::error::Outcome;
use crate::ids::CategoryId;
use crate::text::Slug;

use super::Catalog;
use super::categories::parse;
use super::model::{Category, CategoryTree};
use super::tree::check_depth;

/// One step of the way from the root of the category tree down, as the source of an import calls it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ImportCategory {
    /// What it is called.
    pub name: String,
    /// Which of those beside each other that are called so, where the source says it. A new one gets
    /// this slug where it is free.
    pub slug: Option<Slug>,
}

impl ImportCategory {
    /// One that is told by its name alone.
    pub fn named(name: impl Into<String>) -> Self {
        Self { name: name.into(), slug: None }
    }

    /// Which of `beside` it is, all of them below one: that with its name and slug, else one with its
    /// name that the import has not met under another slug.
    pub fn among<'a>(
        &self,
        beside: impl Iterator<Item = (CategoryId, &'a str, &'a Slug)>,
        met: &MetCategories,
    ) -> Option<CategoryId> {
        let namesakes: Vec<_> = beside.filter(|(_, name, _)| *name == self.name.trim()).collect();
        let Some(wanted) = &self.slug else { return namesakes.first().map(|(id, ..)| *id) };
        let exact = namesakes.iter().find(|(_, _, slug)| *slug == wanted);
        let other = || namesakes.iter().find(|(id, ..)| met.get(id).is_none_or(|slug| slug == wanted));
        exact.or_else(other).map(|(id, ..)| *id)
    }
}

/// The categories that an import has met, each with the slug that its source gave it; empty to begin with.
pub type MetCategories = BTreeMap<CategoryId, Slug>;

impl Catalog {
    /// The category at the end of a path that an import names, made where it is not there. `None`
    /// for an empty path.
    ///
    /// # Errors
    /// `FORBIDDEN` for those who are not staff and need a new one; `INVALID`.
    pub async fn import_category(
        &self,
        actor: &Actor,
        path: &[ImportCategory],
        met: &mut MetCategories,
    ) -> Outcome<Option<CategoryId>> {
        let mut at = None;
        for step in path {
            let found = self.child(actor, step, at, met).await?;
            met.extend(step.slug.clone().map(|slug| (found, slug)));
            at = Some(found);
        }
        Ok(at)
    }

    /// What [`import_category`](Self::import_category) would answer, without making any: `None` where
    /// some of the path is not there.
    ///
    /// # Errors
    /// As there.
    pub async fn preview_import_category(
        &self,
        actor: &Actor,
        path: &[ImportCategory],
        met: &mut MetCategories,
    ) -> Outcome<Option<CategoryId>> {
        let tree = self.store.categories().await?;
        let (mut at, mut missing) = (None, false);
        for (above, step) in path.iter().enumerate() {
            let known = step.among(beside(&tree, at), met).filter(|_| !missing);
            if known.is_none() {
                actor.require_staff()?;
                parse(&step.name, None)?;
                check_depth(above.saturating_add(1))?;
            }
            met.extend(known.zip(step.slug.clone()));
            missing = known.is_none();
            at = known;
        }
        Ok(at)
    }

    /// The category at the end of a path of names, made where it is not there. `None` for an empty path.
    ///
    /// # Errors
    /// As for [`import_category`](Self::import_category).
    pub async fn category_at(&self, actor: &Actor, path: &[String]) -> Outcome<Option<CategoryId>> {
        let path: Vec<_> = path.iter().map(ImportCategory::named).collect();
        self.import_category(actor, &path, &mut MetCategories::new()).await
    }

    /// The category of a step right below `parent`. Whoever makes it meanwhile is found in the next round.
    async fn child(
        &self,
        actor: &Actor,
        step: &ImportCategory,
        parent: Option<CategoryId>,
        met: &MetCategories,
    ) -> Outcome<CategoryId> {
        rounds("category tree", || async move {
            let tree = self.store.categories().await?;
            if let Some(known) = step.among(beside(&tree, parent), met) {
                return Ok(Round::Done(known));
            }
            actor.require_staff()?;
            let (name, _) = parse(&step.name, None)?;
            tree.check_place(None, parent)?;
            let free = step.slug.as_ref().filter(|slug| tree.nodes.iter().all(|node| node.slug != **slug));
            let category = self.new_category(&tree, &name, free, parent);
            match self.store.commit(self.inserting(actor, &tree, &category)).await {
                Err(CommitError::Refused(CommitRefusal::Duplicate("slug"))) => Ok(Round::Again),
                committed => settle(committed, category.id),
            }
        })
        .await
    }
}

fn beside(tree: &CategoryTree, parent: Option<CategoryId>) -> impl Iterator<Item = (CategoryId, &str, &Slug)> {
    tree.children(parent).map(|Category { id, name, slug, .. }| (*id, name.as_str(), slug))
}
