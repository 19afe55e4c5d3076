//! What TLS computes with.

/// The process chooses once; a second choice of the same changes nothing.
pub(crate) fn choose() {
    rustls::crypto::ring::default_provider().install_default().ok();
}
