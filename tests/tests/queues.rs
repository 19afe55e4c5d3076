//! Events over SNS and SQS as an operator meets them: made by one command, given up after three receives, read,
//! sent again, thrown away.

use commerce_peers::Moto;
use commerce_tests::{CommandOutput, Options, Server, eventually_within, mails, purchase, run_command_with};
use serde_json::{Value, json};
use std::time::Duration;

/// Settings of a shop whose events go through this server.
fn through(moto: &Moto, fifo: bool) -> Vec<(&'static str, String)> {
    vec![
        ("COMMERCE_EVENTS__BUS", "sqs".to_owned()),
        ("COMMERCE_AWS__ENDPOINT", moto.url().to_owned()),
        ("COMMERCE_AWS__REGION", "us-east-1".to_owned()),
        ("COMMERCE_AWS__PREFIX", "q-".to_owned()),
        ("COMMERCE_AWS__FIFO", fifo.to_string()),
        ("AWS_ACCESS_KEY_ID", "key".to_owned()),
        ("AWS_SECRET_ACCESS_KEY", "secret".to_owned()),
    ]
}

/// Makes what there is to be at AWS; answers where each queue is.
fn init(env: &[(&'static str, String)]) -> impl Fn(&str) -> String {
    let made = run_command_with(&["aws", "init", "--output", "json"], env, "").json();
    let again = run_command_with(&["aws", "init", "--output", "json"], env, "").json();
    assert_eq!(made, again, "what is there stays as it is");
    let items = made["items"].as_array().expect("a list").clone();
    assert_eq!(items.iter().filter(|item| item["kind"] == "topic").count(), 4, "{made}");
    move |name: &str| {
        let place = items.iter().find(|item| item["name"] == name).unwrap_or_else(|| panic!("there is no {name}: {items:?}"));
        place["place"].as_str().expect("a place").to_owned()
    }
}

/// An event that somebody registered, as the bus carries it.
fn registered(event: &str, user: &str, data: &Value) -> String {
    json!({
        "id": event, "topic": "user-events", "type": "USER_REGISTERED", "schema": 1, "aggregate": user, "version": 1,
        "at": "2026-01-05T10:00:00Z", "data": data,
    })
    .to_string()
}

const POISON: &str = "0195a1b2-c3d4-7e5f-8a6b-7c8d9e0f1a2b";
const UNKNOWN: &str = "0195a1b2-c3d4-7e5f-8a6b-7c8d9e0f1a2d";
const MENDED: &str = "0195a1b2-c3d4-7e5f-8a6b-7c8d9e0f1a2c";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn poison_goes_to_the_dead_letters_after_three_receives_and_others_flow() {
    let moto = Moto::start();
    let env = through(&moto, false);
    let queue = init(&env);
    let shop = Server::start_with(Options { services: Some(true), env: env.clone(), ..Options::default() });
    let customer = shop.customer().await;
    moto.send(&queue("q-notification-queue"), "no event at all");
    let unknown = registered(UNKNOWN, &customer.user, &json!({})).replace("USER_REGISTERED", "USER_TELEPORTED");
    moto.send(&queue("q-notification-queue"), &unknown);
    moto.send(&queue("q-notification-queue"), &registered(POISON, &customer.user, &json!({"userId": 5})));
    purchase(&shop).await;

    let list = || -> Vec<Value> {
        shop.run(&["dlq", "list", "--output", "json"]).json()["items"].as_array().cloned().unwrap_or_default()
    };
    let within = Duration::from_secs(40);
    let given_up = async || tokio::task::block_in_place(list);
    let letters = eventually_within(within, "the poison is given up", given_up, |letters| letters.len() >= 3).await;
    let readable: Vec<&Value> = letters.iter().filter(|letter| letter["event"].is_object()).collect();
    assert_eq!(readable.len(), 1, "{letters:?}");
    assert_eq!((&readable[0]["event"]["id"], &readable[0]["receives"]), (&json!(POISON), &json!(3)));
    let unread = |text: &str| letters.iter().find(|letter| letter["text"] == text).unwrap_or_else(|| panic!("{letters:?}"));
    let garbage = unread("no event at all");
    assert_eq!((&garbage["consumer"], &garbage["receives"]), (&json!("notification-queue"), &json!(3)));
    assert!(unread(&unknown)["reason"].as_str().is_some_and(|why| why.contains("USER_TELEPORTED")), "{letters:?}");
    let garbage = garbage["id"].as_str().expect("the broker's id");
    let staff = shop.admin().await;
    let path = format!("/api/operations/dead-letters/notification-queue/{garbage}");
    assert_eq!(staff.get(&path).send().await.expect(200)["text"], "no event at all");
    let again = staff.post(&format!("{path}/redrive"), &json!({})).send().await.expect(200);
    assert_eq!(again["redriven"], false, "{again}");
    staff.delete(&path).send().await.expect(204);
    staff.get(&path).send().await.problem(404, "NOT_FOUND");
    let run = |args: &[&str]| -> CommandOutput { shop.run(args) };
    let of_tomorrow = unread(&unknown)["id"].as_str().expect("the broker's id");
    let shown = run(&["dlq", "show", "notification-queue", of_tomorrow]);
    assert!(shown.code == 0 && shown.out.contains("USER_TELEPORTED"), "{shown:?}");
    let again = run(&["dlq", "redrive", "notification-queue", of_tomorrow]);
    assert!(again.code == 1 && again.out.contains("0 redriven, 1 stay"), "{again:?}");
    let shown = run(&["dlq", "show", "notification-queue", POISON]);
    assert!(shown.code == 0 && shown.out.contains("USER_REGISTERED"), "{shown:?}");

    let again = run(&["dlq", "retry", "notification-queue", POISON]);
    assert!(again.code == 1 && again.err.contains("REDRIVE_FAILED"), "it is still poison: {again:?}");
    assert_eq!(list().len(), 2, "and it stays");

    // What was given up for another reason goes through once that is gone.
    let data = json!({"userId": customer.user, "fullName": "Grace Hopper"});
    moto.send(&queue("q-notification-dlq"), &registered(MENDED, &customer.user, &data));
    let before = mails(&shop.data()).iter().filter(|mail| mail.to.contains(&customer.email)).count();
    let again = run(&["dlq", "redrive", "notification-queue", MENDED]);
    assert_eq!(again.code, 0, "{again:?}");
    let told = async || mails(&shop.data()).iter().filter(|mail| mail.to.contains(&customer.email)).count();
    eventually_within(within, "its mail is sent", told, |count| *count == before + 1).await;

    let purged = run(&["dlq", "purge", "--all", "--yes"]);
    assert_eq!(purged.code, 0, "{purged:?}");
    assert_eq!(list(), Vec::<Value>::new());
    let gone = run(&["dlq", "show", "notification-queue", POISON]);
    assert!(gone.code == 1 && gone.err.contains("NOT_FOUND"), "{gone:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_purchase_goes_through_fifo_queues_and_mails_through_ses() {
    let moto = Moto::start();
    let mut env = through(&moto, true);
    env.extend([("COMMERCE_MAIL__TRANSPORT", "ses".to_owned()), ("COMMERCE_AWS__IMAGES_BUCKET", "pictures".to_owned())]);
    let doctor = |check: &str| {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let data = folder.path().join("none").display().to_string();
        let found = run_command_with(&["doctor", "--output", "json", "--data", &data], &env, "");
        let items: Value = serde_json::from_str(&found.out).expect("JSON, whatever it says");
        let items = items["items"].as_array().expect("a list").clone();
        let item = items.into_iter().find(|item| item["check"] == check).unwrap_or_else(|| panic!("no {check}: {found:?}"));
        (found.code, item["result"].clone(), item["detail"].as_str().expect("a detail").to_owned())
    };
    for (check, what) in [("images", "no such bucket"), ("sns", "q-order-events.fifo"), ("sqs", "q-notification-dlq.fifo")] {
        let (code, result, detail) = doctor(check);
        assert!(code == 1 && result == "failed" && detail.contains(what), "{check}: {result} {detail}");
    }
    moto.make_bucket("pictures");
    let _ = init(&env);
    for check in ["images", "sns", "sqs"] {
        assert_eq!(doctor(check), (0, json!("ok"), "answers".to_owned()), "{check}");
    }
    let shop = Server::start_with(Options { services: Some(false), env: env.clone(), ..Options::default() });
    let ready = shop.anyone().get("/health/ready").send().await.expect(200);
    for name in ["images", "sns", "sqs"] {
        assert_eq!(ready["dependencies"][name]["status"], "UP", "{ready}");
    }
    let (admin, customer) = (shop.admin().await, shop.customer().await);
    let cup = admin.product(100, 10).await;
    customer.post("/api/orders", &commerce_tests::cod(&[(&cup.sku, 2)])).send().await.expect(201);
    let within = Duration::from_secs(30);
    let sold = || admin.stock(&cup.sku);
    eventually_within(within, "the hold becomes a sale", sold, |stock| *stock == (8, 0, 8)).await;
    let told = async || {
        let data: Value = serde_json::from_str(&moto.data()).expect("moto tells JSON");
        let sent = data["ses"]["RawMessage"].as_array().cloned().unwrap_or_default();
        sent.iter().filter(|mail| mail["raw_data"].as_str().is_some_and(|text| text.contains(&customer.email))).count()
    };
    eventually_within(within, "she is told by way of SES", told, |count| *count >= 2).await;
    assert_eq!(mails(&shop.data()).len(), 0, "and not in files");
}
