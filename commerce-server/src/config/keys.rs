//! Every key there is, with its type, default and meaning.

/// The sections of the file, in its order. Some have no keys in this shape of the shop.
pub const SECTIONS: &[(&str, &str)] = &[
    ("server", "The HTTP server."),
    ("gateway", "What stands between the world and the services."),
    ("services", "Where the services are that live in processes of their own (commerce serve --role). A whole shop needs none."),
    ("events", "How what one context says reaches the others."),
    ("auth", "Accounts and logins."),
    ("database", "Where the books are kept."),
    ("redis", "Redis 7, where events, carts, limits, sessions or the register of services are to be there."),
    (
        "aws",
        "AWS, where events, mails or pictures are to go there; keys come from the environment, the profile or the machine's role.",
    ),
    ("search", "The search index."),
    ("mail", "What the shop writes to people."),
    ("payments", "How money comes in."),
    ("orders", "What applies to every order."),
    ("inventory", "Stock."),
    ("cache", "Caches. Nothing to set with SQLite."),
    ("telemetry", "Logs and figures."),
];

/// What a key takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Any text.
    Text,
    /// An IP address and a port.
    Address,
    /// A folder.
    Folder,
    /// `http://…` or `https://…`, or nothing.
    UrlOrNone,
    /// A mail address.
    Mail,
    /// An ISO 4217 code.
    Currency,
    /// A whole number within these bounds.
    Number(i64, i64),
    /// `true` or `false`.
    Switch,
    /// A time of day in UTC: `03:00`; empty for never.
    TimeOfDay,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// Origins: scheme, host and port each.
    Origins,
    /// IP addresses or networks (`10.0.0.0/8`).
    Networks,
    /// An IP address and a port, or nothing.
    AddressOrNone,
    /// Any text, or nothing.
    TextOrNone,
    /// Listeners of a service: `http://HOST:PORT` each, or `dns+http://NAME:PORT`; the same with `https`.
    Instances,
    /// A database server, with a database or the beginning of its name or neither, or nothing.
    Database,
    /// Ways to ship: `{ id, name, price, estimated_days }` each, and what they depend on.
    Shipping,
    /// Taxes: `{ name, rate }` each, and what they are on.
    Taxes,
    /// A country, or one with its state: `IN-MH`.
    Place,
}

/// One key.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// Its whole name: `section.key`.
    pub name: &'static str,
    /// What it takes.
    pub kind: Kind,
    /// Its default, written as in the file.
    pub default: &'static str,
    /// What it means.
    pub comment: &'static str,
    /// Whether it is never shown and may be read from a file of its own.
    pub secret: bool,
}

const fn key(name: &'static str, kind: Kind, default: &'static str, comment: &'static str) -> Key {
    Key { name, kind, default, comment, secret: false }
}

const SHIPPING: &str = r#"[
  { id = "standard", name = "Standard delivery", price = 0, estimated_days = 5 },
  { id = "express", name = "Express delivery", price = 9900, estimated_days = 2 },
]"#;

