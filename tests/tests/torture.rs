//! `commerce torture` as its user runs it: all holds, and what does not is named.

#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

use commerce_tests::{CommandOutput, Server, run_command, run_command_with};
use serde_json::Value;
use sqlx::Connection;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};

fn report(done: &CommandOutput) -> Value {
    serde_json::from_str(&done.out).unwrap_or_else(|error| panic!("no JSON ({error}): {done:?}"))
}

fn violations(report: &Value) -> Vec<&str> {
    report["violations"].as_array().unwrap().iter().map(|row| row["name"].as_str().unwrap()).collect()
}

#[test]
fn a_shop_that_is_killed_again_and_again_holds() {
    let done = run_command(&["torture", "--kill", "--buyers", "8", "--seconds", "5", "--seed", "7", "--output", "json"]);
    assert_eq!(done.code, 0, "{done:?}");
    let report = report(&done);
    assert!(report["killed"].as_u64().unwrap() >= 1, "{report}");
    assert!(report["orders"].as_u64().unwrap() >= 1 && report["mails"].as_u64().unwrap() >= 1, "{report}");
    assert_eq!(violations(&report), [] as [&str; 0]);
}

/// Events that come twice, late, out of order and long after change nothing but the time that it takes.
#[test]
fn a_shop_whose_events_come_as_badly_as_they_may_holds() {
    let args = ["torture", "--buyers", "8", "--seconds", "4", "--seed", "5", "--output", "json"];
    let done = run_command_with(&args, &[("COMMERCE_EVENTS__CHAOS_PERCENT", "25".to_owned())], "");
    assert_eq!(done.code, 0, "{done:?}");
    let report = report(&done);
    assert!(report["orders"].as_u64().unwrap() >= 1 && report["mails"].as_u64().unwrap() >= 1, "{report}");
}

/// Where one order of a customer may wait for its money, most of her next ones are refused, and that is no fault.
#[test]
fn a_shop_that_lets_few_orders_wait_holds() {
    let args = ["torture", "--buyers", "8", "--seconds", "4", "--seed", "4", "--output", "json"];
    let done = run_command_with(&args, &[("COMMERCE_ORDERS__UNPAID_MAX", "1".to_owned())], "");
    assert_eq!(done.code, 0, "{done:?}");
    let refused = report(&done)["answers"].to_string();
    assert!(refused.contains("TOO_MANY_UNPAID"), "{refused}");
}

/// The audit of a shop that is busy, and killed meanwhile, finds nothing: what is on its way is not wrong.
#[test]
fn an_audit_beside_a_shop_that_is_killed_raises_no_alarm() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().to_str().unwrap();
    assert_eq!(run_command(&["migrate", "--data", data]).code, 0);
    let args = ["torture", "--kill", "--data", data, "--yes", "--buyers", "8", "--seconds", "8", "--seed", "9"];
    std::thread::scope(|scope| {
        let torture = scope.spawn(|| run_command(&args));
        let mut audits = 0;
        while !torture.is_finished() {
            let audit = run_command(&["audit", "--data", data, "--output", "json"]);
            assert_eq!(audit.code, 0, "audit {audits}: {audit:?}");
            audits += 1;
        }
        let done = torture.join().unwrap();
        assert_eq!(done.code, 0, "{done:?}");
        assert!(audits >= 2, "{audits} audits beside it");
    });
}

/// A shop whose books forget how an order began: found, named, and kept to be looked at.
#[tokio::test]
async fn a_spoilt_shop_does_not_hold() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().to_str().unwrap();
    assert_eq!(run_command(&["migrate", "--data", data]).code, 0);
    let database = SqliteConnectOptions::new().filename(folder.path().join("orders.db"));
    let mut database = SqliteConnection::connect_with(&database).await.unwrap();
    let forget = "CREATE TRIGGER forget AFTER INSERT ON order_status_history WHEN NEW.status = 'PENDING'
                  BEGIN DELETE FROM order_status_history WHERE id = NEW.id; END";
    sqlx::query(forget).execute(&mut database).await.unwrap();
    database.close().await.unwrap();

    let unasked = run_command(&["torture", "--data", data]);
    assert_eq!((unasked.code, unasked.err.contains("NOT_CONFIRMED")), (1, true), "{unasked:?}");
    let args = ["torture", "--data", data, "--yes", "--buyers", "6", "--seconds", "3", "--seed", "3", "--output", "json"];
    let done = run_command(&args);
    assert_eq!(done.code, 1, "{done:?}");
    assert!(done.err.contains("TORTURE_FOUND"), "{done:?}");
    let kept = done.err.lines().find_map(|line| line.split_once("is kept: ")).expect("the folder of the run is named").1;
    std::fs::remove_dir_all(kept).unwrap();
    let report = report(&done);
    assert!(violations(&report).contains(&"ILLEGAL_TIMELINE"), "{report}");
    let products = run_command(&["product", "list", "--data", data, "--output", "json"]);
    assert!(products.json()["items"].as_array().unwrap().iter().all(|product| product["status"] == "ARCHIVED"), "{products:?}");
}

/// A server that somebody else runs: tried over its address, with what its directory holds looked at, too.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_running_server_is_tried_over_its_address() {
    let shop = Server::start();
    let token = shop.admin().await.token.expect("staff is logged in");
    let args =
        ["torture", "--url", shop.base(), "--token", &token, "--yes", "--buyers", "6", "--seconds", "3", "--output", "json"];
    let done = tokio::task::block_in_place(|| shop.run(&args));
    assert_eq!(done.code, 0, "{done:?}");
    let report = report(&done);
    assert!(report["orders"].as_u64().unwrap() >= 1 && report["mails"].as_u64().unwrap() >= 1, "{report}");
    assert_eq!(violations(&report), [] as [&str; 0]);
}

#[test]
fn bad_usage_is_2() {
    for args in
        [&["--kill", "--url", "http://127.0.0.1:1"][..], &["--disturbed"], &["--buyers", "0"], &["--seconds", "soon"], &["--hot"]]
    {
        assert_eq!(run_command(&[&["torture"], args].concat()).code, 2, "{args:?}");
    }
}
