//! Inputs that look almost like real ones: examples with a few bytes changed, cut, doubled, joined.

use fastrand::Rng;

/// Bytes of an input at most; examples are far shorter.
const LENGTH_MAX: usize = 16 * 1024;
/// Changes of one input at most.
const CHANGES_MAX: usize = 6;

/// What has surprised parsers before.
const WORDS: &[&[u8]] = &[
    b"0",
    b"-1",
    b"-0",
    b"1e309",
    b"1.5",
    b"99999999999999999999",
    b"9223372036854775807",
    b"-9223372036854775808",
    b"18446744073709551615",
    b"null",
    b"true",
    b"{}",
    b"[]",
    b"\"\"",
    b"{\"a\":",
    b"[[[[[[[[",
    b"\\u0000",
    b"\\ud800",
    b"\\\"",
    b"\0",
    b"\r\n",
    b"\n",
    b"\r",
    b"\"",
    b"\"\"",
    b",",
    b";",
    b"\t",
    b" ",
    b"=",
    b"%",
    b"%00",
    b"..",
    b"/",
    b"'",
    b"--",
    b"<script>",
    b"\xef\xbb\xbf",
    b"\xff\xfe",
    b"\xff",
    b"\xc3\x28",
    b"\xe2\x80\xae",
    b"\xf0\x9f\x98\x80",
    b"\xcc\x81",
    b"\xc4\xb0",
    b"\xef\xbc\x91",
    b"\xc2\xa0",
    b"INR",
    b"JPY",
    b"KWD",
    b"Bearer ",
    b"bearer",
    b"eyJ",
    b".",
    b"t=",
    b"v1=",
    b",v1=",
    b"W/\"",
    b"idempotencyKey",
    b"quantity",
    b"__proto__",
];

/// Makes inputs; the same seed and examples make the same ones.
#[derive(Debug)]
pub struct Mutator {
    rng: Rng,
    corpus: Vec<Vec<u8>>,
}

impl Mutator {
    /// From these examples.
    #[must_use]
    pub fn new(seed: u64, corpus: Vec<Vec<u8>>) -> Self {
        Self { rng: Rng::with_seed(seed), corpus }
    }

    /// The next input.
    pub fn next_input(&mut self) -> Vec<u8> {
        let mut input = self.example();
        for _ in 0..self.rng.usize(1..=CHANGES_MAX) {
            self.change(&mut input);
        }
        input.truncate(LENGTH_MAX);
        input
    }

    fn example(&mut self) -> Vec<u8> {
        let at = self.rng.usize(..self.corpus.len());
        self.corpus[at].clone()
    }

    fn change(&mut self, input: &mut Vec<u8>) {
        let at = self.rng.usize(..=input.len());
        let to = self.rng.usize(at..=input.len().min(at + 32));
        match self.rng.u8(..9) {
            0 => {
                input.drain(at..to);
            }
            1 => input.truncate(at),
            2 => {
                let part = input[at..to].to_vec();
                input.splice(at..at, part);
            }
            3 => {
                let other = self.example();
                let from = self.rng.usize(..=other.len());
                let until = self.rng.usize(from..=other.len());
                input.splice(at..to, other[from..until].iter().copied());
            }
            4 => {
                let byte = self.rng.u8(..);
                input.insert(at, byte);
            }
            5 if at < input.len() => input[at] ^= 1 << self.rng.u8(..8),
            6 if at < input.len() => input[at] = self.rng.u8(..),
            7 => {
                let word = WORDS[self.rng.usize(..WORDS.len())];
                input.splice(at..to, word.iter().copied());
            }
            _ => {
                let word = WORDS[self.rng.usize(..WORDS.len())];
                input.splice(at..at, word.iter().copied());
            }
        }
    }
}
