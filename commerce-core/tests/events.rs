//! Who hears what at a broker.

use commerce_core::events::Queue;
use commerce_core::testing::MemoryShop;

#[test]
fn every_consumer_has_its_queue_on_every_topic_it_needs() {
    let shop = MemoryShop::new(1);
    let mut needed: Vec<Queue> = shop.consumers().iter().map(|(_, consumer)| Queue::of(&**consumer)).collect();
    let mut known = Queue::all();
    needed.sort_by_key(|queue| queue.name);
    known.sort_by_key(|queue| queue.name);
    assert_eq!(known, needed);
}
