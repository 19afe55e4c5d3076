//! Contexts in processes of their own: their ports over HTTP, both ends.
//!
//! [`served`] answers on the internal listener of a service what [`catalog`], [`users`], [`orders`] and
//! [`events`] ask from another: the ports of `commerce-core` word for word, as small JSON bodies of one
//! version under a token that holds for one call ([`token`]). A [`target`] knows where a service is and
//! which of its instances are fit; [`forward`] brings a client's request there as it came. Decides
//! nothing about orders, money or stock. Start reading at [`Neighbours`], then [`call`].

pub(crate) mod breaker;
mod call;
mod catalog;
mod events;
mod forward;
mod neighbours;
mod orders;
mod records;
mod served;
mod source;
mod target;
mod tls;
mod token;
mod users;
mod wire;

pub use call::Net;
pub use catalog::RemoteCatalog;
pub use events::RemoteBus;
pub use forward::{Answer, BodyError, Forwarder, Unforwarded, pass_for};
pub use neighbours::{Neighbour, Neighbours};
pub use orders::{RemoteHolds, RemotePurchases};
pub use records::RemoteRecords;
pub use served::Desk;
pub use source::{Directory, Source};
pub use target::Target;
pub use tls::{Tls, TlsFault};
pub use token::{ServiceKey, Unfit};
pub use users::RemoteUsers;
