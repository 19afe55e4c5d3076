//! A product file that can be read from the beginning more than once.

use std::fs::File;
use std::io::{Cursor, Read};
use std::path::{Path, PathBuf};

use crate::failure::Failure;

/// Bytes of a pipe that are kept in memory at most; a larger input must be a file.
const PIPE_MAX_BYTES: u64 = 256 << 20;

/// A file, or what came out of a pipe.
pub(crate) struct Source {
    path: PathBuf,
    piped: Option<Vec<u8>>,
    length: u64,
}

impl Source {
    /// Opens `path`. A pipe is read to its end, since rows of one product may lie far apart.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(crate) fn open(path: &Path) -> Result<Self, Failure> {
        let failed = |error: std::io::Error| Failure::io(&format!("read {}", path.display()), &error);
        let file = File::open(path).map_err(failed)?;
        let about = file.metadata().map_err(failed)?;
        if about.is_file() {
            return Ok(Self { path: path.to_owned(), piped: None, length: about.len() });
        }
        let mut bytes = Vec::new();
        file.take(PIPE_MAX_BYTES + 1).read_to_end(&mut bytes).map_err(failed)?;
        if bytes.len() as u64 > PIPE_MAX_BYTES {
            return Err(Failure::new("INPUT_TOO_LARGE", "more than 256 MiB came out of the pipe; save it as a file first"));
        }
        let length = bytes.len() as u64;
        Ok(Self { path: path.to_owned(), piped: Some(bytes), length })
    }

    /// From text that is in the program.
    pub(crate) fn text(name: &str, text: &str) -> Self {
        Self::bytes(name, text.as_bytes().to_vec())
    }

    /// From bytes that are in the program.
    pub(crate) fn bytes(name: &str, bytes: Vec<u8>) -> Self {
        Self { path: PathBuf::from(name), length: bytes.len() as u64, piped: Some(bytes) }
    }

    /// The file's path.
    pub(crate) fn name(&self) -> &Path {
        &self.path
    }

    /// How many bytes there are.
    pub(crate) fn length(&self) -> u64 {
        self.length
    }

    /// Reads from the beginning, less a byte order mark.
    ///
    /// # Errors
    /// When it cannot be read, or is UTF-16.
    pub(crate) fn read(&self) -> Result<Box<dyn Read + Send>, Failure> {
        let mut reader: Box<dyn Read + Send> = match &self.piped {
            Some(bytes) => Box::new(Cursor::new(bytes.clone())),
            None => {
                Box::new(File::open(&self.path).map_err(|error| Failure::io(&format!("read {}", self.path.display()), &error))?)
            }
        };
        let mut head = Vec::new();
        reader.by_ref().take(3).read_to_end(&mut head).map_err(|error| Failure::io("read the file's beginning", &error))?;
        if head.starts_with(&[0xff, 0xfe]) || head.starts_with(&[0xfe, 0xff]) {
            return Err(Failure::new("ENCODING", "the file is UTF-16; save it as UTF-8"));
        }
        if head == [0xef, 0xbb, 0xbf] {
            head.clear();
        }
        Ok(Box::new(Cursor::new(head).chain(reader)))
    }
}
