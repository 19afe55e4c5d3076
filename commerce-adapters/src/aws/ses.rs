//! Mails through SES: the message is built here and sent raw.
//!
//! SES knows no repeats and may put a Message-ID of its own in the place of ours, which therefore is
//! the message's tag `notification`, too. A mail that this process knows to be accepted is not sent
//! again; one whose sender died in between may be.
//!
//! SES drops mails to addresses on the account's own suppression list; the shop keeps no list.

use std::collections::{BTreeSet, VecDeque};
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use aws_sdk_sesv2::error::ProvideErrorMetadata;
use aws_sdk_sesv2::operation::create_email_identity::CreateEmailIdentityError;
use aws_sdk_sesv2::operation::send_email::SendEmailError;
use aws_sdk_sesv2::primitives::Blob;
use aws_sdk_sesv2::types::{Destination, EmailContent, MessageTag, RawMessage};
use commerce_core::error::{StoreError, StoreErrorKind};
use commerce_core::ids::NotificationId;
use commerce_core::notifications::{Handover, Mail, Mailer};
use commerce_core::text::Email;

use super::{Aws, failed};
use crate::mail::message;

const OPERATION: &str = "mail.send";
/// Accepted mails that are remembered: those of well over the time after which a worker tries again.
const REMEMBERED: usize = 10_000;

/// Sends mails through SES.
pub struct SesMailer {
    aws: Aws,
    configuration_set: Option<String>,
    accepted: Mutex<Accepted>,
}

/// The last mails that SES accepted.
#[derive(Default)]
struct Accepted {
    ids: BTreeSet<NotificationId>,
    order: VecDeque<NotificationId>,
}

impl SesMailer {
    /// With a configuration set, where bounces and complaints are to be told somewhere.
    #[must_use]
    pub fn new(aws: Aws, configuration_set: Option<String>) -> Self {
        Self { aws, configuration_set, accepted: Mutex::default() }
    }

    fn is_accepted(&self, id: NotificationId) -> bool {
        self.accepted.lock().unwrap_or_else(PoisonError::into_inner).ids.contains(&id)
    }

    fn remember(&self, id: NotificationId) {
        let mut accepted = self.accepted.lock().unwrap_or_else(PoisonError::into_inner);
        if accepted.ids.insert(id) {
            accepted.order.push_back(id);
        }
        if accepted.order.len() > REMEMBERED
            && let Some(oldest) = accepted.order.pop_front()
        {
            accepted.ids.remove(&oldest);
        }
    }
}

impl Aws {
    /// Makes an address known to SES as a sender. SES asks it by mail, unless its domain is known already; answers
    /// whether it may send.
    ///
    /// # Errors
    /// When AWS does not answer or refuses.
    pub async fn introduce_sender(&self, address: &Email) -> Result<bool, StoreError> {
        const OPERATION: &str = "mail.introduce";
        match self.ses.create_email_identity().email_identity(address.as_str()).send().await {
            Ok(made) => return Ok(made.verified_for_sending_status),
            Err(error) if error.as_service_error().is_some_and(CreateEmailIdentityError::is_already_exists_exception) => {}
            Err(error) => return Err(failed(OPERATION, error)),
        }
        let known = self.ses.get_email_identity().email_identity(address.as_str()).send().await;
        Ok(known.map_err(|error| failed(OPERATION, error))?.verified_for_sending_status)
    }
}

#[async_trait]
impl Mailer for SesMailer {
    async fn send(&self, mail: &Mail) -> Result<Handover, StoreError> {
        if self.is_accepted(mail.id) {
            return Ok(Handover::Accepted);
        }
        let wrong = |error| StoreError::new(StoreErrorKind::Internal, OPERATION, error);
        let bytes = message::build(mail)?.formatted();
        let raw = RawMessage::builder().data(Blob::new(bytes)).build().map_err(wrong)?;
        let tag = MessageTag::builder().name("notification").value(mail.id.to_string()).build().map_err(wrong)?;
        let send = self
            .aws
            .ses
            .send_email()
            .from_email_address(mail.from.as_str())
            .destination(Destination::builder().to_addresses(mail.to.as_str()).build())
            .content(EmailContent::builder().raw(raw).build())
            .email_tags(tag)
            .set_configuration_set_name(self.configuration_set.clone());
        match send.send().await {
            Ok(_) => {
                self.remember(mail.id);
                Ok(Handover::Accepted)
            }
            Err(error) => match error.as_service_error().filter(|refused| is_final(refused)) {
                Some(refused) => Ok(Handover::Rejected(told(refused))),
                None => Err(waits(failed(OPERATION, error))),
            },
        }
    }
}

/// Whether the very message is refused. Everything else is the account's or the service's matter and
/// passes: throttling, a pause, a domain still to be verified.
fn is_final(error: &SendEmailError) -> bool {
    error.is_message_rejected() || error.is_bad_request_exception()
}

/// In SES's own words.
fn told(refused: &SendEmailError) -> String {
    format!("{}: {}", refused.code().unwrap_or("refused"), refused.message().unwrap_or("SES does not say why"))
}

/// Whatever keeps SES from taking a mail, the mail is tried again.
fn waits(error: StoreError) -> StoreError {
    StoreError { kind: StoreErrorKind::Unavailable, ..error }
}

#[cfg(test)]
mod tests {
    use aws_sdk_sesv2::types::error::{MessageRejected, SendingPausedException, TooManyRequestsException};

    use super::*;

    #[test]
    fn only_what_is_wrong_with_the_message_is_final() {
        assert!(is_final(&SendEmailError::MessageRejected(MessageRejected::builder().build())));
        for passing in [
            SendEmailError::TooManyRequestsException(TooManyRequestsException::builder().build()),
            SendEmailError::SendingPausedException(SendingPausedException::builder().build()),
            SendEmailError::unhandled("an answer that nobody knows"),
        ] {
            assert!(!is_final(&passing), "{:?}", passing.code());
        }
    }
}
