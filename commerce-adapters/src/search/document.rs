//! What the index keeps of a product, and how its text becomes words.

use std::collections::BTreeSet;

use commerce_core::Timestamp;
use commerce_core::catalog::{Product, ProductCard};
use commerce_core::ids::ProductId;
use tantivy::schema::{FAST, Field, INDEXED, IndexRecordOption, STORED, STRING, Schema, TextFieldIndexing, TextOptions};
use tantivy::tokenizer::{AsciiFoldingFilter, LowerCaser, RemoveLongFilter, SimpleTokenizer, TextAnalyzer};
use tantivy::{TantivyDocument, Term};

/// Grows whenever the meaning of a field changes: an index of another format is built anew.
pub(super) const FORMAT: u32 = 1;

/// The analyzer's name in the schema.
pub(super) const ANALYZER: &str = "shop";

/// Between an option's name and its value: the unit separator of ASCII, which no name contains.
pub(super) const OPTION_SEPARATOR: char = '\u{1f}';

/// Bytes of a word; longer ones are noise.
const WORD_MAX: usize = 40;

/// The fields by name.
#[derive(Clone, Copy)]
pub(super) struct Fields {
    /// The product's id as text; what a document is replaced by.
    pub(super) id: Field,
    /// Every word there is about it, the name's too: decides whether it matches.
    pub(super) text: Field,
    /// The name's words alone: decides how far up it comes.
    pub(super) name: Field,
    category: Field,
    options: Field,
    price: Field,
    in_stock: Field,
    created: Field,
    changed: Field,
    pub(super) card: Field,
}

/// The schema and its fields.
pub(super) fn schema() -> (Schema, Fields) {
    let mut schema = Schema::builder();
    let words = TextFieldIndexing::default().set_tokenizer(ANALYZER).set_index_option(IndexRecordOption::WithFreqs);
    let words = TextOptions::default().set_indexing_options(words);
    let facet = TextOptions::default().set_fast("raw");
    let fields = Fields {
        id: schema.add_text_field("id", STRING),
        text: schema.add_text_field("text", words.clone()),
        name: schema.add_text_field("name", words),
        category: schema.add_text_field("category", facet.clone()),
        options: schema.add_text_field("options", facet),
        price: schema.add_i64_field("price", FAST),
        in_stock: schema.add_bool_field("in_stock", FAST),
        created: schema.add_i64_field("created", FAST),
        changed: schema.add_i64_field("changed", FAST | INDEXED),
        card: schema.add_bytes_field("card", STORED),
    };
    (schema.build(), fields)
}

/// Words are runs of letters and digits, in lower case and without accents.
pub(super) fn analyzer() -> TextAnalyzer {
    TextAnalyzer::builder(SimpleTokenizer::default())
        .filter(RemoveLongFilter::limit(WORD_MAX))
        .filter(LowerCaser)
        .filter(AsciiFoldingFilter)
        .build()
}

/// An apostrophe inside a word is not a gap: `men's` is `mens`.
pub(super) fn joined(text: &str) -> String {
    text.replace(['\'', '\u{2019}'], "")
}

/// The term a product's document is known by.
pub(super) fn id_term(fields: &Fields, id: ProductId) -> Term {
    Term::from_field_text(fields.id, &id.to_string())
}

/// The document of a product that is on sale.
pub(super) fn document(
    fields: &Fields,
    product: &Product,
    card: &ProductCard,
    category: &str,
    changed: Timestamp,
) -> TantivyDocument {
    let mut document = TantivyDocument::new();
    document.add_text(fields.id, product.id.to_string());
    document.add_text(fields.name, joined(&product.name));
    document.add_text(fields.text, all_text(product, category));
    if let Some(category) = product.category {
        document.add_text(fields.category, category.to_string());
    }
    let options: BTreeSet<_> = product.variants.iter().flat_map(|variant| &variant.options).collect();
    for (name, value) in options {
        document.add_text(fields.options, option_text(name, value));
    }
    let prices: BTreeSet<i64> = product.variants.iter().map(|variant| variant.price.minor).collect();
    for price in prices {
        document.add_i64(fields.price, price);
    }
    document.add_bool(fields.in_stock, card.in_stock);
    document.add_i64(fields.created, product.created_at.as_micros());
    document.add_i64(fields.changed, changed.as_micros());
    document.add_bytes(fields.card, &serde_json::to_vec(card).expect("a card has string keys only"));
    document
}

/// An option as the index keeps it.
pub(super) fn option_text(name: &str, value: &str) -> String {
    format!("{name}{OPTION_SEPARATOR}{value}")
}

fn all_text(product: &Product, category: &str) -> String {
    let mut text = joined(&product.name);
    for variant in &product.variants {
        for word in variant.options.values().map(String::as_str).chain([variant.sku.as_str()]) {
            text.push(' ');
            text.push_str(&joined(word));
        }
    }
    text.push(' ');
    text.push_str(&joined(category));
    text.push(' ');
    text.push_str(&joined(&plain(&product.description)));
    text
}

/// The text of a description that may be HTML: tags and entities become spaces.
fn plain(html: &str) -> String {
    let mut plain = String::with_capacity(html.len());
    let mut rest = html;
    while let Some(at) = rest.find(['<', '&']) {
        let (before, from) = rest.split_at(at);
        plain.push_str(before);
        plain.push(' ');
        rest = match markup_end(from) {
            Some(end) => &from[end..],
            None => &from[1..],
        };
    }
    plain.push_str(rest);
    plain
}

/// Where the tag or entity that `text` begins with ends, if it is one.
fn markup_end(text: &str) -> Option<usize> {
    let second = text[1..].chars().next()?;
    if text.starts_with('<') {
        let tag = second.is_ascii_alphabetic() || matches!(second, '/' | '!');
        return if tag { text.find('>').map(|end| end + 1) } else { None };
    }
    let end = text.find(';').filter(|end| *end <= 10)?;
    text[1..end].chars().all(|char| char.is_ascii_alphanumeric() || char == '#').then_some(end + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn html_becomes_words() {
        assert_eq!(
            plain("<p>Soft&nbsp;cotton</p><br/>5 < 6 & 7").split_whitespace().collect::<Vec<_>>(),
            ["Soft", "cotton", "5", "6", "7"]
        );
        assert_eq!(plain("an open <tag"), "an open  tag");
        assert_eq!(plain("ends with <"), "ends with  ");
    }

    #[test]
    fn words_are_folded() {
        let mut analyzer = analyzer();
        let text = joined("Men's CAFÉ T-Shirt");
        let mut tokens = analyzer.token_stream(&text);
        let mut words = Vec::new();
        while tokens.advance() {
            words.push(tokens.token().text.clone());
        }
        assert_eq!(words, ["mens", "cafe", "t", "shirt"]);
    }
}
