//! The adapters of ports without a database keep every promise.

use std::sync::Arc;

use commerce_adapters::auth::argon2::Argon2Hasher;
use commerce_adapters::auth::jwt::JwtSigner;
use commerce_adapters::images::ObjectImages;
use commerce_adapters::payments::sandbox::Sandbox;
use commerce_core::Currency;
use commerce_core::catalog::ImageStore;
use commerce_core::orders::PaymentGateway;
use commerce_core::testing::SeededEntropy;
use commerce_core::testing::conformance::{self, Made};
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
