//! The rules of an address book: the first is the default, a new default switches the old one off,
//! and the book has a default as long as it has an address. Pure.

use super::model::Address;
use super::ports::UserWrite;

/// What puts `address` into the book, new or changed. Old defaults are switched off before the new
/// one is on, so that at no moment there are two.
pub(super) fn put(book: &[Address], address: Address, wants_default: bool) -> Vec<UserWrite> {
    let others = || book.iter().filter(|other| other.id != address.id);
    let is_default = wants_default || !others().any(|other| other.is_default);
    let switched_off = others().filter(|other| is_default && other.is_default);
    let mut writes: Vec<_> =
        switched_off.map(|other| UserWrite::PutAddress(Address { is_default: false, ..other.clone() })).collect();
    writes.push(UserWrite::PutAddress(Address { is_default, ..address }));
    writes
}

/// What takes `address` out of the book. The oldest other one takes over as the default.
pub(super) fn remove(book: &[Address], address: &Address) -> Vec<UserWrite> {
    let mut writes = vec![UserWrite::DeleteAddress(address.id)];
    let heir = book.iter().find(|other| other.id != address.id);
    if let Some(heir) = heir.filter(|_| address.is_default) {
        writes.push(UserWrite::PutAddress(Address { is_default: true, ..heir.clone() }));
    }
    writes
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::super::postal::{parse_address, tests::raw};
    use super::*;
    use crate::ids::{AddressId, Id, UserId};
    use crate::time::Timestamp;

    fn address(number: u128, is_default: bool) -> Address {
        Address {
            id: AddressId::from_uuid(Uuid::from_u128(number)),
            user: UserId::from_uuid(Uuid::from_u128(100)),
            postal: parse_address("", raw()).unwrap(),
            is_default,
            created_at: Timestamp::EPOCH,
        }
    }

    fn apply(book: &mut Vec<Address>, writes: Vec<UserWrite>) {
        for write in writes {
            match write {
                UserWrite::PutAddress(address) => match book.iter_mut().find(|known| known.id == address.id) {
                    Some(known) => *known = address,
                    None => book.push(address),
                },
                UserWrite::DeleteAddress(id) => book.retain(|known| known.id != id),
                other => panic!("an address book does not write {other:?}"),
            }
            assert!(book.iter().filter(|known| known.is_default).count() <= 1);
        }
    }

    fn defaults(book: &[Address]) -> Vec<bool> {
        book.iter().map(|address| address.is_default).collect()
    }

    #[test]
    fn the_default_moves_and_is_never_lost() {
        let mut book = Vec::new();
        apply(&mut book, put(&[], address(1, false), false));
        assert_eq!(defaults(&book), [true]);
        let writes = put(&book, address(2, false), false);
        apply(&mut book, writes);
        assert_eq!(defaults(&book), [true, false]);
        let writes = put(&book, address(3, false), true);
        apply(&mut book, writes);
        assert_eq!(defaults(&book), [false, false, true]);
        let writes = put(&book, address(3, true), false);
        apply(&mut book, writes);
        assert_eq!(defaults(&book), [false, false, true], "the default cannot be switched off, only over");
        let writes = remove(&book, &address(3, true));
        apply(&mut book, writes);
        assert_eq!(defaults(&book), [true, false]);
        let writes = remove(&book, &address(2, false));
        apply(&mut book, writes);
        assert_eq!(defaults(&book), [true]);
    }
}
