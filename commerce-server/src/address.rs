//! Who is at the other end: the address of a client, through proxies that are believed.

use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

use axum::http::HeaderMap;

/// An IP network: an address and how many of its leading bits count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    bits: u128,
    length: u32,
}

impl Network {
    /// Whether `address` belongs to it.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        (bits(address) ^ self.bits).checked_shr(128 - self.length).unwrap_or(0) == 0
    }
}

impl FromStr for Network {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        const WRONG: &str = "not an IP address or network";
        let (address, length) = text.split_once('/').map_or((text, None), |(address, length)| (address, Some(length)));
        let address: IpAddr = address.parse().map_err(|_| WRONG)?;
        let width = if address.is_ipv4() { 32 } else { 128 };
        let length = length.map_or(Ok(width), str::parse::<u32>).map_err(|_| WRONG)?;
        if length > width {
            return Err(WRONG);
        }
        Ok(Self { bits: bits(address), length: length + (128 - width) })
    }
}

/// Every address as IPv6, IPv4 mapped into it.
fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped().to_bits(),
        IpAddr::V6(address) => address.to_bits(),
    }
}

/// The client's address: the peer, or what trusted proxies say stood before them. `X-Forwarded-For`
/// is read from its right end, and only as far as each hop is trusted: what a client itself put
/// there stays unread.
#[must_use]
pub fn client_address(peer: IpAddr, headers: &HeaderMap, trusted: &[Network]) -> IpAddr {
    let believed = |address: IpAddr| trusted.iter().any(|network| network.contains(address));
    let hops: Vec<&str> = headers
        .get_all("x-forwarded-for")
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .collect();
    let mut client = peer;
    for hop in hops.into_iter().rev() {
        if !believed(client) {
            break;
        }
        let Ok(address) = hop.parse() else { break };
        client = address;
    }
    client
}

/// What is counted as one client: an IPv4 address, or an IPv6 /64, which one household gets whole.
#[must_use]
pub fn client_group(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(v6) => {
            v6.to_ipv4_mapped().map_or_else(|| IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX))), IpAddr::V4)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn networks_contain_what_they_should() {
        let network: Network = "10.0.0.0/8".parse().unwrap();
        assert!(network.contains(ip("10.200.3.4")) && !network.contains(ip("11.0.0.1")));
        assert!("0.0.0.0/0".parse::<Network>().unwrap().contains(ip("8.8.8.8")));
        assert!("::1".parse::<Network>().unwrap().contains(ip("::1")));
        for bad in ["10.0.0.0/33", "ten", "10.0.0.0/x"] {
            assert!(bad.parse::<Network>().is_err());
        }
    }

    #[test]
    fn a_forged_forwarded_for_is_not_believed() {
        let mut headers = HeaderMap::new();
        headers.append("x-forwarded-for", "1.1.1.1, 2.2.2.2".parse().unwrap());
        headers.append("x-forwarded-for", "10.0.0.9".parse().unwrap());
        let trusted = ["10.0.0.0/8".parse().unwrap()];
        assert_eq!(client_address(ip("9.9.9.9"), &headers, &trusted), ip("9.9.9.9"));
        assert_eq!(client_address(ip("10.0.0.1"), &headers, &trusted), ip("2.2.2.2"));
    }

    #[test]
    fn a_household_is_one_client() {
        assert_eq!(client_group(ip("2001:db8::1")), client_group(ip("2001:db8::ffff:1")));
        assert_eq!(client_group(ip("::ffff:1.2.3.4")), ip("1.2.3.4"));
    }
}
