//! What a path is, judged before it is matched.

/// Whether a path is, or is after normalising, one of `/internal…`, which no public listener has.
#[must_use]
pub fn leads_inside(path: &str) -> bool {
    let mut text = path.to_lowercase();
    // Each round undoes one layer of encoding; three are more than any proxy adds.
    for _ in 0..3 {
        text = decoded(&text);
    }
    let mut segments: Vec<&str> = Vec::new();
    for segment in text.split(['/', '\\']) {
        let bare = segment.split([';', '\0']).next().unwrap_or_default().trim();
        match bare {
            "" | "." => {}
            ".." => {
                segments.pop();
            }
            other => segments.push(other),
        }
    }
    segments.first().is_some_and(|first| first.starts_with("internal"))
}

/// Percent-decoded once; what is no encoding stays as it is.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let hex = after.get(..2).and_then(|pair| std::str::from_utf8(pair).ok());
        match hex.and_then(|pair| u8::from_str_radix(pair, 16).ok()) {
            Some(byte) if *first == b'%' => {
                bytes.push(byte.to_ascii_lowercase());
                rest = &after[2..];
            }
            _ => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Whether calls are counted by the rate limits. Health, figures, documents, static files, pictures
/// and webhooks are not.
#[must_use]
pub fn is_counted(path: &str) -> bool {
    path.starts_with("/api/") && !path.starts_with("/api/payments/webhooks/")
}

/// Whether answers may be kept by nobody, unless they say otherwise.
#[must_use]
pub fn is_private(path: &str) -> bool {
    path.starts_with("/api/") || path.starts_with("/health") || path.starts_with("/metrics")
}

/// Whether bodies may be as large as pictures are.
#[must_use]
pub fn takes_pictures(path: &str) -> bool {
    path.starts_with("/api/products/") && path.ends_with("/images")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_inside_is_not_reached_in_any_spelling() {
        for inside in [
            "/internal",
            "/internal/products",
            "//internal/products",
            "/INTERNAL/x",
            "/api/..%2finternal/products",
            "/api/%2e%2e/internal",
            "/api/../internal",
            "/internal;x=1/products",
            "/%69nternal",
            "/%2569nternal",
            "/./internal",
            "/api/..\\internal",
            "/internals",
            "/%00/../internal",
        ] {
            assert!(leads_inside(inside), "{inside}");
        }
        for outside in ["/", "/api/products/internal", "/api/internal", "/docs", "/api/products/%", "/api/%zz"] {
            assert!(!leads_inside(outside), "{outside}");
        }
    }
}
