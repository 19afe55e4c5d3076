//! The ports whose calls go wrong the same way, as tables. How each kind of call goes wrong is said
//! once, in the module above.

use async_trait::async_trait;
use uuid::Uuid;

use super::{Faulty, Happened};
use crate::catalog::{
    CatalogStore, CatalogWrite, CategoryTree, Hold, HoldKey, HoldOwners, ImageStore, Inventory, Item, Movement, Product,
    ProductFilter, ProductReads, ProductSearch, Purchases, Rating, Review, ReviewFilter, ReviewReads, SearchHits, SearchQuery,
    Seller, SellerReads, Standing, StockReads, Wish,
};
use crate::change::{ChangeSet, CommitError, KeyRecord, KeyScope, Keys};
use crate::error::{Outcome, StoreError};
use crate::events::{Backlog, Envelope, Leases, Outbox};
use crate::ids::{
    AddressId, AttemptId, CategoryId, CouponId, EventId, ImageId, MovementId, NotificationId, OrderId, ProductId, ResetId,
    ReturnId, ReviewId, SellerId, SessionId, UserId, WebhookDeliveryId, WebhookEndpointId,
};
use crate::notifications::{
    Contact, Contacts, DeliveryStatus, Notification, NotificationFilter, NotificationStore, NotificationWrite, WebhookDelivery,
    WebhookEndpoint, WebhookReads,
};
use crate::orders::{
    Cart, CartOwner, CartStore, CartWrite, CatalogPort, Coupon, CouponReads, Customers, DueWork, Held, HoldRef, Order,
    OrderFilter, OrderStatus, OrderStore, OrderWrite, ProviderEvent, PurchaseReads, Redemption, ReturnFilter, ReturnOf,
    ReturnReads, TimelineEntry, TopUp, Wallet, WalletEntry, WalletReads,
};
use crate::page::{Page, PageRequest};
use crate::text::{CouponCode, Email, Quantity, Sku, Slug};
use crate::time::Timestamp;
use crate::users::{
    Address, Erasure, ErasureReads, Guest, GuestReads, PasswordHash, PasswordHasher, PeopleReads, PostalAddress, RefreshToken,
    Role, Session, StaffEntry, StaffLogFilter, StaffLogReads, User, UserStore, UserWrite, Verdict,
};

type Stored<T> = Result<T, StoreError>;

/// One port of a decorated port: what kind of call each method is, and what its commits write.
macro_rules! faulty {
    ($($trait:ident of $port:ty, $name:literal {
        $($call:ident $method:ident($($arg:ident: $type:ty),*) -> $answer:ty;)*
        $(=> $context:ident: $write:ty;)?
    })+) => {$(
        #[async_trait]
        impl $trait for Faulty<$port> {
            $(async fn $method(&self, $($arg: $type),*) -> $answer {
                self.$call(concat!($name, ".", stringify!($method)), self.port.$method($($arg),*)).await
            })*

            $(async fn commit(&self, changes: ChangeSet<$write>) -> Result<(), CommitError> {
                let commit = |changes| self.port.commit(changes);
                self.change(concat!($name, ".commit"), changes, commit, |written| Happened::$context(written)).await
            })?
        }
    )+};
}

/// What every database has, for each port that brings it along.
macro_rules! keys {
    ($($port:ty, $name:literal;)+) => {
        faulty! {$(Keys of $port, $name {
            read key(scope: &KeyScope) -> Stored<Option<KeyRecord>>;
        })+}
    };
}

keys! {
    dyn UserStore, "users";
    dyn CatalogStore, "catalog";
    dyn OrderStore, "orders";
    dyn CartStore, "carts";
    dyn NotificationStore, "notifications";
}

