//! Statements made from the columns they are about. A column is written `place name: kind`, where the
//! place is the one in a row of the parameter.

/// How a cell comes out of the parameter.
macro_rules! sql_type {
    (id) => {
        "CHAR(32)"
    };
    (hash) => {
        "CHAR(64)"
    };
    (text) => {
        "LONGTEXT"
    };
    // Of at most 255 characters. Where an UPDATE sets nothing longer, the server keeps the rows in memory meanwhile.
    (word) => {
        "VARCHAR(255)"
    };
    (int) => {
        "BIGINT"
    };
}

/// A cell of the parameter as it is stored.
macro_rules! cell {
    ($name:ident id) => {
        concat!("UNHEX(it.`", stringify!($name), "`)")
    };
    ($name:ident hash) => {
        concat!("UNHEX(it.`", stringify!($name), "`)")
    };
    ($name:ident $kind:ident) => {
        concat!("it.`", stringify!($name), "`")
    };
}

/// The parameter as a table.
macro_rules! rows {
    ($first:literal $name:ident: $kind:ident $(, $place:literal $more:ident: $more_kind:ident)*) => {
        concat!(
            "JSON_TABLE(?, '$[*]' COLUMNS (`", stringify!($name), "` ", sql_type!($kind), " PATH '$[", $first, "]'",
            $(", `", stringify!($more), "` ", sql_type!($more_kind), " PATH '$[", $place, "]'",)*
            ")) AS it"
        )
    };
}

/// The parameter as a table of single keys.
macro_rules! listed {
    ($kind:ident) => {
        concat!("JSON_TABLE(?, '$[*]' COLUMNS (`v` ", sql_type!($kind), " PATH '$')) AS it")
    };
}

/// The parameter as a table that nothing is locked in: MySQL refuses to lock rows that it is joined with itself.
macro_rules! aside {
    ($($table:tt)+) => {
        concat!("(SELECT * FROM ", $($table)+, ") AS it")
    };
}

/// Reads `columns` of the rows with these keys, and locks them.
macro_rules! locked {
    ($columns:literal, $table:literal, $key:ident: $kind:ident) => {
        concat!(
            "SELECT ", $columns, " FROM ", aside!(listed!($kind)), " STRAIGHT_JOIN ", $table, " AS t ON t.`", stringify!($key), "` = ",
            cell!(v $kind), " FOR UPDATE"
        )
    };
}

/// Reads `columns` of the rows with these keys.
macro_rules! found {
    ($columns:literal, $table:literal, $key:ident: $kind:ident) => {
        concat!(
            "SELECT ", $columns, " FROM ", listed!($kind), " STRAIGHT_JOIN ", $table, " AS t ON t.`", stringify!($key), "` = ",
            cell!(v $kind)
        )
    };
}

/// Deletes the rows with these keys.
macro_rules! delete {
    ($table:literal, $key:ident: $kind:ident) => {
        concat!(
            "DELETE t FROM ", listed!($kind), " STRAIGHT_JOIN ", $table, " AS t ON t.`", stringify!($key), "` = ",
            cell!(v $kind)
        )
    };
}

/// How a cell of the parameter is stored, where it is a parameter of its own.
macro_rules! stored {
    (id) => {
        $crate::sql::mysql::insert::Stored::Bytes
    };
    (hash) => {
        $crate::sql::mysql::insert::Stored::Bytes
    };
    ($kind:ident) => {
        $crate::sql::mysql::insert::Stored::Plain
    };
}

/// Inserts rows.
macro_rules! insert {
    ($table:literal, $first:literal $name:ident: $kind:ident $(, $place:literal $more:ident: $more_kind:ident)* $(,)?) => {
        $crate::sql::mysql::insert::Insert {
            head: concat!("INSERT INTO ", $table, " (`", stringify!($name), "`", $(", `", stringify!($more), "`",)* ") VALUES "),
            columns: &[($first, stored!($kind)) $(, ($place, stored!($more_kind)))*],
            tail: "",
        }
    };
}

/// Changes rows that are there.
macro_rules! update {
    (
        $table:literal,
        $first:literal $name:ident: $kind:ident $(, $place:literal $more:ident: $more_kind:ident)*;
        $set:literal $value:ident: $value_kind:ident
        $(, $also:literal $other:ident: $other_kind:ident)* $(,)?
    ) => {
        concat!(
            "UPDATE ",
            rows!($first $name: $kind $(, $place $more: $more_kind)*, $set $value: $value_kind
                $(, $also $other: $other_kind)*),
            " STRAIGHT_JOIN ", $table, " AS t ON t.`", stringify!($name), "` = ", cell!($name $kind),
            $(" AND t.`", stringify!($more), "` = ", cell!($more $more_kind),)*
            " SET t.`", stringify!($value), "` = ", cell!($value $value_kind),
            $(", t.`", stringify!($other), "` = ", cell!($other $other_kind),)*
        )
    };
}

/// Inserts rows, or changes those that are there: for rows whose parent is locked.
macro_rules! upsert {
    (
        $table:literal,
        $first:literal $name:ident: $kind:ident $(, $place:literal $more:ident: $more_kind:ident)*;
        $set:literal $value:ident: $value_kind:ident
        $(, $also:literal $other:ident: $other_kind:ident)* $(,)?
    ) => {
        $crate::sql::mysql::insert::Insert {
            tail: concat!(
                " ON DUPLICATE KEY UPDATE `", stringify!($value), "` = VALUES(`", stringify!($value), "`)",
                $(", `", stringify!($other), "` = VALUES(`", stringify!($other), "`)",)*
            ),
            ..insert!($table, $first $name: $kind $(, $place $more: $more_kind)*, $set $value: $value_kind
                $(, $also $other: $other_kind)*)
        }
    };
}

/// Inserts the new ones of these rows and changes those that are stored.
macro_rules! put {
    (
        $table:literal,
        $first:literal $name:ident: $kind:ident $(, $place:literal $more:ident: $more_kind:ident)*;
        $set:literal $value:ident: $value_kind:ident
        $(, $also:literal $other:ident: $other_kind:ident)* $(,)?
    ) => {
        Put {
            new: &[insert!($table, $first $name: $kind $(, $place $more: $more_kind)*, $set $value: $value_kind
                $(, $also $other: $other_kind)*)],
            changed: update!($table, $first $name: $kind $(, $place $more: $more_kind)*; $set $value: $value_kind
                $(, $also $other: $other_kind)*),
        }
    };
}
