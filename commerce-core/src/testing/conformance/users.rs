//! Users, address books, sessions and refresh tokens.

use std::sync::Arc;
use std::time::Duration;

use crate::change::{ChangeSet, CommitRefusal};
use crate::ids::{AddressId, SessionId, UserId};
use crate::testing::ManualClock;
use crate::text::Email;
use crate::users::{Address, PasswordHash, PostalAddress, RefreshToken, Role, Session, User, UserStore, UserWrite};

use super::fixture::{Fixture, Opened, got, walk};
use super::{cases, samples};

type Users = Fixture<dyn UserStore>;

pub(super) async fn all(make: &impl AsyncFn(Arc<ManualClock>) -> Opened<dyn UserStore>) {
    cases! { make;
        a_user_is_read_as_written,
        a_mail_address_belongs_to_one_user,
        of_many_who_want_one_mail_address_one_gets_it,
        versions_grow_by_one,
        of_many_who_change_one_version_one_wins,
        users_are_listed_newest_first,
        an_address_book_is_kept,
        sessions_are_listed_newest_first,
        sessions_end_once,
        a_refresh_token_is_used_once,
    }
}

fn new_user(fixture: &Users) -> User {
    samples::user(fixture.ids.mint(), fixture.now())
}

async fn a_user_is_read_as_written(fixture: &Users) {
    let plain = new_user(fixture);
    let full = User {
        full_name: samples::UNICODE.to_owned(),
        phone: Some("+91 98450 00000".to_owned()),
        role: Role::Seller,
        seller: Some(fixture.ids.mint()),
        password_hash: PasswordHash("$argon2id$v=19$m=19456,t=2,p=1$c2FsdA$aGFzaA".to_owned()),
        metadata: samples::notes(),
        created_at: samples::end_of_time(),
        version: 1,
        ..new_user(fixture)
    };
    let large = User { metadata: samples::many_notes(), created_at: samples::before_the_epoch(), ..new_user(fixture) };
    for user in [plain, full, large] {
        fixture.write([UserWrite::InsertUser(user.clone())]).await;
        assert_eq!(got(fixture.store.user(user.id).await).as_ref(), Some(&user));
        assert_eq!(got(fixture.store.user_by_email(&user.email).await), Some(user));
    }
    assert_eq!(got(fixture.store.user(fixture.ids.mint()).await), None);
    let (one, other) = (new_user(fixture), new_user(fixture));
    fixture.write([one.clone(), other.clone()].map(UserWrite::InsertUser)).await;
    let mut both = got(fixture.store.users_of(&[other.id, fixture.ids.mint(), one.id]).await);
    both.sort_by_key(|user| user.id);
    assert_eq!(both, [one, other], "several are read at once");
    assert_eq!(got(fixture.store.users_of(&[]).await), []);
    let nobody: Email = "nobody@example.com".parse().expect("the mail address is well formed");
    assert_eq!(got(fixture.store.user_by_email(&nobody).await), None);
}

async fn a_mail_address_belongs_to_one_user(fixture: &Users) {
    let (one, other) = (new_user(fixture), new_user(fixture));
    fixture.write([one.clone(), other.clone()].map(UserWrite::InsertUser)).await;
    let taken = CommitRefusal::Duplicate("email");
    let third = User { email: one.email.clone(), ..new_user(fixture) };
    assert_eq!(fixture.refused([UserWrite::InsertUser(third.clone())]).await, taken);
    let moved = User { email: one.email.clone(), version: 2, ..other.clone() };
    assert_eq!(fixture.refused([UserWrite::UpdateUser(moved)]).await, taken);

    let renamed = User { email: "new@example.com".parse().expect("it is well formed"), version: 2, ..one.clone() };
    fixture.write([UserWrite::UpdateUser(renamed.clone())]).await;
    assert_eq!(got(fixture.store.user_by_email(&one.email).await), None, "the old address is free");
    fixture.write([UserWrite::InsertUser(third.clone())]).await;
    assert_eq!(got(fixture.store.user_by_email(&one.email).await), Some(third));
    assert_eq!(got(fixture.store.user_by_email(&renamed.email).await), Some(renamed));
}

