//! Who acts. Every use case takes an [`Actor`] and answers the same to all shells.

use serde::{Deserialize, Serialize};

use crate::error::Refusal;
use crate::ids::{OrderId, SellerId, UserId};

/// The one on whose behalf a use case runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Actor {
    /// Nobody has logged in.
    Anonymous,
    /// Who has the link of one order of a guest: as its customer for this order, and nobody for all else.
    Guest(UserId, OrderId),
    /// A customer: sees and changes only what is hers.
    Customer(UserId),
    /// A seller: a customer who also manages the products and the stock of her seller.
    Seller(UserId, SellerId),
    /// Staff: sees and changes everything.
    Admin(UserId),
    /// The engine itself: workers, consumers, the operator's command line.
    System,
}

impl Actor {
    /// The user behind the actor, if there is one.
    #[must_use]
    pub fn user(&self) -> Option<UserId> {
        match self {
            Self::Anonymous | Self::Guest(..) | Self::System => None,
            Self::Customer(user) | Self::Seller(user, _) | Self::Admin(user) => Some(*user),
        }
    }

    /// Whether the actor is staff or the engine.
    #[must_use]
    pub fn is_staff(&self) -> bool {
        matches!(self, Self::Admin(_) | Self::System)
    }

    /// Passes staff.
    ///
    /// # Errors
    /// `UNAUTHENTICATED` for nobody, `FORBIDDEN` for everybody else.
    pub fn require_staff(&self) -> Result<(), Refusal> {
        match self {
            Self::Admin(_) | Self::System => Ok(()),
            Self::Anonymous | Self::Guest(..) => Err(Refusal::Unauthenticated),
            Self::Customer(_) | Self::Seller(..) => Err(Refusal::Forbidden),
        }
    }

    /// Passes `owner` and staff. To a stranger the thing does not exist.
    ///
    /// # Errors
    /// `UNAUTHENTICATED` for nobody, `NOT_FOUND` (of `what`) for strangers.
    pub fn require_owner(&self, owner: UserId, what: &'static str) -> Result<(), Refusal> {
        match self {
            Self::Admin(_) | Self::System => Ok(()),
            Self::Anonymous | Self::Guest(..) => Err(Refusal::Unauthenticated),
            Self::Customer(user) | Self::Seller(user, _) if *user == owner => Ok(()),
            Self::Customer(_) | Self::Seller(..) => Err(Refusal::NotFound(what)),
        }
    }

    /// Passes somebody who has logged in, and says who.
    ///
    /// # Errors
    /// `UNAUTHENTICATED` when there is no user behind the actor.
    pub fn require_user(&self) -> Result<UserId, Refusal> {
        self.user().ok_or(Refusal::Unauthenticated)
    }

    /// A short name for histories and ledgers: `customer`, `seller`, `admin`, `system`, `guest`, `anonymous`.
    #[must_use]
    pub fn label(&self) -> &'static str {
        match self {
            Self::Anonymous => "anonymous",
            Self::Guest(..) => "guest",
            Self::Customer(_) => "customer",
            Self::Seller(..) => "seller",
            Self::Admin(_) => "admin",
            Self::System => "system",
        }
    }
}
