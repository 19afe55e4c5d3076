//! `commerce backup` and `commerce restore` over a shop that is served, killed and put back.

#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use commerce_tests::{Options, Server, binary, cod, eventually, eventually_within, mails, unique};
use serde_json::Value;

/// One process on files, whatever the environment says: only such a shop is backed up here.
fn on_files() -> Server {
    Server::start_with(Options { services: Some(false), mariadb: Some(false), ..Options::default() })
}

/// The id of a process that has ended.
fn gone() -> u32 {
    let mut process = Command::new("true").spawn().unwrap();
    process.wait().unwrap();
    process.id()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_busy_shop_is_copied_killed_and_put_back() {
    let shop = on_files();
    let (admin, buyer) = (shop.admin().await, shop.customer().await);
    let cup = admin.product(500, 100_000).await;
    let (stop, bought) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let buyers: Vec<_> = (0..8)
        .map(|number| {
            let (buyer, stop, bought) = (buyer.clone(), Arc::clone(&stop), Arc::clone(&bought));
            let mut body = cod(&[(&cup.sku, 1)]);
            if number % 2 == 0 {
                body["payment"] = serde_json::json!({"method": "CARD", "token": "tok_ok"});
            }
            tokio::spawn(async move {
                while !stop.load(Ordering::Relaxed) {
                    let answer = buyer.post("/api/orders", &body).key(&unique("busy")).send().await;
                    assert_eq!(answer.status, 201, "{}", answer.text());
                    bought.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();
    let count = async || bought.load(Ordering::Relaxed);
    eventually_within(Duration::from_secs(30), "some orders", count, |count| *count >= 40).await;
    let to = shop.path("backup");
    let left = |process: u32| shop.path(&format!(".backup.unfinished-{process}"));
    let (killed, at_work) = (left(gone()), left(std::process::id()));
    for folder in [&killed, &at_work] {
        std::fs::create_dir(folder).unwrap();
        std::fs::write(folder.join("signing-key"), "secret").unwrap();
    }
    let done = shop.run(&["backup", to.to_str().unwrap(), "--output", "json"]).json();
    assert!(done["bytes"].as_u64().unwrap() > 0 && done["takenAt"].is_string(), "{done}");
    assert!(!killed.exists(), "what a killed one left behind is removed");
    assert!(at_work.exists(), "what a living one gathers is left alone");
    let refused = shop.run(&["backup", to.to_str().unwrap()]);
    assert!(refused.code == 1 && refused.err.contains("NOT_EMPTY"), "{refused:?}");
    stop.store(true, Ordering::Relaxed);
    for buyer in buyers {
        buyer.await.unwrap();
    }
    // What came after the backup.
    let late = buyer.order(&[(&cup.sku, 1)]).await;

    let verified = shop.run(&["restore", to.to_str().unwrap(), "--verify", "--output", "json"]);
    assert_eq!(verified.json()["violationCount"], 0, "{verified:?}");
    let in_use = shop.run(&["restore", to.to_str().unwrap(), "--yes"]);
    assert!(in_use.code == 1 && in_use.err.contains("SHOP_IN_USE"), "{in_use:?}");
    shop.kill();
    let asks = shop.run(&["restore", to.to_str().unwrap()]);
    assert!(asks.code == 1 && asks.err.contains("NOT_CONFIRMED"), "{asks:?}");
    let restored = shop.run(&["restore", to.to_str().unwrap(), "--yes", "--output", "json"]).json();
    let held = restored["held"].as_u64().unwrap();

    let before = mails(&shop.data()).len();
    let shop = shop.again();
    let buyer = buyer.at(&shop);
    buyer.get(&format!("/api/orders/{}", late.id)).send().await.problem(404, "NOT_FOUND");
    let status = shop.run(&["outbox", "status", "--output", "json"]).json();
    assert_eq!(held_of(&status), held, "{status}");
    buyer.order(&[(&cup.sku, 1)]).await;
    let newer = async || mails(&shop.data()).len();
    eventually("the mails of a new order", newer, |count| *count >= before + 2).await;
    assert_eq!(held_of(&shop.run(&["outbox", "status", "--output", "json"]).json()), held, "what is held waits on");
    assert_eq!(shop.run(&["outbox", "release", "--output", "json"]).json()["released"], held);
    let audited = || shop.run(&["audit", "--output", "json"]).json();
    assert_eq!(audited()["violationCount"], 0);
    let found = async || buyer.read(&format!("/api/products/search?q={}", cup.sku)).await["items"].as_array().unwrap().len();
    eventually("the index is there", found, |count| *count > 0).await;
}

fn held_of(status: &Value) -> u64 {
    status["items"].as_array().unwrap().iter().filter_map(|row| row["held"].as_u64()).sum()
}

/// A restore that dies anywhere leaves the old shop or the new one, and the next one goes on.
#[tokio::test]
async fn a_restore_that_is_killed_leaves_one_shop_or_the_other() {
    let shop = on_files();
    let admin = shop.admin().await;
    let cup = admin.product(500, 50).await;
    let to = shop.path("backup");
    shop.run(&["backup", to.to_str().unwrap(), "--output", "json"]).json();
    shop.run(&["stock", "adjust", &cup.sku, "+2", "--reason", "delivery"]);
    assert_eq!(shop.stop(), 0);
    let data = shop.data();
    let restore = || {
        let mut command = Command::new(binary());
        command.args(["restore", to.to_str().unwrap(), "--yes", "--data", data.to_str().unwrap()]);
        command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    };
    for step in 0..5_u64 {
        let mut child = restore();
        // From before its first file to after its last, whatever the machine is busy with.
        tokio::time::sleep(Duration::from_millis(40 * step)).await;
        child.kill().ok();
        child.wait().unwrap();
        let on_hand = shop.run(&["stock", "show", &cup.sku, "--output", "json"]).json()["onHand"].as_i64().unwrap();
        assert!([50, 52].contains(&on_hand), "step {step}: {on_hand}");
        let audited = shop.run(&["audit", "--output", "json"]).json();
        assert_eq!(audited["violationCount"], 0, "step {step}: {audited}");
    }
    let restored = shop.run(&["restore", to.to_str().unwrap(), "--yes"]);
    assert_eq!(restored.code, 0, "{restored:?}");
    assert_eq!(shop.run(&["stock", "show", &cup.sku, "--output", "json"]).json()["onHand"], 50);
    let left = std::fs::read_dir(&data).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    assert!(left.into_iter().all(|name| !name.starts_with('.')), "nothing half done stays");
}