async fn of_many_who_want_one_mail_address_one_gets_it(fixture: &Users) {
    let email = new_user(fixture).email;
    let users: Vec<User> = (0..20).map(|_| User { email: email.clone(), ..new_user(fixture) }).collect();
    let results = fixture.race(users.iter().map(|user| ChangeSet::of([UserWrite::InsertUser(user.clone())]))).await;
    let winners: Vec<UserId> = users.iter().zip(&results).filter(|(_, result)| result.is_ok()).map(|(user, _)| user.id).collect();
    let holder = got(fixture.store.user_by_email(&email).await).expect("somebody got it");
    assert_eq!(winners, [holder.id]);
}

async fn versions_grow_by_one(fixture: &Users) {
    let user = new_user(fixture);
    fixture.write([UserWrite::InsertUser(user.clone())]).await;
    assert_eq!(fixture.refused([UserWrite::InsertUser(user.clone())]).await, CommitRefusal::Duplicate("id"));
    for wrong in [1, 3] {
        let wrong = User { version: wrong, ..user.clone() };
        assert!(matches!(fixture.refused([UserWrite::UpdateUser(wrong)]).await, CommitRefusal::Stale(_)));
    }
    let unknown = User { version: 1, ..new_user(fixture) };
    assert!(matches!(fixture.refused([UserWrite::UpdateUser(unknown)]).await, CommitRefusal::Stale(_)));
    let second = User { full_name: "Second".to_owned(), version: 2, ..user.clone() };
    let third = User { full_name: "Third".to_owned(), role: Role::Admin, version: 3, ..user };
    fixture.write([second, third.clone()].map(UserWrite::UpdateUser)).await;
    assert_eq!(got(fixture.store.user(third.id).await), Some(third), "two changes in one change set follow each other");
}

async fn of_many_who_change_one_version_one_wins(fixture: &Users) {
    let user = new_user(fixture);
    fixture.write([UserWrite::InsertUser(user.clone())]).await;
    let named = |n: usize| User { full_name: format!("Name {n}"), version: 2, ..user.clone() };
    let results = fixture.race((0..20).map(|n| ChangeSet::of([UserWrite::UpdateUser(named(n))]))).await;
    let winners: Vec<usize> = (0..20).zip(&results).filter(|(_, result)| result.is_ok()).map(|(n, _)| n).collect();
    let stored = got(fixture.store.user(user.id).await).expect("she is there");
    assert_eq!(winners.into_iter().map(named).collect::<Vec<_>>(), [stored]);
}

async fn users_are_listed_newest_first(fixture: &Users) {
    let mut ids = Vec::new();
    for n in 0..10 {
        let role = if n % 2 == 0 { Role::Customer } else { Role::Admin };
        let user = User { role, ..new_user(fixture) };
        ids.push(user.id);
        fixture.write([UserWrite::InsertUser(user)]).await;
        fixture.clock.advance(Duration::from_secs(1));
    }
    ids.reverse();
    let listed = |role| async move {
        let users = walk(async |page| got(fixture.store.users(role, &page).await)).await;
        users.iter().map(|user| user.id).collect::<Vec<_>>()
    };
    assert_eq!(listed(None).await, ids);
    let admins: Vec<UserId> = ids.iter().copied().step_by(2).collect();
    assert_eq!(listed(Some(Role::Admin)).await, admins);
    assert_eq!(listed(Some(Role::Seller)).await, []);
}

async fn an_address_book_is_kept(fixture: &Users) {
    let (user, other) = (new_user(fixture), new_user(fixture));
    fixture.write([user.clone(), other.clone()].map(UserWrite::InsertUser)).await;
    let mut book: Vec<Address> = Vec::new();
    for n in 0..4 {
        let address = samples::address(fixture.ids.mint(), user.id, n == 0, fixture.now());
        fixture.write([UserWrite::PutAddress(address.clone())]).await;
        book.push(address);
        fixture.clock.advance(Duration::from_secs(1));
    }
    assert_eq!(got(fixture.store.addresses(user.id).await), book, "oldest first");
    assert_eq!(got(fixture.store.addresses(other.id).await), []);

    let postal = PostalAddress { city: "Mysuru".to_owned(), line2: None, ..samples::postal() };
    let switched = book.iter().enumerate().map(|(n, address)| Address { is_default: n == 2, ..address.clone() });
    let changed: Vec<Address> = switched.map(|address| Address { postal: postal.clone(), ..address }).collect();
    fixture.write(changed.iter().cloned().map(UserWrite::PutAddress)).await;
    assert_eq!(got(fixture.store.addresses(user.id).await), changed, "an address put again takes the old one's place");

    let first: AddressId = changed.first().expect("there are four").id;
    fixture.write([UserWrite::DeleteAddress(first)]).await;
    fixture.write([UserWrite::DeleteAddress(first)]).await;
    let left: Vec<Address> = changed.into_iter().skip(1).collect();
    assert_eq!(got(fixture.store.addresses(user.id).await), left);
}

