//! Keyset paging: a page, the next cursor, and nothing that skips or repeats under writes.

use std::future::Future;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use uuid::Uuid;

use crate::error::Refusal;
use crate::limits;

/// Which page is asked for.
#[derive(Clone, Debug)]
pub struct PageRequest {
    limit: u32,
    cursor: Option<Cursor>,
}

impl PageRequest {
    /// The first page of the default size.
    #[must_use]
    pub fn first() -> Self {
        Self { limit: limits::PAGE_DEFAULT, cursor: None }
    }

    /// From what a client wrote. An empty cursor is the first page.
    ///
    /// # Errors
    /// `INVALID` for a limit outside 1 to 100, `BAD_CURSOR` for a cursor this engine did not make.
    pub fn parse(limit: Option<i64>, cursor: Option<&str>) -> Result<Self, Refusal> {
        let limit = match limit {
            None => limits::PAGE_DEFAULT,
            Some(limit) => u32::try_from(limit)
                .ok()
                .filter(|limit| (1..=limits::PAGE_MAX).contains(limit))
                .ok_or_else(|| Refusal::field("limit", "OUT_OF_RANGE", "must be between 1 and 100"))?,
        };
        let cursor = match cursor {
            None | Some("") => None,
            Some(text) => Some(Cursor::decode(text).ok_or(Refusal::BadCursor)?),
        };
        Ok(Self { limit, cursor })
    }

    /// The same from behind another place.
    #[must_use]
    pub fn from(&self, place: Cursor) -> Self {
        Self { cursor: Some(place), ..*self }
    }

    /// How many entries at most, 1 to 100.
    #[must_use]
    pub fn limit(&self) -> u32 {
        self.limit
    }

    /// Where the last page ended.
    #[must_use]
    pub fn after(&self) -> Option<&Cursor> {
        self.cursor.as_ref()
    }
}

impl Default for PageRequest {
    fn default() -> Self {
        Self::first()
    }
}

/// Every entry of a list, page by page.
///
/// # Errors
/// Those of `list`.
pub async fn whole<T, E, Fut>(list: impl Fn(PageRequest) -> Fut) -> Result<Vec<T>, E>
where
    Fut: Future<Output = Result<Page<T>, E>>,
{
    let (mut entries, mut cursor) = (Vec::new(), None);
    loop {
        let page = list(PageRequest { limit: limits::PAGE_MAX, cursor }).await?;
        entries.extend(page.items);
        cursor = page.next_cursor.as_deref().and_then(Cursor::decode);
        if cursor.is_none() {
            return Ok(entries);
        }
    }
}

/// One page of those entries of a list that are `wanted`, read page by page until there are enough; `key` names an entry's
/// place.
///
/// # Errors
/// Those of `list`.
pub async fn sifted<T, E, Fut>(
    request: &PageRequest,
    list: impl Fn(PageRequest) -> Fut,
    wanted: impl Fn(&T) -> bool,
    key: impl Fn(&T) -> Uuid,
) -> Result<Page<T>, E>
where
    Fut: Future<Output = Result<Page<T>, E>>,
{
    let limit = usize::try_from(request.limit).unwrap_or(usize::MAX);
    let (mut found, mut from) = (Vec::new(), request.clone());
    while found.len() <= limit {
        let page = list(from.clone()).await?;
        found.extend(page.items.into_iter().filter(&wanted));
        match page.next_cursor.as_deref().and_then(Cursor::decode) {
            Some(next) => from = request.from(next),
            None => break,
        }
    }
    Ok(Page::cut(found, request, key))
}

/// A place in a list: the key of the last entry shown. Lists are ordered by one UUID key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor(pub Uuid);

impl Cursor {
    /// Opaque text for clients.
    #[must_use]
    pub fn encode(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0.as_bytes())
    }

    fn decode(text: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        Uuid::from_slice(&bytes).ok().map(Self)
    }
}

/// One page of a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Page<T> {
    /// The entries, in the list's order.
    pub items: Vec<T>,
    /// Where to go on; `None` on the last page.
    pub next_cursor: Option<String>,
}

impl<T> Page<T> {
    /// One page of what stands in several lists that are newest first and were asked for the same page; `key` names an entry's
    /// place in all of them.
    #[must_use]
    pub fn merged(lists: Vec<Self>, request: &PageRequest, key: impl Fn(&T) -> Uuid) -> Self {
        let more = lists.iter().any(|list| list.next_cursor.is_some());
        let mut entries: Vec<T> = lists.into_iter().flat_map(|list| list.items).collect();
        entries.sort_by_key(|entry| std::cmp::Reverse(key(entry)));
        let limit = usize::try_from(request.limit).unwrap_or(usize::MAX);
        let more = more || entries.len() > limit;
        entries.truncate(limit);
        let next_cursor = entries.last().filter(|_| more).map(|last| Cursor(key(last)).encode());
        Self { items: entries, next_cursor }
    }

    /// Cuts a page from up to `limit + 1` entries read in order; `key` names an entry's place.
    #[must_use]
    pub fn cut(mut entries: Vec<T>, request: &PageRequest, key: impl Fn(&T) -> Uuid) -> Self {
        let limit = usize::try_from(request.limit).unwrap_or(usize::MAX);
        let more = entries.len() > limit;
        entries.truncate(limit);
        let next_cursor = entries.last().filter(|_| more).map(|last| Cursor(key(last)).encode());
        Self { items: entries, next_cursor }
    }

    /// A page of entries that are all known, newest first: those with the greatest key.
    pub fn of_all(mut entries: Vec<T>, request: &PageRequest, key: impl Fn(&T) -> Uuid) -> Self {
        entries.sort_by_key(|entry| std::cmp::Reverse(key(entry)));
        if let Some(cursor) = request.after() {
            entries.retain(|entry| key(entry) < cursor.0);
        }
        Self::cut(entries, request, key)
    }

    /// The same page with every entry turned into something else.
    #[must_use]
    pub fn map<U>(self, turn: impl FnMut(T) -> U) -> Page<U> {
        Page { items: self.items.into_iter().map(turn).collect(), next_cursor: self.next_cursor }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_of_what_is_known_hold_every_entry_once_newest_first() {
        let all: Vec<Uuid> = [3, 1, 5, 2, 4].map(Uuid::from_u128).to_vec();
        let (mut seen, mut cursor) = (Vec::new(), None);
        loop {
            let request = PageRequest::parse(Some(2), cursor.as_deref()).unwrap();
            let page = Page::of_all(all.clone(), &request, |id| *id);
            assert!(page.items.len() <= 2);
            seen.extend(page.items);
            match page.next_cursor {
                Some(next) => cursor = Some(next),
                None => break,
            }
        }
        assert_eq!(seen, [5, 4, 3, 2, 1].map(Uuid::from_u128));
    }

    #[test]
    fn a_cursor_survives_the_trip_and_rubbish_does_not() {
        let cursor = Cursor(Uuid::from_u128(42));
        let request = PageRequest::parse(Some(5), Some(&cursor.encode())).unwrap();
        assert_eq!(request.after(), Some(&cursor));
        assert!(matches!(PageRequest::parse(None, Some("xx")), Err(Refusal::BadCursor)));
        assert!(PageRequest::parse(None, Some("")).unwrap().after().is_none());
    }

    #[test]
    fn limits_hold() {
        for bad in [0, -1, 101] {
            assert!(PageRequest::parse(Some(bad), None).is_err());
        }
        assert_eq!(PageRequest::parse(None, None).unwrap().limit(), 20);
    }
}
