//! Pictures made anew: nothing that a client sent is kept, only what it shows.
//!
//! A picture is decoded and encoded again before it is kept, so that what hides in it (scripts behind its end, places and
//! names in its notes) is gone, and what claims to be one and is none is refused. How large it becomes is known from its head
//! and bounded before anything is decoded. It is turned as its notes say, because they go. Never decodes on a thread that
//! serves others, and never two at a time, so that one is all the memory that pictures take.

use std::io::Cursor;
use std::sync::Arc;

use async_trait::async_trait;
use commerce_core::catalog::ImageStore;
use commerce_core::error::{Outcome, StoreErrorKind};
use commerce_core::ids::ImageId;
use commerce_core::{Refusal, StoreError, limits};
use image::codecs::jpeg::JpegEncoder;
use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader};
use tokio::sync::Semaphore;

const OPERATION: &str = "images.renew";
/// How true a JPEG stays, of 100: above it a file grows and nobody sees more.
const JPEG_QUALITY: u8 = 90;

/// Keeps pictures in another store, each made anew.
pub struct RenewedImages {
    store: Arc<dyn ImageStore>,
    turn: Semaphore,
}

impl RenewedImages {
    /// Before this store.
    pub fn before(store: Arc<dyn ImageStore>) -> Self {
        Self { store, turn: Semaphore::new(1) }
    }
}

#[async_trait]
impl ImageStore for RenewedImages {
    async fn put(&self, id: ImageId, extension: &'static str, bytes: Vec<u8>) -> Outcome<String> {
        let failed = |error| StoreError::new(StoreErrorKind::Internal, OPERATION, error);
        let (extension, bytes) = {
            let _turn = self.turn.acquire().await.map_err(|error| failed(error.into()))?;
            tokio::task::spawn_blocking(move || renewed(extension, &bytes)).await.map_err(|error| failed(error.into()))??
        };
        self.store.put(id, extension, bytes).await
    }

    async fn get(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.store.get(name).await
    }

    async fn delete(&self, url: &str) -> Result<(), StoreError> {
        self.store.delete(url).await
    }
}

/// The picture as it is kept, with the extension of its format. What has no transparency is a JPEG unless it came as a PNG:
/// there is no encoder here that makes a small WebP of a photograph.
fn renewed(extension: &str, bytes: &[u8]) -> Result<(&'static str, Vec<u8>), Refusal> {
    let picture = decoded(extension, bytes)?;
    let mut kept = Cursor::new(Vec::new());
    let (extension, encoded) = match (extension, picture.color().has_alpha()) {
        ("png", true) => ("png", DynamicImage::from(picture.into_rgba8()).write_to(&mut kept, ImageFormat::Png)),
        ("png", false) => ("png", DynamicImage::from(picture.into_rgb8()).write_to(&mut kept, ImageFormat::Png)),
        ("webp", true) => ("webp", DynamicImage::from(picture.into_rgba8()).write_to(&mut kept, ImageFormat::WebP)),
        (_, _) => {
            let encoder = JpegEncoder::new_with_quality(&mut kept, JPEG_QUALITY);
            ("jpg", picture.into_rgb8().write_with_encoder(encoder))
        }
    };
    encoded.map_err(|_| unreadable())?;
    Ok((extension, kept.into_inner()))
}

fn decoded(extension: &str, bytes: &[u8]) -> Result<DynamicImage, Refusal> {
    let format = match extension {
        "jpg" => ImageFormat::Jpeg,
        "png" => ImageFormat::Png,
        "webp" => ImageFormat::WebP,
        _ => return Err(unreadable()),
    };
    if format == ImageFormat::Jpeg && !is_ended(bytes) {
        return Err(unreadable());
    }
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    let mut bounds = image::Limits::default();
    bounds.max_image_width = Some(limits::IMAGE_SIDE_MAX);
    bounds.max_image_height = Some(limits::IMAGE_SIDE_MAX);
    bounds.max_alloc = Some(limits::IMAGE_DECODED_MAX);
    reader.limits(bounds);
    let mut decoder = reader.into_decoder().map_err(|error| refused(&error))?;
    let (width, height) = decoder.dimensions();
    if u64::from(width).saturating_mul(height.into()) > limits::IMAGE_PIXELS_MAX {
        return Err(too_large());
    }
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let mut picture = DynamicImage::from_decoder(decoder).map_err(|error| refused(&error))?;
    picture.apply_orientation(orientation);
    Ok(picture)
}

/// Whether the last scan of a JPEG ends (ISO 10918-1, B.1.1.3): its decoder paints grey what is missing.
fn is_ended(bytes: &[u8]) -> bool {
    let last = |marker: u8| bytes.windows(2).rposition(|pair| pair == [0xff, marker]);
    last(0xda).zip(last(0xd9)).is_some_and(|(scan, end)| scan < end)
}

fn refused(error: &image::ImageError) -> Refusal {
    if matches!(error, image::ImageError::Limits(_)) { too_large() } else { unreadable() }
}

fn too_large() -> Refusal {
    let side = limits::IMAGE_SIDE_MAX;
    let most = format!("must have at most {side} pixels on a side and {} in all", limits::IMAGE_PIXELS_MAX);
    Refusal::field("file", "OUT_OF_RANGE", most)
}

