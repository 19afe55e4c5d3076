use super::*;

/// Where and why these bytes are refused, read at once. Read byte by byte they are refused there as well.
fn refused(bytes: &[u8]) -> Option<(usize, u64, Fault)> {
    let verdict = |refusal: Refusal, before: usize| (before + refusal.at, refusal.request, refusal.fault);
    let mut slow = Framing::default();
    let slowly = bytes.iter().enumerate().find_map(|(at, byte)| {
        let read = slow.read(std::slice::from_ref(byte));
        read.err().map(|refusal| verdict(refusal, at))
    });
    let at_once = Framing::default().read(bytes).err().map(|refusal| verdict(refusal, 0));
    assert_eq!(at_once, slowly, "{:?}", String::from_utf8_lossy(bytes));
    at_once
}

const GOOD: &str = "POST /a HTTP/1.1\r\nHost: shop\r\nContent-Length: 4\r\n\r\n\n \r\n";

#[test]
fn what_two_parsers_read_differently_is_refused_wherever_it_stands() {
    for (head, fault) in [
        ("GET / HTTP/1.1\nHost: a\r\n\r\n", Fault::BareLf),
        ("GET / HTTP/1.1\r\nHost: a\n\r\n", Fault::BareLf),
        ("GET / HTTP/1.1\r\nHost: a\r\n\n", Fault::BareLf),
        ("GET / HTTP/1.1\r\nHost\n", Fault::BareLf),
        ("\nGET / HTTP/1.1\r\n\r\n", Fault::BareLf),
        ("GET / HTTP/1.1\r\nContent-Length: 4\n\r\n", Fault::BareLf),
        ("GET / HTTP/1.1\r\nContent-Length: \n\r\n", Fault::BareLf),
        ("GET / HTTP/1.1\r\nContent-Length: 4 \n\r\n", Fault::BareLf),
        ("GET / HTTP/1.1\r\nTransfer-Encoding: chunked\n\r\n", Fault::BareLf),
        ("GET / HTTP/1.1\rHost: a\r\n\r\n", Fault::BareCr),
        ("GET / HTTP/1.1\r\nHost: a\r\r\n\r\n", Fault::BareCr),
        ("GET / HTTP/1.1\r\n\rHost: a\r\n\r\n", Fault::BareCr),
        ("\rGET / HTTP/1.1\r\n\r\n", Fault::BareCr),
        ("GET / HTTP/1.1\r\nHost: a\r\n b\r\n\r\n", Fault::Folded),
        ("GET / HTTP/1.1\r\n\tHost: a\r\n\r\n", Fault::Folded),
        ("GET / HTTP/1.1\r\nContent-Length : 4\r\n\r\n", Fault::Name),
        ("GET / HTTP/1.1\r\nTransfer-Encoding\t: chunked\r\n\r\n", Fault::Name),
        ("GET / HTTP/1.1\r\n: a\r\n\r\n", Fault::Name),
        ("GET / HTTP/1.1\r\nHost\r\n\r\n", Fault::Name),
        ("POST / HTTP/1.1\r\nContent-Length: +4\r\n\r\n", Fault::Length),
        ("POST / HTTP/1.1\r\nContent-Length: 4, 4\r\n\r\n", Fault::Length),
        ("POST / HTTP/1.1\r\nContent-Length: 4 4\r\n\r\n", Fault::Length),
        ("POST / HTTP/1.1\r\nContent-Length:\r\n\r\n", Fault::Length),
        ("POST / HTTP/1.1\r\nContent-Length: 9223372036854775808\r\n\r\n", Fault::Length),
        ("POST / HTTP/1.1\r\ncontent-length: 4\r\nX: a\r\nContent-Length: 4\r\n\r\n", Fault::Repeated),
        ("POST / HTTP/1.1\r\nContent-Length: 0\r\nContent-Length: 4\r\n\r\n", Fault::Repeated),
        ("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", Fault::Repeated),
        ("POST / HTTP/1.1\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n", Fault::Both),
        ("POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\ncontent-length: 4\r\n\r\n", Fault::Both),
        ("POST / HTTP/1.1\r\nTransfer-Encoding: xchunked\r\n\r\n", Fault::Coding),
        ("POST / HTTP/1.1\r\nTransfer-Encoding: chunkedx\r\n\r\n", Fault::Coding),
        ("POST / HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", Fault::Coding),
        ("POST / HTTP/1.1\r\nTransfer-Encoding: chunked, identity\r\n\r\n", Fault::Coding),
        ("POST / HTTP/1.1\r\nTransfer-Encoding: \x0bchunked\r\n\r\n", Fault::Coding),
        ("POST / HTTP/1.1\r\nTransfer-Encoding: chunk\r\n\r\n", Fault::Coding),
    ] {
        let (at, request, found) = refused(head.as_bytes()).unwrap_or_else(|| panic!("{head:?} passed"));
        assert_eq!((request, found), (0, fault), "{head:?}");
        let later = format!("{GOOD}{GOOD}{head}");
        assert_eq!(refused(later.as_bytes()), Some((2 * GOOD.len() + at, 2, fault)), "{head:?}");
    }
}

