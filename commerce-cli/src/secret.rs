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
    let mut text = String::new();
    let read = io::stdin().lock().take(SECRET_MAX_BYTES + 1).read_to_string(&mut text);
    read.map_err(|error| Failure::io("read the secret", &error))?;
    Ok(less_one_newline(&text).to_owned())
}

fn less_one_newline(text: &str) -> &str {
    text.strip_suffix("\r\n").or_else(|| text.strip_suffix('\n')).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_newline_is_not_part_of_the_password() {
        assert_eq!(less_one_newline("secret\n"), "secret");
        assert_eq!(less_one_newline("secret\r\n"), "secret");
        assert_eq!(less_one_newline("secret\n\n"), "secret\n");
        assert_eq!(less_one_newline(" secret "), " secret ");
    }
}
