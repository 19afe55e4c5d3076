//! Backups of a shop on files: of one instant while it sells, whole or not at all, and put back as one.
#![cfg(feature = "sqlite")]
#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use commerce_adapters::backup::{Backup, BackupError, restore, take};
use commerce_adapters::commerce_core::audit::{AuditRequest, Report};
use commerce_adapters::commerce_core::catalog::{NewProduct, NewVariant};
use commerce_adapters::commerce_core::error::Outcome;
use commerce_adapters::commerce_core::notifications::{EndpointInput, NotificationFilter};
use commerce_adapters::commerce_core::orders::{AddressChoice, PaymentMethod, PlaceOrder};
use commerce_adapters::commerce_core::page::PageRequest;
use commerce_adapters::commerce_core::text::Metadata;
use commerce_adapters::commerce_core::{Actor, Commerce, Currency, Money};
use commerce_adapters::system::{RealTime, SystemClock};
use commerce_adapters::{Embedded, Shop};
use commerce_core::testing::memory::RecordingCaller;
use commerce_core::testing::samples;
use sha2::{Digest, Sha256};
use tempfile::TempDir;

fn embedded(folder: &Path) -> Embedded {
    Embedded::at(folder).without_index().webhooks(Arc::new(RecordingCaller::new()))
}

async fn open(folder: &Path) -> Shop {
    embedded(folder).without_workers().open().await.expect("the shop opens")
}

fn hush(_: &str) {}

async fn audit(shop: &Commerce) -> Report {
    shop.audit(&Actor::System, AuditRequest::new(&RealTime)).await.expect("the books can be read")
}

/// A shop with one product, one customer and an endpoint that is told everything.
async fn stocked(shop: &Commerce) -> Actor {
    let variant = NewVariant {
        sku: "CUP".to_owned(),
        price: Money::new(900, Currency::INR),
        compare_at: None,
        options: BTreeMap::new(),
        stock: 1_000_000,
        weight_grams: None,
        barcode: None,
        metadata: None,
    };
    let product = NewProduct {
        name: "Cup".to_owned(),
        description: String::new(),
        slug: None,
        category: None,
        seller: None,
        status: None,
        variants: vec![variant],
        metadata: Metadata::new(),
        images: Vec::new(),
    };
    shop.catalog.create_product(&Actor::System, product, None).await.expect("a product is made");
    let told = EndpointInput { url: "https://hooks.example/in".to_owned(), events: vec!["*".to_owned()], secret: None };
    shop.notifications.create_webhook_endpoint(&Actor::System, told, None).await.expect("an endpoint is made");
    let register = samples::register("asha@example.com");
    let user = shop.users.register(&Actor::Anonymous, register, None).await.expect("nobody has the address").into_inner();
    let actor = Actor::Customer(user.id);
    shop.users.add_address(&actor, user.id, samples::new_address(), None, None).await.expect("an address is added");
    actor
}

async fn buy(shop: &Commerce, actor: &Actor, prepaid: bool) -> Outcome<()> {
    let (method, token) = if prepaid { (PaymentMethod::Card, Some("tok_ok".to_owned())) } else { (PaymentMethod::Cod, None) };
    let wish = PlaceOrder {
        items: Some(vec![("CUP".to_owned(), 1)]),
        coupon_code: None,
        address: AddressChoice::Saved(None),
        shipping_option: None,
        payment: Some((method, token)),
        expected_total: None,
        metadata: Metadata::new(),
    };
    shop.orders.place(actor, wish, None).await.map(|_| ())
}

