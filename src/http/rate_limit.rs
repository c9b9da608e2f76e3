//! How often one address, one terminal and one key of another system may ask.
//!
//! Addresses are counted before the signature is looked at, so that guessing keys is slow; terminals after it was found
//! right, so that nobody uses up another's share. A till needs a few requests a minute.

use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::time::Duration;

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::middleware::Next;
use actix_web::web::Data;
use governor::clock::{Clock, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use uuid::Uuid;

use super::Service;
use super::problem::{Problem, TOO_MANY_REQUESTS};

/// Requests a second; none is no limit. Twice as many may come at once.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs)]
pub struct Rates {
    pub per_address: Option<NonZeroU32>,
    pub per_terminal: Option<NonZeroU32>,
    pub per_key: Option<NonZeroU32>,
}

impl Default for Rates {
    /// An address is often a whole house; a fast till makes a handful of requests for each sale.
    fn default() -> Self {
        Self { per_address: NonZeroU32::new(500), per_terminal: NonZeroU32::new(50), per_key: NonZeroU32::new(20) }
    }
}

/// Who asked how often lately.
pub struct RateLimits {
    addresses: Option<DefaultKeyedRateLimiter<IpAddr>>,
    terminals: Option<DefaultKeyedRateLimiter<Uuid>>,
    enrolments: Option<DefaultKeyedRateLimiter<IpAddr>>,
    deliveries: Option<DefaultKeyedRateLimiter<Uuid>>,
    lists: Option<DefaultKeyedRateLimiter<Uuid>>,
    keys: Option<DefaultKeyedRateLimiter<Uuid>>,
    reports: Option<DefaultKeyedRateLimiter<Uuid>>,
}

impl RateLimits {
    /// Nobody has asked yet.
    pub fn new(rates: Rates) -> Self {
        let quota = |rate: NonZeroU32| Quota::per_second(rate).allow_burst(rate.saturating_mul(TWICE));
        Self {
            addresses: rates.per_address.map(|rate| RateLimiter::keyed(quota(rate))),
            terminals: rates.per_terminal.map(|rate| RateLimiter::keyed(quota(rate))),
            enrolments: rates
                .per_address
                .map(|_| RateLimiter::keyed(Quota::per_minute(ENROLMENTS_A_MINUTE).allow_burst(ENROLMENTS_AT_ONCE))),
            lists: rates
                .per_terminal
                .and(Quota::with_period(LIST_EVERY))
                .map(|quota| RateLimiter::keyed(quota.allow_burst(LISTS_AT_ONCE))),
            keys: rates.per_key.map(|rate| RateLimiter::keyed(quota(rate))),
            reports: rates
                .per_key
                .and(Quota::with_period(REPORT_EVERY))
                .map(|quota| RateLimiter::keyed(quota.allow_burst(REPORTS_AT_ONCE))),
            deliveries: rates.per_terminal.map(|rate| RateLimiter::keyed(quota(rate.min(DELIVERIES_A_SECOND)))),
        }
    }

    /// Counts a request of an address.
    ///
    /// # Errors
    /// `too-many-requests`.
    pub fn count_address(&self, address: Option<IpAddr>) -> Result<(), Problem> {
        match (&self.addresses, address) {
            (Some(limiter), Some(address)) => count(limiter, &network(address)),
            _ => Ok(()),
        }
    }

    /// Counts a public key that an address hands in.
    ///
    /// # Errors
    /// `too-many-requests`.
    pub fn count_enrolment(&self, address: Option<IpAddr>) -> Result<(), Problem> {
        match (&self.enrolments, address) {
            (Some(limiter), Some(address)) => count(limiter, &network(address)),
            _ => Ok(()),
        }
    }

    /// Counts a request of a terminal.
    ///
    /// # Errors
    /// `too-many-requests`.
    pub fn count_terminal(&self, terminal: Uuid) -> Result<(), Problem> {
        self.terminals.as_ref().map_or(Ok(()), |limiter| count(limiter, &terminal))
    }

    /// Counts a request of a terminal that delivers of its journal.
    ///
    /// # Errors
    /// `too-many-requests`.
    pub fn count_delivery(&self, terminal: Uuid) -> Result<(), Problem> {
        self.deliveries.as_ref().map_or(Ok(()), |limiter| count(limiter, &terminal))
    }

    /// Counts a whole list of cards for a terminal: each of its keys is derived for it.
    ///
    /// # Errors
    /// `too-many-requests`.
    pub fn count_list(&self, terminal: Uuid) -> Result<(), Problem> {
        self.lists.as_ref().map_or(Ok(()), |limiter| count(limiter, &terminal))
    }

    /// Counts a request of another system.
    ///
    /// # Errors
    /// `too-many-requests`.
    pub fn count_key(&self, key: Uuid) -> Result<(), Problem> {
        self.keys.as_ref().map_or(Ok(()), |limiter| count(limiter, &key))
    }

    /// Counts a report for another system: it reads months of all clients.
    ///
    /// # Errors
    /// `too-many-requests`.
    pub fn count_report(&self, key: Uuid) -> Result<(), Problem> {
        self.reports.as_ref().map_or(Ok(()), |limiter| count(limiter, &key))
    }

    /// Forgets who has not asked lately; called now and then, so that memory stays flat.
    pub fn forget_old(&self) {
        if let Some(limiter) = &self.addresses {
            limiter.retain_recent();
        }
        for limiter in [&self.terminals, &self.deliveries, &self.lists, &self.keys, &self.reports].into_iter().flatten()
        {
            limiter.retain_recent();
        }
        if let Some(limiter) = &self.enrolments {
            limiter.retain_recent();
        }
    }
}

/// Counts a request of any route by its address. Health is asked by who keeps the service, as often as they like.
///
/// # Errors
/// `too-many-requests`.
pub async fn count_address(
    request: ServiceRequest,
    next: Next<impl MessageBody>,
) -> Result<ServiceResponse<impl MessageBody>, actix_web::Error> {
    if !matches!(request.path(), "/healthz" | "/readyz")
        && let Some(service) = request.app_data::<Data<Service>>()
    {
        service.rates.count_address(request.peer_addr().map(|address| address.ip()))?;
    }
    next.call(request).await
}

/// A house has a handful of terminals; a thousand from one address would keep the others' out.
const ENROLMENTS_A_MINUTE: NonZeroU32 = NonZeroU32::MIN.saturating_add(5);
const ENROLMENTS_AT_ONCE: NonZeroU32 = NonZeroU32::MIN.saturating_add(19);

/// Each may bring fifty records, and is stored for good.
const DELIVERIES_A_SECOND: NonZeroU32 = NonZeroU32::MIN.saturating_add(4);

/// Who has the list asks with its ETag, and gets another only when it has changed.
const LIST_EVERY: Duration = Duration::from_secs(10);
const LISTS_AT_ONCE: NonZeroU32 = NonZeroU32::MIN.saturating_add(2);

/// Each reads months of all clients.
const REPORT_EVERY: Duration = Duration::from_secs(5);
const REPORTS_AT_ONCE: NonZeroU32 = NonZeroU32::MIN.saturating_add(9);

const TWICE: NonZeroU32 = NonZeroU32::MIN.saturating_add(1);

fn count<K: std::hash::Hash + Eq + Clone>(limiter: &DefaultKeyedRateLimiter<K>, key: &K) -> Result<(), Problem> {
    limiter.check_key(key).map_err(|until| {
        let wait = until.wait_time_from(DefaultClock::default().now());
        Problem::later(&TOO_MANY_REQUESTS, wait.as_secs().saturating_add(1))
    })
}

/// One household or house has a whole /64 of IPv6.
fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(v6) => match v6.to_ipv4_mapped() {
            Some(v4) => IpAddr::V4(v4),
            None => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64)),
        },
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn who_asks_too_often_is_told_to_wait_and_nobody_else_is() {
        let limits = RateLimits::new(Rates { per_address: NonZeroU32::new(1), per_terminal: None, per_key: None });
        let one: Option<IpAddr> = Some("192.0.2.1".parse().unwrap());
        assert!(limits.count_address(one).is_ok() && limits.count_address(one).is_ok());
        assert_eq!(limits.count_address(one).unwrap_err().sort(), &TOO_MANY_REQUESTS);
        assert!(limits.count_address(Some("192.0.2.2".parse().unwrap())).is_ok());
        assert!(limits.count_terminal(Uuid::nil()).is_ok());
    }

    #[test]
    fn a_terminal_delivers_five_times_a_second_at_most() {
        let limits = RateLimits::new(Rates::default());
        let taken = (0..50).filter(|_| limits.count_delivery(Uuid::nil()).is_ok()).count();
        assert!((10..=11).contains(&taken), "{taken}");
        assert!(limits.count_terminal(Uuid::nil()).is_ok() && limits.count_delivery(Uuid::max()).is_ok());
        let without = RateLimits::new(Rates { per_address: None, per_terminal: None, per_key: None });
        assert!((0..50).all(|_| without.count_delivery(Uuid::nil()).is_ok()));
    }

    #[test]
    fn a_terminal_gets_three_whole_lists_at_once() {
        let limits = RateLimits::new(Rates::default());
        assert!((0..3).all(|_| limits.count_list(Uuid::nil()).is_ok()));
        assert_eq!(limits.count_list(Uuid::nil()).unwrap_err().sort(), &TOO_MANY_REQUESTS);
        assert!(limits.count_list(Uuid::max()).is_ok());
    }

    #[test]
    fn a_network_of_ipv6_counts_as_one_address() {
        let same = |one: &str, other: &str| network(one.parse().unwrap()) == network(other.parse().unwrap());
        assert!(same("2001:db8::1", "2001:db8::ffff"));
        assert!(!same("2001:db8::1", "2001:db8:0:1::1"));
        assert!(same("::ffff:192.0.2.1", "192.0.2.1"));
    }
}
