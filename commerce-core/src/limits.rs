//! Every bound the engine keeps, with its unit and its reason.

use std::time::Duration;

/// Entries of a page when the client does not say.
pub const PAGE_DEFAULT: u32 = 20;
/// Entries of a page at most: bounds the memory of one answer.
pub const PAGE_MAX: u32 = 100;
/// Units of one SKU on one line of a cart or an order.
pub const QUANTITY_MAX: u32 = 999;
/// Lines of one cart or order: bounds the rows one change set may write.
pub const LINES_MAX: usize = 200;
/// Variants of one product.
pub const VARIANTS_MAX: usize = 200;
/// Pictures of one product.
pub const IMAGES_MAX: usize = 50;
/// Bytes of one picture.
pub const IMAGE_BYTES_MAX: usize = 10 * 1024 * 1024;
/// Pixels of a picture on a side.
pub const IMAGE_SIDE_MAX: u32 = 12_000;
/// Pixels of a picture in all: what a good camera makes. A file of a few kilobytes may say that it has billions.
pub const IMAGE_PIXELS_MAX: u64 = 40_000_000;
/// Bytes that a decoder may take for one picture: so many pixels with four channels, and room to work.
pub const IMAGE_DECODED_MAX: u64 = 256 * 1024 * 1024;
/// Depth of the category tree, root included.
pub const CATEGORY_DEPTH_MAX: usize = 16;
/// Addresses of one user.
pub const ADDRESSES_MAX: usize = 50;
/// String pairs of one metadata map.
pub const METADATA_PAIRS_MAX: usize = 50;
/// Characters of a metadata key.
pub const METADATA_KEY_MAX: usize = 40;
/// Characters of a metadata value.
pub const METADATA_VALUE_MAX: usize = 500;
/// Characters of an idempotency key.
pub const IDEMPOTENCY_KEY_MAX: usize = 255;
/// Characters of a name that a payment provider gives a message or a thing; those in use have under fifty.
pub const PROVIDER_NAME_MAX: usize = 255;
/// Characters of a short text: names, titles, reasons.
pub const SHORT_TEXT_MAX: usize = 255;
/// Characters of a coupon's code: what a person types without a mistake.
pub const COUPON_CODE_MAX: usize = 40;
/// Coupons of one order: bounds what one order counts and locks.
pub const COUPONS_MAX: usize = 5;
/// Categories, and products, that one coupon names: bounds the row and the look at each line.
pub const COUPON_SCOPE_MAX: usize = 200;
/// Uses of one coupon that may be allowed.
pub const COUPON_USES_MAX: u32 = 1_000_000_000;
/// Characters of a phone number.
pub const PHONE_MAX: usize = 32;
/// Characters of a postal code.
pub const POSTAL_CODE_MAX: usize = 20;
/// Characters of a description.
pub const LONG_TEXT_MAX: usize = 65_535;
/// Stars of a review at most.
pub const STARS_MAX: u8 = 5;
/// Characters of a review: more than anybody reads of one.
pub const REVIEW_MAX: usize = 5_000;
/// Characters of a search query; longer ones only burn CPU.
pub const QUERY_MAX: usize = 200;
/// Hits of one search that can be paged through; nobody reads further, and ranking costs memory.
pub const SEARCH_DEPTH_MAX: u32 = 10_000;
/// Options that a search may be narrowed to.
pub const SEARCH_OPTIONS_MAX: usize = 50;
/// Products that a search looks through while there is no index.
pub const SCAN_MAX: usize = 2_000;
/// Characters of a password; argon2 reads them all, so an upper bound keeps hashing cheap.
pub const PASSWORD_MAX: usize = 256;
/// Characters of a password at least, unless the shop is configured otherwise.
pub const PASSWORD_MIN: usize = 8;
/// Minor units of one price: a thousand lines of 999 still fit 64 bits.
pub const PRICE_MAX_MINOR: i64 = 1_000_000_000_000;
/// Units of one SKU on hand.
pub const STOCK_MAX: i64 = 1_000_000_000;

