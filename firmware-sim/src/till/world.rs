//! What a till is given from outside: time, chance and a way to the service.

use hyper::body::Bytes;
use uuid::Uuid;

use crate::client::{Client, NoAnswer, Outgoing, Reply};
use crate::random::{NoRandomness, Random, Seeded, now_ms};

/// What time it is, in milliseconds since 1970.
pub trait Clock {
    /// Now.
    fn now_ms(&self) -> u64;
}

/// This machine's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now_ms(&self) -> u64 {
        now_ms()
    }
}

/// Where random bytes come from.
pub trait Randomness: std::fmt::Debug + Send {
    /// Fills it.
    ///
    /// # Errors
    /// [`NoRandomness`].
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), NoRandomness>;
}

impl Randomness for Random {
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), NoRandomness> {
        for byte in bytes {
            [*byte] = self.bytes()?;
        }
        Ok(())
    }
}

/// For simulations: never where a real card is tapped.
impl Randomness for Seeded {
    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), NoRandomness> {
        for chunk in bytes.chunks_mut(8) {
            let number = self.next().to_le_bytes();
            chunk.copy_from_slice(&number[..chunk.len()]);
        }
        Ok(())
    }
}

/// Sends one request, and says what came back.
#[allow(async_fn_in_trait)] // one thread drives a till
pub trait Transport {
    /// # Errors
    /// [`NoAnswer`], within the request's time-out.
    async fn send(&mut self, request: &Request) -> Result<Reply, NoAnswer>;
}

impl Transport for Client {
    async fn send(&mut self, request: &Request) -> Result<Reply, NoAnswer> {
        Self::send(self, request.outgoing()).await
    }
}

/// One HTTP request, to be signed and sent.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Request {
    /// Which one this is; new each time, also when the same is sent again.
    pub ticket: u64,
    pub path: String,
    pub query: Option<String>,
    /// A POST's JSON, and the id in it.
    pub post: Option<(Bytes, Uuid)>,
    pub if_none_match: Option<String>,
    /// After this it counts as [`NoAnswer::TimedOut`].
    pub timeout_ms: u64,
    /// How much the service's clock is ahead of this machine's: signatures are dated by it.
    pub clock_offset_ms: i64,
}

impl Request {
    /// As a [`Client`] sends it.
    pub fn outgoing(&self) -> Outgoing<'_> {
        Outgoing {
            path: &self.path,
            query: self.query.as_deref(),
            post: self.post.as_ref().map(|(body, id)| (body, *id)),
            if_none_match: self.if_none_match.as_deref(),
        }
    }
}
