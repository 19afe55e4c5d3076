//! What a simulation must have met to be worth its name: counted by name over a run.

crate::events::wire_names! {
    /// A situation that is rare in life and common here.
    Situation {
        /// A node died and came back.
        NodeDied = "node-died",
        /// A request found nobody home, or its node died under it.
        RequestLost = "request-lost",
        /// A client got no answer, and the same key answered what had been done.
        ReplayAfterDeath = "replay-after-death",
        /// A commit's outcome was unknown, and it had happened.
        UnknownWasPresent = "unknown-was-present",
        /// A commit's outcome was unknown, and it had not happened.
        UnknownWasAbsent = "unknown-was-absent",
        /// Both of a double click were answered with one order.
        DoubleClick = "double-click",
        /// A key came with another body and was refused.
        KeyMismatch = "key-mismatch",
        /// Somebody ordered without an account.
        GuestOrdered = "guest-ordered",
        /// Somebody had herself erased whose orders were on their way.
        BuyerErased = "buyer-erased",
        /// A cart was ordered while it was edited.
        CartEditedWhileOrdered = "cart-edited-while-ordered",
        /// A cart was ordered before what was ordered of it had left it.
        CartOrderedAgain = "cart-ordered-again",
        /// An order was refused because its stock was gone.
        SoldOut = "sold-out",
        /// Ops were told of stock that had come down.
        RanLow = "ran-low",
        /// Stock was so little from the start that ops were told nothing.
        LowFromTheStart = "low-from-the-start",
        /// Stock ran low again, and ops had been told a moment ago.
        LowAgain = "low-again",
        /// A price changed between quote and order.
        PriceChanged = "price-changed",
        /// An order was refused because all uses of its coupon were taken.
        CouponUsedUp = "coupon-used-up",
        /// A cancelled order gave the use of a coupon back.
        CouponGivenBack = "coupon-given-back",
        /// A change set lost a race.
        RaceLost = "race-lost",
        /// A key held its stock a second time, after its first hold had ended.
        HeldAnew = "held-anew",
        /// A hold ran out with nobody behind it.
        HoldExpired = "hold-expired",
        /// The sweeper asked about a hold while its order was being paid.
        SweptWhilePaying = "swept-while-paying",
        /// An order was not paid in time.
        Unpaid = "unpaid",
        /// Money came after the first deadline.
        LatePayment = "late-payment",
        /// Money came for a cancelled order.
        CapturedAfterCancel = "captured-after-cancel",
        /// Money came twice.
        PaidTwice = "paid-twice",
        /// A declined order was paid with another attempt.
        PaidAfterDecline = "paid-after-decline",
        /// An order was switched to cash while its card was open or declined.
        SwitchedToCash = "switched-to-cash",
        /// A provider's message came before its attempt was known by name.
        WebhookParked = "webhook-parked",
        /// A provider's message contradicted the books.
        WebhookQuarantined = "webhook-quarantined",
        /// A refund went unanswered and then succeeded.
        RefundUnknownThenSucceeded = "refund-unknown-then-succeeded",
        /// Less was taken than was promised.
        CapturedInPart = "captured-in-part",
        /// A promise was given back.
        PromiseVoided = "promise-voided",
        /// A wallet had not enough.
        WalletShort = "wallet-short",
        /// An order was paid out of a wallet.
        WalletSpent = "wallet-spent",
        /// Money went back to a wallet.
        WalletRefunded = "wallet-refunded",
        /// A sold unit came back.
        Restocked = "restocked",
        /// A sold unit came back to a shelf that was gone.
        RestockedToNowhere = "restocked-to-nowhere",
        /// What a unit cost was given back without a return.
        UnitPaidBack = "unit-paid-back",
        /// Something that came back was paid back.
        ReturnRefunded = "return-refunded",
        /// Something was sent for what came back.
        Exchanged = "exchanged",
        /// An order that was sent for what came back gave back what paid it.
        ExchangeGaveBack = "exchange-gave-back",
        /// Some of an order was given up.
        SomeCancelled = "some-cancelled",
        /// An order was shipped in more than one parcel.
        ShippedInParts = "shipped-in-parts",
        /// A parcel arrived that had not been handed over at first.
        DeliveredAfterFailure = "delivered-after-failure",
        /// What could not be handed over comes back.
        RefusedAtTheDoor = "refused-at-the-door",
        /// An order was refused because others of its buyer wait for their money.
        TooManyUnpaid = "too-many-unpaid",
        /// An order came to its end of which nothing arrived.
        NothingArrived = "nothing-arrived",
        /// An order was delivered.
        Delivered = "delivered",
        /// Two relays published the same event at once.
        RelaysOverlapped = "relays-overlapped",
        /// A process worked under a lease that another had held before.
        LeaseTakenOver = "lease-taken-over",
        /// An event was brought again after it had been recorded.
        BroughtAgain = "brought-again",
        /// A delivery went to the dead letters.
        DeadLetter = "dead-letter",
        /// A mail was interrupted and may be there twice.
        MailMaybeTwice = "mail-maybe-twice",
        /// A mail was accepted more than once under one id.
        MailAcceptedAgain = "mail-accepted-again",
        /// An endpoint took a webhook delivery.
        WebhookDelivered = "webhook-delivered",
    }
}

/// How often each situation came.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Situations(std::collections::BTreeMap<Situation, u64>);

impl Situations {
    /// It came.
    pub fn count(&mut self, situation: Situation) {
        let count = self.0.entry(situation).or_default();
        *count = count.saturating_add(1);
    }

    /// How often it came.
    #[must_use]
    pub fn of(&self, situation: Situation) -> u64 {
        self.0.get(&situation).copied().unwrap_or(0)
    }

    /// Those of another run too.
    pub fn add(&mut self, other: &Self) {
        for (situation, times) in &other.0 {
            let count = self.0.entry(*situation).or_default();
            *count = count.saturating_add(*times);
        }
    }

    /// Those that never came.
    #[must_use]
    pub fn missing(&self) -> Vec<Situation> {
        Situation::ALL.iter().copied().filter(|situation| self.of(*situation) == 0).collect()
    }
}
