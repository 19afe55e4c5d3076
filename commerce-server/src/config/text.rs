//! The commented file that `commerce init` writes.

use super::keys::{KEYS, SECTIONS};

/// Every section with its keys at their defaults, each under a comment that says what it means.
pub(super) fn commented_default() -> String {
    let mut text = String::from(
        "# Settings of the shop. Every key is shown at its default.\n\
         # Each can be set from the environment too: COMMERCE_SECTION__KEY, which wins over this file.\n\
         # Secrets can be read from a file: write the key with _file at its end and the path as its value.\n",
    );
    for (section, comment) in SECTIONS {
        text.extend(["\n# ", comment, "\n[", section, "]\n"]);
        for key in KEYS {
            let Some(name) = key.name.strip_prefix(section).and_then(|rest| rest.strip_prefix('.')) else {
                continue;
            };
            text.extend(["# ", key.comment, "\n", name, " = ", key.default, "\n"]);
        }
    }
    text
}
