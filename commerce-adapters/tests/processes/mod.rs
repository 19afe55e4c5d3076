//! Several processes that sell one SKU.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};

use commerce_core::error::StoreErrorKind;
use futures_util::future::join_all;

use crate::selling::Seller;

/// Tells a child where the shop is.
pub(crate) const SHOP: &str = "COMMERCE_TEST_SHOP";

/// Starts this test again as a process that sells out of the shop at `place`.
pub(crate) fn child(place: &str) -> Child {
    let program = std::env::current_exe().expect("the test knows itself");
    Command::new(program)
        .args(["--exact", "child_process", "--nocapture"])
        .env(SHOP, place)
        .stdout(Stdio::piped())
        .spawn()
        .expect("the test starts again")
}

/// What such a process does: reserves one unit after another and says `held` after each commit. A reservation that the
/// store says was not made, because the connection was lost meanwhile, is made again.
pub(crate) async fn sell_all(seller: Seller) {
    loop {
        match seller.try_reserve().await {
            Ok(true) => writeln!(std::io::stdout(), "\nheld").expect("the parent listens"),
            Ok(false) => break,
            Err(error) if error.kind == StoreErrorKind::Unavailable => {}
            Err(error) => panic!("{error:?}"),
        }
    }
    seller.shop.close().await;
}

/// How often a process says `held`, as its lines come.
pub(crate) fn sold(child: &mut Child) -> impl Iterator<Item = ()> + use<> {
    let output = child.stdout.take().expect("its output is a pipe");
    let held = |line: &std::io::Result<String>| line.as_ref().is_ok_and(|line| line.ends_with("held"));
    BufReader::new(output).lines().filter(held).map(|_| ())
}

/// Two processes beside this one sell exactly what there is.
pub(crate) async fn processes_sell_exactly_what_there_is(seller: Seller, place: &str) {
    const UNITS: usize = 150;
    seller.stock_up(i64::try_from(UNITS).expect("it is small")).await;
    let mut children = [child(place), child(place)];
    let mut count = 0;
    while seller.reserve().await {
        count += 1;
    }
    for child in &mut children {
        count += sold(child).count();
        assert!(child.wait().expect("the child ends").success());
    }
    assert_eq!(count, UNITS);
    let stock = seller.audited_stock().await;
    assert_eq!((stock.reserved, stock.available()), (stock.on_hand, 0));
}

/// What a killed process acknowledged is there when the shop is opened again.
pub(crate) async fn a_killed_process_loses_nothing(open: impl AsyncFn() -> Seller, place: &str) {
    let seller = open().await;
    seller.stock_up(1_000_000).await;
    seller.shop.close().await;
    for round in 1..=3_usize {
        let mut process = child(place);
        let mut lines = sold(&mut process);
        let mut acknowledged = lines.by_ref().take(20 * round).count();
        process.kill().expect("the child can be killed");
        acknowledged += lines.count();
        process.wait().expect("the child ends");
        let seller = open().await;
        let before = seller.audited_stock().await.reserved;
        assert!(before >= i64::try_from(acknowledged).expect("it is small"), "{before} of {acknowledged} survived");
        assert!(seller.reserve().await, "the shop sells on");
        seller.shop.close().await;
    }
}

/// As many get a unit as there are.
pub(crate) async fn a_crowd_gets_exactly_what_there_is(seller: Seller) {
    seller.stock_up(70).await;
    let outcomes = join_all((0..300).map(|_| seller.reserve())).await;
    assert_eq!(outcomes.into_iter().filter(|held| *held).count(), 70);
    assert_eq!(seller.audited_stock().await.available(), 0);
}
