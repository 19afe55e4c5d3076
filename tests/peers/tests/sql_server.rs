//! The private server of MariaDB or MySQL starts, survives being killed, and leaves nothing behind.

use commerce_peers::SqlServer;

#[test]
fn a_killed_server_comes_back_with_what_it_was_told() {
    let server = SqlServer::start();
    server.sql("CREATE DATABASE shop; CREATE TABLE shop.t (n INT); INSERT INTO shop.t VALUES (7)");
    server.peer().kill();
    server.peer().again();
    assert_eq!(server.sql("SELECT n FROM shop.t"), "7\n");
    let folder = server.peer().folder().to_owned();
    drop(server);
    assert!(!folder.exists(), "its folder goes with it");
}

#[test]
fn a_replica_follows_its_primary() {
    let primary = SqlServer::start();
    let replica = SqlServer::replica_of(&primary);
    primary.sql("CREATE DATABASE shop");
    let shown = || replica.sql("SHOW DATABASES").lines().any(|name| name == "shop");
    let begun = std::time::Instant::now();
    while !shown() {
        assert!(begun.elapsed().as_secs() < 30, "it does not follow:\n{}", replica.peer().log());
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
}