/// Sells and works until it is told to stop, while backups are taken; answers how many orders it took.
async fn sell(shop: &Shop, actor: &Actor, stop: &AtomicBool) -> u64 {
    let mut sold = 0;
    while !stop.load(Ordering::Relaxed) {
        let (one, other) = tokio::join!(buy(shop, actor, false), buy(shop, actor, true));
        one.and(other).expect("there is plenty");
        sold += 2;
        tokio::task::yield_now().await;
    }
    sold
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_of_a_busy_shop_is_of_one_instant() {
    let (folder, backups) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let shop = embedded(folder.path()).open().await.unwrap();
    let actor = stocked(&shop).await;
    std::fs::write(folder.path().join("images/a.webp"), b"a picture").unwrap();
    let stop = AtomicBool::new(false);
    let copies = async {
        for number in 0..4 {
            let to = backups.path().join(number.to_string());
            let manifest = take(folder.path(), &to, &SystemClock, &hush).await.unwrap();
            assert!(manifest.files.iter().any(|file| file.path == "images/a.webp"));
            assert!(manifest.files.iter().any(|file| file.path == "signing-key"));
        }
        stop.store(true, Ordering::Relaxed);
    };
    let (sold, ()) = tokio::join!(sell(&shop, &actor, &stop), copies);
    assert!(sold >= 8, "it sold meanwhile: {sold}");
    shop.close().await.unwrap();
    for number in 0..4 {
        let copy = TempDir::new().unwrap();
        Backup::open(backups.path().join(number.to_string())).unwrap().copy_to(copy.path()).unwrap();
        let shop = open(copy.path()).await;
        assert_eq!(audit(&shop).await.violations, [], "backup {number}");
        shop.close().await.unwrap();
    }
    assert_eq!(std::fs::read_dir(backups.path()).unwrap().count(), 4, "nothing is left beside them");
}

/// Whoever writes a manifest with a good sum does not make it a shop.
#[tokio::test]
async fn a_backup_that_names_no_database_is_damaged() {
    let (folder, backups) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let shop = open(folder.path()).await;
    let to = backups.path().join("one");
    take(folder.path(), &to, &SystemClock, &hush).await.unwrap();
    shop.close().await.unwrap();
    let path = to.join("manifest.json");
    let mut manifest: serde_json::Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    manifest["files"].as_array_mut().unwrap().retain(|file| file["path"] != "orders.db");
    let text = manifest.to_string();
    std::fs::write(&path, &text).unwrap();
    let sum = hex::encode(Sha256::digest(&text));
    std::fs::write(to.join("manifest.json.sha256"), format!("{sum}  manifest.json\n")).unwrap();
    let refused = Backup::open(&to).unwrap_err().to_string();
    assert!(refused.contains("orders.db"), "{refused}");
}

#[tokio::test]
async fn what_was_still_to_be_sent_waits_for_a_word_after_a_restore() {
    let (folder, backups, target) = (TempDir::new().unwrap(), TempDir::new().unwrap(), TempDir::new().unwrap());
    let shop = open(folder.path()).await;
    let actor = stocked(&shop).await;
    shop.settle().await.unwrap();
    buy(&shop, &actor, false).await.unwrap();
    let to = backups.path().join("one");
    take(folder.path(), &to, &SystemClock, &hush).await.unwrap();
    shop.settle().await.unwrap();
    shop.close().await.unwrap();

    let restored = restore(&Backup::open(&to).unwrap(), target.path(), embedded, &hush).await.unwrap();
    let again = backups.path().join("held");
    take(target.path(), &again, &SystemClock, &hush).await.unwrap();
    let other = TempDir::new().unwrap();
    let held = restore(&Backup::open(&again).unwrap(), other.path(), embedded, &hush).await.unwrap().held;
    assert_eq!(held, restored.held, "also what waited for a word when the backup was taken");
    let shop = open(target.path()).await;
    assert!(restored.held >= 4, "mails and calls of the order: {restored:?}");
    assert_eq!(audit(&shop).await.violations, []);
    shop.settle().await.unwrap();
    let mails = |folder: &Path| walk(&folder.join("mail"));
    assert_eq!(mails(target.path()), 0, "the shop that it is a copy of has sent them");
    let stock = shop.catalog.stock_of(&["CUP".parse().unwrap()]).await.unwrap().remove(0);
    assert_eq!((stock.on_hand, stock.reserved), (999_999, 0), "what one context had still to hear it has heard");
    assert_eq!(shop.notifications.release_held(&Actor::System).await.unwrap(), restored.held);
    shop.settle().await.unwrap();
    assert!(mails(target.path()) >= 2);
    let all = shop.notifications.list(&Actor::System, &NotificationFilter::default(), &PageRequest::first()).await.unwrap();
    assert!(all.items.iter().all(|message| message.sent_at.is_some()));
    assert_eq!(audit(&shop).await.violations, []);
    shop.close().await.unwrap();
}

fn walk(folder: &Path) -> usize {
    let Ok(entries) = std::fs::read_dir(folder) else { return 0 };
    entries.map(|entry| entry.unwrap().path()).map(|path| if path.is_dir() { walk(&path) } else { 1 }).sum()
}

#[tokio::test]
async fn a_restore_takes_the_place_of_a_shop_that_nobody_uses() {
    let (folder, backups) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let shop = open(folder.path()).await;
    let actor = stocked(&shop).await;
    std::fs::write(folder.path().join("images/old.webp"), b"old").unwrap();
    let to = backups.path().join("one");
    take(folder.path(), &to, &SystemClock, &hush).await.unwrap();
    buy(&shop, &actor, false).await.unwrap();
    std::fs::write(folder.path().join("images/new.webp"), b"new").unwrap();

    let backup = Backup::open(&to).unwrap();
    let put_back = || restore(&backup, folder.path(), embedded, &hush);
    assert!(matches!(put_back().await, Err(BackupError::InUse(_))));
    shop.close().await.unwrap();
    put_back().await.unwrap();
    let shop = open(folder.path()).await;
    let stock = shop.catalog.stock_of(&["CUP".parse().unwrap()]).await.unwrap().remove(0);
    assert_eq!((stock.on_hand, stock.reserved), (1_000_000, 0), "the order was never placed");
    assert!(folder.path().join("images/old.webp").exists() && !folder.path().join("images/new.webp").exists());
    shop.close().await.unwrap();

    // As a process leaves it that died when the new shop had become the shop and was not in its place yet.
    let (restored, other) = (folder.path().join(".restored"), TempDir::new().unwrap());
    restore(&backup, other.path(), embedded, &hush).await.unwrap();
    std::fs::create_dir(&restored).unwrap();
    for name in ["orders.db", "notifications.db", "images", "sandbox-payments", "search"] {
        let from = other.path().join(name);
        std::fs::rename(&from, restored.join(name)).unwrap();
    }
    std::fs::write(folder.path().join("orders.db-wal"), b"a log of another database").unwrap();
    let shop = open(folder.path()).await;
    assert!(!restored.exists());
    assert_eq!(audit(&shop).await.violations, []);
    shop.close().await.unwrap();
}

#[tokio::test]
async fn a_backup_that_is_not_good_is_refused_and_leaves_everything_as_it_was() {
    let (folder, backups) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let shop = open(folder.path()).await;
    stocked(&shop).await;
    let to = backups.path().join("one");
    take(folder.path(), &to, &SystemClock, &hush).await.unwrap();
    assert!(matches!(take(folder.path(), &to, &SystemClock, &hush).await, Err(BackupError::Occupied(_))));
    shop.close().await.unwrap();
    let before = std::fs::read(folder.path().join("users.db")).unwrap();
    let refused = async || match Backup::open(&to) {
        Ok(backup) => restore(&backup, folder.path(), embedded, &hush).await.unwrap_err(),
        Err(error) => error,
    };
    let users = to.join("users.db");
    let good = std::fs::read(&users).unwrap();
    let mut bad = good.clone();
    bad[5_000] ^= 1;
    std::fs::write(&users, &bad).unwrap();
    assert_eq!(refused().await.code(), "BACKUP_DAMAGED");
    std::fs::write(&users, &good[..good.len() - 4_096]).unwrap();
    assert_eq!(refused().await.code(), "BACKUP_DAMAGED");
    std::fs::remove_file(&users).unwrap();
    assert_eq!(refused().await.code(), "BACKUP_INCOMPLETE");
    std::fs::write(&users, &good).unwrap();

    let manifest = to.join("manifest.json");
    let text = std::fs::read_to_string(&manifest).unwrap();
    let write = |text: &str| {
        use sha2::Digest;
        std::fs::write(&manifest, text).unwrap();
        std::fs::write(to.join("manifest.json.sha256"), hex::encode(sha2::Sha256::digest(text))).unwrap();
    };
    std::fs::write(&manifest, text.replace("users.db", "other.db")).unwrap();
    assert_eq!(refused().await.code(), "BACKUP_DAMAGED", "its own sum tells");
    write(&text.replace("\"format\": 1", "\"format\": 2"));
    assert_eq!(refused().await.code(), "BACKUP_VERSION");
    write(&text.replace("\"users.db\"", "\"../users.db\""));
    assert_eq!(refused().await.code(), "BACKUP_DAMAGED", "no file leads out");
    std::fs::remove_file(&manifest).unwrap();
    assert_eq!(refused().await.code(), "NOT_A_BACKUP");
    assert_eq!(std::fs::read(folder.path().join("users.db")).unwrap(), before);
    let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(left.iter().all(|name| !name.to_string_lossy().starts_with('.')), "{left:?}");

    let part = TempDir::new().unwrap();
    assert!(matches!(take(part.path(), &to.join("x"), &SystemClock, &hush).await, Err(BackupError::NotWhole(_))));
}
