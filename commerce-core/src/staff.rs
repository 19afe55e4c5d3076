//! What staff does, in words that every context shares.
//!
//! Whoever changes something for staff says so in the same change set: one event [`EventKind::StaffActed`] in its own
//! outbox, so that there is either both or neither. Users hear it and bring it into the one log
//! ([`Users::staff_log`](crate::users::Users::staff_log)). Owns no use case and no row.
//!
//! A deed names ids, codes, amounts and statuses; never names of people, addresses, tokens or what somebody wrote, because
//! the log outlives an erased account.
//!
//! Staff is who comes to a use case as [`Actor::Admin`], or at the operator's command line as [`Actor::System`]. Workers,
//! consumers and providers' messages come to no use case that takes an actor, and so tell nothing.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use crate::actor::Actor;
use crate::events::{Envelope, EventData, EventKind, Topic, wire_names};
use crate::ids::{EventId, Id, IdSource, UserId};
use crate::time::Timestamp;

wire_names! {
    /// What was done.
    StaffAction {
        /// An account with a role was opened.
        UserCreated = "USER_CREATED",
        /// An account was changed.
        UserChanged = "USER_CHANGED",
        /// An account was erased.
        UserErased = "USER_ERASED",
        /// A user got another role.
        RoleChanged = "ROLE_CHANGED",
        /// A user acts for a seller.
        SellerChanged = "SELLER_CHANGED",
        /// A user got another password.
        PasswordSet = "PASSWORD_SET",
        /// A session was ended.
        SessionEnded = "SESSION_ENDED",
        /// Somebody's cart was changed.
        CartChanged = "CART_CHANGED",
        /// Somebody's wishlist was changed.
        WishlistChanged = "WISHLIST_CHANGED",
        /// An address book was changed.
        AddressesChanged = "ADDRESSES_CHANGED",
        /// A product was made.
        ProductCreated = "PRODUCT_CREATED",
        /// A product was changed.
        ProductChanged = "PRODUCT_CHANGED",
        /// A product was taken off the shelves.
        ProductArchived = "PRODUCT_ARCHIVED",
        /// A product got a variant.
        VariantAdded = "VARIANT_ADDED",
        /// A variant was changed.
        VariantChanged = "VARIANT_CHANGED",
        /// A variant was removed.
        VariantRemoved = "VARIANT_REMOVED",
        /// A product got a picture.
        ImageAdded = "IMAGE_ADDED",
        /// A picture was removed.
        ImageRemoved = "IMAGE_REMOVED",
        /// Stock was corrected by hand.
        StockAdjusted = "STOCK_ADJUSTED",
        /// Ops are told of low stock at another number.
        ThresholdSet = "THRESHOLD_SET",
        /// A category was made.
        CategoryCreated = "CATEGORY_CREATED",
        /// A category was changed.
        CategoryChanged = "CATEGORY_CHANGED",
        /// A category was deleted.
        CategoryDeleted = "CATEGORY_DELETED",
        /// A seller was made.
        SellerCreated = "SELLER_CREATED",
        /// A seller was changed.
        SellerUpdated = "SELLER_UPDATED",
        /// A review was approved or rejected.
        ReviewModerated = "REVIEW_MODERATED",
        /// An order was moved on.
        OrderStatusSet = "ORDER_STATUS_SET",
        /// An order was cancelled.
        OrderCancelled = "ORDER_CANCELLED",
        /// Some of an order was given up.
        OrderLinesCancelled = "ORDER_LINES_CANCELLED",
        /// An order was sent elsewhere.
        OrderRedirected = "ORDER_REDIRECTED",
        /// An order was tried to be paid again.
        PaymentStarted = "PAYMENT_STARTED",
        /// A promise was taken, or some of it.
        PaymentCaptured = "PAYMENT_CAPTURED",
        /// A promise was given back.
        PaymentVoided = "PAYMENT_VOIDED",
        /// Money was given back without a return.
        RefundGiven = "REFUND_GIVEN",
        /// A parcel left the house.
        ShipmentCreated = "SHIPMENT_CREATED",
        /// A carrier's word about a parcel was taken down.
        ShipmentUpdated = "SHIPMENT_UPDATED",
        /// A return was asked for in a customer's name.
        ReturnRequested = "RETURN_REQUESTED",
        /// A return was agreed to.
        ReturnApproved = "RETURN_APPROVED",
        /// A return was not agreed to.
        ReturnRejected = "RETURN_REJECTED",
        /// What came back was taken in.
        ReturnReceived = "RETURN_RECEIVED",
        /// What came back was paid back.
        ReturnRefunded = "RETURN_REFUNDED",
        /// What came back was exchanged.
        ReturnExchanged = "RETURN_EXCHANGED",
        /// A coupon was made.
        CouponCreated = "COUPON_CREATED",
        /// A coupon was changed.
        CouponChanged = "COUPON_CHANGED",
        /// A coupon was deleted.
        CouponDeleted = "COUPON_DELETED",
        /// Money was asked for to go into somebody's wallet.
        WalletToppedUp = "WALLET_TOPPED_UP",
        /// A message was put up to be sent again.
        NotificationResent = "NOTIFICATION_RESENT",
        /// A webhook endpoint was made.
        EndpointCreated = "ENDPOINT_CREATED",
        /// A webhook endpoint was changed.
        EndpointChanged = "ENDPOINT_CHANGED",
        /// A webhook endpoint was removed.
        EndpointRemoved = "ENDPOINT_REMOVED",
        /// A webhook delivery was put up to be made again.
        DeliveryResent = "DELIVERY_RESENT",
        /// Messages and deliveries were held back.
        MessagesHeld = "MESSAGES_HELD",
        /// Held messages and deliveries were put up to be sent.
        MessagesReleased = "MESSAGES_RELEASED",
        /// Held messages and deliveries were given up.
        MessagesDropped = "MESSAGES_DROPPED",
        /// The search index was built anew.
        IndexRebuilt = "INDEX_REBUILT",
        /// An audit repaired what it could derive.
        ShopRepaired = "SHOP_REPAIRED",
        /// A dead letter was brought to its consumer again.
        LetterRedriven = "LETTER_REDRIVEN",
        /// A dead letter was thrown away.
        LetterPurged = "LETTER_PURGED",
    }

    /// What kind of thing something was done to.
    SubjectKind {
        /// A user or a guest.
        User = "USER",
        /// A product with its variants, pictures and stock.
        Product = "PRODUCT",
        /// A category.
        Category = "CATEGORY",
        /// A seller.
        Seller = "SELLER",
        /// A review.
        Review = "REVIEW",
        /// An order with its payments, shipments, refunds and returns.
        Order = "ORDER",
        /// A coupon.
        Coupon = "COUPON",
        /// A message to somebody.
        Notification = "NOTIFICATION",
        /// A webhook endpoint with its deliveries.
        WebhookEndpoint = "WEBHOOK_ENDPOINT",
        /// An event that a consumer could not handle.
        Event = "EVENT",
        /// All of the shop, or all of its messages; its id is nil.
        Shop = "SHOP",
    }
}

