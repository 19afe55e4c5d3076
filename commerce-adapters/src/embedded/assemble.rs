//! Puts the parts together: the contexts that have stores here, over concrete adapters.

use std::sync::Arc;

use commerce_core::catalog::ProductSearch;
use commerce_core::commerce::Context;
use commerce_core::error::StoreError;
use commerce_core::events::{DeadLetters, EventBus, Outbox};
use commerce_core::ids::IdSource;
use commerce_core::notifications::WebhookCaller;
use commerce_core::orders::cart_key;
use commerce_core::part::{CatalogPorts, Here, NotificationPorts, Part, SalesPorts, UserPorts};

use super::bus::{InProcessBus, ToAll};
use super::service::Service;
use super::workers::{Owner, Workers};
use super::{Embedded, nowhere};
use crate::auth::argon2::Argon2Hasher;
use crate::auth::jwt::{ISSUER, JwtSigner};
use crate::auth::key_file::KeyFile;
use crate::chaos::ChaosBus;
use crate::files::{make_private, storage_error};
use crate::images::{ObjectImages, RenewedImages};
use crate::mail::eml::FileMailer;
use crate::mail::templates::TemplateRenderer;
use crate::payments::sandbox::Sandbox;
use crate::stores::Stores;

/// The contexts of `stores`, with their workers.
pub(super) fn assemble(mut parts: Embedded, mut stores: Stores) -> Result<Service, StoreError> {
    stores.carts = parts.carts.take().or(stores.carts);
    if let Some(in_front) = parts.user_stores.take() {
        stores.users = stores.users.map(in_front);
    }
    // Books that are elsewhere have not made it.
    make_private(&parts.dir).map_err(|error| storage_error("shop.open", &parts.dir, &error))?;
    let keys = match &stores.users {
        Some(_) => Some(KeyFile::new(&parts.dir, Arc::clone(&parts.entropy))),
        None => None,
    };
    let here = here(&mut parts, &stores, keys.as_ref())?;
    let Embedded { clock, entropy, policies, elsewhere, also_to, bus, letter_boxes, workers, chaos_percent, watches, .. } = parts;
    let keep = policies.keep;
    let part = Part::new(here, elsewhere, policies).map_err(nowhere)?;
    let chaos = |bus| -> Arc<dyn EventBus> {
        if chaos_percent == 0 { bus } else { Arc::new(ChaosBus::new(bus, Arc::clone(&entropy), chaos_percent)) }
    };
    let mut part = with_events(part, &stores, bus, also_to, &clock, chaos);
    if let Some(with_brokers) = letter_boxes {
        part.dead_letters = part.dead_letters.over(with_brokers(part.dead_letters.boxes().to_vec()));
    }

    let ids = IdSource::new(Arc::clone(&clock), entropy);
    let backings = stores.backings;
    let owners: Vec<Owner> = backings.iter().map(|_| Owner::new(ids.clone())).collect();
    let workers = workers.then(|| Workers::start(&part, &backings, keys.as_ref(), keep, &owners, &clock));
    Ok(Service::new(part, backings, workers, owners, clock).with_watches(watches))
}

