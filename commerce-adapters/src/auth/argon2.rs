//! Passwords hashed with argon2id, off the runtime's threads, only so many at once.
//!
//! One hash takes 19 MiB and some tens of milliseconds. As many run as there are cores; a bounded
//! number wait; the others are refused at once, so that a storm of logins costs neither the memory
//! nor the latency of everything else.

use std::sync::Arc;

use argon2::password_hash::phc;
use argon2::{Algorithm, Argon2, Params, PasswordHasher as _, PasswordVerifier as _, Version};
use async_trait::async_trait;
use commerce_core::error::{StoreError, StoreErrorKind};
use commerce_core::ids::Entropy;
use commerce_core::users::{PasswordHash, PasswordHasher, Verdict};
use tokio::sync::Semaphore;

/// The least that OWASP's password storage cheat sheet asks of argon2id: 19 MiB, two passes, one lane.
const MEMORY_KIB: u32 = 19 * 1_024;
const PASSES: u32 = 2;
const LANES: u32 = 1;
/// Hashes that may wait for each one that runs: about a second of waiting.
const WAITING_PER_CORE: usize = 32;
const SALT_BYTES: usize = 16;

/// The hasher. Shared by everything in a process that hashes.
pub struct Argon2Hasher {
    argon2: Argon2<'static>,
    entropy: Arc<dyn Entropy>,
    /// Who runs or waits.
    seats: Arc<Semaphore>,
    /// Who runs.
    cores: Arc<Semaphore>,
}

impl Argon2Hasher {
    /// With salts from `entropy`, for this machine's cores.
    pub fn new(entropy: Arc<dyn Entropy>) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self::with_capacity(entropy, cores, cores * WAITING_PER_CORE)
    }

    /// With so many hashes at once and so many waiting.
    fn with_capacity(entropy: Arc<dyn Entropy>, cores: usize, waiting: usize) -> Self {
        let params = Params::new(MEMORY_KIB, PASSES, LANES, None).expect("the constants are within argon2's bounds");
        Self {
            argon2: Argon2::new(Algorithm::Argon2id, Version::V0x13, params),
            entropy,
            seats: Arc::new(Semaphore::new(cores + waiting)),
            cores: Arc::new(Semaphore::new(cores)),
        }
    }

    /// Runs `work` when its turn comes. Started, it is finished even if nobody waits any more, and
    /// keeps its seat so long.
    async fn run<T, F>(&self, operation: &'static str, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Argon2<'static>) -> Result<T, StoreError> + Send + 'static,
    {
        let seat = Arc::clone(&self.seats).try_acquire_owned().map_err(|full| StoreError::unavailable(operation, full))?;
        let core = Arc::clone(&self.cores).acquire_owned().await.map_err(|closed| StoreError::unavailable(operation, closed))?;
        let argon2 = self.argon2.clone();
        let done = tokio::task::spawn_blocking(move || {
            let _held = (seat, core);
            work(&argon2)
        });
        done.await.map_err(|panicked| failed(operation, panicked))?
    }

    fn salt(&self) -> [u8; SALT_BYTES] {
        let mut salt = [0; SALT_BYTES];
        self.entropy.fill(&mut salt);
        salt
    }
}

#[async_trait]
impl PasswordHasher for Argon2Hasher {
    async fn hash(&self, password: &str) -> Result<PasswordHash, StoreError> {
        let (password, salt) = (password.to_owned(), self.salt());
        self.run("password.hash", move |argon2| hashed(argon2, &password, &salt)).await
    }

    async fn verify(&self, password: &str, hash: Option<&PasswordHash>) -> Result<Verdict, StoreError> {
        let (password, hash) = (password.to_owned(), hash.cloned());
        self.run("password.verify", move |argon2| match hash {
            Some(hash) => compared(argon2, &password, &hash),
            None => hashed(argon2, &password, &[0; SALT_BYTES]).map(|_| Verdict::Wrong),
        })
        .await
    }
}

