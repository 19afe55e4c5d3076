//! From a [`Tree`] to a typed body, with faults that name their field and have a code.
//!
//! serde's own errors are sentences; this deserializer's are data: each `serde::de::Error`
//! constructor says what kind of fault it is, and the path grows while the error travels up.

use std::fmt;

use axum::http::StatusCode;
use serde::Deserializer;
use serde::de::value::{MapDeserializer, SeqDeserializer};
use serde::de::{self, DeserializeSeed, IntoDeserializer, MapAccess, SeqAccess, Unexpected, VariantAccess, Visitor};

use super::tree::{Tree, join};
use crate::nearest::nearest;
use crate::problem::Problem;

/// What does not fit, and where.
#[derive(Debug)]
pub(super) struct Fault {
    path: String,
    kind: FaultKind,
    message: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum FaultKind {
    Unknown,
    Missing,
    Duplicate,
    Type,
    Value,
}

impl Fault {
    fn new(kind: FaultKind, path: &str, message: String) -> Self {
        Self { path: path.to_owned(), kind, message }
    }

    fn within(mut self, segment: &str) -> Self {
        self.path = join(segment, &self.path);
        self
    }

    /// The field is there twice.
    pub(super) fn duplicate(path: &str) -> Self {
        Self::new(FaultKind::Duplicate, path, "is there twice".to_owned())
    }
}

impl From<Fault> for Problem {
    fn from(fault: Fault) -> Self {
        let (status, code, field_code) = match fault.kind {
            FaultKind::Unknown => (StatusCode::BAD_REQUEST, "UNKNOWN_FIELD", "UNKNOWN_FIELD"),
            FaultKind::Missing => (StatusCode::BAD_REQUEST, "MISSING_FIELD", "REQUIRED"),
            FaultKind::Duplicate => (StatusCode::BAD_REQUEST, "DUPLICATE_FIELD", "DUPLICATE_FIELD"),
            FaultKind::Type => (StatusCode::BAD_REQUEST, "WRONG_TYPE", "WRONG_TYPE"),
            FaultKind::Value => (StatusCode::UNPROCESSABLE_ENTITY, "INVALID", "INVALID"),
        };
        Problem::field(status, code, &fault.path, field_code, fault.message)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.message)
    }
}

impl std::error::Error for Fault {}

impl de::Error for Fault {
    /// What a type's own parsing says: the value has the right JSON type but not a right value.
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::new(FaultKind::Value, "", message.to_string())
    }

    fn invalid_type(unexpected: Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        let wanted = expected.to_string();
        match unexpected {
            Unexpected::Float(_) if is_integer(&wanted) => {
                Self::new(FaultKind::Value, "", "must be a whole number that fits 64 bits".to_owned())
            }
            _ => Self::new(FaultKind::Type, "", format!("must be {}, not {}", plain(&wanted), name(&unexpected))),
        }
    }

    fn invalid_value(_: Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        let wanted = expected.to_string();
        let wanted = if is_integer(&wanted) { "a whole number in its range" } else { plain(&wanted) };
        Self::new(FaultKind::Value, "", format!("must be {wanted}"))
    }

    fn unknown_variant(_: &str, expected: &'static [&'static str]) -> Self {
        Self::new(FaultKind::Value, "", format!("must be one of {}", expected.join(", ")))
    }

    fn unknown_field(field: &str, expected: &'static [&'static str]) -> Self {
        let hint = match nearest(field, expected.iter().copied()) {
            Some(near) => format!("; did you mean {near}?"),
            None if expected.is_empty() => String::new(),
            None => format!("; known are {}", expected.join(", ")),
        };
        let shown: String = field.chars().take(64).collect();
        Self::new(FaultKind::Unknown, &shown, format!("there is no such field here{hint}"))
    }

    fn missing_field(field: &'static str) -> Self {
        Self::new(FaultKind::Missing, field, "is needed".to_owned())
    }

    fn duplicate_field(field: &'static str) -> Self {
        Self::duplicate(field)
    }
}

fn is_integer(expected: &str) -> bool {
    ["i8", "i16", "i32", "i64", "u8", "u16", "u32", "u64", "usize", "a nonzero u32"].contains(&expected)
}