/// How long an idempotency key is remembered.
pub const IDEMPOTENCY_KEEP: Duration = Duration::from_hours(30 * 24);
/// How long a checkout holds its stock.
pub const HOLD_FOR: Duration = Duration::from_mins(15);
/// How much of a hold must be left when its order commits, so that no order can appear on a hold
/// that the sweeper already asked about.
pub const HOLD_MARGIN: Duration = Duration::from_mins(5);
/// How long a prepaid order waits for its money.
pub const PAYMENT_DUE: Duration = Duration::from_mins(15);
/// How much longer it waits, once, when an attempt is open at the deadline.
pub const PAYMENT_GRACE: Duration = Duration::from_mins(10);
/// How long a promised payment is left alone before a worker takes it: providers let go of promises, some after five
/// days.
pub const PROMISE_KEEP: Duration = Duration::from_hours(4 * 24);
/// How long a top-up waits for its money before it is given up.
pub const TOP_UP_DUE: Duration = Duration::from_mins(15);
/// Minor units of one top-up, and of a wallet that takes another one: ten million rupees, far above what a wallet is
/// for and far below what 64 bits hold.
pub const WALLET_MAX_MINOR: i64 = 1_000_000_000;
/// How long after its delivery a customer may ask to send something back.
pub const RETURN_WINDOW: Duration = Duration::from_hours(30 * 24);
/// Times that some of one order is given up: bounds what is read with it.
pub const CANCELLATIONS_MAX: usize = 200;
/// Shipments of one order: bounds what is read with it; more parcels than that are another order.
pub const SHIPMENTS_MAX: usize = 200;
/// What a carrier may say about one parcel: ten scans a day for a fortnight, and more.
pub const SHIPMENT_EVENTS_MAX: usize = 200;
/// How far a carrier's clock may be ahead of ours.
pub const CARRIER_CLOCK_AHEAD: Duration = Duration::from_mins(5);
/// How long a cart is kept after its last edit.
pub const CART_KEEP: Duration = Duration::from_hours(24);
/// How long an access token is valid.
pub const ACCESS_TOKEN_FOR: Duration = Duration::from_mins(15);
/// How long a session lives without a request.
pub const SESSION_IDLE: Duration = Duration::from_hours(30 * 24);
/// How long a session lives at most.
pub const SESSION_MAX: Duration = Duration::from_hours(90 * 24);
/// How often a session's last use is written down; between, it is only checked.
pub const SESSION_TOUCH: Duration = Duration::from_mins(5);
/// How long a mailed token sets a new password: E-mail is slow, and mailboxes are read by others later.
pub const RESET_FOR: Duration = Duration::from_mins(30);
/// Mails an hour with which one user is told how to set a new password, so that nobody fills her mailbox.
pub const RESETS_AN_HOUR: u32 = 5;
/// How long the link of a guest's order shows it: past the time to send something back after the slowest delivery.
pub const ORDER_LINK_FOR: Duration = Duration::from_hours(90 * 24);
/// Orders an hour that are told to one guest's mail address, so that nobody fills a stranger's mailbox: each is three
/// mails or four.
pub const GUEST_ORDERS_AN_HOUR: u32 = 5;
/// Mails an hour that bring one guest the links of her orders again, so that nobody fills a stranger's mailbox.
pub const ORDER_LINKS_AN_HOUR: u32 = 5;
/// Orders of one customer that may wait for their money at once, unless the shop says otherwise: far more than anybody pays at
/// a time, and too few to keep a shelf from others.
pub const UNPAID_ORDERS_MAX: u32 = 20;
/// Tries to pay one order by its link: each that is declined is a mail.
pub const GUEST_ATTEMPTS_MAX: usize = 10;
/// A rotated refresh token repeated within this span gets the same answer: its first one was lost.
pub const REFRESH_GRACE: Duration = Duration::from_secs(10);

