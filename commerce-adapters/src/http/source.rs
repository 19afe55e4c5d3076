//! How the instances of a service are found: written down, or by name.

use std::str::FromStr;

use http::uri::Authority;

/// Where one or several instances of a service are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// At this address: `http://10.0.0.7:9082`.
    Fixed(Authority),
    /// At every address that this name has by now: `dns+http://catalog.shop.internal:9082`.
    Named(Authority),
}

impl FromStr for Source {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        const WRONG: &str = "must be http://HOST:PORT, or dns+http://NAME:PORT for every address that the name has";
        let (named, rest) = match text.strip_prefix("dns+http://") {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix("http://").ok_or(WRONG)?),
        };
        let authority: Authority = rest.trim_end_matches('/').parse().map_err(|_| WRONG)?;
        if authority.port().is_none() || authority.as_str().contains('@') {
            return Err(WRONG);
        }
        Ok(if named { Self::Named(authority) } else { Self::Fixed(authority) })
    }
}

impl Source {
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
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_read_and_nothing_else() {
        assert_eq!("http://127.0.0.1:9082/".parse(), Ok(Source::Fixed(Authority::from_static("127.0.0.1:9082"))));
        assert_eq!("dns+http://catalog:9082".parse(), Ok(Source::Named(Authority::from_static("catalog:9082"))));
        for wrong in ["https://a:1", "http://a", "a:1", "http://u@a:1", "http://", "dns+https://a:1", "http://a:1/x"] {
            assert!(wrong.parse::<Source>().is_err(), "{wrong}");
        }
    }
}
