//! A setting as the type that the program uses.

use super::load::Settings;

/// Why a value can be read as its type.
pub(super) const CHECKED: &str = "every value is checked against its kind when it is put in";

pub(super) fn text<'a>(settings: &'a Settings, key: &str) -> &'a str {
    settings.value(key).as_str().expect(CHECKED)
}

pub(super) fn some_text(settings: &Settings, key: &str) -> Option<String> {
    Some(text(settings, key).to_owned()).filter(|text| !text.is_empty())
}

pub(super) fn switch(settings: &Settings, key: &str) -> bool {
    settings.value(key).as_bool().expect(CHECKED)
}

pub(super) fn parsed<T: std::str::FromStr>(settings: &Settings, key: &str) -> T {
    text(settings, key).parse().ok().expect(CHECKED)
}

pub(super) fn number<T: TryFrom<i64>>(settings: &Settings, key: &str) -> T {
    settings.value(key).as_integer().and_then(|number| T::try_from(number).ok()).expect(CHECKED)
}

pub(super) fn list<T: std::str::FromStr>(settings: &Settings, key: &str) -> Vec<T> {
    let items = settings.value(key).as_array().expect(CHECKED);
    items.iter().filter_map(|item| item.as_str()?.parse().ok()).collect()
}
