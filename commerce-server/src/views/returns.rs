//! Returns: what comes back of an order, and the money with it.

use commerce_core::ids::{OrderId, ReturnId};
use commerce_core::orders::{Exchange, GiveMoney, RequestReturn, ReturnKind, ReturnLine, ReturnOf, ReturnStatus};
use commerce_core::{Money, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::cart::ItemBody;
use super::schema::MoneySchema;

/// Something of an order on its way back.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Return)]
pub struct ReturnView {
    #[schema(value_type = String, format = Uuid)]
    id: ReturnId,
    #[schema(value_type = String, format = Uuid)]
    order_id: OrderId,
    #[schema(value_type = String, example = "RETURN")]
    r#type: ReturnKind,
    #[schema(value_type = String, example = "REQUESTED")]
    status: ReturnStatus,
    #[schema(value_type = Vec<ReturnLineSchema>)]
    lines: Vec<ReturnLine>,
    reason: String,
    /// Why it was rejected.
    #[serde(skip_serializing_if = "Option::is_none")]
    rejected_because: Option<String>,
    /// What goes back, once that is decided.
    #[schema(value_type = Option<MoneySchema>)]
    refund: Option<Money>,
    /// What was sent for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<ExchangeSchema>)]
    exchange: Option<Exchange>,
    #[schema(value_type = String, format = DateTime)]
    requested_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    updated_at: Timestamp,
}

/// How what was sent for a return looks.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Exchange)]
pub struct ExchangeSchema {
    /// The new order.
    #[schema(format = Uuid)]
    order_id: String,
    /// What came back was worth.
    worth: MoneySchema,
    /// So much of that pays the new order; the rest goes back.
    credit: MoneySchema,
}

/// How a line of a return looks.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ReturnLine)]
pub struct ReturnLineSchema {
    sku: String,
    quantity: u32,
    /// How many came; none until they are received.
    received: Option<u32>,
    /// How many of those can be sold again.
    restocked: u32,
    /// Whether the customer never had them: her parcel could not be handed over. Left out where she had.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    refused: bool,
}

impl From<ReturnOf> for ReturnView {
    fn from(ReturnOf { order, it, .. }: ReturnOf) -> Self {
        Self {
            id: it.id,
            order_id: order,
            r#type: it.kind,
            status: it.status,
            lines: it.lines,
            reason: it.reason,
            rejected_because: it.note,
            refund: it.refund,
            exchange: it.exchange,
            requested_at: it.requested_at,
            updated_at: it.updated_at,
        }
    }
}

impl ReturnView {
    /// Where it is found.
    #[must_use]
    pub fn location(&self) -> String {
        format!("/api/returns/{}", self.id)
    }
}

/// A wish to send something back.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewReturn)]
pub struct ReturnBody {
    /// RETURN, REFUND or EXCHANGE.
    #[schema(value_type = String, example = "RETURN")]
    r#type: ReturnKind,
    lines: Vec<ItemBody>,
    /// Staff: whether it is what could not be handed over, or what the customer has. Unless said, what she has; and where she has
    /// not so much, the other.
    refused: Option<bool>,
    reason: String,
}

impl From<ReturnBody> for RequestReturn {
    fn from(ReturnBody { r#type: kind, lines, refused, reason }: ReturnBody) -> Self {
        Self { kind, lines: lines.into_iter().map(Into::into).collect(), refused, reason }
    }
}

/// Nothing more is said.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ReturnApproval)]
pub struct ApproveBody {}

/// Why not.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ReturnRejection)]
pub struct RejectBody {
    #[serde(default)]
    pub reason: Option<String>,
}

/// What came.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ReturnReceipt)]
pub struct ReceiveBody {
    /// Left out: everything, to be sold again.
    #[serde(default)]
    pub lines: Option<Vec<CameBackBody>>,
}

/// So many of a SKU came.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ReturnReceiptLine)]
pub struct CameBackBody {
    sku: String,
    /// 1 to 999.
    quantity: i64,
    /// Whether they can be sold again; they are, unless said.
    #[serde(default)]
    restock: Option<bool>,
}

impl From<CameBackBody> for (String, i64, bool) {
    fn from(CameBackBody { sku, quantity, restock }: CameBackBody) -> Self {
        (sku, quantity, restock.unwrap_or(true))
    }
}

/// How much goes back.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ReturnRefund)]
pub struct RefundReturnBody {
    /// Left out: the exact share of what came.
    #[serde(default)]
    #[schema(value_type = Option<MoneySchema>)]
    pub amount: Option<Money>,
}

/// What is sent for what came.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ReturnExchange)]
pub struct ExchangeBody {
    /// Left out: the same things again.
    #[serde(default)]
    items: Option<Vec<ItemBody>>,
}

impl ExchangeBody {
    /// SKUs and quantities.
    #[must_use]
    pub fn items(self) -> Option<Vec<(String, i64)>> {
        self.items.map(|items| items.into_iter().map(Into::into).collect())
    }
}

/// Money that staff gives back.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewRefund)]
pub struct RefundBody {
    /// Left out, as `lines`: all that is left of what was captured.
    #[serde(default)]
    #[schema(value_type = Option<MoneySchema>)]
    amount: Option<Money>,
    /// The share of these, instead of an amount.
    #[serde(default)]
    lines: Option<Vec<ItemBody>>,
    reason: String,
}

impl From<RefundBody> for GiveMoney {
    fn from(RefundBody { amount, lines, reason }: RefundBody) -> Self {
        Self { amount, lines: lines.map(|lines| lines.into_iter().map(Into::into).collect()), reason }
    }
}
