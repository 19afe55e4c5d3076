//! Topics, queues, dead-letter queues, and who hears what: named in one place, made in one step.
//!
//! Making them again changes nothing but what differs from the [`Topology`]. Nothing is ever deleted.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_sqs::error::SdkError;
use aws_sdk_sqs::types::QueueAttributeName;
use commerce_core::error::{Source, StoreError, StoreErrorKind};
use commerce_core::events::{Queue, Topic};
use commerce_core::limits;
use serde_json::json;

use super::{Aws, failed};

/// How long a queue keeps what nobody has handled: as long as SQS allows.
const KEEP: Duration = Duration::from_hours(14 * 24);

/// What there is to be.
#[derive(Clone, Debug)]
pub struct Topology {
    /// In front of every name, so that several shops may share an account; may be empty.
    pub prefix: String,
    /// Whether events of one aggregate come in order: FIFO topics and queues, grouped by aggregate.
    pub fifo: bool,
    /// Who hears what.
    pub queues: Vec<Queue>,
    /// How long a message may be with a receiver that says nothing before another one gets it.
    pub lost: Duration,
}

impl Topology {
    /// Every queue of a shop, without order.
    #[must_use]
    pub fn standard(prefix: &str) -> Self {
        Self { prefix: prefix.to_owned(), fifo: false, queues: Queue::all(), lost: Duration::from_secs(30) }
    }

    /// What a topic is called.
    #[must_use]
    pub fn topic(&self, topic: Topic) -> String {
        self.name(topic.as_str())
    }

    /// What a consumer's queue is called.
    #[must_use]
    pub fn queue(&self, queue: &Queue) -> String {
        self.name(queue.name)
    }

    /// What a consumer's dead-letter queue is called.
    #[must_use]
    pub fn dead_letters(&self, queue: &Queue) -> String {
        self.name(&queue.dead_letters())
    }

    fn name(&self, name: &str) -> String {
        format!("{}{name}{}", self.prefix, if self.fifo { ".fifo" } else { "" })
    }
}

/// What was made, or was there already.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Made {
    /// ARN by name of topic.
    pub topics: BTreeMap<String, String>,
    /// URL by name of queue, dead-letter queues included.
    pub queues: BTreeMap<String, String>,
}

/// A queue as its URL and its ARN.
struct Place {
    url: String,
    arn: String,
}

impl Aws {
    /// Makes what the topology names and is not there, and sets what is otherwise than it says.
    ///
    /// # Errors
    /// When AWS does not answer or refuses; what was made until then stays, and the next time goes on.
    pub async fn init(&self, topology: &Topology) -> Result<Made, StoreError> {
        let mut made = Made::default();
        let mut topics = BTreeMap::new();
        for topic in Topic::ALL {
            let arn = self.make_topic(topology, *topic).await?;
            topics.insert(*topic, arn.clone());
            made.topics.insert(topology.topic(*topic), arn);
        }
        for queue in &topology.queues {
            let (name, dead_name) = (topology.queue(queue), topology.dead_letters(queue));
            let dead = self.make_queue(&dead_name, topology.fifo).await?;
            let place = self.make_queue(&name, topology.fifo).await?;
            let sources: Vec<&String> = queue.topics.iter().filter_map(|topic| topics.get(topic)).collect();
            self.set_up(&dead, [(QueueAttributeName::MessageRetentionPeriod, KEEP.as_secs().to_string())]).await?;
            self.set_up(&place, settings(topology, &place, &dead, &sources)).await?;
            for topic in sources {
                self.subscribe(topic, &place).await?;
            }
            made.queues.extend([(name, place.url), (dead_name, dead.url)]);
        }
        Ok(made)
    }

    async fn make_topic(&self, topology: &Topology, topic: Topic) -> Result<String, StoreError> {
        const OPERATION: &str = "aws.topic";
        let mut make = self.sns.create_topic().name(topology.topic(topic));
        if topology.fifo {
            make = make.attributes("FifoTopic", "true");
        }
        let made = make.send().await.map_err(|error| failed(OPERATION, error))?;
        made.topic_arn.ok_or_else(|| unsaid(OPERATION, "the ARN of a topic"))
    }

    async fn make_queue(&self, name: &str, fifo: bool) -> Result<Place, StoreError> {
        const OPERATION: &str = "aws.queue";
        let mut make = self.sqs.create_queue().queue_name(name);
        if fifo {
            make = make.attributes(QueueAttributeName::FifoQueue, "true");
        }
        // Another queue of the name has other settings by now: they are set below.
        let url = match make.send().await {
            Ok(made) => made.queue_url.ok_or_else(|| unsaid(OPERATION, "the URL of a queue"))?,
            Err(_) => self.queue_url(name).await?,
        };
        let ask = self.sqs.get_queue_attributes().queue_url(&url).attribute_names(QueueAttributeName::QueueArn);
        let said = ask.send().await.map_err(|error| failed(OPERATION, error))?;
        let arn = said.attributes.and_then(|mut attributes| attributes.remove(&QueueAttributeName::QueueArn));
        Ok(Place { url, arn: arn.ok_or_else(|| unsaid(OPERATION, "the ARN of a queue"))? })
    }

    async fn set_up(
        &self,
        queue: &Place,
        settings: impl IntoIterator<Item = (QueueAttributeName, String)>,
    ) -> Result<(), StoreError> {
        let mut set = self.sqs.set_queue_attributes().queue_url(&queue.url);
        for (name, value) in settings {
            set = set.attributes(name, value);
        }
        set.send().await.map_err(|error| failed("aws.queue", error))?;
        Ok(())
    }

