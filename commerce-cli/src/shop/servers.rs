//! What stands outside the process: databases with their migrations, and what AWS keeps.

use commerce_adapters::sql::{PendingMigration, Place};
use commerce_core::commerce::Context;
use commerce_server::Config;
use commerce_server::assembly::place;

use super::whereabouts;
use crate::failure::Failure;

/// The migrations that the databases have not seen.
///
/// # Errors
/// When a database cannot be read.
pub(crate) async fn pending_migrations(config: &Config) -> Result<Vec<PendingMigration>, Failure> {
    let place = place(config, Context::ALL)?;
    place.pending_migrations().await.map_err(|error| Failure::from(error).about(&whereabouts(config)))
}

/// The database servers of the settings, each with what it calls itself, or why it does not do; none for a shop on files.
///
/// # Errors
/// When the settings name none.
pub(crate) async fn database_servers(config: &Config) -> Result<Vec<Result<String, Failure>>, Failure> {
    match place(config, Context::ALL)? {
        Place::Files(_) => Ok(Vec::new()),
        #[cfg(feature = "mysql")]
        Place::MySql(urls) => {
            let servers = commerce_adapters::sql::mysql::Databases::servers(&urls).await;
            let servers = servers.map_err(|error| Failure::from(error).about(&whereabouts(config)))?;
            let told = |server: commerce_adapters::sql::mysql::Server| {
                let what = if server.is_replica { "replica, " } else { "" };
                match server.version {
                    Ok(version) => Ok(format!("{} ({what}{version})", server.place)),
                    Err(error) => Err(Failure::from(error).about(&format!("{what}{}", server.place))),
                }
            };
            Ok(servers.into_iter().map(told).collect())
        }
    }
}

/// Makes topics and queues that are not there; answers kind, name and place of each.
///
/// # Errors
/// When AWS does not answer or refuses.
#[cfg(feature = "aws")]
pub(crate) async fn make_topology(config: &Config) -> Result<Vec<(&'static str, String, String)>, Failure> {
    let aws = commerce_adapters::aws::Aws::connect(&commerce_server::assembly::aws(config)).await;
    let made = aws.init(&commerce_server::assembly::topology(config)).await?;
    let topics = made.topics.into_iter().map(|(name, arn)| ("topic", name, arn));
    let queues = made.queues.into_iter().map(|(name, url)| ("queue", name, url));
    Ok(topics.chain(queues).collect())
}

/// Makes the sender of mails known to SES; answers whether it may send yet.
///
/// # Errors
/// When AWS does not answer or refuses.
#[cfg(feature = "aws")]
pub(crate) async fn introduce_sender(config: &Config) -> Result<String, Failure> {
    let aws = commerce_adapters::aws::Aws::connect(&commerce_server::assembly::aws(config)).await;
    let verified = aws.introduce_sender(&config.mail.from).await?;
    Ok(if verified { "may send" } else { "may send when the mail from AWS to it was answered" }.to_owned())
}
