//! The adapters of ports without a database keep every promise.

use std::sync::Arc;

use commerce_adapters::auth::argon2::Argon2Hasher;
use commerce_adapters::auth::jwt::JwtSigner;
use commerce_adapters::images::ObjectImages;
use commerce_adapters::mail::eml::FileMailer;
use commerce_adapters::mail::templates::TemplateRenderer;
use commerce_adapters::payments::sandbox::Sandbox;
use commerce_adapters::traffic::LocalLimiter;
use commerce_core::Currency;
use commerce_core::catalog::ImageStore;
use commerce_core::notifications::{Mailer, Renderer};
use commerce_core::orders::PaymentGateway;
use commerce_core::testing::SeededEntropy;
use commerce_core::testing::conformance::{self, Made, Post};
use commerce_core::traffic::RateLimiter;
use commerce_core::users::{PasswordHasher, TokenSigner};

#[tokio::test]
async fn sandbox_gateway() {
    conformance::sandbox_gateway(async || {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let sandbox = Sandbox::new(folder.path().join("sandbox"), "secret", Currency::INR);
        Made::<dyn PaymentGateway>::new(Arc::new(sandbox)).keeping(folder)
    })
    .await;
}

#[tokio::test]
async fn images() {
    conformance::images(async || {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let images = ObjectImages::local(&folder.path().join("images")).expect("the folder can be made");
        Made::<dyn ImageStore>::new(Arc::new(images)).keeping(folder)
    })
    .await;
}

#[tokio::test]
async fn passwords() {
    conformance::passwords(async || {
        Made::<dyn PasswordHasher>::new(Arc::new(Argon2Hasher::new(Arc::new(SeededEntropy::new(1)))))
    })
    .await;
}

#[tokio::test]
async fn tokens() {
    conformance::tokens(async |key| {
        Made::<dyn TokenSigner>::new(Arc::new(JwtSigner::new(&[key; 32], "https://shop.example", "shop")))
    })
    .await;
}

#[cfg(feature = "search")]
#[tokio::test]
async fn search() {
    conformance::search(async || {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let search = commerce_adapters::search::TantivySearch::new(&folder.path().join("search"));
        Made::<dyn commerce_core::catalog::ProductSearch>::new(Arc::new(search)).keeping(folder)
    })
    .await;
}

#[tokio::test]
async fn rate_limiter() {
    conformance::rate_limiter(async || Made::<dyn RateLimiter>::new(Arc::new(LocalLimiter::default()))).await;
}

#[tokio::test]
async fn mailer() {
    conformance::mailer(async || {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let mail = folder.path().join("mail");
        let mailer = FileMailer::new(&mail);
        let handed_over = Box::new(move || {
            let days = std::fs::read_dir(&mail).into_iter().flatten().map(|day| day.expect("it can be read").path());
            let files = days.flat_map(|day| std::fs::read_dir(day).expect("a day is a folder"));
            files.map(|file| std::fs::read_to_string(file.expect("it can be read").path()).expect("mails are text")).collect()
        });
        Post { mailer: Made::<dyn Mailer>::new(Arc::new(mailer)).keeping(folder), handed_over }
    })
    .await;
}

#[tokio::test]
async fn renderer() {
    conformance::renderer(async || {
        Made::<dyn Renderer>::new(Arc::new(TemplateRenderer::new().expect("the templates are well formed")))
    })
    .await;
}

#[cfg(feature = "sqlite")]
#[tokio::test]
async fn bus() {
    conformance::bus(async |boxes, clock| {
        let bus = commerce_adapters::embedded::InProcessBus::new(boxes.clone(), clock);
        conformance::Carrier::at_once(Made::<dyn commerce_core::events::EventBus>::new(Arc::new(bus)), &boxes)
    })
    .await;
}

/// Each consumer at a place of its own, as in processes of their own.
#[cfg(feature = "sqlite")]
#[tokio::test]
async fn bus_to_several_places() {
    use commerce_adapters::embedded::{InProcessBus, ToAll};
    use commerce_core::events::EventBus;

    conformance::bus(async |boxes, clock| {
        let place = |letter_box| Arc::new(InProcessBus::new(vec![letter_box], clock.clone())) as Arc<dyn EventBus>;
        let bus = ToAll::new(boxes.iter().cloned().map(place).collect());
        conformance::Carrier::at_once(Made::<dyn EventBus>::new(Arc::new(bus)), &boxes)
    })
    .await;
}
