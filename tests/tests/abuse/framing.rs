//! Requests that another server before this one would read otherwise (D12), over plain sockets.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use commerce_tests::{raw_request, shared, unique};
use serde_json::{Value, json};

/// Asked after a head that is refused: whoever answers it was smuggled to.
const SMUGGLED: &str = "GET /health/live HTTP/1.1\r\nHost: a\r\n\r\n";

/// What makes a head ambiguous: its lines after `Host`, up to and without the empty one.
const AMBIGUOUS: &[&str] = &[
    "Content-Length: 6\r\nTransfer-Encoding: chunked\r\n",
    "Transfer-Encoding: chunked\r\nContent-Length: 6\r\n",
    "Content-Length: 5\r\nContent-Length: 6\r\n",
    "Content-Length: 0\r\nContent-Length: 0\r\n",
    "Content-Length: 0, 0\r\n",
    "Content-Length: +0\r\n",
    "Content-Length : 0\r\n",
    "Transfer-Encoding : chunked\r\n",
    "Transfer-Encoding: xchunked\r\n",
    "Transfer-Encoding: gzip, chunked\r\n",
    "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
    "X: a\n",
    "X: a\r\n folded\r\n",
    "X: a\r\n\tfolded\r\n",
    "X: a\rY: b\r\n",
    "X\r\n",
];

fn refusal_of(answer: &str, why: &str) {
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{why}: {answer:?}"));
    let head = head.to_lowercase();
    assert!(head.starts_with("http/1.1 400 bad request\r\n"), "{why}: {answer}");
    for has in ["\r\ncontent-type: application/problem+json\r\n", "\r\nconnection: close", "\r\nx-request-id: "] {
        assert!(format!("{head}\r\n").contains(has), "{why}: no {has:?} in {answer}");
    }
    let problem: Value =
        serde_json::from_str(body).unwrap_or_else(|error| panic!("{why}: {error}: one answer, and no more: {body}"));
    assert_eq!((&problem["code"], &problem["status"]), (&json!("BAD_REQUEST"), &json!(400)), "{why}: {problem}");
    assert!(head.contains(problem["requestId"].as_str().unwrap()), "{why}: {answer}");
}

#[test]
fn d12_an_ambiguous_head_is_refused_and_nothing_after_it_is_asked() {
    let shop = shared();
    let host = shop.authority();
    let heads = AMBIGUOUS.iter().map(|lines| format!("POST /api/users HTTP/1.1\r\nHost: {host}\r\n{lines}\r\n"));
    let lines = [
        format!("GET /health/live HTTP/1.1\nHost: {host}\r\n\r\n"),
        format!("GET /health/live HTTP/1.1\r\nHost: {host}\r\n\n"),
        format!("\nGET /health/live HTTP/1.1\r\nHost: {host}\r\n\r\n"),
        format!("GET /health/live HTTP/1.1\r\n Host: {host}\r\n\r\n"),
    ];
    for bad in heads.chain(lines) {
        let bad = format!("{bad}0\r\n\r\n{SMUGGLED}");
        refusal_of(&raw_request(host, bad.as_bytes()), &bad);

        // After a good one in the same packet, whose body looks like a head's end.
        let good = format!("GET /health/live HTTP/1.1\r\nHost: {host}\r\nContent-Length: 3\r\n\r\n\n\n\n");
        let answer = raw_request(host, format!("{good}{good}{bad}").as_bytes());
        let answers: Vec<&str> = answer.split("HTTP/1.1 ").collect();
        let [_, first, second, last] = answers[..] else { panic!("three answers to {bad:?}: {answer}") };
        assert!(first.starts_with("200 ") && second.starts_with("200 "), "{bad:?}: {answer}");
        refusal_of(&format!("HTTP/1.1 {last}"), &bad);
    }
}

#[test]
fn d12_a_kept_connection_is_judged_at_each_head_however_it_is_cut() {
    let shop = shared();
    let host = shop.authority();
    for lines in ["Content-Length: 6\r\nTransfer-Encoding: chunked\r\n", "X: a\n", "X: a\r\n folded\r\n", "X : a\r\n"] {
        let mut line = TcpStream::connect(host).unwrap();
        line.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        line.set_nodelay(true).unwrap();
        for _ in 0..2 {
            line.write_all(format!("GET /health/live HTTP/1.1\r\nHost: {host}\r\n\r\n").as_bytes()).unwrap();
            let mut answer = Vec::new();
            while !answer.ends_with(br#"{"status":"UP"}"#) {
                let mut byte = [0];
                line.read_exact(&mut byte).unwrap();
                answer.extend(byte);
            }
        }
        // The server may have answered before the last of them.
        let bad = format!("POST /api/users HTTP/1.1\r\nHost: {host}\r\n{lines}\r\n{SMUGGLED}");
        let _ = bad.as_bytes().chunks(3).try_for_each(|bytes| line.write_all(bytes));
        let mut answer = String::new();
        let _ = line.read_to_string(&mut answer);
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 400"), "{lines:?}: {answer}");
        assert!(!answer.contains("200 OK"), "{lines:?}: {answer}");
    }
}

#[test]
fn d12_a_good_body_is_never_taken_for_a_head() {
    let shop = shared();
    let host = shop.authority();
    let user = |space: &str| {
        let name = unique("framing");
        format!(
            "{{{space}\"email\": \"{name}@example.com\",{space}\"password\": \"correct horse battery\", \"fullName\": \"F\"}}"
        )
    };
    let head = format!("POST /api/users HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n");
    let sized = |body: &str, ends: &str| format!("{head}{ends}Content-Length: {}\r\n\r\n{body}", body.len());
    let chunked = |body: &str, ends: &str| {
        let (first, second) = body.split_at(7);
        let (first_size, second_size) = (first.len(), second.len());
        format!(
            "{head}{ends}Transfer-Encoding: Chunked\r\nTrailer: X-Sum\r\n\r\n{first_size:x};name=\"value\"\r\n{first}\r\n\
             {second_size:X}\r\n{second}\r\n0;last\r\nX-Sum: 1\r\nX-More: 2\r\n\r\n"
        )
    };
    for space in ["\n", "\n\n \n", "\r\n\r\n\n\t"] {
        let all =
            [sized(&user(space), ""), chunked(&user(space), ""), "\r\n".to_owned(), sized(&user(space), "Connection: close\r\n")];
        let answer = raw_request(host, all.concat().as_bytes());
        assert_eq!(answer.matches("HTTP/1.1 201 ").count(), 3, "{space:?}: {answer}");
        let all = [chunked(&user(space), ""), sized(&user(space), ""), chunked(&user(space), "Connection: close\r\n")];
        let answer = raw_request(host, all.concat().as_bytes());
        assert_eq!(answer.matches("HTTP/1.1 201 ").count(), 3, "{space:?}: {answer}");
    }
}

#[test]
fn d12_a_chunked_body_with_a_bare_lf_in_its_lines_is_refused() {
    let shop = shared();
    let host = shop.authority();
    for body in
        ["2\n{}\r\n0\r\n\r\n", "2;a\n{}\r\n0\r\n\r\n", "2\r\n{}\n0\r\n\r\n", "2\r\n{}\r\n0\r\n\n", "2\r\n{}\r\n0\r\nX: a\n\r\n"]
    {
        let head = format!(
            "POST /api/users HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
        );
        let answer = raw_request(host, format!("{head}{body}{SMUGGLED}").as_bytes());
        assert!(answer.starts_with("HTTP/1.1 400 "), "{body:?}: {answer}");
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{body:?}: {answer}");
    }
}
