//! Puts pictures on products. The picture is kept before the product names it, so that no product
//! names a picture that is not there; one that no product came to name is removed again.

use serde_json::json;

use crate::actor::Actor;
use crate::change::{Answer, RequestKey};
use crate::error::{Error, Outcome, Refusal};
use crate::ids::{Id, ImageId, ProductId};
use crate::keyed::Keyed;
use crate::limits;
use crate::staff::StaffAction;
use crate::text::Check;

use super::Catalog;
use super::change_product::Changed;
use super::model::{Image, Product};

impl Catalog {
    /// Adds a picture (JPEG, PNG or WebP, told by its first bytes) at the end.
    ///
    /// # Errors
    /// `NOT_FOUND`, also for a replay whose picture is gone; `INVALID` for other bytes or one
    /// picture too many; `IDEMPOTENCY_MISMATCH`; `VERSION_MISMATCH` when the product is not `expected`.
    pub async fn add_image(
        &self,
        actor: &Actor,
        id: ProductId,
        bytes: Vec<u8>,
        alt: &str,
        key: Option<RequestKey>,
        expected: Option<u64>,
    ) -> Outcome<Answer<Image>> {
        let product = self.managed_product(actor, id).await?;
        let keyed = Keyed::of(actor, format!("POST /api/products/{id}/images"), key);
        if let Some(made) = keyed.seen(&*self.store).await? {
            return Ok(Answer::Replayed(image_of(&product, ImageId::from_uuid(made))?));
        }
        let (extension, alt) = check(&product, &bytes, alt)?;
        let image: ImageId = self.ids.mint();
        let url = self.images.put(image, extension, bytes).await?;
        let image = Image { id: image, url, alt };
        let add = |product| with_image(product, image.clone());
        match self.change_keyed(actor, id, expected, &keyed, image.id.uuid(), add).await {
            Ok(Answer::Fresh(_)) => Ok(Answer::Fresh(image)),
            Ok(Answer::Replayed(product)) => {
                self.images.delete(&image.url).await?;
                let made = keyed.seen(&*self.store).await?.ok_or(Refusal::Conflict("key"))?;
                Ok(Answer::Replayed(image_of(&product, ImageId::from_uuid(made))?))
            }
            // A commit whose outcome is unknown may have named the picture: it stays.
            Err(Error::Refused(refusal)) => {
                self.images.delete(&image.url).await?;
                Err(Error::Refused(refusal))
            }
            Err(error) => Err(error),
        }
    }

    /// The bytes of a picture of ours, by the name at the end of its address.
    ///
    /// # Errors
    /// `NOT_FOUND`.
    pub async fn picture(&self, name: &str) -> Outcome<Vec<u8>> {
        Ok(self.images.get(name).await?.ok_or(Refusal::NotFound("image"))?)
    }

    /// Removes a picture.
    ///
    /// # Errors
    /// `NOT_FOUND`, `VERSION_MISMATCH` when the product is not `expected`.
    pub async fn remove_image(&self, actor: &Actor, id: ProductId, image: ImageId, expected: Option<u64>) -> Outcome<()> {
        self.change_product(actor, id, expected, |product| without_image(product, image)).await.map(|_| ())
    }

    /// Nobody is shown the pictures that a product no longer names. One that stays because its place does not answer takes
    /// room and does no harm.
    pub(super) async fn forget_pictures(&self, before: &Product, after: &Product) {
        let named = |image: &Image| after.images.iter().any(|kept| kept.url == image.url);
        for gone in before.images.iter().filter(|image| is_own(image) && !named(image)) {
            if let Err(error) = self.images.delete(&gone.url).await {
                tracing::warn!(url = gone.url, %error, "a picture that nothing names is still there");
            }
        }
    }
}

/// Whether it was put on its product, whose it then is: its file is called like it. A link to a picture of another product has an
/// id of its own.
fn is_own(image: &Image) -> bool {
    let name = image.url.rsplit('/').next().unwrap_or_default();
    name.split('.').next().is_some_and(|stem| stem == image.id.to_string())
}

fn image_of(product: &Product, id: ImageId) -> Result<Image, Refusal> {
    product.images.iter().find(|known| known.id == id).cloned().ok_or(Refusal::NotFound("image"))
}

fn check(product: &Product, bytes: &[u8], alt: &str) -> Result<(&'static str, String), Refusal> {
    let mut check = Check::new();
    let extension = extension(bytes);
    if extension.is_none() {
        check.fault("file", "INVALID", "must be a JPEG, PNG or WebP picture");
    }
    if bytes.len() > limits::IMAGE_BYTES_MAX {
        check.fault("file", "TOO_LONG", "must have at most 10 MiB");
    }
    if product.images.len() >= limits::IMAGES_MAX {
        check.fault("file", "TOO_MANY", "a product has at most 50 pictures");
    }
    let alt = check.line("alt", alt, 0, limits::SHORT_TEXT_MAX);
    check.finish()?;
    Ok((extension.unwrap_or("bin"), alt))
}

/// The usual file extension of a picture, by the signatures of ISO 10918-1, RFC 2083 and RFC 9649.
fn extension(bytes: &[u8]) -> Option<&'static str> {
    if bytes.starts_with(&[0xff, 0xd8, 0xff]) {
        Some("jpg")
    } else if bytes.starts_with(b"\x89PNG\r\n\x1a\n") {
        Some("png")
    } else if bytes.starts_with(b"RIFF") && bytes.get(8..12) == Some(b"WEBP") {
        Some("webp")
    } else {
        None
    }
}

fn with_image(mut product: Product, image: Image) -> Result<Changed, Refusal> {
    if product.images.len() >= limits::IMAGES_MAX {
        return Err(Refusal::field("file", "TOO_MANY", "a product has at most 50 pictures"));
    }
    let detail = json!({ "image": image.id });
    product.images.push(image);
    Ok(Changed::to(product, StaffAction::ImageAdded, detail))
}

fn without_image(mut product: Product, image: ImageId) -> Result<Changed, Refusal> {
    let before = product.images.len();
    product.images.retain(|known| known.id != image);
    if product.images.len() == before {
        return Err(Refusal::NotFound("image"));
    }
    Ok(Changed::to(product, StaffAction::ImageRemoved, json!({ "image": image })))
}

#[cfg(test)]
mod tests {
    use super::extension;

    #[test]
    fn pictures_are_told_by_their_first_bytes() {
        assert_eq!(extension(b"\xff\xd8\xff\xe0rest"), Some("jpg"));
        assert_eq!(extension(b"\x89PNG\r\n\x1a\nrest"), Some("png"));
        assert_eq!(extension(b"RIFF\0\0\0\0WEBPrest"), Some("webp"));
        for other in [&b"<svg"[..], b"GIF89a", b"RIFF\0\0\0\0WAVE", b""] {
            assert_eq!(extension(other), None);
        }
    }
}