/// How often a use case decides again after a version conflict before it answers `CONFLICT`. Each
/// round lets one rival through, so this is how many requests may change one thing at once: all
/// connections of a browser, or of a busy client.
pub const CONFLICT_TRIES: u32 = 64;
/// How far what is shown to those who browse may be behind what another process wrote.
pub const BROWSE_BEHIND: Duration = Duration::from_secs(1);
/// Events that one relay step moves.
pub const RELAY_BATCH: u32 = 512;
/// Lines of one page of a provider's ledger: the most that Stripe and Razorpay give.
pub const LEDGER_PAGE_MAX: u32 = 100;
/// Pages of a provider's ledger that one report reads: 100,000 lines, a few dozen MB of names.
pub const LEDGER_PAGES_MAX: u32 = 1_000;
/// How far a provider's clock may be from ours.
pub const LEDGER_SKEW: Duration = Duration::from_hours(1);
/// Rows that one worker step takes.
pub const WORK_BATCH: u32 = 200;
/// Characters of a message that cannot be read, of which an operator is shown the beginning.
pub const UNREADABLE_CHARS_MAX: usize = 1_000;
/// Characters of a dead letter's id: brokers' ids of messages are shorter.
pub const LETTER_ID_MAX: usize = 128;
/// Permanent failures of one delivery before it goes to the dead letters.
pub const RECEIVES_MAX: u32 = 3;
/// How long after it found something that is still under way a context is asked again to forget somebody.
pub const ERASURE_AGAIN: Duration = Duration::from_hours(1);
/// How long after somebody was erased nothing of hers can be under way any more: access tokens, events and mails are through.
pub const ERASURE_SURE: Duration = Duration::from_hours(24);
/// Tries of one mail before it is given up.
pub const MAIL_TRIES_MAX: u32 = 12;
/// How long after the first failure a mail is tried again; doubles with each further one.
pub const MAIL_BACKOFF: Duration = Duration::from_secs(10);
/// How long a mail waits between two tries at most. With twelve tries it is given up after more
/// than three hours, so an hour of throttling loses nothing.
pub const MAIL_BACKOFF_MAX: Duration = Duration::from_hours(1);
/// How long after a mail was begun it counts as interrupted. Only who holds the worker's lease
/// sends, so this only says how soon after a crash the next one goes on.
pub const MAIL_SENDING_FOR: Duration = Duration::from_secs(10);
/// Mails that are on their way at once.
pub const MAILS_AT_ONCE: usize = 16;
/// Webhook endpoints of a shop: bounds the rows that one event makes.
pub const WEBHOOK_ENDPOINTS_MAX: usize = 50;
/// Characters of a webhook endpoint's address.
pub const WEBHOOK_URL_MAX: usize = 2_000;
/// Pauses between two tries of a webhook delivery, each a fifth more or less: ten tries within three days
/// (Standard Webhooks 1.0, "Deliverability and reliability").
pub const WEBHOOK_PAUSES: [Duration; 9] = [
    Duration::from_secs(5),
    Duration::from_mins(5),
    Duration::from_mins(30),
    Duration::from_hours(2),
    Duration::from_hours(5),
    Duration::from_hours(10),
    Duration::from_hours(14),
    Duration::from_hours(20),
    Duration::from_hours(24),
];
/// How long nothing must have reached an endpoint for it to be disabled: as long as a delivery is tried.
pub const WEBHOOK_DISABLE_AFTER: Duration = Duration::from_hours(72);
/// How much later the other deliveries of an endpoint are tried that is away.
pub const WEBHOOK_PUT_OFF: Duration = Duration::from_secs(30);
/// How long a secret that was changed is still signed with.
pub const WEBHOOK_SECRET_OVERLAP: Duration = Duration::from_hours(24);
/// After how long a step of the worker begins no more calls: a slow endpoint keeps others waiting no longer.
pub const WEBHOOK_STEP_FOR: Duration = Duration::from_secs(5);
/// Deliveries of one endpoint that one step takes.
pub const WEBHOOKS_OF_ONE: u32 = 64;
/// Calls of one endpoint that are open at once.
pub const WEBHOOKS_AT_ONCE: usize = 4;
/// Endpoints that are called at once.
pub const WEBHOOK_ENDPOINTS_AT_ONCE: usize = 8;
/// How long a webhook delivery that is through is kept, unless the shop says otherwise.
pub const WEBHOOK_DELIVERY_KEEP: Duration = Duration::from_hours(31 * 24);
/// How long a mail that is through is kept, unless the shop says otherwise: a year and a month to look back.
pub const MESSAGE_KEEP: Duration = Duration::from_hours(400 * 24);
/// How long a dead letter is kept, unless the shop says otherwise: who has not looked after it by then never will.
pub const LETTER_KEEP: Duration = Duration::from_hours(180 * 24);
/// How long what a payment provider said is kept once it was applied, unless the shop says otherwise: as long as mails.
pub const PROVIDER_MESSAGE_KEEP: Duration = Duration::from_hours(400 * 24);
/// How long it is surely kept: past the time for which card payments are disputed. An audit needs it no longer.
pub const PROVIDER_MESSAGE_SURE: Duration = Duration::from_hours(180 * 24);
/// How long a stock hold is kept that ended without a sale, unless the shop says otherwise: as long as mails.
pub const HOLD_KEEP: Duration = Duration::from_hours(400 * 24);
/// How long it is surely kept: past every key, event and dead letter that may name it. An audit needs it no longer.
pub const HOLD_SURE: Duration = Duration::from_hours(180 * 24);
/// Held mails, and held webhook deliveries, that are counted; there may be more.
pub const HELD_COUNTED_MAX: u32 = 10_000;
/// The stock at which ops are told, unless the SKU says otherwise.
pub const LOW_STOCK_THRESHOLD: i64 = 5;
/// For how long ops are not told again of a SKU that rises and falls, unless the shop says otherwise.
pub const LOW_STOCK_QUIET: Duration = Duration::from_mins(15);
/// How long a provider may take to answer a charge before a worker asks what became of it.
pub const CHARGE_ANSWER_WITHIN: Duration = Duration::from_secs(15);
/// First pause between two questions about an open attempt or refund; doubles up to
/// [`CHECK_PAUSE_MAX`].
pub const CHECK_PAUSE: Duration = Duration::from_secs(1);
/// Longest pause between two questions about an open attempt or refund.
pub const CHECK_PAUSE_MAX: Duration = Duration::from_mins(5);
/// Keys of the first stretch that an audit reads; later ones are longer or shorter as reading takes.
pub const AUDIT_STRETCH: u32 = 64;
/// Keys of one stretch at most: bounds the memory of an audit.
pub const AUDIT_STRETCH_MAX: u32 = 1_024;
/// How long an audit gives events to arrive before it looks again at what did not fit.
pub const AUDIT_LAG: Duration = Duration::from_secs(2);
/// How long a broker may take to bring an event to a consumer that runs: above the time after which a
/// delivery to one that died is given to another, and every pause of a receiver.
pub const BROKER_LAG: Duration = Duration::from_mins(1);
/// Suspicions that an audit looks at again together: bounds its memory.
pub const AUDIT_SUSPICIONS_MAX: usize = 1_000;
/// How long after its time work may wait before an audit calls it forgotten: well above every
/// worker's pause and every backoff between two tries.
pub const AUDIT_OVERDUE: Duration = Duration::from_mins(15);
/// How far an id's time may be from its row's: clocks are set, and ids only grow.
pub const AUDIT_CLOCK_SLACK: Duration = Duration::from_hours(24);
/// A lease that ends later than this is taken for ended: none is taken for more than an hour, so that a clock was wrong or
/// somebody altered it, and nobody would do its work.
pub const LEASE_MAX: Duration = Duration::from_hours(24);
/// How far the times of one change set may be apart, which are read one after the other.
pub const AUDIT_MOMENT: Duration = Duration::from_secs(10);
/// How far the clocks of two processes may be apart, whose times an audit compares.
pub const AUDIT_CLOCKS_APART: Duration = Duration::from_mins(5);
/// How long a published event stays, for those who look back.
pub const EVENT_KEEP: Duration = Duration::from_hours(7 * 24);
/// How long a handled delivery is known; above the longest time a delivery can be repeated.
pub const HANDLED_KEEP: Duration = Duration::from_hours(30 * 24);
/// Violations that an audit lists; more are only counted.
pub const AUDIT_VIOLATIONS_MAX: usize = 10_000;
/// Passes over all work that [`settle`](crate::Commerce::settle) makes at most, should something
/// keep causing more.
pub const SETTLE_PASSES_MAX: u32 = 10_000;