    /// The message reaches the queue as it was published, without an envelope of SNS's around it.
    async fn subscribe(&self, topic: &str, queue: &Place) -> Result<(), StoreError> {
        let subscribe = self.sns.subscribe().topic_arn(topic).protocol("sqs").endpoint(&queue.arn);
        let subscribe = subscribe.attributes("RawMessageDelivery", "true").return_subscription_arn(true);
        subscribe.send().await.map_err(|error| failed("aws.subscribe", error))?;
        Ok(())
    }

    /// Whether every topic is there.
    ///
    /// # Errors
    /// What is missing, or wrong.
    pub async fn has_topics(&self, topology: &Topology) -> Result<(), StoreError> {
        let known = self.topic_arns().await?;
        let wanted = Topic::ALL.iter().map(|topic| topology.topic(*topic));
        let missing: Vec<String> = wanted.filter(|name| !known.contains_key(name)).collect();
        all_there("topic", &missing)
    }

    /// Whether every queue is there, with its dead letters.
    ///
    /// # Errors
    /// As [`has_topics`](Self::has_topics).
    pub async fn has_queues(&self, topology: &Topology) -> Result<(), StoreError> {
        let wanted = topology.queues.iter().flat_map(|queue| [topology.queue(queue), topology.dead_letters(queue)]);
        let looked = wanted.map(|name| async move { Ok((self.has_queue(&name).await?, name)) });
        let looked: Vec<(bool, String)> = futures_util::future::try_join_all(looked).await?;
        let missing: Vec<String> = looked.into_iter().filter(|(is_there, _)| !is_there).map(|(_, name)| name).collect();
        all_there("queue", &missing)
    }

    /// Whether the first queue is there: one request, for who asks often.
    ///
    /// # Errors
    /// As [`has_topics`](Self::has_topics).
    pub async fn has_a_queue(&self, topology: &Topology) -> Result<(), StoreError> {
        let Some(name) = topology.queues.first().map(|queue| topology.queue(queue)) else { return Ok(()) };
        if self.has_queue(&name).await? { Ok(()) } else { all_there("queue", &[name]) }
    }

    async fn has_queue(&self, name: &str) -> Result<bool, StoreError> {
        match self.sqs.get_queue_url().queue_name(name).send().await {
            Ok(_) => Ok(true),
            Err(SdkError::ServiceError(error)) if error.err().is_queue_does_not_exist() => Ok(false),
            Err(error) => Err(failed("aws.queue", error)),
        }
    }

    pub(super) async fn queue_url(&self, name: &str) -> Result<String, StoreError> {
        const OPERATION: &str = "aws.queue";
        let found = self.sqs.get_queue_url().queue_name(name).send().await.map_err(|error| failed(OPERATION, error))?;
        found.queue_url.ok_or_else(|| unsaid(OPERATION, "the URL of a queue"))
    }

    /// The topics of the account, ARN by name.
    pub(super) async fn topic_arns(&self) -> Result<BTreeMap<String, String>, StoreError> {
        let (mut arns, mut next) = (BTreeMap::new(), None);
        loop {
            let page = self.sns.list_topics().set_next_token(next).send().await.map_err(|error| failed("aws.topic", error))?;
            for arn in page.topics.unwrap_or_default().into_iter().filter_map(|topic| topic.topic_arn) {
                let name = arn.rsplit(':').next().unwrap_or_default().to_owned();
                arns.insert(name, arn);
            }
            next = page.next_token.filter(|token| !token.is_empty());
            if next.is_none() {
                return Ok(arns);
            }
        }
    }
}

/// After three receives to the dead letters; only our own topics may send.
fn settings(topology: &Topology, queue: &Place, dead: &Place, sources: &[&String]) -> [(QueueAttributeName, String); 4] {
    let redrive = json!({ "deadLetterTargetArn": dead.arn, "maxReceiveCount": limits::RECEIVES_MAX.to_string() });
    let policy = json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Sid": "topics",
            "Effect": "Allow",
            "Principal": { "Service": "sns.amazonaws.com" },
            "Action": "sqs:SendMessage",
            "Resource": queue.arn,
            "Condition": { "ArnEquals": { "aws:SourceArn": sources } },
        }],
    });
    [
        (QueueAttributeName::RedrivePolicy, redrive.to_string()),
        (QueueAttributeName::Policy, policy.to_string()),
        (QueueAttributeName::VisibilityTimeout, topology.lost.as_secs().to_string()),
        (QueueAttributeName::MessageRetentionPeriod, KEEP.as_secs().to_string()),
    ]
}

fn all_there(what: &str, missing: &[String]) -> Result<(), StoreError> {
    if missing.is_empty() {
        return Ok(());
    }
    let why = format!("there is no {what} {}: commerce aws init makes what is missing", missing.join(", "));
    Err(StoreError::new(StoreErrorKind::Internal, "aws.look", why))
}

fn unsaid(operation: &'static str, what: &str) -> StoreError {
    let why: Source = format!("AWS did not say {what}").into();
    StoreError::new(StoreErrorKind::Internal, operation, why)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_shop() {
        let mut topology = Topology::standard("");
        let queues: Vec<_> = topology.queues.iter().map(|queue| (topology.queue(queue), topology.dead_letters(queue))).collect();
        assert!(queues.contains(&("notification-queue".to_owned(), "notification-dlq".to_owned())));
        assert!(queues.contains(&("catalog-order-queue".to_owned(), "catalog-order-dlq".to_owned())));
        assert_eq!(topology.topic(Topic::Orders), "order-events");
        topology.fifo = true;
        topology.prefix = "shop-".to_owned();
        assert_eq!(topology.topic(Topic::Users), "shop-user-events.fifo");
    }
}
