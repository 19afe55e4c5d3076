//! The mails that a shop put into its `mail/` folder.

use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// One message of RFC 5322.
#[derive(Clone, Debug)]
pub struct Mail {
    /// The file.
    pub path: PathBuf,
    /// To whom.
    pub to: String,
    /// The subject, decoded.
    pub subject: String,
    /// The identity of the message.
    pub message_id: String,
    /// The whole message with its parts decoded, for looking up words.
    pub text: String,
}

/// Every mail below `data/mail`, whole ones only: files are renamed into place.
pub fn mails(data: &Path) -> Vec<Mail> {
    let mut files = Vec::new();
    collect(&data.join("mail"), &mut files);
    files.sort();
    files.iter().filter_map(|path| Some(parse(path, &std::fs::read_to_string(path).ok()?))).collect()
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "eml") {
            files.push(path);
        }
    }
}

fn parse(path: &Path, raw: &str) -> Mail {
    let raw = raw.replace("\r\n", "\n");
    let (head, _) = raw.split_once("\n\n").unwrap_or((&raw, ""));
    let head = head.replace("\n ", " ").replace("\n\t", " ");
    let header = |name: &str| {
        let line = head.lines().find(|line| line.to_lowercase().starts_with(&format!("{name}:")));
        line.and_then(|line| line.split_once(':')).map(|(_, value)| words(value.trim())).unwrap_or_default()
    };
    Mail {
        path: path.to_owned(),
        to: header("to"),
        subject: header("subject"),
        message_id: header("message-id"),
        text: decoded_parts(&raw),
    }
}

/// The encoded words of RFC 2047 as text.
fn words(value: &str) -> String {
    let mut text = String::new();
    let mut encoded_before = false;
    for word in value.split(' ') {
        let encoded = word.strip_prefix("=?").and_then(|word| word.strip_suffix("?=")).and_then(encoded_word);
        let joined = encoded_before && encoded.is_some();
        encoded_before = encoded.is_some();
        if !joined && !text.is_empty() {
            text.push(' ');
        }
        text.push_str(&encoded.unwrap_or_else(|| word.to_owned()));
    }
    text
}

fn encoded_word(word: &str) -> Option<String> {
    let mut parts = word.splitn(3, '?');
    let (_charset, encoding, content) = (parts.next()?, parts.next()?, parts.next()?);
    let bytes = match encoding {
        "B" | "b" => STANDARD.decode(content).ok()?,
        _ => quoted(&content.replace('_', " ")),
    };
    String::from_utf8(bytes).ok()
}

fn decoded_parts(raw: &str) -> String {
    let mut text = String::new();
    for part in raw.split("\n--") {
        let (head, body) = part.split_once("\n\n").unwrap_or(("", part));
        let head_low = head.to_lowercase();
        text.push_str(head);
        text.push('\n');
        if head_low.contains("transfer-encoding: base64") {
            let packed: String = body.split_whitespace().collect();
            text.push_str(&String::from_utf8_lossy(&STANDARD.decode(packed).unwrap_or_default()));
        } else if head_low.contains("transfer-encoding: quoted-printable") {
            text.push_str(&String::from_utf8_lossy(&quoted(&body.replace("=\n", ""))));
        } else {
            text.push_str(body);
        }
        text.push('\n');
    }
    text
}

fn quoted(text: &str) -> Vec<u8> {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let pair = bytes.get(at + 1..at + 3).and_then(|pair| std::str::from_utf8(pair).ok());
        match pair.and_then(|pair| u8::from_str_radix(pair, 16).ok()) {
            Some(code) if *byte == b'=' => {
                out.push(code);
                at += 3;
            }
            _ => {
                out.push(*byte);
                at += 1;
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_encoded_message_is_read() {
        let raw = "To: a@b.co\r\nSubject: =?utf-8?B?T3JkZXIgU2hpcHBlZCA=?=\r\n =?utf-8?b?8J+amg==?=\r\nContent-Type: text/plain\r\n\
                   Content-Transfer-Encoding: quoted-printable\r\n\r\nORD-=\r\n1 =E2=9C=85\r\n";
        let mail = parse(Path::new("x.eml"), raw);
        assert_eq!(mail.subject, "Order Shipped 🚚");
        assert!(mail.text.contains("ORD-1 ✅"), "{}", mail.text);
    }
}