#[test]
fn a_body_is_not_a_head_and_is_not_looked_at() {
    for good in [
        GOOD,
        "\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\nX:\r\nY: \t b \t\r\nZ: caf\u{e9}\r\n\r\n",
        "GET / HTTP/1.0\r\n\r\n",
        "POST / HTTP/1.1\r\ncontent-LENGTH:\t 3 \t\r\n\r\n\n\n\n",
        "POST / HTTP/1.1\r\nContent-Length: 0\r\n\r\n",
        "POST / HTTP/1.1\r\nContent-Lengths: a\r\nContent-Lengt: b\r\nTransfer-Encodings: c\r\n\r\n",
        "POST / HTTP/1.1\r\nTransfer-Encoding:  Chunked \r\n\r\n5\r\n\n x\r\n\r\n00\r\n\r\n",
        "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nA ;a=\"b\"\r\n0123456789\r\n1\t\r\n\n\r\n0;x\r\nX-Sum: 1\r\nY: 2\r\n\r\n",
    ] {
        assert_eq!(refused(good.as_bytes()), None, "{good:?}");
        let later = format!("{good}{good}{GOOD}\n");
        assert_eq!(refused(later.as_bytes()), Some((later.len() - 1, 3, Fault::BareLf)), "{good:?}");
    }
}

#[test]
fn a_body_in_chunks_that_are_none_is_read_no_further() {
    for (body, fault) in [
        ("\r\n", Fault::Chunk),
        ("5\n", Fault::Chunk),
        ("5 5\r\n", Fault::Chunk),
        ("5;a\n", Fault::Chunk),
        ("5\r5", Fault::Chunk),
        ("0x5\r\n", Fault::Chunk),
        ("10000000000000000\r\n", Fault::Chunk),
        ("1\r\na\n", Fault::Chunk),
        ("1\r\nab", Fault::Chunk),
        ("1\r\na\rb", Fault::Chunk),
        ("0\r\n\n", Fault::BareLf),
        ("0\r\nX: a\n", Fault::BareLf),
        ("0\r\nX: a\rb", Fault::Chunk),
    ] {
        let request = format!("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n{body}");
        assert_eq!(refused(request.as_bytes()).map(|(_, request, fault)| (request, fault)), Some((1, fault)), "{body:?}");
    }
}

