//! Where one HTTP/1 request ends and the next begins, followed in the bytes as they come, so that nobody before us can read them
//! otherwise: request smuggling lives on heads that two parsers understand differently.
//!
//! Owns the verdict over framing only, RFC 9112 to the letter; what a request means is for others to read. Never keeps
//! a byte, so that it costs the same however long a head is. Start reading at [`Framing::read`].

/// What a connection that speaks HTTP/2 begins with.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const LENGTH: &[u8] = b"content-length";
const CODING: &[u8] = b"transfer-encoding";
const CHUNKED: &[u8] = b"chunked";
/// The longest body that a length may announce; far more than any that is read.
const LENGTH_MAX: u64 = i64::MAX.unsigned_abs();

/// Ends a head in the middle of a name: the name becomes another, without a value.
const END_NAME: &[u8] = b"-:\r\n\r\n";
/// Ends a head at the end of a line's text.
const END_LINE: &[u8] = b"\r\n\r\n";
/// Ends a head after a line's CR.
const END_AFTER_CR: &[u8] = b"\n\r\n";
/// Is refused by whoever reads a chunked body where a line may end.
const NO_CHUNK: &[u8] = b"\n";
/// Is refused by whoever reads a chunked body where a line must end.
const NO_END: &[u8] = b"\0";
/// Is refused by whoever reads trailers.
const NO_TRAILER: &[u8] = b"\0\r\n\r\n";

/// Why a request is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// A line ends with LF alone.
    BareLf,
    /// CR stands where no line ends.
    BareCr,
    /// A line goes on with the next.
    Folded,
    /// What stands before the colon is no name.
    Name,
    /// `Content-Length` is no number.
    Length,
    /// `Content-Length` or `Transfer-Encoding` stands there twice.
    Repeated,
    /// `Content-Length` and `Transfer-Encoding` together.
    Both,
    /// `Transfer-Encoding` other than `chunked`.
    Coding,
    /// The body is not chunked as it says.
    Chunk,
}

impl Fault {
    /// What the client is told.
    #[must_use]
    pub fn detail(self) -> &'static str {
        match self {
            Self::BareLf => "a line of the request ends without CR",
            Self::BareCr => "the request has a CR that ends no line",
            Self::Folded => "a header goes on in a second line",
            Self::Name => "the name of a header is not valid",
            Self::Length => "Content-Length is not a number",
            Self::Repeated => "Content-Length or Transfer-Encoding is given twice",
            Self::Both => "Content-Length and Transfer-Encoding are given together",
            Self::Coding => "Transfer-Encoding is not `chunked`",
            Self::Chunk => "the body is not chunked as it says",
        }
    }
}

/// Where and why a connection is not followed any further.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The first of the bytes just read that must not be handed on.
    pub at: usize,
    /// The request it belongs to, counted from 0 over the connection; that of the next when a body is at fault.
    pub request: u64,
    /// Why.
    pub fault: Fault,
    /// What is handed on instead of the rest: it ends the head as one that can be read and answered, or
    /// breaks the body.
    pub instead: &'static [u8],
}

/// Follows the requests of one connection.
#[derive(Debug, Default)]
pub struct Framing {
    step: Step,
    /// Bytes of the preface that came, or more than it has when another came.
    greeted: usize,
    /// Heads that ended.
    heads: u64,
    length: Option<u64>,
    chunked: bool,
}

/// What the next byte belongs to. `…Lf` waits for the LF after a CR.
#[derive(Clone, Copy, Debug, Default)]
enum Step {
    /// What comes before a request: its first byte, or empty lines.
    #[default]
    Start,
    StartLf,
    /// The request line.
    Line,
    LineLf,
    /// The beginning of a header, or the end of the head.
    Header,
    HeadLf,
    Name {
        of: Known,
        at: usize,
    },
    Value,
    /// A length, and whether it has a digit.
    Length(bool),
    /// A coding, and how much of `chunked` came.
    Coding(usize),
    /// Nothing but space until the line ends.
    Space,
    ValueLf,
    Body(u64),
    Size(Option<u64>),
    SizeSpace(u64),
    Extension(u64),
    SizeLf(u64),
    Chunk(u64),
    ChunkCr,
    ChunkLf,
    /// The beginning of a trailer, or the end of all.
    Trailers,
    TrailersLf,
    Trailer,
    TrailerLf,
    /// HTTP/2, or refused already: nothing is looked at.
    Blind,
}

/// What a name may still turn out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Known {
    Length,
    Coding,
    Other,
}

impl Known {
    fn name(self) -> &'static [u8] {
        match self {
            Self::Length => LENGTH,
            Self::Coding => CODING,
            Self::Other => &[],
        }
    }
}

