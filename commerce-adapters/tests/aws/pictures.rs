//! Pictures in a bucket.

use std::sync::Arc;

use commerce_adapters::commerce_core::catalog::ImageStore;
use commerce_adapters::commerce_core::error::StoreErrorKind;
use commerce_adapters::commerce_core::testing::conformance::{self, Made};
use commerce_adapters::images::ObjectImages;
use commerce_peers::Moto;

use crate::support::{server, settings};

#[tokio::test]
async fn conform() {
    server().make_bucket("pictures");
    conformance::images(async || Made::<dyn ImageStore>::new(Arc::new(ObjectImages::bucket("pictures", &settings()).unwrap())))
        .await;
}

#[tokio::test]
async fn a_bucket_that_is_away_is_unavailable() {
    let own = Moto::start();
    let is_there = async |images: &ObjectImages| images.is_there().await.map_err(|error| error.kind);
    let settings = commerce_adapters::aws::AwsSettings { endpoint: Some(own.url().to_owned()), ..settings() };
    let images = ObjectImages::bucket("pictures", &settings).unwrap();
    assert_eq!(is_there(&images).await, Err(StoreErrorKind::Internal), "there is none of the name");
    own.make_bucket("pictures");
    assert_eq!(is_there(&images).await, Ok(()));
    own.peer().kill();
    assert_eq!(is_there(&images).await, Err(StoreErrorKind::Unavailable));
    let name = "0195a1b2-c3d4-7e5f-8a6b-7c8d9e0f1a2b.png";
    assert_eq!(images.get(name).await.unwrap_err().kind, StoreErrorKind::Unavailable);
}