/// serde's word for a type as a person would say it.
fn plain(expected: &str) -> &str {
    match expected {
        expected if is_integer(expected) => "a whole number",
        "a string" | "string" => "a text",
        "a boolean" => "true or false",
        "a sequence" => "a list",
        "a map" => "an object",
        expected if expected.starts_with("struct ") => "an object",
        other => other,
    }
}

fn name(unexpected: &Unexpected<'_>) -> &'static str {
    match unexpected {
        Unexpected::Bool(_) => "true or false",
        Unexpected::Unsigned(_) | Unexpected::Signed(_) | Unexpected::Float(_) => "a number",
        Unexpected::Str(_) | Unexpected::Char(_) => "a text",
        Unexpected::Unit | Unexpected::Option => "null",
        Unexpected::Seq => "a list",
        Unexpected::Map => "an object",
        _ => "this",
    }
}

impl IntoDeserializer<'_, Fault> for Tree {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

impl<'de> Deserializer<'de> for Tree {
    type Error = Fault;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self {
            Self::Null => visitor.visit_unit(),
            Self::Bool(value) => visitor.visit_bool(value),
            Self::Number(number) => match (number.as_i64(), number.as_u64(), number.as_f64()) {
                (Some(value), ..) => visitor.visit_i64(value),
                (_, Some(value), _) => visitor.visit_u64(value),
                (.., value) => visitor.visit_f64(value.unwrap_or(f64::MAX)),
            },
            Self::Text(text) => visitor.visit_string(text),
            Self::List(items) => visitor.visit_seq(Items(SeqDeserializer::new(items.into_iter()), 0)),
            Self::Object(fields) => visitor.visit_map(Fields { rest: fields.into_iter(), current: None }),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self {
            Self::Null => visitor.visit_none(),
            value => visitor.visit_some(value),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        match self {
            Self::Text(text) => visitor.visit_enum(Word(text)),
            other => Err(Fault::new(FaultKind::Type, "", format!("must be a text, not {}", other.kind()))),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        match self {
            Self::Object(_) => self.deserialize_any(visitor),
            other => Err(Fault::new(FaultKind::Type, "", format!("must be an object, not {}", other.kind()))),
        }
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit
        unit_struct seq tuple tuple_struct map identifier ignored_any
    }
}

struct Items(SeqDeserializer<std::vec::IntoIter<Tree>, Fault>, usize);

impl<'de> SeqAccess<'de> for Items {
    type Error = Fault;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Fault> {
        let index = self.1;
        self.1 += 1;
        self.0.next_element_seed(seed).map_err(|fault| fault.within(&format!("[{index}]")))
    }
}

struct Fields {
    rest: std::vec::IntoIter<(String, Tree)>,
    current: Option<(String, Tree)>,
}

impl<'de> MapAccess<'de> for Fields {
    type Error = Fault;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Fault> {
        let Some((name, value)) = self.rest.next() else {
            return Ok(None);
        };
        let key = seed.deserialize(name.as_str().into_deserializer())?;
        self.current = Some((name, value));
        Ok(Some(key))
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Fault> {
        let (name, value) = self.current.take().unwrap_or((String::new(), Tree::Null));
        seed.deserialize(value).map_err(|fault| fault.within(&name))
    }
}

/// A word that names a variant.
struct Word(String);

impl<'de> de::EnumAccess<'de> for Word {
    type Error = Fault;
    type Variant = Plain;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Plain), Fault> {
        Ok((seed.deserialize(self.0.into_deserializer())?, Plain))
    }
}

/// A variant that carries nothing.
struct Plain;

impl<'de> VariantAccess<'de> for Plain {
    type Error = Fault;

    fn unit_variant(self) -> Result<(), Fault> {
        Ok(())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Fault> {
        seed.deserialize(Tree::Null)
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_unit()
    }

    fn struct_variant<V: Visitor<'de>>(self, _: &'static [&'static str], visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_map(MapDeserializer::new(std::iter::empty::<(String, Tree)>()))
    }
}
