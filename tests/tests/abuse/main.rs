//! Requests that nobody means well with: bad input (D, [`input`] and [`framing`]) and what strangers try (E, [`strangers`]), each row of the list of abuses under its number.
//! Rows that are held elsewhere are named in [`ELSEWHERE`], and looked for there.

#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

mod framing;
mod input;
mod strangers;

use std::path::Path;

use serde_json::{Value, json};

/// Row, file below the workspace, and the test that holds it.
const ELSEWHERE: &[(&str, &str, &str)] = &[
    ("D11", "commerce-server/tests/socket.rs", "an_idle_connection_is_kept_and_a_slow_head_is_not"),
    ("D11", "tests/tests/topology.rs", "a_body_that_never_ends_is_cut_off"),
    ("D17", "tests/tests/conventions.rs", "texts_that_look_like_code_are_only_texts"),
    ("D25", "tests/tests/catalog.rs", "categories_are_a_forest"),
    ("E01", "tests/tests/auth.rs", "forged_tokens_are_refused"),
    ("E02", "tests/tests/auth.rs", "forged_tokens_are_refused"),
    ("E04", "tests/tests/auth.rs", "logout_holds_from_the_next_request"),
    ("E04", "tests/tests/auth.rs", "a_new_password_ends_other_sessions"),
    ("E04", "tests/tests/users.rs", "deleting_erases"),
    ("E05", "tests/tests/auth.rs", "refresh_rotates_and_knows_reuse"),
    ("E06", "tests/tests/access.rs", "every_route_answers_every_caller_as_the_table_says"),
    ("E06", "tests/tests/users.rs", "strangers_see_nothing_and_learn_nothing"),
    ("E08", "tests/tests/catalog.rs", "customers_and_strangers_do_not_write"),
    ("E09", "tests/tests/front_door.rs", "the_inside_cannot_be_reached"),
    ("E10", "tests/tests/topology.rs", "a_stranger_is_told_nothing_of_the_inside_at_any_listener"),
    ("E11", "tests/tests/orders.rs", "the_status_walks_its_graph"),
    ("E13", "commerce-server/tests/http/people.rs", "nobody_makes_herself_more_than_a_customer"),
    ("E15", "tests/tests/rate_limit.rs", "only_failed_logins_are_throttled"),
    ("E15", "tests/tests/rate_limit.rs", "one_address_may_not_try_many_accounts"),
    ("E16", "tests/tests/rate_limit.rs", "a_storm_of_logins_is_turned_away_and_gotten_over"),
    ("E17", "tests/tests/auth.rs", "every_character_of_a_password_counts"),
    ("E18", "tests/tests/auth.rs", "a_forgotten_password_is_set_anew_by_the_mailed_token"),
    ("E18", "tests/tests/auth.rs", "links_in_mails_lead_to_where_the_shop_listens"),
    ("E21", "tests/tests/with_redis.rs", "processes_count_requests_together_and_alone_without_redis"),
    ("E22", "tests/tests/front_door.rs", "cors_is_for_configured_origins_only"),
    ("E24", "commerce-server/src/web/tests.rs", "no_page_has_a_script_style_or_handler_of_its_own"),
    ("E26", "tests/tests/payments.rs", "a_webhook_pays"),
    ("E26", "commerce-adapters/tests/payments/razorpay.rs", "messages_that_lie_confirm_nothing"),
    ("E27", "commerce-adapters/tests/payments/razorpay.rs", "messages_come_twice_late_and_in_any_order"),
    ("E27", "commerce-adapters/tests/payments/stripe.rs", "a_message_before_our_own_answer_waits_for_it"),
    ("E28", "tests/tests/payments.rs", "a_webhook_of_another_amount_confirms_nothing"),
    ("E32", "tests/tests/wallet.rs", "a_wallet_is_filled_spent_and_paid_back"),
    ("E33", "tests/tests/auth.rs", "what_staff_did_is_a_chain_that_staff_reads"),
    ("E37", "tests/tests/openapi.rs", "every_documented_route_is_served"),
    ("E38", "commerce-adapters/tests/payments/razorpay.rs", "answers_that_are_none_are_asked_for_again"),
];

#[test]
fn rows_that_are_held_elsewhere_are_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    for (row, file, test) in ELSEWHERE {
        let text = std::fs::read_to_string(root.join(file)).unwrap_or_else(|error| panic!("{row}: {file}: {error}"));
        assert!(text.contains(&format!("fn {test}(")), "{row}: {file} has no test {test}");
    }
}

fn account(email: &str) -> Value {
    json!({"email": email, "password": "correct horse battery", "fullName": "Grace Hopper"})
}

fn refused(status: u16) -> bool {
    (400..500).contains(&status)
}
