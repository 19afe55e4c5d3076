//! From what somebody typed to the words the index has.
//!
//! A word stands for itself and its plural or singular; one of five letters or more also for every
//! indexed word one edit away; the last word, while the index does not know it, for what begins so.

use std::collections::BTreeSet;

use tantivy::query::{AllQuery, BooleanQuery, BoostQuery, FuzzyTermQuery, Occur, Query, TermQuery};
use tantivy::schema::IndexRecordOption;
use tantivy::{Searcher, Term};

use super::document::{Fields, analyzer, joined};

/// An indexed word that a typed one stands for, and how surely.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Expansion {
    pub(super) word: String,
    weight: f32,
}

/// Words of one query; 200 characters hold no more that mean anything.
const WORDS_MAX: usize = 16;
/// Indexed words that one typed word may stand for.
const SPELLINGS_MAX: usize = 64;
/// Letters from which on one edit is forgiven.
const FORGIVEN_FROM: usize = 5;
/// Letters from which on a beginning stands for its words.
const PREFIX_FROM: usize = 2;

const TWIN: f32 = 0.9;
const BEGUN: f32 = 0.5;
const MISSPELT: f32 = 0.3;
/// How much more a word counts in the name than anywhere else.
const NAME: f32 = 4.0;

/// The words of a text, each once, in order.
pub(super) fn typed(text: &str) -> Vec<String> {
    let (mut analyzer, text) = (analyzer(), joined(text));
    let mut tokens = analyzer.token_stream(&text);
    let mut words: Vec<String> = Vec::new();
    while words.len() < WORDS_MAX && tokens.advance() {
        let word = &tokens.token().text;
        if !words.contains(word) {
            words.push(word.clone());
        }
    }
    words
}

/// The indexed words that `word` stands for.
pub(super) fn expand(searcher: &Searcher, fields: &Fields, word: &str, last: bool) -> tantivy::Result<Vec<Expansion>> {
    let mut found: Vec<Expansion> = Vec::new();
    let exact = known(searcher, fields, word)?;
    if exact {
        found.push(Expansion { word: word.to_owned(), weight: 1.0 });
    }
    for twin in twins(word) {
        if known(searcher, fields, &twin)? {
            found.push(Expansion { word: twin, weight: TWIN });
        }
    }
    let letters = word.chars().count();
    if last && !exact && letters >= PREFIX_FROM {
        add(&mut found, beginning_with(searcher, fields, word)?, BEGUN);
    }
    if letters >= FORGIVEN_FROM && word.chars().all(char::is_alphabetic) {
        add(&mut found, one_edit_away(searcher, fields, word)?, MISSPELT);
    }
    Ok(found)
}

fn add(found: &mut Vec<Expansion>, words: BTreeSet<String>, weight: f32) {
    for word in words {
        if !found.iter().any(|known| known.word == word) {
            found.push(Expansion { word, weight });
        }
    }
}

/// The plain plural or singular of an English word.
fn twins(word: &str) -> Vec<String> {
    let mut twins = Vec::new();
    if word.len() >= 3 && word.chars().all(char::is_alphabetic) {
        twins.push(format!("{word}s"));
        twins.push(format!("{word}es"));
        for ending in ["s", "es"] {
            twins.extend(word.strip_suffix(ending).filter(|stem| stem.len() >= 3).map(str::to_owned));
        }
    }
    twins
}

fn known(searcher: &Searcher, fields: &Fields, word: &str) -> tantivy::Result<bool> {
    Ok(searcher.doc_freq(&Term::from_field_text(fields.text, word))? > 0)
}

fn beginning_with(searcher: &Searcher, fields: &Fields, word: &str) -> tantivy::Result<BTreeSet<String>> {
    let mut found = BTreeSet::new();
    for segment in searcher.segment_readers() {
        let index = segment.inverted_index(fields.text)?;
        let mut terms = index.terms().range().ge(word).into_stream()?;
        while found.len() < SPELLINGS_MAX && terms.advance() {
            match std::str::from_utf8(terms.key()) {
                Ok(term) if term.starts_with(word) => found.insert(term.to_owned()),
                _ => break,
            };
        }
    }
    Ok(found)
}

fn one_edit_away(searcher: &Searcher, fields: &Fields, word: &str) -> tantivy::Result<BTreeSet<String>> {
    let fuzzy = FuzzyTermQuery::new(Term::from_field_text(fields.text, word), 1, true);
    let mut found = BTreeSet::new();
    for segment in searcher.segment_readers() {
        let index = segment.inverted_index(fields.text)?;
        let mut terms = index.terms().search(fuzzy.automaton()?).into_stream()?;
        while found.len() < SPELLINGS_MAX && terms.advance() {
            if let Ok(term) = std::str::from_utf8(terms.key()) {
                found.insert(term.to_owned());
            }
        }
    }
    Ok(found)
}

/// How many of the words a hit must have.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Need {
    All,
    Some,
}

/// The query for these words, each with what it stands for; `None` when it cannot match.
pub(super) fn query(fields: &Fields, words: &[std::sync::Arc<[Expansion]>], need: Need) -> Option<Box<dyn Query>> {
    if words.is_empty() {
        return Some(Box::new(AllQuery));
    }
    let missing = words.iter().filter(|spellings| spellings.is_empty()).count();
    if missing == words.len() || (need == Need::All && missing > 0) {
        return None;
    }
    let occur = if need == Need::All { Occur::Must } else { Occur::Should };
    let mut clauses: Vec<(Occur, Box<dyn Query>)> = Vec::new();
    for spellings in words.iter().filter(|spellings| !spellings.is_empty()) {
        let anywhere = spellings.iter().map(|spelling| (Occur::Should, term(fields.text, spelling, 1.0))).collect();
        clauses.push((occur, Box::new(BooleanQuery::new(anywhere))));
        clauses.extend(spellings.iter().map(|spelling| (Occur::Should, term(fields.name, spelling, NAME))));
    }
    Some(Box::new(BooleanQuery::new(clauses)))
}

fn term(field: tantivy::schema::Field, spelling: &Expansion, boost: f32) -> Box<dyn Query> {
    let term = TermQuery::new(Term::from_field_text(field, &spelling.word), IndexRecordOption::WithFreqs);
    Box::new(BoostQuery::new(Box::new(term), spelling.weight * boost))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_its_words_once_each() {
        assert_eq!(typed("  Red  T-SHIRT red's %%"), ["red", "t", "shirt", "reds"]);
        assert_eq!(typed(&"a b c d e f g h i j k l m n o p q r ".repeat(9)).len(), WORDS_MAX);
    }

    #[test]
    fn plurals_have_twins() {
        assert_eq!(twins("dress"), ["dresss", "dresses", "dres"]);
        assert_eq!(twins("cups"), ["cupss", "cupses", "cup"]);
        assert!(twins("xs").is_empty());
        assert!(twins("100").is_empty());
    }
}
