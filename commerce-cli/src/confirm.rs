//! Asking before something cannot be undone.

use std::io::{self, BufRead, IsTerminal, Write};

use crate::failure::Failure;

/// Asks, unless `--yes` was given. Where nobody can be asked it refuses.
///
/// # Errors
/// When the answer is no, or nobody is there to answer.
pub(crate) fn confirm(question: &str, yes: bool) -> Result<(), Failure> {
    if yes {
        return Ok(());
    }
    if !io::stdin().is_terminal() {
        return Err(Failure::new("NOT_CONFIRMED", format!("{question} Say --yes to do it without being asked.")));
    }
    let failed = |error: io::Error| Failure::io("ask", &error);
    write!(io::stderr(), "{question} [y/N] ").map_err(failed)?;
    io::stderr().flush().map_err(failed)?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer).map_err(failed)?;
    match answer.trim().to_lowercase().as_str() {
        "y" | "yes" => Ok(()),
        _ => Err(Failure::new("NOT_CONFIRMED", "nothing was done")),
    }
}
