//! The known name that a wrong one most likely meant.

/// The nearest of `known` by edit distance, if it is near enough to be meant.
pub(crate) fn nearest<'a>(wrong: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wrong = wrong.to_lowercase();
    let best = known.into_iter().map(|name| (distance(&wrong, &name.to_lowercase()), name)).min_by_key(|(far, _)| *far);
    best.filter(|(far, name)| *far * 2 <= name.len().max(wrong.len())).map(|(_, name)| name)
}

/// Levenshtein's distance, one row at a time. Long names are cut: they come from outside.
fn distance(left: &str, right: &str) -> usize {
    let left: Vec<char> = left.chars().take(64).collect();
    let right: Vec<char> = right.chars().take(64).collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (i, from) in left.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, to) in right.iter().enumerate() {
            let replace = diagonal + usize::from(from != to);
            diagonal = row[j + 1];
            row[j + 1] = replace.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_what_was_meant() {
        let known = ["quantity", "sku", "items"];
        assert_eq!(nearest("quantty", known), Some("quantity"));
        assert_eq!(nearest("Sku", known), Some("sku"));
        assert_eq!(nearest("price", known), None);
    }
}
