//! Postal addresses, in the book and on orders.

use commerce_core::users::{Address, NewAddress, PostalAddress, RawAddress};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// An address.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Address)]
pub struct AddressView {
    /// Only on stored ones.
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    full_name: String,
    line1: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    line2: Option<String>,
    city: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<String>,
    postal_code: String,
    /// ISO 3166-1 alpha-2.
    country: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    phone: Option<String>,
    /// Only on stored ones.
    #[serde(skip_serializing_if = "Option::is_none")]
    is_default: Option<bool>,
}

impl From<PostalAddress> for AddressView {
    fn from(postal: PostalAddress) -> Self {
        let PostalAddress { full_name, line1, line2, city, state, postal_code, country, phone } = postal;
        let country = country.to_string();
        Self { id: None, full_name, line1, line2, city, state, postal_code, country, phone, is_default: None }
    }
}

impl From<Address> for AddressView {
    fn from(address: Address) -> Self {
        let Address { id, user: _, postal, is_default, created_at: _ } = address;
        Self { id: Some(id.to_string()), is_default: Some(is_default), ..postal.into() }
    }
}

/// An address as a client writes it.
#[derive(Clone, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = NewAddress)]
pub struct AddressBody {
    full_name: String,
    line1: String,
    #[serde(default)]
    line2: Option<String>,
    city: String,
    #[serde(default)]
    state: Option<String>,
    postal_code: String,
    /// ISO 3166-1 alpha-2.
    country: String,
    #[serde(default)]
    phone: Option<String>,
}

impl From<AddressBody> for RawAddress {
    fn from(body: AddressBody) -> Self {
        let AddressBody { full_name, line1, line2, city, state, postal_code, country, phone } = body;
        Self { full_name, line1, line2, city, state, postal_code, country, phone }
    }
}

/// An address for the book.
#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = NewBookAddress)]
pub struct BookAddressBody {
    full_name: String,
    line1: String,
    #[serde(default)]
    line2: Option<String>,
    city: String,
    #[serde(default)]
    state: Option<String>,
    postal_code: String,
    /// ISO 3166-1 alpha-2.
    country: String,
    #[serde(default)]
    phone: Option<String>,
    /// Whether orders that name no address go there.
    #[serde(default)]
    is_default: Option<bool>,
}

impl From<BookAddressBody> for NewAddress {
    fn from(body: BookAddressBody) -> Self {
        let BookAddressBody { full_name, line1, line2, city, state, postal_code, country, phone, is_default } = body;
        Self { full_name, line1, line2, city, state, postal_code, country, phone, is_default }
    }
}
