use std::io::Write;

use super::*;

fn env(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn file(text: &str) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file
}

#[test]
fn the_commented_default_is_the_default() {
    let file = file(&Config::commented_default());
    let config = Config::load(Some(file.path()), env(&[])).unwrap();
    let values = |config: &Config| config.show().into_iter().map(|(key, value, _)| (key, value)).collect::<Vec<_>>();
    assert_eq!(values(&config), values(&Config::defaults()));
    assert!(config.show().iter().all(|(_, _, source)| source == &file.path().display().to_string()));
}

#[test]
fn the_environment_wins_over_the_file() {
    let file = file("[gateway]\nrate_limit_per_minute = 7\nrate_limit_anonymous_per_minute = 8\n");
    let config =
        Config::load(Some(file.path()), env(&[("COMMERCE_GATEWAY__RATE_LIMIT_PER_MINUTE", "0"), ("PATH", "/bin")])).unwrap();
    assert_eq!(config.gateway.rate_limit_per_minute, 0);
    assert_eq!(config.gateway.rate_limit_anonymous_per_minute, 8);
}

#[test]
fn all_faults_are_told_at_once() {
    let file =
        file("[gateway]\nrate_limit_per_minut = 7\n[server]\nlisten = \"nowhere\"\nmax_body_bytes = 1.5\n[sever]\na = 1\n");
    let faults = Config::load(Some(file.path()), env(&[("COMMERCE_AUTH__PASSWORD_MIN_LENGTH", "x"), ("COMMERCE_NO__SUCH", "1")]))
        .unwrap_err();
    let text: Vec<String> = faults.iter().map(ToString::to_string).collect();
    assert_eq!(faults.len(), 6, "{text:#?}");
    assert!(text.iter().any(|fault| fault.contains("did you mean gateway.rate_limit_per_minute?")), "{text:#?}");
    assert!(text.iter().any(|fault| fault.contains("did you mean server?")), "{text:#?}");
}

#[test]
fn what_settings_ask_of_each_other_is_told_with_the_rest() {
    let faults = Config::load(
        None,
        env(&[
            ("COMMERCE_AUTH__PASSWORD_MIN_LENGTH", "x"),
            ("COMMERCE_ORDERS__CARTS", "redis"),
            ("COMMERCE_AUTH__SESSIONS", "redis"),
            ("COMMERCE_DATABASE__USERS_READER_URL", "mysql://a:b@127.0.0.1:1/users"),
            ("COMMERCE_PAYMENTS__STRIPE__SECRET_KEY", "sk_test_1"),
            ("COMMERCE_PAYMENTS__RAZORPAY__KEY_ID", "rzp_test_1"),
            ("COMMERCE_SERVICES__TLS_KEY", "key.pem"),
        ]),
    );
    let text: Vec<String> = faults.unwrap_err().iter().map(ToString::to_string).collect();
    for (key, told) in [
        ("auth.password_min_length", "COMMERCE_AUTH__PASSWORD_MIN_LENGTH"),
        ("redis.url", "for orders.carts and auth.sessions (environment COMMERCE_ORDERS__CARTS)"),
        ("database.users_reader_url", "database.url is not set"),
        ("payments.stripe.webhook_secret", "beside payments.stripe.secret_key"),
        ("payments.razorpay.key_secret", "beside payments.razorpay.key_id"),
        ("payments.razorpay.webhook_secret", "beside payments.razorpay.key_id"),
        ("services.tls_certificate", "beside services.tls_key (environment COMMERCE_SERVICES__TLS_KEY)"),
        ("services.tls_authority", "beside services.tls_key"),
    ] {
        let named = |fault: &&String| fault.starts_with(&format!("{key}: ")) && fault.contains(told);
        assert_eq!(text.iter().filter(named).count(), 1, "{key} in {text:#?}");
    }
    // What is wrong by itself is not missed as well.
    let bad = env(&[("COMMERCE_DATABASE__URL", "nowhere"), ("COMMERCE_DATABASE__READER_URL", "mysql://a:b@127.0.0.1:1/shop")]);
    let faults = Config::load(None, bad).unwrap_err();
    assert_eq!(faults.iter().map(|fault| fault.key.as_str()).collect::<Vec<_>>(), ["database.url"], "{faults:#?}");
}

#[test]
fn a_secret_comes_from_a_file_and_is_never_shown() {
    let secret = file("top-secret\n");
    let path = secret.path().display().to_string();
    let config = Config::load(None, env(&[("COMMERCE_PAYMENTS__SANDBOX__WEBHOOK_SECRET_FILE", &path)])).unwrap();
    assert_eq!(config.sandbox_webhook_secret.expose(), "top-secret");
    assert!(!format!("{config:?}").contains("top-secret"));
    assert!(config.show().iter().all(|(_, value, _)| !value.contains("top-secret")));
}