fn hashed(argon2: &Argon2<'_>, password: &str, salt: &[u8]) -> Result<PasswordHash, StoreError> {
    let hash: phc::PasswordHash =
        argon2.hash_password_with_salt(password.as_bytes(), salt).map_err(|error| failed("password.hash", error))?;
    Ok(PasswordHash(hash.to_string()))
}

fn compared(argon2: &Argon2<'_>, password: &str, hash: &PasswordHash) -> Result<Verdict, StoreError> {
    let known = phc::PasswordHash::new(&hash.0).map_err(|error| StoreError::corrupt("password.verify", error))?;
    match argon2.verify_password(password.as_bytes(), &known) {
        Ok(()) if is_todays(&known) => Ok(Verdict::Right),
        Ok(()) => Ok(Verdict::RightButOld),
        Err(argon2::password_hash::Error::PasswordInvalid) => Ok(Verdict::Wrong),
        Err(error) => Err(StoreError::corrupt("password.verify", error)),
    }
}

/// Whether one would hash like this today.
fn is_todays(hash: &phc::PasswordHash) -> bool {
    let params = Params::try_from(hash).ok();
    hash.algorithm == argon2::ARGON2ID_IDENT
        && params.is_some_and(|params| (params.m_cost(), params.t_cost(), params.p_cost()) == (MEMORY_KIB, PASSES, LANES))
}

fn failed(operation: &'static str, error: impl Into<commerce_core::error::Source>) -> StoreError {
    StoreError::new(StoreErrorKind::Internal, operation, error)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Counts up: every salt another one.
    struct Counting(std::sync::atomic::AtomicU8);

    impl Entropy for Counting {
        fn fill(&self, bytes: &mut [u8]) {
            bytes.fill(self.0.fetch_add(1, std::sync::atomic::Ordering::SeqCst));
        }
    }

    fn hasher(cores: usize, waiting: usize) -> Argon2Hasher {
        Argon2Hasher::with_capacity(Arc::new(Counting(1.into())), cores, waiting)
    }

    #[tokio::test]
    async fn a_hash_knows_its_password_and_no_other() {
        let hasher = hasher(1, 1);
        // All bytes count: these differ after the 72nd.
        let (long, longer) = ("x".repeat(80), "x".repeat(81));
        let hash = hasher.hash(&long).await.unwrap();
        assert!(hash.0.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{}", hash.0);
        assert_ne!(hash, hasher.hash(&long).await.unwrap(), "salted");
        assert_eq!(hasher.verify(&long, Some(&hash)).await.unwrap(), Verdict::Right);
        assert_eq!(hasher.verify(&longer, Some(&hash)).await.unwrap(), Verdict::Wrong);
        assert_eq!(hasher.verify(&long, None).await.unwrap(), Verdict::Wrong);
    }

    #[tokio::test]
    async fn an_old_hash_is_right_but_old_and_rubbish_is_corrupt() {
        let hasher = hasher(1, 1);
        let old = Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::new(64, 1, 1, None).unwrap());
        let old = hashed(&old, "secret", &[7; SALT_BYTES]).unwrap();
        assert_eq!(hasher.verify("secret", Some(&old)).await.unwrap(), Verdict::RightButOld);
        assert_eq!(hasher.verify("other", Some(&old)).await.unwrap(), Verdict::Wrong);
        let rubbish = PasswordHash("rubbish".to_owned());
        assert_eq!(hasher.verify("secret", Some(&rubbish)).await.unwrap_err().kind, StoreErrorKind::Corrupt);
    }

    #[tokio::test]
    async fn a_storm_is_refused_beyond_the_queue() {
        let hasher = hasher(1, 1);
        let answers = tokio::join!(hasher.hash("a"), hasher.hash("b"), hasher.hash("c"));
        assert!(answers.0.is_ok() && answers.1.is_ok());
        assert_eq!(answers.2.unwrap_err().kind, StoreErrorKind::Unavailable);
        assert!(hasher.hash("d").await.is_ok());
    }
}
