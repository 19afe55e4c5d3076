//! How the instances of a service are found: written down, by name, or where they say themselves that they are.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use async_trait::async_trait;
use commerce_core::error::StoreError;
use http::uri::Authority;

/// Where instances of services say that they are.
#[async_trait]
pub trait Directory: Send + Sync {
    /// Where those of `service` are now: `http://HOST:PORT` or `https://HOST:PORT` each.
    ///
    /// # Errors
    /// When it does not answer. Whoever asks keeps what she knew.
    async fn instances(&self, service: &str) -> Result<Vec<String>, StoreError>;
}

/// A service as it stands in a directory.
#[derive(Clone)]
pub struct Entry {
    directory: Arc<dyn Directory>,
    service: String,
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Entry").field(&self.service).finish()
    }
}

/// Where one or several instances of a service are.
#[derive(Clone, Debug)]
pub enum Source {
    /// At this address: `http://10.0.0.7:9082`.
    Fixed(Authority),
    /// At every address that this name has by now: `dns+http://catalog.shop.internal:9082`.
    Named(Authority),
    /// Wherever its instances say that they are.
    Registered(Entry),
}

impl FromStr for Source {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        const WRONG: &str = "must be http://HOST:PORT, or dns+http://NAME:PORT for every address that the name has";
        let (named, url) = text.strip_prefix("dns+").map_or((false, text), |url| (true, url));
        let rest = place(url).ok_or(WRONG)?;
        let authority: Authority = rest.trim_end_matches('/').parse().map_err(|_| WRONG)?;
        if authority.port().is_none() || authority.as_str().contains('@') {
            return Err(WRONG);
        }
        Ok(if named { Self::Named(authority) } else { Self::Fixed(authority) })
    }
}

/// Host and port of an address. Whether it is spoken to over TLS is a matter of the whole shop, not of one address.
fn place(url: &str) -> Option<&str> {
    url.strip_prefix("http://").or_else(|| url.strip_prefix("https://"))
}

impl Source {
    /// What `directory` knows of `service`.
    pub fn registered(directory: &Arc<dyn Directory>, service: &str) -> Self {
        Self::Registered(Entry { directory: Arc::clone(directory), service: service.to_owned() })
    }

    /// The addresses it stands for now. A name that cannot be resolved has none.
    pub(super) async fn addresses(&self) -> Vec<Authority> {
        match self {
            Self::Fixed(authority) => vec![authority.clone()],
            Self::Named(authority) => match tokio::net::lookup_host(authority.as_str()).await {
                Ok(found) => found.filter_map(|address| address.to_string().parse().ok()).collect(),
                Err(error) => {
                    tracing::warn!(name = authority.as_str(), %error, "a service's name cannot be resolved");
                    Vec::new()
                }
            },
            Self::Registered(Entry { directory, service }) => match directory.instances(service).await {
                Ok(found) => found.iter().filter_map(|url| place(url)?.parse().ok()).collect(),
                Err(error) => {
                    tracing::warn!(service, error = &error as &dyn std::error::Error, "the directory does not answer");
                    Vec::new()
                }
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_read_and_nothing_else() {
        let read = |text: &str| text.parse::<Source>().unwrap();
        assert!(matches!(read("http://127.0.0.1:9082/"), Source::Fixed(at) if at == "127.0.0.1:9082"));
        assert!(matches!(read("dns+http://catalog:9082"), Source::Named(name) if name == "catalog:9082"));
        assert!(matches!(read("https://10.0.0.7:9082"), Source::Fixed(at) if at == "10.0.0.7:9082"));
        assert!(matches!(read("dns+https://catalog:9082"), Source::Named(name) if name == "catalog:9082"));
        for wrong in ["ftp://a:1", "http://a", "a:1", "http://u@a:1", "http://", "dns+a:1", "http://a:1/x"] {
            assert!(wrong.parse::<Source>().is_err(), "{wrong}");
        }
    }
}