#[test]
fn the_command_line_wins() {
    let mut config = Config::defaults();
    config.set("server.listen", "0.0.0.0:9").unwrap();
    assert_eq!(config.server.listen.port(), 9);
    assert!(config.set("server.listem", "x").is_err());
}

#[test]
fn the_public_address_follows_the_listener_unless_it_is_told() {
    let written = file(&Config::commented_default());
    let url = |listen: &str, public: &str| {
        let mut config = Config::load(Some(written.path()), env(&[])).unwrap();
        config.set("server.listen", listen).unwrap();
        config.set("server.public_url", public).unwrap();
        config.server.public_url
    };
    assert_eq!(Config::defaults().server.public_url, "http://127.0.0.1:8080");
    assert_eq!(url("127.0.0.1:9000", ""), "http://127.0.0.1:9000");
    assert_eq!(url("0.0.0.0:80", ""), "http://127.0.0.1");
    assert_eq!(url("[::]:9000", ""), "http://[::1]:9000");
    assert_eq!(url("192.0.2.7:9000", "https://shop.example/"), "https://shop.example");
    let shown = Config::load(None, env(&[("COMMERCE_SERVER__LISTEN", "127.0.0.1:9")])).unwrap().show();
    let shown = shown.into_iter().find(|(key, ..)| *key == "server.public_url").unwrap();
    assert_eq!((shown.1.as_str(), shown.2.as_str()), ("\"http://127.0.0.1:9\"", "default"));

    let chosen = "127.0.0.1:4711".parse().unwrap();
    let mut config = Config::defaults();
    config.set("server.listen", "127.0.0.1:0").unwrap();
    assert_eq!(config.clone().reached_at(chosen).server.public_url, "http://127.0.0.1:4711");
    config.set("server.public_url", "https://shop.example").unwrap();
    assert_eq!(config.reached_at(chosen).server.public_url, "https://shop.example");
}

#[test]
fn a_public_address_leads_to_another_machine() {
    let is_public = |url: &str| {
        let mut config = Config::defaults();
        config.set("server.public_url", url).unwrap();
        config.server.is_public()
    };
    for here in ["", "http://127.0.0.1:8080", "http://[::1]:9000", "http://localhost", "https://localhost:8443"] {
        assert!(!is_public(here), "{here}");
    }
    for elsewhere in ["https://shop.example", "http://192.0.2.7:9000", "http://[2001:db8::1]", "https://localhost.example"] {
        assert!(is_public(elsewhere), "{elsewhere}");
    }
}

#[test]
fn services_are_listed_and_their_secret_is_not_shown() {
    let file = file("[services]\nusers = [\"http://10.0.0.1:8081\", \"dns+http://users:8081\"]\n");
    let secret =
        env(&[("COMMERCE_SERVICES__SECRET", "0123456789abcdef"), ("COMMERCE_SERVICES__ORDERS", "http://a:1,http://b:2")]);
    let config = Config::load(Some(file.path()), secret).unwrap();
    let listed = |context| config.services.public[&context].clone();
    assert_eq!(listed(commerce_core::commerce::Context::Users), ["http://10.0.0.1:8081", "dns+http://users:8081"]);
    assert_eq!(listed(commerce_core::commerce::Context::Orders), ["http://a:1", "http://b:2"]);
    assert!(!format!("{config:?} {:?}", config.show()).contains("0123456789abcdef"));
    for wrong in ["ftp://a:1", "http://a", "a:1", "http://a:1/x"] {
        assert!(Config::load(None, env(&[("COMMERCE_SERVICES__USERS_INTERNAL", wrong)])).is_err(), "{wrong}");
    }
}

#[test]
fn databases_are_named_by_urls_that_nobody_is_shown() {
    let config = Config::load(None, env(&[("COMMERCE_DATABASE__URL", "mysql://shop:hidden-word@db:3306/shop")])).unwrap();
    assert!(!config.database.is_files() && Config::defaults().database.is_files());
    assert_eq!(config.database.whereabouts(), ["db:3306/shop"]);
    assert!(!format!("{config:?} {:?}", config.show()).contains("hidden-word"));
    for right in ["mysql://root@127.0.0.1", "mariadb://root@[::1]:3306/", "mysql://a:b@h/shop_?ssl-mode=disabled", ""] {
        assert!(Config::load(None, env(&[("COMMERCE_DATABASE__ORDERS_URL", right)])).is_ok(), "{right}");
    }
    for wrong in ["127.0.0.1:3306", "postgres://h/shop", "mysql://", "mysql:///shop", "mysql://h:port/shop", "mysql://h/a/b"] {
        let fault = Config::load(None, env(&[("COMMERCE_DATABASE__READER_URL", wrong)])).map(|_| ()).expect_err(wrong);
        assert_eq!(fault.len(), 1, "{wrong}");
        assert!(fault[0].to_string().contains("must be mysql://"), "{fault:?}");
    }
}

