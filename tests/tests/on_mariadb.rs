//! The shop with its books on MariaDB: the same in one process and in services, at the command line, and
//! told in one line what is wrong with a database.

use commerce_peers::SqlServer;
use commerce_tests::{CommandOutput, Options, Server, purchase, run_command_with, sql_server};
use serde_json::{Value, json};

/// The settings of a shop whose databases are at `url`.
fn at(url: &str) -> [(&'static str, String); 1] {
    [("COMMERCE_DATABASE__URL", url.to_owned())]
}

#[tokio::test]
async fn a_purchase_goes_through_and_leaves_true_books() {
    for services in [false, true] {
        let shop = Server::start_with(Options { services: Some(services), mariadb: Some(true), ..Options::default() });
        purchase(&shop).await;
        assert_eq!(shop.run(&["audit", "--output", "json"]).code, 0);
        let files = std::fs::read_dir(shop.data()).unwrap().flatten();
        let database = |file: &std::fs::DirEntry| file.path().extension().is_some_and(|end| end == "db");
        assert_eq!(files.filter(database).count(), 0, "nothing is in files");
    }
}

#[tokio::test]
async fn what_is_shown_may_come_from_a_replica() {
    let replica = SqlServer::replica_of(sql_server());
    let url = sql_server().shop();
    let reader = url.replace(sql_server().url(), replica.url());
    let env = vec![("COMMERCE_DATABASE__URL", url), ("COMMERCE_DATABASE__READER_URL", reader)];
    let shop = Server::start_with(Options { env, mariadb: Some(false), ..Options::default() });
    purchase(&shop).await;
    let doctor = shop.run(&["doctor", "--output", "json"]).json();
    let servers: Vec<&Value> =
        doctor["items"].as_array().unwrap().iter().filter(|line| line["check"] == "database server").collect();
    assert_eq!(servers.len(), 2, "{doctor}");
    assert!(servers[1]["detail"].as_str().unwrap().contains("replica"), "{doctor}");

    replica.peer().pause();
    let doctor = shop.run(&["doctor", "--output", "json"]);
    replica.peer().resume();
    assert_eq!(doctor.code, 1, "{doctor:?}");
    let place = |server: &SqlServer| server.url().rsplit('@').next().expect("a place").to_owned();
    let found = |server: &SqlServer| {
        let items: Value = serde_json::from_str(&doctor.out).expect("JSON, whatever it says");
        let items = items["items"].as_array().cloned().expect("a list");
        let names = |item: &Value| item["detail"].as_str().is_some_and(|detail| detail.contains(&place(server)));
        items.into_iter().find(|item| names(item)).map(|item| item["result"].clone()).expect("it is named")
    };
    assert_eq!((found(sql_server()), found(&replica)), (json!("ok"), json!("failed")), "{doctor:?}");
}

#[test]
fn commands_work_without_a_server() {
    let (env, folder) = (at(&sql_server().shop()), tempfile::tempdir().unwrap());
    let data = folder.path().join("data");
    let config = folder.path().join("commerce.toml");
    let run = |args: &[&str], input: &str| {
        let places = ["--data", data.to_str().unwrap(), "--config", config.to_str().unwrap(), "--yes"];
        run_command_with(&[args, &places].concat(), &env, input)
    };
    let json = |args: &[&str]| run(&[args, &["--output", "json"]].concat(), "").json();
    std::fs::write(&config, "[mail]\nfrom_name = \"Kept\"\n").unwrap();

    let plan = json(&["migrate", "--plan"]);
    assert!(plan["items"].as_array().unwrap().len() >= 4, "{plan}");
    assert_eq!(json(&["migrate", "--plan"]), plan, "a plan changes nothing");
    assert_eq!(run(&["migrate"], "").code, 0);
    assert_eq!(json(&["migrate", "--plan"])["items"].as_array().unwrap().len(), 0);

    let filled = run(&["init", "--demo"], "");
    assert!(filled.code == 0 && filled.out.contains("customer@example.com"), "{filled:?}");
    assert!(std::fs::read_to_string(&config).unwrap().contains("Kept"), "a file that is there stays");
    let products = json(&["product", "list"]);
    assert!(products["items"].as_array().unwrap().len() > 10, "{products}");

    let create = ["user", "create", "--email", "ada@example.com", "--full-name", "Ada", "--password-stdin"];
    assert_eq!(run(&create, "correct horse battery").code, 0);
    let users = json(&["user", "list"]);
    assert!(users["items"].as_array().unwrap().iter().any(|user| user["email"] == "ada@example.com"), "{users}");
    assert_eq!(json(&["order", "list"])["items"].as_array().unwrap().len(), 0);
    assert_eq!(run(&["audit"], "").code, 0);
    let doctor = json(&["doctor"]);
    let server = doctor["items"].as_array().unwrap().iter().find(|line| line["check"] == "database server").expect("it is told");
    assert!(server["detail"].as_str().unwrap().contains("MariaDB"), "{doctor}");
}

#[test]
fn what_is_wrong_with_a_database_is_said_in_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let migrate = |env: &[(&'static str, String)]| -> CommandOutput {
        run_command_with(&["migrate", "--data", folder.path().to_str().unwrap()], env, "")
    };
    let replica = SqlServer::replica_of(sql_server());
    let user = sql_server().url().replace("root@", "nobody:wrong-word@");
    let reader = vec![("COMMERCE_DATABASE__READER_URL", sql_server().shop())];
    let only = vec![("COMMERCE_DATABASE__ORDERS_URL", format!("{}/o", sql_server().url()))];
    for (env, code, told) in [
        (at("localhost:3306/shop").to_vec(), "CONFIG_INVALID", "must be mysql://USER:PASSWORD@HOST:PORT/NAME"),
        (at("mysql://root:wrong-word@127.0.0.1:1/shop").to_vec(), "UNAVAILABLE", "127.0.0.1:1/shop"),
        (at(&format!("{user}/shop")).to_vec(), "INTERNAL", "Access denied"),
        (at(&format!("{}/shop", replica.url())).to_vec(), "STORAGE_READ_ONLY", "the server is read-only: is it a replica?"),
        (reader, "CONFIG_INVALID", "database.url is not set"),
        (only, "CONFIG_INVALID", "database.users_url must say where that database is"),
    ] {
        let done = migrate(&env);
        assert!(done.code == 1 && done.err.contains(code) && done.err.contains(told), "{env:?}: {done:?}");
        assert!(!done.err.contains("wrong-word") && done.err.trim().lines().count() == 1, "{done:?}");
    }
    assert!(!replica.sql("SHOW DATABASES").contains("shop"));
}
