//! Users, addresses, sessions and their tokens.

use super::{
    Case, Cell, Column, GONE, HOME, I, SESSION, TOKEN, USER, Word, any, case, has, later, more, nonsense, other, set, young, zero,
};

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
    case("a customer with a seller", USER, any, set("seller_id", |_| Cell::Blob(vec![1; 16])), I::Reference, Column("id")),
    case("a user created later", USER, any, set("created_at", later), I::Times, Column("id")),
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
    case("a token of no session", TOKEN, any, set("session_id", |_| young()), I::Reference, Column("hash")),
];
