//! The bytes of a connection, before anybody reads a request in them.

use commerce_server::framing::Framing;

/// The verdict is the same however the bytes come, what was handed on before is good, and something is handed on instead of
/// the rest.
pub fn framing(bytes: &[u8]) {
    let at_once = Framing::default().read(bytes);
    let mut slow = Framing::default();
    let slowly = bytes.iter().enumerate().find_map(|(at, byte)| slow.read(std::slice::from_ref(byte)).err().map(|it| (at, it)));
    match (at_once, slowly) {
        (Ok(()), None) => {}
        (Err(refusal), Some((at, late))) => {
            assert_eq!((refusal.at, refusal.request, refusal.fault), (at, late.request, late.fault));
            assert!(!refusal.instead.is_empty(), "whoever reads would take it for the end of the connection");
            assert_eq!(Framing::default().read(&bytes[..refusal.at]), Ok(()), "what was handed on before is good");
        }
        (at_once, slowly) => panic!("{at_once:?} at once, {slowly:?} byte by byte"),
    }
}