type Judged = Result<Step, (Fault, &'static [u8])>;

impl Framing {
    /// Reads on.
    ///
    /// # Errors
    /// Once, when a request must not be understood: nothing is looked at any more from there on.
    pub fn read(&mut self, bytes: &[u8]) -> Result<(), Refusal> {
        self.greet(bytes);
        let mut at = 0;
        while let Some((byte, rest)) = bytes.get(at..).and_then(<[u8]>::split_first) {
            let whole = rest.len() + 1;
            at += match self.step {
                Step::Blind => return Ok(()),
                Step::Body(left) => {
                    let (passed, left) = pass(left, whole);
                    self.step = if left == 0 { Step::Start } else { Step::Body(left) };
                    passed
                }
                Step::Chunk(left) => {
                    let (passed, left) = pass(left, whole);
                    self.step = if left == 0 { Step::ChunkCr } else { Step::Chunk(left) };
                    passed
                }
                Step::Value if is_text(*byte) => 1 + rest.iter().position(|byte| !is_text(*byte)).unwrap_or(rest.len()),
                step => {
                    self.step = self.next(step, *byte).map_err(|(fault, instead)| {
                        self.step = Step::Blind;
                        Refusal { at, request: self.heads, fault, instead }
                    })?;
                    1
                }
            };
        }
        Ok(())
    }

    /// HTTP/2 is not followed. Until it is known that it is spoken, it reads like two requests without a fault.
    fn greet(&mut self, bytes: &[u8]) {
        if let Some(left) = PREFACE.get(self.greeted..).filter(|left| !left.is_empty()) {
            let common = left.iter().zip(bytes).take_while(|(left, byte)| left == byte).count();
            self.greeted = if common == left.len().min(bytes.len()) { self.greeted + common } else { PREFACE.len() + 1 };
            if self.greeted == PREFACE.len() {
                self.step = Step::Blind;
            }
        }
    }

    fn next(&mut self, step: Step, byte: u8) -> Judged {
        match step {
            Step::Start => match byte {
                b'\r' => Ok(Step::StartLf),
                b'\n' => Err((Fault::BareLf, b"GET / HTTP/1.1\r\n\r\n")),
                _ => Ok(Step::Line),
            },
            Step::StartLf => lf(byte, Step::Start, b"\nGET / HTTP/1.1\r\n\r\n"),
            Step::Line => match byte {
                b'\r' => Ok(Step::LineLf),
                b'\n' => Err((Fault::BareLf, END_LINE)),
                _ => Ok(Step::Line),
            },
            Step::LineLf | Step::ValueLf => lf(byte, Step::Header, END_AFTER_CR),
            Step::Header => match byte {
                b'\r' => Ok(Step::HeadLf),
                b'\n' => Err((Fault::BareLf, END_LINE)),
                b' ' | b'\t' => Err((Fault::Folded, END_LINE)),
                _ => self.name(Known::Other, 0, byte),
            },
            Step::HeadLf => lf(byte, Step::Start, b"\n").map(|_| self.head_ends()),
            Step::Name { of, at } => self.name(of, at, byte),
            Step::Value => match byte {
                b'\r' => Ok(Step::ValueLf),
                b'\n' => Err((Fault::BareLf, END_LINE)),
                // Whoever reads the head refuses it.
                _ => Ok(Step::Value),
            },
            Step::Length(some) => self.length(some, byte),
            Step::Coding(at) => coding(at, byte),
            Step::Space => match byte {
                b' ' | b'\t' => Ok(Step::Space),
                b'\r' => Ok(Step::ValueLf),
                b'\n' => Err((Fault::BareLf, END_LINE)),
                _ if self.chunked => Err((Fault::Coding, END_LINE)),
                _ => Err((Fault::Length, END_LINE)),
            },
            Step::Body(_)
            | Step::Size(_)
            | Step::SizeSpace(_)
            | Step::Extension(_)
            | Step::SizeLf(_)
            | Step::Chunk(_)
            | Step::ChunkCr
            | Step::ChunkLf
            | Step::Trailers
            | Step::TrailersLf
            | Step::Trailer
            | Step::TrailerLf
            | Step::Blind => in_body(step, byte),
        }
    }

    fn name(&mut self, of: Known, at: usize, byte: u8) -> Judged {
        let of = match (at, byte) {
            (0, b'c' | b'C') => Known::Length,
            (0, b't' | b'T') => Known::Coding,
            _ => of,
        };
        match byte {
            b':' if at > 0 => match of {
                Known::Length if at == LENGTH.len() => self.framed(Step::Length(false)),
                Known::Coding if at == CODING.len() => self.framed(Step::Coding(0)),
                _ => Ok(Step::Value),
            },
            b'\n' => Err((Fault::BareLf, END_NAME)),
            _ if !is_name(byte) => Err((Fault::Name, END_NAME)),
            _ if of.name().get(at) == Some(&byte.to_ascii_lowercase()) => Ok(Step::Name { of, at: at + 1 }),
            _ => Ok(Step::Name { of: Known::Other, at: 1 }),
        }
    }

    /// A header that says where the request ends begins: the only one.
    fn framed(&mut self, step: Step) -> Judged {
        let coded = matches!(step, Step::Coding(_));
        match (self.length, self.chunked) {
            (None, false) => {
                (self.length, self.chunked) = if coded { (None, true) } else { (Some(0), false) };
                Ok(step)
            }
            (_, chunked) if chunked == coded => Err((Fault::Repeated, END_NAME)),
            _ => Err((Fault::Both, END_NAME)),
        }
    }

    fn length(&mut self, some: bool, byte: u8) -> Judged {
        let end = if some { END_LINE } else { b"0\r\n\r\n" };
        match byte {
            b'0'..=b'9' => {
                let length = self.length.unwrap_or(0).checked_mul(10).and_then(|tens| tens.checked_add(u64::from(byte - b'0')));
                self.length = Some(length.filter(|length| *length <= LENGTH_MAX).ok_or((Fault::Length, end))?);
                Ok(Step::Length(true))
            }
            b' ' | b'\t' => Ok(if some { Step::Space } else { Step::Length(false) }),
            b'\r' if some => Ok(Step::ValueLf),
            b'\n' => Err((Fault::BareLf, end)),
            _ => Err((Fault::Length, end)),
        }
    }

    fn head_ends(&mut self) -> Step {
        self.heads += 1;
        match (std::mem::take(&mut self.chunked), self.length.take()) {
            (true, _) => Step::Size(None),
            (false, None | Some(0)) => Step::Start,
            (false, Some(length)) => Step::Body(length),
        }
    }
}

fn coding(at: usize, byte: u8) -> Judged {
    let left = CHUNKED.get(at..).unwrap_or_default();
    let end = b"chunked\r\n\r\n".get(at..).unwrap_or(END_LINE);
    match (byte, left.first()) {
        (b' ' | b'\t', _) if at == 0 => Ok(Step::Coding(0)),
        (b' ' | b'\t', None) => Ok(Step::Space),
        (b'\r', None) => Ok(Step::ValueLf),
        (b'\n', _) => Err((Fault::BareLf, end)),
        (byte, Some(next)) if byte.eq_ignore_ascii_case(next) => Ok(Step::Coding(at + 1)),
        _ => Err((Fault::Coding, end)),
    }
}

/// A chunked body, byte for byte as the server reads it.
fn in_body(step: Step, byte: u8) -> Judged {
    let after = |size: u64| match byte {
        b' ' | b'\t' => Ok(Step::SizeSpace(size)),
        b';' => Ok(Step::Extension(size)),
        b'\r' => Ok(Step::SizeLf(size)),
        _ => Err((Fault::Chunk, NO_CHUNK)),
    };
    match step {
        Step::Size(size) => match (char::from(byte).to_digit(16), size) {
            (Some(digit), _) => {
                let size = size.unwrap_or(0).checked_mul(16).and_then(|size| size.checked_add(u64::from(digit)));
                size.map(|size| Step::Size(Some(size))).ok_or((Fault::Chunk, NO_CHUNK))
            }
            (None, Some(size)) => after(size),
            (None, None) => Err((Fault::Chunk, NO_CHUNK)),
        },
        Step::SizeSpace(size) => after(size),
        Step::Extension(size) => match byte {
            b'\r' => Ok(Step::SizeLf(size)),
            b'\n' => Err((Fault::Chunk, NO_CHUNK)),
            _ => Ok(Step::Extension(size)),
        },
        Step::SizeLf(size) => chunk_lf(byte, if size == 0 { Step::Trailers } else { Step::Chunk(size) }),
        Step::ChunkCr if byte == b'\r' => Ok(Step::ChunkLf),
        Step::ChunkCr => Err((Fault::Chunk, NO_CHUNK)),
        Step::ChunkLf => chunk_lf(byte, Step::Size(None)),
        Step::Trailers | Step::Trailer => match (byte, step) {
            (b'\n', _) => Err((Fault::BareLf, NO_TRAILER)),
            (b'\r', Step::Trailers) => Ok(Step::TrailersLf),
            (b'\r', _) => Ok(Step::TrailerLf),
            _ => Ok(Step::Trailer),
        },
        Step::TrailerLf => chunk_lf(byte, Step::Trailers),
        Step::TrailersLf => chunk_lf(byte, Step::Start),
        other => Ok(other),
    }
}

fn lf(byte: u8, then: Step, instead: &'static [u8]) -> Judged {
    if byte == b'\n' { Ok(then) } else { Err((Fault::BareCr, instead)) }
}

fn chunk_lf(byte: u8, then: Step) -> Judged {
    if byte == b'\n' { Ok(then) } else { Err((Fault::Chunk, NO_END)) }
}

/// How many of `whole` bytes belong to the `left` ones, and what is left then.
fn pass(left: u64, whole: usize) -> (usize, u64) {
    let passed = usize::try_from(left).map_or(whole, |left| left.min(whole));
    (passed, left - passed as u64)
}

fn is_text(byte: u8) -> bool {
    !byte.is_ascii_control() || byte == b'\t'
}

fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

#[cfg(test)]
mod tests;
