//! The shape of the category tree: no circles, a bounded depth, subtrees. Pure.

use crate::error::Refusal;
use crate::ids::CategoryId;
use crate::limits;

use super::model::{Category, CategoryTree};

impl CategoryTree {
    /// A node by id.
    pub fn node(&self, id: CategoryId) -> Option<&Category> {
        self.nodes.iter().find(|node| node.id == id)
    }

    /// The nodes right below `parent`; the roots for `None`.
    pub fn children(&self, parent: Option<CategoryId>) -> impl Iterator<Item = &Category> {
        self.nodes.iter().filter(move |node| node.parent == parent)
    }

    /// A node and everything below it.
    pub fn subtree(&self, top: CategoryId) -> Vec<CategoryId> {
        let mut found = vec![top];
        let mut next = 0;
        while let Some(parent) = found.get(next).copied() {
            let below: Vec<_> = self.children(Some(parent)).map(|node| node.id).filter(|id| !found.contains(id)).collect();
            found.extend(below);
            next = next.saturating_add(1);
        }
        found
    }

    /// A node and everything above it; of no node, nothing.
    pub fn path(&self, mut at: Option<CategoryId>) -> Vec<CategoryId> {
        let mut path = Vec::new();
        while let Some(id) = at.filter(|id| !path.contains(id)) {
            path.push(id);
            at = self.node(id).and_then(|node| node.parent);
        }
        path
    }

    /// Passes a place for `moved` (none for a new node) under `parent`.
    ///
    /// # Errors
    /// `CATEGORY_CYCLE` under itself or below itself; `INVALID` for an unknown parent, or where the
    /// tree would be deeper than [`limits::CATEGORY_DEPTH_MAX`].
    pub(super) fn check_place(&self, moved: Option<CategoryId>, parent: Option<CategoryId>) -> Result<(), Refusal> {
        let Some(parent) = parent else { return Ok(()) };
        let mut above = 0_usize;
        let mut at = Some(parent);
        while let Some(id) = at {
            if Some(id) == moved {
                return Err(Refusal::CategoryCycle);
            }
            let node = self.node(id).ok_or_else(|| Refusal::field("parentId", "NOT_FOUND", "there is no such category"))?;
            at = node.parent;
            above = above.saturating_add(1);
            if above > limits::CATEGORY_DEPTH_MAX {
                break;
            }
        }
        check_depth(above.saturating_add(self.height(moved)))
    }

    /// Levels from a node down to its deepest leaf, itself included; 1 for a node to be made.
    fn height(&self, top: Option<CategoryId>) -> usize {
        let mut level: Vec<CategoryId> = top.into_iter().collect();
        let mut height = 1_usize;
        while height <= limits::CATEGORY_DEPTH_MAX {
            level = level.iter().flat_map(|id| self.children(Some(*id))).map(|node| node.id).collect();
            if level.is_empty() {
                break;
            }
            height = height.saturating_add(1);
        }
        height
    }
}

/// Passes a tree of so many levels.
///
/// # Errors
/// `INVALID` for more than [`limits::CATEGORY_DEPTH_MAX`].
pub(super) fn check_depth(levels: usize) -> Result<(), Refusal> {
    if levels > limits::CATEGORY_DEPTH_MAX {
        return Err(Refusal::field("parentId", "TOO_DEEP", "the tree has at most 16 levels"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::ids::Id;
    use crate::text::slugify;
    use crate::time::Timestamp;

    fn id(number: u128) -> CategoryId {
        CategoryId::from_uuid(Uuid::from_u128(number))
    }

    /// A chain 1 <- 2 <- … <- `length`.
    fn chain(length: u128) -> CategoryTree {
        let node = |number: u128| Category {
            id: id(number),
            slug: slugify(&number.to_string()),
            name: number.to_string(),
            parent: (number > 1).then(|| id(number - 1)),
            created_at: Timestamp::EPOCH,
            version: 1,
        };
        CategoryTree { version: 1, nodes: (1..=length).map(node).collect() }
    }

    #[test]
    fn nothing_goes_below_itself() {
        let tree = chain(3);
        for below in 1..=3 {
            assert_eq!(tree.check_place(Some(id(1)), Some(id(below))), Err(Refusal::CategoryCycle));
        }
        assert_eq!(tree.check_place(Some(id(3)), Some(id(1))), Ok(()));
        assert_eq!(tree.check_place(Some(id(3)), None), Ok(()));
    }

    #[test]
    fn sixteen_levels_and_no_more() {
        assert_eq!(chain(15).check_place(None, Some(id(15))), Ok(()));
        assert!(matches!(chain(16).check_place(None, Some(id(16))), Err(Refusal::Invalid(_))));
        let mut two = chain(16);
        two.nodes[8].parent = None;
        assert_eq!(two.check_place(Some(id(9)), Some(id(8))), Ok(()));
        two.nodes.push(Category { id: id(17), parent: Some(id(16)), ..two.nodes[0].clone() });
        assert!(matches!(two.check_place(Some(id(9)), Some(id(8))), Err(Refusal::Invalid(_))));
    }

    #[test]
    fn a_subtree_has_its_top() {
        assert_eq!(chain(3).subtree(id(2)), [id(2), id(3)]);
        assert_eq!(chain(3).subtree(id(9)), [id(9)]);
        assert_eq!(chain(3).path(Some(id(3))), [id(3), id(2), id(1)]);
        assert_eq!((chain(3).path(None), chain(3).path(Some(id(9)))), (vec![], vec![id(9)]));
        assert!(chain(3).check_place(None, Some(id(9))).is_err());
    }
}