fn session(fixture: &Users, user: UserId) -> Session {
    Session { id: fixture.ids.mint(), user, created_at: fixture.now(), last_used_at: fixture.now(), revoked_at: None }
}

async fn sessions_are_listed_newest_first(fixture: &Users) {
    let (user, other) = (new_user(fixture), new_user(fixture));
    let mut sessions: Vec<Session> = (0..7).map(|_| session(fixture, user.id)).collect();
    let users = [user.clone(), other.clone()].map(UserWrite::InsertUser);
    fixture.write(users).await;
    fixture.write(sessions.iter().cloned().map(UserWrite::InsertSession)).await;
    fixture.write([UserWrite::InsertSession(session(fixture, other.id))]).await;
    fixture.write([UserWrite::RevokeSession(sessions.remove(3).id, fixture.now())]).await;
    sessions.reverse();
    assert_eq!(walk(async |page| got(fixture.store.sessions(user.id, &page).await)).await, sessions);
}

async fn sessions_end_once(fixture: &Users) {
    let user = new_user(fixture);
    let first = session(fixture, user.id);
    fixture.write([UserWrite::InsertUser(user.clone()), UserWrite::InsertSession(first.clone())]).await;
    fixture.clock.advance(Duration::from_secs(1));
    let second = session(fixture, user.id);
    fixture.write([UserWrite::InsertSession(second.clone())]).await;
    assert_eq!(fixture.refused([UserWrite::InsertSession(second.clone())]).await, CommitRefusal::Duplicate("id"));
    assert_eq!(
        walk(async |page| got(fixture.store.sessions(user.id, &page).await)).await,
        [second.clone(), first.clone()],
        "newest first"
    );

    let later = fixture.now().plus(Duration::from_mins(5));
    fixture.write([UserWrite::TouchSession(second.id, later)]).await;
    let used = Session { last_used_at: later, ..second };
    assert_eq!(got(fixture.store.session(used.id).await), Some((used.clone(), user.clone())));

    let ended = fixture.now();
    fixture.write([UserWrite::RevokeSession(first.id, ended)]).await;
    fixture.write([UserWrite::RevokeSession(first.id, later)]).await;
    assert_eq!(walk(async |page| got(fixture.store.sessions(user.id, &page).await)).await, [used], "an ended one is not listed");
    let first = Session { revoked_at: Some(ended), ..first };
    assert_eq!(got(fixture.store.session(first.id).await), Some((first, user)), "and ended when it first did");
    assert_eq!(got(fixture.store.session(fixture.ids.mint::<SessionId>()).await), None);
}

async fn a_refresh_token_is_used_once(fixture: &Users) {
    let user = new_user(fixture);
    let session = session(fixture, user.id);
    let hash = [0xfe; 32];
    let token = RefreshToken { hash, session: session.id, user: user.id, created_at: fixture.now(), rotated_at: None };
    fixture.write([UserWrite::InsertUser(user), UserWrite::InsertSession(session)]).await;
    fixture.write([UserWrite::InsertRefreshToken(token.clone())]).await;
    assert!(matches!(fixture.refused([UserWrite::InsertRefreshToken(token.clone())]).await, CommitRefusal::Duplicate(_)));
    assert_eq!(got(fixture.store.refresh_token(&token.hash).await), Some(token.clone()));
    assert_eq!(got(fixture.store.refresh_token(&[0; 32]).await), None);

    let rotation = || ChangeSet::of([UserWrite::RotateRefreshToken(token.hash, fixture.now())]);
    let results = fixture.race((0..10).map(|_| rotation())).await;
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1);
    assert_eq!(fixture.refusal(rotation()).await, CommitRefusal::Stale("refresh token"));
    let rotated = got(fixture.store.refresh_token(&token.hash).await).and_then(|token| token.rotated_at);
    assert_eq!(rotated, Some(fixture.now()));
    let unknown = UserWrite::RotateRefreshToken([1; 32], fixture.now());
    assert_eq!(fixture.refused([unknown]).await, CommitRefusal::Stale("refresh token"));
}
