//! Pictures.

use crate::catalog::ImageStore;
use crate::ids::ImageId;

use super::fixture::got;
use super::outside::{Made, ids};

pub(super) async fn all(make: &impl AsyncFn() -> Made<dyn ImageStore>) {
    a_picture_comes_back_until_it_is_deleted(make).await;
    names_of_others_are_nothing(make).await;
}

/// The name in a URL of ours.
fn name(url: &str) -> &str {
    url.rsplit('/').next().unwrap_or(url)
}

async fn a_picture_comes_back_until_it_is_deleted(make: &impl AsyncFn() -> Made<dyn ImageStore>) {
    let (made, ids) = (make().await, ids());
    let images = &made.port;
    let large: Vec<u8> = (0..=u8::MAX).cycle().take(3 << 20).collect();
    let mut kept = Vec::new();
    for (extension, bytes) in [("jpg", large), ("png", b"\x89PNG\r\n\0".to_vec()), ("webp", Vec::new())] {
        let id: ImageId = ids.mint();
        let url = got(images.put(id, extension, bytes.clone()).await);
        assert_eq!(name(&url), format!("{id}.{extension}"), "it is named by its id");
        kept.push((url, bytes));
    }
    for (url, bytes) in &kept {
        assert!(got(images.get(name(url)).await).as_ref() == Some(bytes), "{url} is what was put");
        got(images.delete(url).await);
        assert!(got(images.get(name(url)).await).is_none(), "{url} is gone");
        got(images.delete(url).await);
    }
}

async fn names_of_others_are_nothing(make: &impl AsyncFn() -> Made<dyn ImageStore>) {
    let (made, ids) = (make().await, ids());
    let images = &made.port;
    let url = got(images.put(ids.mint(), "png", b"ours".to_vec()).await);
    let strange = ["", ".", "..", "../secret.png", "/etc/passwd", "a.png", "%2e%2e/a.png", "a\0.png", "💥.png"];
    for strange in strange {
        assert!(got(images.get(strange).await).is_none(), "{strange:?}");
    }
    got(images.delete("https://elsewhere.example/picture.png").await);
    assert!(got(images.get(name(&url)).await).is_some(), "links to elsewhere are left alone");
}