#[test]
fn what_stands_instead_ends_a_head_that_can_be_read() {
    for head in [
        "\n",
        "\rX",
        "GET / HTTP/1.1\n",
        "GET / HTTP/1.1\rX",
        "GET / HTTP/1.1\r\n X",
        "GET / HTTP/1.1\r\n\rX",
        "GET / HTTP/1.1\r\nHost",
        "GET / HTTP/1.1\r\nHost X",
        "GET / HTTP/1.1\r\n:",
        "GET / HTTP/1.1\r\nHost: a\n",
        "GET / HTTP/1.1\r\nContent-Length: \n",
        "GET / HTTP/1.1\r\nContent-Length: 4,",
        "GET / HTTP/1.1\r\nContent-Length: 4\r\nContent-Length:",
        "GET / HTTP/1.1\r\nContent-Length: 4\r\nTransfer-Encoding:",
        "GET / HTTP/1.1\r\nTransfer-Encoding: x",
        "GET / HTTP/1.1\r\nTransfer-Encoding: chunk\n",
        "GET / HTTP/1.1\r\nTransfer-Encoding: chunked,",
    ] {
        let Err(refusal) = Framing::default().read(head.as_bytes()) else {
            assert_eq!(head, "GET / HTTP/1.1\r\nHost", "only a name that has not ended passes");
            continue;
        };
        let handed = [&head.as_bytes()[..refusal.at], refusal.instead].concat();
        let mut again = Framing::default();
        // What follows the head is never read; where it is no body, that does not matter.
        let _ = again.read(&handed);
        assert_eq!(again.heads, 1, "{head:?}: {:?}", String::from_utf8_lossy(&handed));
    }
}

#[test]
fn http_2_passes_and_what_only_begins_like_it_does_not() {
    let frames = b"\n\n \nGET / HTTP/1.1\n".as_slice();
    assert_eq!(refused(&[PREFACE, frames].concat()), None);
    let begins = [&PREFACE[..PREFACE.len() - 2], b"\n"].concat();
    assert_eq!(refused(&begins), Some((begins.len() - 1, 1, Fault::BareLf)));
    let late = [GOOD.as_bytes(), PREFACE, b"\n"].concat();
    assert_eq!(refused(&late), Some((late.len() - 1, 3, Fault::BareLf)), "a connection has one beginning");
}

/// Numbers that look random, the same every time.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).unwrap() % end
    }

    fn bytes(&mut self, most: usize) -> Vec<u8> {
        let length = self.below(most + 1);
        (0..length).map(|_| b"\r\n :;0aZ\0\xff"[self.below(10)]).collect()
    }

    fn request(&mut self) -> Vec<u8> {
        let mut request = format!("{}POST /{} HTTP/1.1\r\n", "\r\n".repeat(self.below(3)), self.below(100)).into_bytes();
        for _ in 0..self.below(4) {
            let headers = ["Host: shop", "X-Length:", "Cookie: a=b; c=d ", "Content-Type:\tapplication/json", "T: chunked, gzip"];
            request.extend(format!("{}\r\n", headers[self.below(headers.len())]).bytes());
        }
        match self.below(3) {
            0 => request.extend(b"\r\n"),
            1 => {
                let body = self.bytes(40);
                request.extend(format!("Content-Length: {}\r\n\r\n", body.len()).bytes());
                request.extend(body);
            }
            _ => {
                request.extend(b"Transfer-Encoding: chunked\r\n\r\n");
                for _ in 0..self.below(4) {
                    let chunk = [b"x".as_slice(), &self.bytes(40)].concat();
                    request.extend(format!("{:X}{}\r\n", chunk.len(), ["", ";a=b", " ", " ;c"][self.below(4)]).bytes());
                    request.extend(chunk);
                    request.extend(b"\r\n");
                }
                request.extend(["0\r\n\r\n", "000\r\nX-Sum: 7\r\n\r\n"][self.below(2)].bytes());
            }
        }
        request
    }
}

#[test]
fn good_requests_pass_however_they_are_cut() {
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    for round in 0..2_000 {
        let count = 1 + dice.below(5);
        let bytes: Vec<u8> = (0..count).flat_map(|_| dice.request()).collect();
        let (mut framing, mut rest) = (Framing::default(), bytes.as_slice());
        while !rest.is_empty() {
            let (now, later) = rest.split_at(1 + dice.below(rest.len().min(64)));
            assert_eq!(framing.read(now), Ok(()), "round {round}: {:?}", String::from_utf8_lossy(&bytes));
            rest = later;
        }
        assert_eq!(framing.heads, count as u64, "round {round}");
        let refusal = framing.read(b"\n").expect_err("the next head begins right there");
        assert_eq!((refusal.request, refusal.fault), (count as u64, Fault::BareLf), "round {round}");
    }
}