#[test]
fn shipping_and_taxes_are_lists_that_say_what_is_wrong_with_them() {
    let with = |key: &'static str, text: &str| Config::load(None, env(&[(key, text)]));
    let config =
        with("COMMERCE_ORDERS__TAXES", r#"[{ name = "GST", rate = "2.5", gst_from = "Kerala", included = true }]"#).unwrap();
    assert_eq!(config.taxes.0.len(), 1);
    assert_eq!((config.taxes.0[0].rate.hundredths(), config.taxes.0[0].included), (250, true));
    for (text, why) in [
        (r#"[{ name = "GST", rate = "101" }]"#, "percentage"),
        (r#"[{ name = "GST", rate = "1.255" }]"#, "percentage"),
        (r#"[{ name = "GST", rate = "18", gst_from = "Bavaria" }]"#, "not a state of India"),
        (r#"[{ name = "GST", rate = "18", gst_from = "MH", countries = ["AE"] }]"#, "neither countries nor states"),
        (r#"[{ name = "VAT", rate = "20", countries = ["UKK"] }]"#, "country code"),
        (r#"[{ name = "VAT", rate = "20", categories = ["books"] }]"#, "id of a category"),
        (r#"[{ name = "VAT", rate = "20", include = true }]"#, "unknown field"),
    ] {
        let fault = with("COMMERCE_ORDERS__TAXES", text).unwrap_err().remove(0);
        assert!(fault.key == "orders.taxes" && fault.message.contains(why), "{text}: {fault}");
    }
    let many = r#"[{ name = 7, rate = "x", colour = "red" }, 5, { rates = "1", countries = ["UKK", "U"], included = "yes" }]"#;
    let faults: Vec<String> = with("COMMERCE_ORDERS__TAXES", many).unwrap_err().into_iter().map(|fault| fault.message).collect();
    for (at, why) in [
        "entry 1: name: invalid type",
        "entry 1: rate: \"x\" must be",
        "entry 1: unknown field colour",
        "entry 2: must be a table",
        "entry 3: name is missing",
        "entry 3: rate is missing",
        "entry 3: countries: \"UKK\"",
        "entry 3: countries: \"U\"",
        "entry 3: included: invalid type",
        "entry 3: unknown field rates; did you mean rate?",
    ]
    .into_iter()
    .enumerate()
    {
        assert!(faults.get(at).is_some_and(|fault| fault.starts_with(why)), "{why}: {faults:?}");
    }
    let shipping = r#"[{ id = "a", name = "A", tiers = [{ price = 1 }, { up_to_grams = -2, price = 2 }] }, { id = "a" }]"#;
    assert_eq!(with("COMMERCE_ORDERS__SHIPPING", shipping).unwrap_err().len(), 6);
    let twice =
        r#"[{ id = "a", name = "A", price = 0, estimated_days = 1 }, { id = "a", name = "B", price = 1, estimated_days = 2 }]"#;
    assert!(with("COMMERCE_ORDERS__SHIPPING", twice).unwrap_err()[0].message.contains("two entries have the id a"));
    let odd = r#"[{ id = "", name = " ", price = 1, tiers = [{ up_to_grams = 1, price = 1 }], estimated_days = 1 }, { id = "b", name = "B", tiers = [], estimated_days = 1 }]"#;
    let faults: Vec<String> =
        with("COMMERCE_ORDERS__SHIPPING", odd).unwrap_err().into_iter().map(|fault| fault.message).collect();
    for (fault, why) in faults.iter().zip(["entry 1: id", "entry 1: name", "entry 1: price and tiers", "entry 2: the tiers"]) {
        assert!(fault.starts_with(why), "{why}: {faults:?}");
    }
    assert_eq!(faults.len(), 4, "{faults:?}");
    let tiers = r#"[{ id = "a", name = "A", tiers = [{ up_to_grams = 2, price = 1 }, { up_to_grams = 2, price = 2 }], estimated_days = 1 }]"#;
    assert!(with("COMMERCE_ORDERS__SHIPPING", tiers).unwrap_err()[0].message.contains("ordered by up_to_grams"));
    assert!(with("COMMERCE_ORDERS__SHIPPING", "[]").unwrap_err()[0].message.contains("at least one entry"));
    assert!(with("COMMERCE_ORDERS__SHIPS_FROM", "India").unwrap_err()[0].message.contains("IN-MH"));
}
