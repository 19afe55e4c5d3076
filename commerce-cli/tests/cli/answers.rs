//! What a shop answers, and how it is passed on: over HTTP, and to programs that read it.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::thread::JoinHandle;

use super::{commerce, error, json};

/// An answer as it goes over the wire.
fn answer(status: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}", body.len())
}

/// Where a server is that gives these answers, and the first line of each request once it has given all.
fn server(answers: Vec<String>) -> (String, JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let url = format!("http://{}", listener.local_addr().expect("it is bound"));
    let server = std::thread::spawn(move || {
        let mut asked = Vec::new();
        for answer in answers {
            let (mut stream, _) = listener.accept().expect("somebody asks");
            let mut head = [0; 4096];
            let read = stream.read(&mut head).expect("a head can be read");
            asked.extend(String::from_utf8_lossy(&head[..read]).lines().next().map(str::to_owned));
            stream.write_all(answer.as_bytes()).expect("an answer can be written");
            stream.shutdown(std::net::Shutdown::Write).expect("it can be ended");
            drop(stream.read_to_end(&mut Vec::new()));
        }
        asked
    });
    (url, server)
}

#[test]
fn what_is_no_answer_of_a_shop_is_no_success() {
    let folder = tempfile::tempdir().unwrap();
    let asks: [(&[&str], &str, &str, &str); 5] = [
        (&["product", "list"], "200 OK", "<html>Welcome</html>", "NOT_A_SHOP"),
        (&["product", "list"], "200 OK", "", "NOT_A_SHOP"),
        (&["product", "list"], "200 OK", "{}", "NOT_A_SHOP"),
        (&["coupon", "create", "FREE", "--type", "FREE_SHIPPING"], "200 OK", "[]", "NOT_A_SHOP"),
        (&["coupon", "create", "FREE", "--type", "FREE_SHIPPING"], "302 Found\r\nlocation: /elsewhere", "", "REDIRECTED"),
    ];
    let answers = asks.map(|(_, status, body, _)| answer(status, body));
    let (url, server) = server(answers.to_vec());
    for (words, status, body, code) in asks {
        let refused = commerce(folder.path(), &[words, &["--url", &url, "--token", "t"]].concat(), "");
        assert_eq!(refused.status.code(), Some(1), "{status} {body}");
        assert!(error(&refused).contains(code), "{status} {body}: {}", error(&refused));
    }
    assert_eq!(server.join().unwrap().len(), 5);
}

#[test]
fn programs_read_one_json_and_may_stop_reading() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    let made = json(here, &["init", "--demo"]);
    assert_eq!((&made["path"], &made["logins"][0]["role"]), (&"commerce.toml".into(), &"ADMIN".into()));
    for format in ["jsonl", "csv"] {
        let mut child = Command::new(env!("CARGO_BIN_EXE_commerce"))
            .args(["product", "export", "--format", format])
            .current_dir(here)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary is built");
        drop(child.stdout.take());
        let output = child.wait_with_output().expect("it ends");
        assert!(output.status.success() && output.stderr.is_empty(), "{}", error(&output));
    }
}

#[test]
fn of_several_skus_the_one_that_is_not_there_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    std::fs::write(here.join("two.csv"), "slug,name,sku,price\na,A,A,1\nb,B,B,1\n").unwrap();
    json(here, &["product", "import", "two.csv"]);
    let shown = json(here, &["stock", "show", "A", "B"]);
    assert_eq!(shown["items"].as_array().map(Vec::len), Some(2), "{shown}");
    let stock = r#"{"sku":"A","onHand":3,"reserved":0,"available":3,"lowStockThreshold":0}"#;
    let problem = r#"{"status":404,"code":"NOT_FOUND","title":"Not Found","detail":"no such stock"}"#;
    let (url, server) = server(vec![answer("200 OK", stock), answer("404 Not Found", problem)]);
    for elsewhere in [&[][..], &["--url", &url, "--token", "t"]] {
        let refused = commerce(here, &[&["stock", "show", "A", "NOPE", "B"], elsewhere].concat(), "");
        assert_eq!(refused.status.code(), Some(1), "{elsewhere:?}");
        assert!(error(&refused).contains("NOT_FOUND: NOPE: "), "{elsewhere:?}: {}", error(&refused));
        assert!(refused.stdout.is_empty(), "{elsewhere:?}: half an answer");
    }
    let asked = server.join().unwrap();
    assert_eq!(asked, ["GET /api/inventory/A HTTP/1.1", "GET /api/inventory/NOPE HTTP/1.1"]);
}