fn here(parts: &mut Embedded, stores: &Stores, keys: Option<&KeyFile>) -> Result<Here, StoreError> {
    let (clock, entropy) = (&parts.clock, &parts.entropy);
    let users = match (&stores.users, keys) {
        (Some(store), Some(keys)) => {
            let ring = keys.load_or_create(clock.now())?;
            let tokens = Arc::new(JwtSigner::following(keys.clone(), &ring, ISSUER, ISSUER));
            let passwords = Arc::new(Argon2Hasher::new(Arc::clone(entropy)));
            Some(UserPorts { store: Arc::clone(store), passwords, tokens })
        }
        _ => None,
    };
    let catalog = match &stores.catalog {
        Some(store) => {
            let images = match parts.images.take() {
                Some(images) => images,
                None => Arc::new(ObjectImages::local(&parts.dir.join("images"))?),
            };
            let images = Arc::new(RenewedImages::before(images));
            Some(CatalogPorts { store: Arc::clone(store), search: search(parts), images })
        }
        None => None,
    };
    let orders = match (&stores.orders, &stores.carts) {
        (Some(store), Some(carts)) => {
            let (books, secret) = (parts.dir.join("sandbox-payments"), parts.webhook_secret.clone());
            let mut gateways = std::mem::take(&mut parts.gateways);
            let sandbox = Sandbox::new(books, secret, parts.policies.orders.currency);
            gateways.push(Arc::new(if parts.sandbox_takes { sandbox } else { sandbox.retired() }));
            let cart_key = match parts.cart_key {
                Some(key) => key,
                None => cart_key(&KeyFile::new(&parts.dir, Arc::clone(entropy)).load_or_create(clock.now())?.refresh),
            };
            Some(SalesPorts { store: Arc::clone(store), carts: Arc::clone(carts), gateways, cart_key })
        }
        _ => None,
    };
    let notifications = match &stores.notifications {
        Some(store) => {
            let renderer = match parts.renderer.take() {
                Some(renderer) => renderer,
                None => Arc::new(TemplateRenderer::new()?),
            };
            let mailer = parts.mailer.take().unwrap_or_else(|| Arc::new(FileMailer::new(parts.dir.join("mail"))));
            let webhooks = match parts.webhooks.take() {
                Some(webhooks) => webhooks,
                None => caller(),
            };
            Some(NotificationPorts { store: Arc::clone(store), renderer, mailer, webhooks })
        }
        None => None,
    };
    let (clock, entropy) = (Arc::clone(&parts.clock), Arc::clone(&parts.entropy));
    Ok(Here { clock, entropy, users, catalog, orders, notifications })
}

#[cfg(feature = "webhooks")]
fn caller() -> Arc<dyn WebhookCaller> {
    Arc::new(crate::webhooks::HttpCaller::new(false))
}

#[cfg(not(feature = "webhooks"))]
fn caller() -> Arc<dyn WebhookCaller> {
    Arc::new(crate::webhooks::NoCaller)
}

fn search(parts: &Embedded) -> Arc<dyn ProductSearch> {
    #[cfg(feature = "search")]
    if parts.index {
        return Arc::new(crate::search::TantivySearch::new(&parts.dir.join("search")));
    }
    #[cfg(not(feature = "search"))]
    let _ = parts.index;
    Arc::new(crate::search::NoSearch)
}

/// With its outboxes relayed and its dead letters kept. Without a broker an event leaves its outbox when
/// every consumer has recorded it, here and in the other processes.
fn with_events(
    part: Part,
    stores: &Stores,
    broker: Option<Arc<dyn EventBus>>,
    also_to: Vec<Arc<dyn EventBus>>,
    clock: &Arc<dyn commerce_core::Clock>,
    chaos: impl FnOnce(Arc<dyn EventBus>) -> Arc<dyn EventBus>,
) -> Part {
    let letters: Vec<(Context, Arc<dyn DeadLetters>)> =
        stores.backings.iter().map(|backing| (backing.context, Arc::clone(&backing.letters))).collect();
    let outboxes: Vec<(Context, Arc<dyn Outbox>)> =
        stores.backings.iter().map(|backing| (backing.context, Arc::clone(&backing.outbox))).collect();
    let part = part.with_dead_letters(&letters);
    let bus = broker.unwrap_or_else(|| {
        let direct: Arc<dyn EventBus> = Arc::new(InProcessBus::new(part.dead_letters.boxes().to_vec(), Arc::clone(clock)));
        if also_to.is_empty() { direct } else { Arc::new(ToAll::new(std::iter::once(direct).chain(also_to).collect())) }
    });
    part.with_bus(&chaos(bus), outboxes)
}
