//! Endpoints of other systems that are nowhere.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;

use crate::error::StoreError;
use crate::notifications::{WebhookCall, WebhookCaller};

/// Remembers what it called. Every call is answered with 204 unless scripted otherwise.
#[derive(Default)]
pub struct RecordingCaller {
    calls: Mutex<Vec<WebhookCall>>,
    script: Mutex<VecDeque<Result<u16, StoreError>>>,
}

impl RecordingCaller {
    /// Has called nobody.
    pub fn new() -> Self {
        Self::default()
    }

    /// Every call so far, in order.
    pub fn calls(&self) -> Vec<WebhookCall> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The next unscripted call gets this answer.
    pub fn answer(&self, answer: Result<u16, StoreError>) {
        self.script.lock().unwrap_or_else(PoisonError::into_inner).push_back(answer);
    }
}

#[async_trait]
impl WebhookCaller for RecordingCaller {
    fn accepts(&self, url: &str) -> Result<(), String> {
        if url.starts_with("https://") { Ok(()) } else { Err("be an https address".to_owned()) }
    }

    async fn call(&self, call: &WebhookCall) -> Result<u16, StoreError> {
        let scripted = self.script.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).push(call.clone());
        scripted.unwrap_or(Ok(204))
    }
}
