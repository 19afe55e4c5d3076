//! Reading passwords and other secrets without showing them, and without a place in the process list.

use std::io::{self, IsTerminal, Read};

use commerce_core::limits::PASSWORD_MAX;

use crate::failure::Failure;

/// Bytes of standard input that can be a password: characters of four bytes and a line's end.
const SECRET_MAX_BYTES: u64 = PASSWORD_MAX as u64 * 4 + 2;

/// A password: all of standard input less one newline, or asked for on a terminal.
///
/// # Errors
/// When there is neither `--password-stdin` nor a terminal, or the two entries differ.
pub(crate) fn password(from_stdin: bool) -> Result<String, Failure> {
    if from_stdin {
        return read();
    }
    if !io::stdin().is_terminal() {
        return Err(Failure::usage("standard input is no terminal: say --password-stdin and send the password there"));
    }
    let ask = |prompt| rpassword::prompt_password(prompt).map_err(|error| Failure::io("read the password", &error));
    let password = ask("Password: ")?;
    if ask("Once more: ")? == password { Ok(password) } else { Err(Failure::new("PASSWORDS_DIFFER", "the two entries differ")) }
}

/// All of standard input less one newline.
///
/// # Errors
/// When it cannot be read.
pub(crate) fn read() -> Result<String, Failure> {
    secret(io::stdin().lock())
}

/// What is longer than any password is read no further, and is told to be too long by whoever judges it.
fn secret(from: impl Read) -> Result<String, Failure> {
    let mut bytes = Vec::new();
    from.take(SECRET_MAX_BYTES + 1).read_to_end(&mut bytes).map_err(|error| Failure::io("read the secret", &error))?;
    let text = match std::str::from_utf8(&bytes) {
        Ok(text) => text,
        Err(cut) if cut.error_len().is_none() && bytes.len() as u64 > SECRET_MAX_BYTES => {
            std::str::from_utf8(bytes.get(..cut.valid_up_to()).unwrap_or_default()).unwrap_or_default()
        }
        Err(_) => return Err(Failure::new("INVALID", "the secret is not UTF-8")),
    };
    Ok(less_one_newline(text).to_owned())
}

fn less_one_newline(text: &str) -> &str {
    text.strip_suffix("\r\n").or_else(|| text.strip_suffix('\n')).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_long_is_a_long_password() {
        let long = "é".repeat(600);
        let read = secret(long.as_bytes()).unwrap();
        assert!(read.chars().count() > PASSWORD_MAX && long.starts_with(&read), "{}", read.len());
        assert_eq!(secret("häuser\n".as_bytes()).unwrap(), "häuser");
        assert_eq!(secret(&b"h\xe4user"[..]).unwrap_err().code(), "INVALID");
    }

    #[test]
    fn one_newline_is_not_part_of_the_password() {
        assert_eq!(less_one_newline("secret\n"), "secret");
        assert_eq!(less_one_newline("secret\r\n"), "secret");
        assert_eq!(less_one_newline("secret\n\n"), "secret\n");
        assert_eq!(less_one_newline(" secret "), " secret ");
    }
}