faulty! {
    StaffLogReads of dyn UserStore, "users" {
        read staff_log(filter: &StaffLogFilter, page: &PageRequest) -> Stored<Page<StaffEntry>>;
    }

    GuestReads of dyn UserStore, "users" {
        read guest(id: UserId) -> Stored<Option<Guest>>;
        read guest_by_email(email: &Email) -> Stored<Option<Guest>>;
    }

    PeopleReads of dyn UserStore, "users" {
        read users_of(ids: &[UserId]) -> Stored<Vec<User>>;
        read guests_of(ids: &[UserId]) -> Stored<Vec<Guest>>;
    }

    ErasureReads of dyn UserStore, "users" {
        look due_erasures(now: Timestamp, limit: u32) -> Stored<Vec<Erasure>>;
    }

    UserStore of dyn UserStore, "users" {
        read user(id: UserId) -> Stored<Option<User>>;
        read user_by_email(email: &Email) -> Stored<Option<User>>;
        read users(role: Option<Role>, page: &PageRequest) -> Stored<Page<User>>;
        read addresses(user: UserId) -> Stored<Vec<Address>>;
        read session(id: SessionId) -> Stored<Option<(Session, User)>>;
        read sessions(user: UserId, page: &PageRequest) -> Stored<Page<Session>>;
        read refresh_token(hash: &[u8; 32]) -> Stored<Option<RefreshToken>>;
        => Users: UserWrite;
    }

    PasswordHasher of dyn PasswordHasher, "passwords" {
        read hash(password: &str) -> Stored<PasswordHash>;
        read verify(password: &str, hash: Option<&PasswordHash>) -> Stored<Verdict>;
    }

    ProductReads of dyn CatalogStore, "catalog" {
        read product(id: ProductId) -> Stored<Option<Product>>;
        read product_by_slug(slug: &Slug) -> Stored<Option<Product>>;
        read products(filter: &ProductFilter, page: &PageRequest) -> Stored<Page<Product>>;
        read products_by_id(ids: &[ProductId]) -> Stored<Vec<Product>>;
        look products_changed(since: Timestamp, after: Option<ProductId>, limit: u32) -> Stored<Vec<(Timestamp, Product)>>;
        read categories() -> Stored<CategoryTree>;
    }

    SellerReads of dyn CatalogStore, "catalog" {
        read seller(id: SellerId) -> Stored<Option<Seller>>;
        read seller_by_slug(slug: &Slug) -> Stored<Option<Seller>>;
        read seller_run_by(user: UserId) -> Stored<Option<Seller>>;
        read sellers(page: &PageRequest) -> Stored<Page<Seller>>;
    }

    StockReads of dyn CatalogStore, "catalog" {
        read items(skus: &[Sku]) -> Stored<Vec<Item>>;
        read inventory(skus: &[Sku]) -> Stored<Vec<Inventory>>;
        read ledger(sku: &Sku, page: &PageRequest) -> Stored<Page<Movement>>;
        read last_receipt(sku: &Sku) -> Stored<Option<MovementId>>;
        read hold(key: HoldKey) -> Stored<Option<Hold>>;
        look expired_holds(now: Timestamp, limit: u32) -> Stored<Vec<Hold>>;
        look low_stock_crossings(limit: u32) -> Stored<Vec<Inventory>>;
    }

    ReviewReads of dyn CatalogStore, "catalog" {
        read review(id: ReviewId) -> Stored<Option<Review>>;
        read reviews(filter: &ReviewFilter, page: &PageRequest) -> Stored<Page<Review>>;
        read tally(product: ProductId) -> Stored<Rating>;
        read wish(user: UserId, product: ProductId) -> Stored<Option<Wish>>;
        read wishes(user: UserId, page: &PageRequest) -> Stored<Page<Wish>>;
    }

    CatalogStore of dyn CatalogStore, "catalog" {
        => Catalog: CatalogWrite;
    }

    HoldOwners of dyn HoldOwners, "hold-owners" {
        read standing(key: HoldKey, generation: u32) -> Stored<Standing>;
    }

    Purchases of dyn Purchases, "purchases" {
        read bought(user: UserId, product: ProductId) -> Stored<bool>;
    }

    ProductSearch of dyn ProductSearch, "search" {
        read search(query: &SearchQuery) -> Stored<Option<SearchHits>>;
        effect catch_up(catalog: &dyn CatalogStore) -> Stored<u64>;
        effect rebuild(catalog: &dyn CatalogStore, progress: &(dyn Fn(u64) + Send + Sync)) -> Stored<u64>;
    }

    ImageStore of dyn ImageStore, "images" {
        effect put(id: ImageId, extension: &'static str, bytes: Vec<u8>) -> Outcome<String>;
        read get(name: &str) -> Stored<Option<Vec<u8>>>;
        effect delete(url: &str) -> Stored<()>;
    }

    PurchaseReads of dyn OrderStore, "orders" {
        read bought(user: UserId, product: ProductId) -> Stored<bool>;
    }

    CouponReads of dyn OrderStore, "orders" {
        read coupon(code: &CouponCode) -> Stored<Option<Coupon>>;
        read coupons(page: &PageRequest) -> Stored<Page<Coupon>>;
        read coupon_uses(coupon: CouponId, user: UserId) -> Stored<u32>;
        read redemptions(order: OrderId) -> Stored<Vec<Redemption>>;
    }

    ReturnReads of dyn OrderStore, "orders" {
        read order_of_return(id: ReturnId) -> Stored<Option<OrderId>>;
        read returns(filter: &ReturnFilter, page: &PageRequest) -> Stored<Page<ReturnOf>>;
    }

    WalletReads of dyn OrderStore, "orders" {
        read wallet(user: UserId) -> Stored<Option<Wallet>>;
        read wallet_entries(user: UserId, page: &PageRequest) -> Stored<Page<WalletEntry>>;
        read entered(keys: &[Uuid]) -> Stored<Vec<WalletEntry>>;
        read top_up(id: AttemptId) -> Stored<Option<TopUp>>;
        read top_ups(page: &PageRequest) -> Stored<Page<TopUp>>;
        read top_up_by_reference(provider: &str, reference: &str) -> Stored<Option<AttemptId>>;
        look due_top_ups(now: Timestamp, limit: u32) -> Stored<Vec<AttemptId>>;
    }

    OrderStore of dyn OrderStore, "orders" {
        read order(id: OrderId) -> Stored<Option<Order>>;
        read orders(filter: &OrderFilter, page: &PageRequest) -> Stored<Page<Order>>;
        read timeline(order: OrderId, page: &PageRequest) -> Stored<Page<TimelineEntry>>;
        read order_by_reference(provider: &str, reference: &str) -> Stored<Option<OrderId>>;
        read order_on_hold(hold: HoldRef) -> Stored<Option<(OrderId, OrderStatus)>>;
        look due(work: DueWork, now: Timestamp, limit: u32) -> Stored<Vec<OrderId>>;
        look parked(limit: u32) -> Stored<Vec<ProviderEvent>>;
        => Orders: OrderWrite;
    }

    CartStore of dyn CartStore, "carts" {
        read cart(owner: CartOwner, now: Timestamp) -> Stored<Option<Cart>>;
        => Carts: CartWrite;
    }

    CatalogPort of dyn CatalogPort, "catalog-port" {
        read items(skus: &[Sku]) -> Outcome<Vec<Item>>;
        read items_shown(skus: &[Sku]) -> Outcome<Vec<Item>>;
        effect reserve(key: HoldKey, lines: &[(Sku, Quantity)], known: &[Item]) -> Outcome<Held>;
        effect release(hold: HoldRef) -> Outcome<()>;
        read categories(products: &[ProductId]) -> Outcome<Vec<(ProductId, Vec<CategoryId>)>>;
    }

    Customers of dyn Customers, "customers" {
        read address(user: UserId, address: Option<AddressId>) -> Outcome<Option<PostalAddress>>;
        effect guest(email: &Email) -> Outcome<UserId>;
        read known_guest(email: &Email) -> Outcome<Option<UserId>>;
        read order_link(guest: UserId, order: OrderId) -> Outcome<Option<String>>;
        read follow(link: &str) -> Outcome<Option<(UserId, OrderId)>>;
    }

    Contacts of dyn Contacts, "contacts" {
        read contacts(users: &[UserId]) -> Outcome<Vec<Contact>>;
        read order_link(guest: UserId, order: OrderId) -> Outcome<Option<String>>;
        read reset_token(user: UserId, reset: ResetId) -> Outcome<Option<String>>;
    }

    WebhookReads of dyn NotificationStore, "notifications" {
        read webhook_endpoint(id: WebhookEndpointId) -> Stored<Option<WebhookEndpoint>>;
        read webhook_endpoints() -> Stored<Vec<WebhookEndpoint>>;
        read webhook_delivery(id: WebhookDeliveryId) -> Stored<Option<WebhookDelivery>>;
        read webhook_deliveries(
            endpoint: WebhookEndpointId,
            status: Option<DeliveryStatus>,
            page: &PageRequest
        ) -> Stored<Page<WebhookDelivery>>;
        look webhooks_due(endpoint: WebhookEndpointId, now: Timestamp, limit: u32) -> Stored<Vec<WebhookDelivery>>;
        look webhooks_held(limit: u32) -> Stored<Vec<WebhookDelivery>>;
    }

    NotificationStore of dyn NotificationStore, "notifications" {
        read notification(id: NotificationId) -> Stored<Option<Notification>>;
        read notifications(filter: &NotificationFilter, page: &PageRequest) -> Stored<Page<Notification>>;
        look due(now: Timestamp, limit: u32) -> Stored<Vec<Notification>>;
        look held(limit: u32) -> Stored<Vec<Notification>>;
        => Notifications: NotificationWrite;
    }

    Outbox of dyn Outbox, "outbox" {
        look unpublished(limit: u32) -> Stored<Vec<Envelope>>;
        effect published(events: &[EventId]) -> Stored<()>;
        read backlog() -> Stored<Backlog>;
    }

    Leases of dyn Leases, "leases" {
        effect acquire(name: &str, owner: Uuid, now: Timestamp, until: Timestamp) -> Stored<Option<u64>>;
        effect give_back(name: &str, owner: Uuid) -> Stored<()>;
    }
}