fn unreadable() -> Refusal {
    Refusal::field("file", "INVALID", "is not a whole JPEG, PNG or WebP picture")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stripes(width: u32, height: u32) -> DynamicImage {
        // Red on the left, blue on the right.
        let pixel = |x, _| if x < width / 2 { image::Rgb([250, 0, 0]) } else { image::Rgb([0, 0, 250]) };
        image::RgbImage::from_fn(width, height, pixel).into()
    }

    fn written(picture: &DynamicImage, format: ImageFormat) -> Vec<u8> {
        let mut bytes = Cursor::new(Vec::new());
        picture.write_to(&mut bytes, format).unwrap();
        bytes.into_inner()
    }

    fn code(outcome: Result<(&'static str, Vec<u8>), Refusal>) -> &'static str {
        match outcome {
            Ok(_) => "OK",
            Err(Refusal::Invalid(fields)) => fields[0].code,
            Err(other) => panic!("{other}"),
        }
    }

    fn contains(bytes: &[u8], word: &[u8]) -> bool {
        bytes.windows(word.len()).any(|window| window == word)
    }

    /// A JPEG whose notes (Exif 2.32) say that it is to be turned a quarter, and where it was taken.
    fn noted() -> Vec<u8> {
        let plain = written(&stripes(32, 16), ImageFormat::Jpeg);
        let mut notes = b"Exif\0\0II*\0\x08\0\0\0".to_vec();
        notes.extend_from_slice(b"\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0 12 MG Road, Pune");
        let length = u16::try_from(notes.len() + 2).unwrap().to_be_bytes();
        [&plain[..2], &[0xff, 0xe1], &length, &notes, &plain[2..]].concat()
    }

    #[test]
    fn a_picture_stays_what_it_shows() {
        for (extension, format, kept) in
            [("jpg", ImageFormat::Jpeg, "jpg"), ("png", ImageFormat::Png, "png"), ("webp", ImageFormat::WebP, "jpg")]
        {
            let (found, bytes) = renewed(extension, &written(&stripes(32, 16), format)).unwrap();
            assert_eq!(found, kept);
            let picture = image::load_from_memory(&bytes).unwrap().into_rgb8();
            assert_eq!(picture.dimensions(), (32, 16), "{extension}");
            assert!(picture.get_pixel(2, 8)[0] > 200 && picture.get_pixel(29, 8)[2] > 200, "{extension}");
        }
        let glass: DynamicImage = image::RgbaImage::from_pixel(4, 4, image::Rgba([9, 9, 9, 7])).into();
        for (extension, format) in [("png", ImageFormat::Png), ("webp", ImageFormat::WebP)] {
            let (found, bytes) = renewed(extension, &written(&glass, format)).unwrap();
            assert_eq!(found, extension);
            assert_eq!(image::load_from_memory(&bytes).unwrap().into_rgba8().get_pixel(1, 1)[3], 7);
        }
    }

    #[test]
    fn notes_are_followed_and_dropped() {
        let with_notes = noted();
        assert!(contains(&with_notes, b"MG Road"));
        let (_, bytes) = renewed("jpg", &with_notes).unwrap();
        assert!(!contains(&bytes, b"MG Road") && !contains(&bytes, b"Exif"));
        let picture = image::load_from_memory(&bytes).unwrap().into_rgb8();
        assert_eq!(picture.dimensions(), (16, 32), "turned");
        assert!(picture.get_pixel(8, 2)[0] > 200 && picture.get_pixel(8, 29)[2] > 200, "what was left is above");
    }

    #[test]
    fn what_stands_behind_a_picture_is_gone() {
        let script = b"<script>alert(1)</script>";
        for (extension, format) in [("jpg", ImageFormat::Jpeg), ("png", ImageFormat::Png)] {
            let both = [written(&stripes(8, 8), format), script.to_vec()].concat();
            let (_, bytes) = renewed(extension, &both).unwrap();
            assert!(!contains(&bytes, script), "{extension}");
        }
    }

    #[test]
    fn a_bomb_is_refused_by_its_head() {
        // A PNG of 50,000 by 50,000 pixels: its head (RFC 2083) with its checksum, and no more.
        let mut head = b"IHDR\0\0\xc3\x50\0\0\xc3\x50\x08\x02\0\0\0".to_vec();
        let sum = crc32(&head).to_be_bytes();
        head.extend_from_slice(&sum);
        let bomb = [b"\x89PNG\r\n\x1a\n\0\0\0\x0d".as_slice(), &head, b"\0\0\0\0IDAT\x35\xaf\x06\x1e"].concat();
        assert_eq!(code(renewed("png", &bomb)), "OUT_OF_RANGE");
        let wide = written(&stripes(limits::IMAGE_SIDE_MAX + 1, 1), ImageFormat::Png);
        assert_eq!(code(renewed("png", &wide)), "OUT_OF_RANGE");
    }

    #[test]
    fn what_is_no_whole_picture_is_refused() {
        for (extension, format) in [("jpg", ImageFormat::Jpeg), ("png", ImageFormat::Png), ("webp", ImageFormat::WebP)] {
            let whole = written(&stripes(64, 64), format);
            for end in [0, 4, 16, whole.len() / 2] {
                assert_eq!(code(renewed(extension, &whole[..end])), "INVALID", "{extension} up to {end}");
            }
            let other = if extension == "png" { "jpg" } else { "png" };
            assert_eq!(code(renewed(other, &whole)), "INVALID", "{extension} as {other}");
        }
        assert_eq!(code(renewed("svg", b"<svg/>")), "INVALID");
    }

    /// The checksum of RFC 2083, section 15.
    fn crc32(bytes: &[u8]) -> u32 {
        let step = |crc: u32, byte: &u8| {
            (0..8).fold(crc ^ u32::from(*byte), |crc, _| if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 })
        };
        !bytes.iter().fold(u32::MAX, step)
    }
}
