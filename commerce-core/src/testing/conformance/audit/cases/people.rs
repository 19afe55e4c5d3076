//! Users, addresses, sessions and their tokens.

use super::{
    Case, Cell, Column, DEED, GONE, GUEST, HOME, I, Row, SESSION, TOKEN, USER, Word, any, case, has, later, more, nonsense,
    other, set, young, zero,
};

/// Whether an event told of it.
fn told(row: &Row) -> bool {
    *row.cell("event_id") != Cell::Null
}

pub(super) const CASES: &[Case] = &[
    case(
        "a user of another name",
        USER,
        |row| row.int("version") == Some(1),
        set("full_name", |_| "Eve".into()),
        I::Event,
        Column("id"),
    ),
    case("a user registered later", USER, any, set("created_at", more), I::Times, Column("id")),
    case("a user is gone", USER, |row| has(row, "email", "asha@example.com"), GONE, I::Reference, Column("id")),
    case("a user of no role", USER, any, set("role", nonsense), I::Readable, Column("id")),
    case("a user without a mail address", USER, any, set("email", nonsense), I::Readable, Column("id")),
    case(
        "a seller who is not there",
        USER,
        |row| has(row, "role", "SELLER"),
        set("seller_id", |_| Cell::Blob(vec![1; 16])),
        I::Reference,
        Column("id"),
    ),
    case("a customer with a seller", USER, any, set("seller_id", |_| Cell::Blob(vec![1; 16])), I::Reference, Column("id")),
    case("a user created later", USER, any, set("created_at", later), I::Times, Column("id")),
    case("a guest is gone", GUEST, any, GONE, I::Reference, Word("")),
    case("a guest without a mail address", GUEST, any, set("email", nonsense), I::Readable, Column("id")),
    case("a guest of another mail address", GUEST, any, set("email", |_| "eve@example.com".into()), I::Notification, Word("")),
    case("a guest who came later", GUEST, any, set("created_at", later), I::Times, Column("id")),
    case(
        "no default address",
        HOME,
        |row| row.int("is_default") == Some(1),
        set("is_default", zero),
        I::DefaultAddress,
        Column("user_id"),
    ),
    case("the default address is gone", HOME, |row| row.int("is_default") == Some(1), GONE, I::DefaultAddress, Column("user_id")),
    case("an address of nobody", HOME, any, set("user_id", other), I::Reference, Word("")),
    case("an address of no country", HOME, any, set("country", nonsense), I::Readable, Column("user_id")),
    case("a session of nobody", SESSION, any, set("user_id", other), I::Reference, Word("")),
    case("a session is gone", SESSION, |row| *row.cell("revoked_at") == Cell::Null, GONE, I::Reference, Word("")),
    case("a session used before it began", SESSION, any, set("last_used_at", |_| Cell::Int(5)), I::Times, Column("user_id")),
    case(
        "a token that another took the place of",
        TOKEN,
        |row| *row.cell("rotated_at") != Cell::Null,
        GONE,
        I::Reference,
        Word(""),
    ),
    case(
        "a token that nobody put in its place",
        TOKEN,
        |row| *row.cell("rotated_at") != Cell::Null,
        set("rotated_at", |_| Cell::Null),
        I::Reference,
        Word(""),
    ),
    case("a deed of somebody else", DEED, any, set("actor_id", |_| young()), I::StaffLog, Column("position")),
    case("a deed to somebody else", DEED, any, set("subject_id", other), I::StaffLog, Column("position")),
    case("a deed at another time", DEED, any, set("happened_at", |_| Cell::Int(5)), I::StaffLog, Column("position")),
    case("another deed", DEED, any, set("action", |_| "USER_ERASED".into()), I::StaffLog, Column("position")),
    case("a deed told otherwise", DEED, any, set("detail", |_| "{}".into()), I::StaffLog, Column("position")),
    case("a deed of no kind", DEED, any, set("action", nonsense), I::Readable, Column("position")),
    case(
        "a deed that is bound to another",
        DEED,
        |row| row.int("position") == Some(2),
        set("previous", other),
        I::StaffLog,
        Column("position"),
    ),
    case(
        "a deed whose hash was made anew",
        DEED,
        |row| row.int("position") == Some(1),
        set("hash", other),
        I::StaffLog,
        Word("2"),
    ),
    case("a deed to another kind of thing", DEED, any, set("subject_kind", |_| "COUPON".into()), I::StaffLog, Column("position")),
    case("a deed to no kind of thing", DEED, any, set("subject_kind", nonsense), I::Readable, Column("position")),
    case("a deed that another event told of", DEED, told, set("event_id", other), I::StaffLog, Column("position")),
    case("the last deed is not in the log", DEED, |row| has(row, "action", "THRESHOLD_SET"), GONE, I::StaffLog, Word("")),
    case("a deed is gone", DEED, |row| row.int("position") == Some(1), GONE, I::StaffLog, Word("2")),
    case("a token of no session", TOKEN, any, set("session_id", |_| young()), I::Reference, Column("hash")),
];
