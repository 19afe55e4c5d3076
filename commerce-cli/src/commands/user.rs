//! `user`: accounts, and the only way to make the first admin.

use commerce_core::ids::UserId;
use commerce_core::text::Email;
use commerce_core::users::{Register, Role, User};
use commerce_core::{Actor, Refusal};
use reqwest::Method;
use serde_json::{Value, json};

use crate::args::{Paging, one_of};
use crate::context::{Context, Target};
use crate::failure::Failure;
use crate::output::{Column, shown};
use crate::remote::{Remote, part};
use crate::secret::password;
use crate::shop::People;
use crate::views;

const COLUMNS: &[Column] =
    &[("ID", "/id"), ("EMAIL", "/email"), ("NAME", "/fullName"), ("ROLE", "/role"), ("CREATED", "/createdAt")];

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Open an account; with --role ADMIN the first admin
    #[command(after_help = "Examples:\n  commerce user create --email me@example.com --full-name Me --role ADMIN\n  \
        pass show shop | commerce user create --email me@example.com --full-name Me --password-stdin")]
    Create(Create),
    /// Accounts, newest first
    List {
        /// Only those with this role
        #[arg(long, value_parser = one_of(Role::ALL, Role::as_str), ignore_case = true)]
        role: Option<Role>,
        #[command(flatten)]
        paging: Paging,
    },
    /// Give a user a role; who is to run a seller is named where the seller is made (POST /api/sellers)
    SetRole {
        /// Mail address or id
        user: String,
        /// The new role
        #[arg(value_parser = one_of(Role::ALL, Role::as_str), ignore_case = true)]
        role: Role,
    },
    /// Set a new password and end all logins of the user
    ResetPassword {
        /// Mail address or id
        user: String,
        /// Read the password from standard input, less one newline; without it the terminal is asked
        #[arg(long)]
        password_stdin: bool,
    },
}

#[derive(Debug, clap::Args)]
pub(crate) struct Create {
    /// Mail address, unique in the shop
    #[arg(long)]
    email: String,
    /// As written on parcels
    #[arg(long)]
    full_name: String,
    /// In whatever form
    #[arg(long)]
    phone: Option<String>,
    /// What she may do
    #[arg(long, value_parser = one_of(Role::ALL, Role::as_str), ignore_case = true, default_value = "CUSTOMER")]
    role: Role,
    /// Read the password from standard input, less one newline; without it the terminal is asked
    #[arg(long)]
    password_stdin: bool,
}

pub(crate) async fn run(cx: &Context, command: Command) -> Result<(), Failure> {
    match command {
        Command::Create(args) => create(cx, args).await,
        Command::List { role, paging } => list(cx, role, &paging).await,
        Command::SetRole { user, role } => set_role(cx, &user, role).await,
        Command::ResetPassword { user, password_stdin } => reset_password(cx, &user, password_stdin).await,
    }
}

async fn list(cx: &Context, role: Option<Role>, paging: &Paging) -> Result<(), Failure> {
    match cx.people().await? {
        Target::Local(people) => {
            let users = people.users(&Actor::System, role, &paging.request()?).await?;
            cx.out.page(&views::page(users, views::user), COLUMNS)?;
            people.close().await
        }
        Target::Remote(remote) => {
            let mut query = paging.query();
            query.extend(role.map(|role| ("role", role.as_str().to_owned())));
            cx.out.page(&remote.get("/api/users", &query).await?, COLUMNS)
        }
    }
}

async fn reset_password(cx: &Context, user: &str, password_stdin: bool) -> Result<(), Failure> {
    let user = match cx.people().await? {
        Target::Local(people) => {
            let user = find(&people, user).await?;
            people.set_password(&Actor::System, user.id, &password(password_stdin)?).await?;
            let user = people.user(&Actor::System, user.id).await?;
            people.close().await?;
            views::user(user)
        }
        Target::Remote(remote) => {
            let user = find_there(&remote, user).await?;
            let path = format!("/api/operations/users/{}/password", part(id(&user)));
            remote.call(Method::PUT, &path, &json!({ "password": password(password_stdin)? })).await?;
            find_there(&remote, id(&user)).await?
        }
    };
    cx.out.say(&format!("{} has a new password; all logins ended", shown(&user["email"])), &user)
}

async fn create(cx: &Context, args: Create) -> Result<(), Failure> {
    let register = |password| Register {
        email: args.email,
        password,
        full_name: args.full_name,
        phone: args.phone,
        metadata: commerce_core::text::Metadata::new(),
    };
    match cx.people_or_new().await? {
        Target::Local(people) => {
            let user = people.create_user(&Actor::System, register(password(args.password_stdin)?), args.role).await?;
            cx.out.record(&views::user(user), COLUMNS)?;
            people.finish().await
        }
        Target::Remote(remote) => {
            // Whoever may not give a role opens no account for it either.
            if args.role != Role::Customer && remote.get("/api/users/me", &[]).await?["role"] != Role::Admin.as_str() {
                return Err(Refusal::Forbidden.into());
            }
            let Register { email, password, full_name, phone, .. } = register(password(args.password_stdin)?);
            let mut body = json!({ "email": email, "password": password, "fullName": full_name });
            if let Some(phone) = phone {
                body["phone"] = phone.into();
            }
            let made = remote.call(Method::POST, "/api/users", &body).await?;
            let id = id(&made).to_owned();
            let user = match args.role {
                Role::Customer => made,
                role @ (Role::Seller | Role::Admin) => {
                    let path = format!("/api/users/{}/role", part(&id));
                    let given = remote.call(Method::PUT, &path, &json!({ "role": role })).await;
                    given.map_err(|failure| failure.about(&format!("{id} is there, as a CUSTOMER")))?
                }
            };
            cx.out.record(&user, COLUMNS)
        }
    }
}

async fn set_role(cx: &Context, user: &str, role: Role) -> Result<(), Failure> {
    match cx.people().await? {
        Target::Local(people) => {
            let known = find(&people, user).await?;
            let user = people.set_role(&Actor::System, known.id, role, None).await?;
            cx.out.record(&views::user(user), COLUMNS)?;
            people.close().await
        }
        Target::Remote(remote) => {
            let known = find_there(&remote, user).await?;
            let path = format!("/api/users/{}/role", part(id(&known)));
            cx.out.record(&remote.call(Method::PUT, &path, &json!({ "role": role })).await?, COLUMNS)
        }
    }
}

/// The user with this id or mail address.
async fn find(people: &People, text: &str) -> Result<User, Failure> {
    if let Ok(id) = text.parse::<UserId>() {
        return Ok(people.user(&Actor::System, id).await?);
    }
    let email = Email::parse("user", text)?;
    Ok(people.user_by_email(&Actor::System, &email).await?.ok_or(Refusal::NotFound("user"))?)
}

/// The same of a server.
async fn find_there(remote: &Remote, text: &str) -> Result<Value, Failure> {
    if text.parse::<UserId>().is_ok() {
        return remote.get(&format!("/api/users/{}", part(text)), &[]).await;
    }
    let email = Email::parse("user", text)?;
    let mut found = remote.get("/api/users", &[("email", email.to_string())]).await?;
    found.pointer_mut("/items/0").map(Value::take).ok_or_else(|| Refusal::NotFound("user").into())
}

fn id(user: &Value) -> &str {
    user["id"].as_str().unwrap_or_default()
}
