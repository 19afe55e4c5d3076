//! What an operator looks after by hand, for staff, under `/api/operations`: each context answers for its own part.

mod mails;
mod people;
mod queues;
mod upkeep;

use commerce_core::commerce::Context;

use crate::api::Api;

pub(super) use upkeep::audit as of_the_whole;

/// Of users.
pub(super) fn of_users(api: Api) -> Api {
    let api = queues::backlog(api, Context::Users, "/api/operations/outbox/users");
    people::routes(queues::letters!(api, "staff-log-queue"))
}

/// Of the catalog.
pub(super) fn of_the_catalog(api: Api) -> Api {
    let api = queues::backlog(api, Context::Catalog, "/api/operations/outbox/catalog");
    upkeep::index(queues::letters!(api, "catalog-order-queue"))
}

/// Of orders.
pub(super) fn of_orders(api: Api) -> Api {
    let api = queues::backlog(api, Context::Orders, "/api/operations/outbox/orders");
    queues::letters!(api, "order-cart-queue")
}

/// Of notifications.
pub(super) fn of_notifications(api: Api) -> Api {
    let api = queues::backlog(api, Context::Notifications, "/api/operations/outbox/notifications");
    let api = queues::letters!(api, "notification-queue");
    mails::routes(queues::letters!(api, "webhook-queue"))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use commerce_core::events::Queue;

    use crate::api::Api;
    use crate::routes;

    #[test]
    fn every_queue_has_its_dead_letters() {
        let (_, spec, _) = routes::all(Api::new()).finish();
        let paths = spec["paths"].as_object().unwrap();
        let named = paths.keys().filter_map(|path| path.strip_prefix("/api/operations/dead-letters/"));
        let named: BTreeSet<&str> = named.filter(|rest| !rest.contains('/')).collect();
        assert_eq!(named, Queue::all().iter().map(|queue| queue.name).collect());
    }
}
