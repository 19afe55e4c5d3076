//! Keyset paging: a page, the next cursor, and nothing that skips or repeats under writes.

use std::future::Future;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use uuid::Uuid;

use crate::change::digest;
use crate::error::Refusal;
use crate::limits;

/// Bytes of a cursor that tell its list.
const MARK_BYTES: usize = 8;

/// Which page is asked for.
#[derive(Clone, Debug)]
pub struct PageRequest {
    limit: u32,
    cursor: Option<Cursor>,
    /// The list whose cursors these are; none where nobody outside is shown them.
    list: Option<ListMark>,
}

/// What tells the cursors of one list from those of all others.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ListMark([u8; MARK_BYTES]);

impl ListMark {
    /// The list of this name: its path, say, and what it is sorted by.
    #[must_use]
    pub fn of(name: &[&str]) -> Self {
        let parts: Vec<&[u8]> = name.iter().map(|part| part.as_bytes()).collect();
        Self(digest(&parts).first_chunk().copied().unwrap_or_default())
    }
}

impl PageRequest {
    /// The first page of the default size.
    #[must_use]
    pub fn first() -> Self {
        Self { limit: limits::PAGE_DEFAULT, cursor: None, list: None }
    }

    /// From what a caller wrote. An empty cursor is the first page.
    ///
    /// # Errors
    /// `INVALID` for a limit outside 1 to 100, `BAD_CURSOR` for a cursor this engine did not make.
    pub fn parse(limit: Option<i64>, cursor: Option<&str>) -> Result<Self, Refusal> {
        Self::read(None, limit, cursor)
    }

    /// The same of a list whose cursors are known by their mark.
    ///
    /// # Errors
    /// As [`parse`](Self::parse), and `BAD_CURSOR` for a cursor of another list.
    pub fn of_list(list: ListMark, limit: Option<i64>, cursor: Option<&str>) -> Result<Self, Refusal> {
        Self::read(Some(list), limit, cursor)
    }

    fn read(list: Option<ListMark>, limit: Option<i64>, cursor: Option<&str>) -> Result<Self, Refusal> {
        let limit = match limit {
            None => limits::PAGE_DEFAULT,
            Some(limit) => u32::try_from(limit)
                .ok()
                .filter(|limit| (1..=limits::PAGE_MAX).contains(limit))
                .ok_or_else(|| Refusal::field("limit", "OUT_OF_RANGE", "must be between 1 and 100"))?,
        };
        let cursor = match cursor {
            None | Some("") => None,
            Some(text) => Some(Cursor::decode(text, list).ok_or(Refusal::BadCursor)?),
        };
        Ok(Self { limit, cursor, list })
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

    /// The cursor of a place in this list, as clients are told it.
    #[must_use]
    pub fn cursor_at(&self, place: Uuid) -> String {
        Cursor(place).encode(self.list)
    }

    /// Where the page behind this one begins.
    fn next<T>(&self, page: &Page<T>) -> Option<Self> {
        let next = page.next_cursor.as_deref().and_then(|text| Cursor::decode(text, self.list))?;
        Some(self.from(next))
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
    let (mut entries, mut from) = (Vec::new(), PageRequest { limit: limits::PAGE_MAX, ..PageRequest::first() });
    loop {
        let page = list(from.clone()).await?;
        let next = from.next(&page);
        entries.extend(page.items);
        match next {
            Some(next) => from = next,
            None => return Ok(entries),
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
        let next = from.next(&page);
        found.extend(page.items.into_iter().filter(&wanted));
        match next {
            // Whoever is short by now looks far.
            Some(next) => from = PageRequest { limit: limits::PAGE_MAX, ..next },
            None => break,
        }
    }
    Ok(Page::cut(found, request, key))
}

/// A place in a list: the key of the last entry shown. Lists are ordered by one UUID key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cursor(pub Uuid);

impl Cursor {
    /// Opaque text for clients: the place, then the mark of the list.
    fn encode(self, list: Option<ListMark>) -> String {
        let mark = list.map(|ListMark(mark)| mark);
        URL_SAFE_NO_PAD.encode([self.0.as_bytes().as_slice(), mark.as_ref().map_or(&[], <[u8; MARK_BYTES]>::as_slice)].concat())
    }

    fn decode(text: &str, list: Option<ListMark>) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (place, mark) = bytes.split_first_chunk::<16>()?;
        let known = list.as_ref().map_or(&[][..], |ListMark(mark)| mark);
        (mark == known).then(|| Self(Uuid::from_bytes(*place)))
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
        let next_cursor = entries.last().filter(|_| more).map(|last| request.cursor_at(key(last)));
        Self { items: entries, next_cursor }
    }

    /// Cuts a page from up to `limit + 1` entries read in order; `key` names an entry's place.
    #[must_use]
    pub fn cut(mut entries: Vec<T>, request: &PageRequest, key: impl Fn(&T) -> Uuid) -> Self {
        let limit = usize::try_from(request.limit).unwrap_or(usize::MAX);
        let more = entries.len() > limit;
        entries.truncate(limit);
        let next_cursor = entries.last().filter(|_| more).map(|last| request.cursor_at(key(last)));
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
        let text = PageRequest::first().cursor_at(Uuid::from_u128(42));
        let request = PageRequest::parse(Some(5), Some(&text)).unwrap();
        assert_eq!(request.after(), Some(&Cursor(Uuid::from_u128(42))));
        assert!(matches!(PageRequest::parse(None, Some("xx")), Err(Refusal::BadCursor)));
        assert!(PageRequest::parse(None, Some("")).unwrap().after().is_none());
    }

    #[test]
    fn a_list_takes_its_own_cursors_alone() {
        let [orders, coupons] = ["/api/orders", "/api/coupons"].map(|path| ListMark::of(&[path]));
        let place = Uuid::from_u128(42);
        let text = PageRequest::of_list(orders, None, None).unwrap().cursor_at(place);
        assert_eq!(PageRequest::of_list(orders, None, Some(&text)).unwrap().after(), Some(&Cursor(place)));
        let unmarked = PageRequest::first().cursor_at(place);
        for (list, text) in [(Some(coupons), &text), (None, &text), (Some(orders), &unmarked)] {
            assert!(matches!(PageRequest::read(list, None, Some(text)), Err(Refusal::BadCursor)), "{list:?}");
        }
        assert_ne!(ListMark::of(&["/a", "b"]), ListMark::of(&["/ab"]));
    }

    #[test]
    fn a_sifted_page_is_full_and_goes_on_where_it_ended() {
        let all: Vec<Uuid> = (1..=500).map(Uuid::from_u128).collect();
        let list = async |page: PageRequest| Ok::<_, Refusal>(Page::of_all(all.clone(), &page, |id| *id));
        let mark = ListMark::of(&["numbers"]);
        let (mut seen, mut cursor) = (Vec::new(), None);
        loop {
            let request = PageRequest::of_list(mark, Some(2), cursor.as_deref()).unwrap();
            let page = futures_executor::block_on(sifted(&request, list, |id| id.as_u128() % 100 == 0, |id| *id)).unwrap();
            assert!(page.items.len() == 2 || page.next_cursor.is_none());
            seen.extend(page.items);
            match page.next_cursor {
                Some(next) => cursor = Some(next),
                None => break,
            }
        }
        assert_eq!(seen, [500, 400, 300, 200, 100].map(Uuid::from_u128));
    }

    #[test]
    fn limits_hold() {
        for bad in [0, -1, 101] {
            assert!(PageRequest::parse(Some(bad), None).is_err());
        }
        assert_eq!(PageRequest::parse(None, None).unwrap().limit(), 20);
    }
}
