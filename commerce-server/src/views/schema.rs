//! How the core's plain values look in the `OpenAPI` document.

use serde::Serialize;
use utoipa::ToSchema;

/// An amount in minor units (paise, cents) of one currency.
#[derive(Serialize, ToSchema)]
#[schema(as = Money)]
pub struct MoneySchema {
    /// Minor units.
    pub amount: i64,
    /// ISO 4217.
    #[schema(example = "INR")]
    pub currency: String,
}

/// String pairs that a client keeps on a thing.
#[derive(Serialize, ToSchema)]
#[schema(as = Metadata)]
pub struct MetadataSchema(pub std::collections::BTreeMap<String, String>);