/// Every key, in the order of the file.
pub const KEYS: &[Key] = &[
    key("server.listen", Kind::Address, r#""127.0.0.1:8080""#, "Where the server listens."),
    key(
        "server.internal_listen",
        Kind::AddressOrNone,
        r#""""#,
        "Where a service answers the other services of the shop, apart from the world; empty for a port 1000 above server.listen.",
    ),
    key(
        "server.public_url",
        Kind::UrlOrNone,
        r#""""#,
        "How the world reaches it; links in mails begin with it. Empty for http:// and the address of server.listen.",
    ),
    key("server.currency", Kind::Currency, r#""INR""#, "The currency of carts without lines, of shipping prices and of imports."),
    key(
        "server.cors_origins",
        Kind::Origins,
        "[]",
        "Web origins that may call the API from a browser: [\"https://shop.example\"].",
    ),
    key(
        "server.max_body_bytes",
        Kind::Number(1_024, 104_857_600),
        "1048576",
        "Largest request body; pictures may have ten times as much.",
    ),
    key("server.request_timeout_seconds", Kind::Number(1, 300), "30", "How long one request may take."),
    key("server.connections_max", Kind::Number(16, 100_000), "8192", "Connections served at once; more wait to be accepted."),
    key(
        "gateway.rate_limit_per_minute",
        Kind::Number(0, 1_000_000),
        "100",
        "Calls to /api that one user may make in a minute; 0 switches the limit off.",
    ),
    key(
        "gateway.rate_limit_anonymous_per_minute",
        Kind::Number(0, 1_000_000),
        "600",
        "Calls that one address may make in a minute without logging in; 0 switches the limit off.",
    ),
    key(
        "gateway.rate_limit_shared",
        Kind::Switch,
        "false",
        "Whether all processes that clients speak to count together, in Redis; while it is away each counts for itself.",
    ),
    key(
        "gateway.trusted_proxies",
        Kind::Networks,
        "[]",
        "Proxies whose X-Forwarded-For is believed: addresses or networks such as \"10.0.0.0/8\".",
    ),
    key(
        "services.users",
        Kind::Instances,
        r#"["http://127.0.0.1:8081"]"#,
        "Where the gateway finds the users' service: http://HOST:PORT of each instance, or dns+http://NAME:PORT for every address that a name has.",
    ),
    key("services.catalog", Kind::Instances, r#"["http://127.0.0.1:8082"]"#, "Where the gateway finds the catalog's service."),
    key("services.orders", Kind::Instances, r#"["http://127.0.0.1:8083"]"#, "Where the gateway finds the orders' service."),
    key(
        "services.notifications",
        Kind::Instances,
        r#"["http://127.0.0.1:8084"]"#,
        "Where the gateway finds the notifications' service.",
    ),
    key(
        "services.users_internal",
        Kind::Instances,
        r#"["http://127.0.0.1:9081"]"#,
        "Where other services find it: its internal listeners (server.internal_listen).",
    ),
    key("services.catalog_internal", Kind::Instances, r#"["http://127.0.0.1:9082"]"#, "Where other services find the catalog's."),
    key("services.orders_internal", Kind::Instances, r#"["http://127.0.0.1:9083"]"#, "Where other services find the orders'."),
    key(
        "services.notifications_internal",
        Kind::Instances,
        r#"["http://127.0.0.1:9084"]"#,
        "Where other services find the notifications'.",
    ),
    key(
        "services.registry",
        Kind::Switch,
        "false",
        "Whether services say in Redis where they are and are looked for there, instead of at the places above.",
    ),
    key(
        "services.advertise",
        Kind::TextOrNone,
        r#""""#,
        "The host under which others reach this process, for the registry; empty for the address that it listens at.",
    ),
    Key {
        name: "services.secret",
        kind: Kind::TextOrNone,
        default: r#""""#,
        comment: "Signs what services say to each other: the same 32 or more characters for all of them, and for nobody else.",
        secret: true,
    },
    key(
        "services.tls_certificate",
        Kind::TextOrNone,
        r#""""#,
        "A file in PEM with the certificate of this process, for the name of its role (users, catalog, orders, notifications, \
         gateway), as client and as server. Services then speak TLS with each other and with the gateway, and no service answers \
         another one without a certificate. This and the next two, or none of them.",
    ),
    key("services.tls_key", Kind::TextOrNone, r#""""#, "A file in PEM with the key to it."),
    key(
        "services.tls_authority",
        Kind::TextOrNone,
        r#""""#,
        "A file in PEM with the certificate of whoever signs those of all services: the old one and the new one while they change.",
    ),
    key(
        "events.bus",
        Kind::Choice(&["local", "redis", "sqs"]),
        r#""local""#,
        "local brings each event from its outbox straight to every consumer, in other processes over their internal listeners; redis (Streams) and sqs (SNS and SQS, made by commerce aws init) put a broker in between.",
    ),
    key(
        "events.chaos_percent",
        Kind::Number(0, 50),
        "0",
        "For a trial, never for a shop that sells: so many of a hundred events are said twice, late, out of order, or again long after.",
    ),
    key(
        "events.webhooks_to_private_networks",
        Kind::Switch,
        "false",
        "Whether webhooks may call addresses of this machine and of networks behind it: for trying out only.",
    ),
    key("auth.password_min_length", Kind::Number(6, 64), "8", "Characters that a password must have."),
    key(
        "auth.failed_logins_per_quarter_hour",
        Kind::Number(0, 10_000),
        "10",
        "Failed logins of one account in 15 minutes before others must wait (ten times as many of one address over all accounts); 0 switches the limits off.",
    ),
    key(
        "auth.sessions",
        Kind::Choice(&["users", "redis"]),
        r#""users""#,
        "Who says on each request whether a session is alive: users, or Redis, where it is noted for a minute and its end at once; users where Redis does not answer.",
    ),
    key(
        "database.dir",
        Kind::Folder,
        r#""commerce-data""#,
        "The data directory: databases unless they have a url, keys, pictures, mails, the search index.",
    ),
    Key {
        name: "database.url",
        kind: Kind::Database,
        default: r#""""#,
        comment: "MySQL 8.0 or MariaDB 10.11 for the four databases instead of files: mysql://USER:PASSWORD@HOST:PORT/NAME has NAME_users, NAME_catalog, NAME_orders and NAME_notifications; without a NAME they are users_db, catalog_db, orders_db and notifications_db.",
        secret: true,
    },
    Key {
        name: "database.reader_url",
        kind: Kind::Database,
        default: r#""""#,
        comment: "A replica of all of them, for what is only shown; decisions are never made by what it says.",
        secret: true,
    },
    Key {
        name: "database.users_url",
        kind: Kind::Database,
        default: r#""""#,
        comment: "Where the users' database is, where it is on a server of its own: mysql://USER:PASSWORD@HOST:PORT/DATABASE.",
        secret: true,
    },
    Key {
        name: "database.catalog_url",
        kind: Kind::Database,
        default: r#""""#,
        comment: "Where the catalog's database is, where it is on a server of its own: mysql://USER:PASSWORD@HOST:PORT/DATABASE.",
        secret: true,
    },
    Key {
        name: "database.orders_url",
        kind: Kind::Database,
        default: r#""""#,
        comment: "Where the orders' database is, where it is on a server of its own: mysql://USER:PASSWORD@HOST:PORT/DATABASE.",
        secret: true,
    },
    Key {
        name: "database.notifications_url",
        kind: Kind::Database,
        default: r#""""#,
        comment: "Where the notifications' database is, where it is on a server of its own: mysql://USER:PASSWORD@HOST:PORT/DATABASE.",
        secret: true,
    },
    Key {
        name: "database.users_reader_url",
        kind: Kind::Database,
        default: r#""""#,
        comment: "A replica of the users' database.",
        secret: true,
    },
    Key {
        name: "database.catalog_reader_url",
        kind: Kind::Database,
        default: r#""""#,
        comment: "A replica of the catalog's database.",
        secret: true,
    },
    Key {
        name: "database.orders_reader_url",
        kind: Kind::Database,
        default: r#""""#,
        comment: "A replica of the orders' database.",
        secret: true,
    },
    Key {
        name: "database.notifications_reader_url",
        kind: Kind::Database,
        default: r#""""#,
        comment: "A replica of the notifications' database.",
        secret: true,
    },
    key(
        "database.keep_messages_days",
        Kind::Number(31, 36_500),
        "400",
        "Days after which mails that are through are forgotten. Orders, money, stock and what staff did stay for ever.",
    ),
    key(
        "database.keep_webhook_deliveries_days",
        Kind::Number(31, 36_500),
        "31",
        "Days after which webhook deliveries that are through are forgotten.",
    ),
    key(
        "database.keep_dead_letters_days",
        Kind::Number(31, 36_500),
        "180",
        "Days after which dead letters that nobody has looked after are forgotten.",
    ),
    key(
        "database.keep_provider_messages_days",
        Kind::Number(180, 36_500),
        "400",
        "Days after which messages of payment providers that were applied are forgotten. What was not taken over stays.",
    ),
    key(
        "database.keep_holds_days",
        Kind::Number(180, 36_500),
        "400",
        "Days after which stock holds that ended without a sale are forgotten. Those that were sold stay with their orders.",
    ),
    Key {
        name: "redis.url",
        kind: Kind::TextOrNone,
        default: r#""""#,
        comment: "Where it is: redis://HOST:PORT, or rediss:// with TLS.",
        secret: true,
    },
    key("redis.prefix", Kind::Text, r#""commerce""#, "What all keys begin with, so that several shops may share one."),
    key(
        "redis.durable",
        Kind::Switch,
        "false",
        "Whether it keeps what it takes though it cannot be asked: a managed service with a durable log.",
    ),
    key("aws.region", Kind::TextOrNone, r#""""#, "The region; empty for what the environment says."),
    key("aws.endpoint", Kind::TextOrNone, r#""""#, "Another server than AWS itself: http://HOST:PORT."),
    key(
        "aws.prefix",
        Kind::TextOrNone,
        r#""""#,
        "What is in front of every name of a topic or queue, as given to commerce aws init.",
    ),
    key(
        "aws.fifo",
        Kind::Switch,
        "false",
        "Whether topics and queues keep the order of one aggregate's events, as given to commerce aws init.",
    ),
    key("aws.images_bucket", Kind::TextOrNone, r#""""#, "A bucket of S3 for pictures; empty keeps them in the data directory."),
    key("search.enabled", Kind::Switch, "true", "Whether a search index is kept; without it searches scan the catalog."),
    key(
        "mail.transport",
        Kind::Choice(&["files", "ses"]),
        r#""files""#,
        "files writes each mail into the data directory; ses hands it to SES (see [aws]), which must know mail.from as a sender.",
    ),
    key("mail.from", Kind::Mail, r#""shop@localhost.localdomain""#, "Sender of all mails."),
    key("mail.from_name", Kind::Text, r#""The Shop""#, "The shop's name: sender of mails, title of pages."),
    key("mail.ops_address", Kind::Mail, r#""ops@localhost.localdomain""#, "Who is told when stock runs low."),
    key(
        "payments.capture",
        Kind::Choice(&["automatic", "manual"]),
        r#""automatic""#,
        "When the money of an order is taken: at once, or when staff captures it; orders stand on the promise meanwhile.",
    ),
    Key {
        name: "payments.sandbox.webhook_secret",
        kind: Kind::Text,
        default: r#""sandbox-webhook-secret""#,
        comment: "Signs the sandbox's webhooks.",
        secret: true,
    },
    Key {
        name: "payments.stripe.secret_key",
        kind: Kind::TextOrNone,
        default: r#""""#,
        comment: "Cards and UPI go through Stripe with this key, and the sandbox takes nothing any more. Empty for no Stripe.",
        secret: true,
    },
    Key {
        name: "payments.stripe.webhook_secret",
        kind: Kind::TextOrNone,
        default: r#""""#,
        comment: "The secret of Stripe's webhooks, which go to /api/payments/webhooks/stripe.",
        secret: true,
    },
    key("payments.stripe.api_url", Kind::UrlOrNone, r#""https://api.stripe.com""#, "Where Stripe is."),
    key(
        "payments.razorpay.key_id",
        Kind::TextOrNone,
        r#""""#,
        "UPI, cards and net banking go through Razorpay with this key, and the sandbox takes nothing any more; what Stripe takes goes \
         there first. Empty for no Razorpay.",
    ),
    Key {
        name: "payments.razorpay.key_secret",
        kind: Kind::TextOrNone,
        default: r#""""#,
        comment: "The secret of that key.",
        secret: true,
    },
    Key {
        name: "payments.razorpay.webhook_secret",
        kind: Kind::TextOrNone,
        default: r#""""#,
        comment: "The secret of Razorpay's webhooks, which go to /api/payments/webhooks/razorpay.",
        secret: true,
    },
    Key {
        name: "payments.razorpay.webhook_secret_before",
        kind: Kind::TextOrNone,
        default: r#""""#,
        comment: "The secret before that one, for the day after a change: Razorpay repeats older messages with it. Empty for none.",
        secret: true,
    },
    key("payments.razorpay.api_url", Kind::UrlOrNone, r#""https://api.razorpay.com""#, "Where Razorpay is."),
    key(
        "orders.carts",
        Kind::Choice(&["database", "redis"]),
        r#""database""#,
        "Where carts are kept: beside the orders, or in Redis.",
    ),
    key(
        "orders.unpaid_max",
        Kind::Number(0, 10_000),
        "20",
        "Orders of one customer, or of one guest's mail address, that may wait for their money at once, so that nobody keeps stock \
         without paying. 0 for any number.",
    ),
    key(
        "orders.shipping",
        Kind::Shipping,
        SHIPPING,
        "Ways to ship, the default first; prices in minor units of server.currency. An entry may also say countries = [\"IN\"] (where \
         to), tiers = [{ up_to_grams = 500, price = 4900 }] (in place of price, nothing heavier than the last), and \
         free_from = 99900 (from this subtotal on).",
    ),
    key(
        "orders.taxes",
        Kind::Taxes,
        "[]",
        "What is taxed: { name = \"VAT\", rate = \"20\" }, where it holds also countries = [\"GB\"], states and categories (ids, those \
         below included), whether prices have it in them, included = true, and whether shipping is taxed, too, shipping = true. Of one name the first that fits holds. Indian GST is \
         { name = \"GST\", rate = \"18\", gst_from = \"MH\" }: CGST and SGST within the state, IGST between states.",
    ),
    key(
        "orders.ships_from",
        Kind::Place,
        r#""IN""#,
        "Where the shop ships from, IN or with its state IN-MH: what an order costs is said for this place to who names none.",
    ),
    key(
        "inventory.low_stock_threshold",
        Kind::Number(0, 1_000_000),
        "5",
        "Available units at which ops are told, unless the SKU says otherwise.",
    ),
    key("telemetry.log", Kind::Choice(&["pretty", "json"]), r#""pretty""#, "How log lines look."),
    key(
        "telemetry.level",
        Kind::Choice(&["error", "warn", "info", "debug", "trace"]),
        r#""info""#,
        "From which level on lines are written.",
    ),
    key(
        "telemetry.audit_at",
        Kind::TimeOfDay,
        r#""03:00""#,
        "When the server audits its data every day, in UTC; empty for never. What is found goes to the log and to /metrics.",
    ),
];