/// To what it was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subject {
    /// Of which kind.
    pub kind: SubjectKind,
    /// Which.
    pub id: Uuid,
}

impl Subject {
    /// This one.
    #[must_use]
    pub fn of(kind: SubjectKind, id: impl Id) -> Self {
        Self { kind, id: id.uuid() }
    }

    /// The shop as a whole.
    pub const SHOP: Self = Self { kind: SubjectKind::Shop, id: Uuid::nil() };
}

/// What is to be told of a deed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deed {
    /// What.
    pub action: StaffAction,
    /// To what.
    pub subject: Subject,
    /// What else is to be known of it.
    pub detail: Value,
}

impl Deed {
    /// Of this.
    pub(crate) fn of(action: StaffAction, subject: Subject, detail: Value) -> Self {
        Self { action, subject, detail }
    }

    /// What is said of it, where it is staff that did it.
    pub(crate) fn said(self, actor: &Actor, ids: &IdSource, now: Timestamp) -> Option<Envelope> {
        if !actor.is_staff() {
            return None;
        }
        let Self { action, subject, detail } = self;
        let id: EventId = ids.mint();
        Some(Envelope {
            id,
            topic: Topic::Staff,
            kind: EventKind::StaffActed,
            schema: 1,
            // Each deed is for itself: while users do not hear it, nothing else that was said of its subject waits for it.
            aggregate: id.uuid(),
            version: 1,
            at: now,
            traceparent: ids.traceparent(),
            data: EventData::of(&StaffActed { actor: actor.user(), action, subject, detail }),
        })
    }

    /// As [`said`](Self::said), of something that is `owner`'s: what staff does to her own is a customer's doing.
    pub(crate) fn said_to(self, owner: UserId, actor: &Actor, ids: &IdSource, now: Timestamp) -> Option<Envelope> {
        if actor.user() == Some(owner) { None } else { self.said(actor, ids, now) }
    }
}

/// What `staff-events` say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StaffActed {
    /// Who; none for the operator's command line.
    pub actor: Option<UserId>,
    /// What.
    pub action: StaffAction,
    /// To what.
    pub subject: Subject,
    /// What else is to be known of it.
    pub detail: Value,
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::*;
    use crate::ids::{OrderId, SellerId};
    use crate::testing::{ManualClock, SeededEntropy};

    #[test]
    fn only_staff_tells_and_only_of_what_is_not_her_own() {
        let now = Timestamp::from_micros(1_772_357_400_000_000);
        let ids = IdSource::new(Arc::new(ManualClock::at(now)), Arc::new(SeededEntropy::new(7)));
        let (me, you, seller): (UserId, UserId, SellerId) = (ids.mint(), ids.mint(), ids.mint());
        let order = Subject::of(SubjectKind::Order, ids.mint::<OrderId>());
        let deed = || Deed::of(StaffAction::OrderCancelled, order, json!({}));
        for actor in [Actor::Anonymous, Actor::Customer(me), Actor::Seller(me, seller), Actor::Guest(me, ids.order(me))] {
            assert_eq!(deed().said(&actor, &ids, now), None, "{actor:?}");
        }
        for actor in [Actor::Admin(me), Actor::System] {
            let event = deed().said(&actor, &ids, now).unwrap();
            let said: StaffActed = event.data.read().unwrap();
            assert_eq!((said.actor, said.action, said.subject), (actor.user(), StaffAction::OrderCancelled, order));
            assert_eq!((event.topic, event.kind, event.at), (Topic::Staff, EventKind::StaffActed, now));
            assert!(deed().said_to(you, &actor, &ids, now).is_some());
        }
        assert_eq!(deed().said_to(me, &Actor::Admin(me), &ids, now), None);
    }
}
