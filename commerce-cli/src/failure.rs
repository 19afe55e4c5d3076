//! Why a command did not succeed, and the exit code that says so.

use std::io;

use commerce_core::error::{Refusal, StoreError};
use commerce_server::assembly::StartError;
use serde_json::{Map, Value, json};

use crate::output::Format;

/// The code of a reader that has gone.
const GONE: &str = "BROKEN_PIPE";

/// The members that every problem has; what else it has is its code's own.
const PLAIN: [&str; 7] = ["type", "title", "status", "detail", "instance", "code", "requestId"];

/// A command's failure: goes to standard error with its stable code.
#[derive(Debug)]
pub(crate) struct Failure {
    exit: u8,
    code: String,
    message: String,
    members: Option<Value>,
    /// Of the answer of a server that it is about.
    status: Option<u16>,
}

impl Failure {
    /// A failure with exit code 1.
    pub(crate) fn new(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self { exit: 1, code: code.into(), message: message.into(), members: None, status: None }
    }

    /// Bad usage: exit code 2.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::usage_of("USAGE", message)
    }

    /// Bad usage that has a code of its own: exit code 2.
    pub(crate) fn usage_of(code: &str, message: impl Into<String>) -> Self {
        Self { exit: 2, ..Self::new(code, message) }
    }

    /// The operating system said no.
    pub(crate) fn io(doing: &str, error: &io::Error) -> Self {
        let code = match error.kind() {
            io::ErrorKind::NotFound => "FILE_NOT_FOUND",
            io::ErrorKind::PermissionDenied => "FILE_FORBIDDEN",
            io::ErrorKind::StorageFull => "STORAGE_FULL",
            io::ErrorKind::ReadOnlyFilesystem => "STORAGE_READ_ONLY",
            io::ErrorKind::BrokenPipe => GONE,
            _ => "IO",
        };
        Self::new(code, format!("cannot {doing}: {error}"))
    }

    /// A problem that a server answered (RFC 9457).
    pub(crate) fn problem(status: u16, problem: &Value) -> Self {
        let text = |member: &str| problem.get(member).and_then(Value::as_str);
        let code = text("code").map_or_else(|| format!("HTTP_{status}"), str::to_owned);
        let message = text("detail").or_else(|| text("title")).unwrap_or("the server refused").to_owned();
        let all = problem.as_object().into_iter().flatten();
        let own = all.filter(|(name, _)| !PLAIN.contains(&name.as_str()));
        let members: Map<String, Value> = own.map(|(name, value)| (name.clone(), value.clone())).collect();
        let members = (!members.is_empty()).then_some(Value::Object(members));
        Self { members, status: Some(status), ..Self::new(code, message) }
    }

    /// The same failure, saying what it is about.
    pub(crate) fn about(self, what: &str) -> Self {
        Self { message: format!("{what}: {}", self.message), ..self }
    }

    /// Whether nobody reads any more what the command writes (`| head`).
    pub(crate) fn is_unread(&self) -> bool {
        self.code == GONE
    }

    /// What the process ends with.
    pub(crate) fn exit(&self) -> u8 {
        self.exit
    }

    /// The stable code.
    pub(crate) fn code(&self) -> &str {
        &self.code
    }

    /// The status of a server's answer, if it is one.
    pub(crate) fn status(&self) -> Option<u16> {
        self.status
    }

    /// One sentence for people.
    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    /// What goes to standard error.
    pub(crate) fn report(&self, format: Format) -> String {
        match format {
            Format::Table => format!("commerce: {}: {}{}", self.code, self.message, self.details()),
            Format::Json => {
                let mut problem = json!({ "code": self.code, "detail": self.message });
                if let (Value::Object(problem), Some(Value::Object(members))) = (&mut problem, &self.members) {
                    problem.extend(members.clone());
                }
                problem.to_string()
            }
        }
    }

    /// The lines of a shortage; the other members repeat what the message says.
    fn details(&self) -> String {
        let lines = self.members.as_ref().and_then(|members| members.get("lines")).and_then(Value::as_array);
        let tell = |line: &Value| {
            let sku = line.get("sku").and_then(Value::as_str).unwrap_or_default();
            format!("\n  {sku}: {} asked for, {} available", line["requested"], line["available"])
        };
        lines.map(|lines| lines.iter().map(tell).collect()).unwrap_or_default()
    }
}

impl From<commerce_core::Error> for Failure {
    fn from(error: commerce_core::Error) -> Self {
        match error {
            commerce_core::Error::Refused(refusal) => (*refusal).into(),
            commerce_core::Error::Store(error) => error.into(),
        }
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Self { members: refusal.members(), ..Self::new(refusal.code(), refusal.to_string()) }
    }
}

impl From<StartError> for Failure {
    fn from(error: StartError) -> Self {
        match error {
            StartError::Settings(message) => Self::new("CONFIG_INVALID", message),
            StartError::Store(error) => error.into(),
            StartError::Listen(address, error) => Self::io(&format!("listen on {address}"), &error),
        }
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        let mut message = error.to_string();
        let mut cause = std::error::Error::source(&error);
        while let Some(error) = cause {
            message = format!("{message}: {error}");
            cause = error.source();
        }
        Self::new(error.kind.code(), message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_of_a_server_is_told_as_it_is_here() {
        let here = Failure::from(Refusal::IllegalTransition { from: "PENDING", to: "SHIPPED" });
        let mut problem: Value = serde_json::from_str(&here.report(Format::Json)).unwrap();
        for (name, value) in [("type", json!("/docs/errors#X")), ("status", json!(409)), ("requestId", json!("r"))] {
            problem[name] = value;
        }
        assert_eq!(Failure::problem(409, &problem).report(Format::Json), here.report(Format::Json));
        assert!(here.report(Format::Json).contains("\"from\""), "{}", here.report(Format::Json));
    }
}
