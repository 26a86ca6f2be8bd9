//! What failed logins cost, by address.
//!
//! Each address may fail so many times at once, and gets a try back every second. One that fails with none left is refused
//! unseen for a while: a second, then twice as long each time, up to a minute. Who gets in ends the doubling, not the
//! counting: otherwise one good account would pay for guessing at all others.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::time::{Duration, Instant};

/// What is allowed from one address (of IPv6: from one /64).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LimiterSettings {
    /// Failures at once; 0: no limit at all.
    pub tries: u32,
    /// After which one is given back.
    pub back: Duration,
    pub shortest: Duration,
    pub longest: Duration,
    /// Addresses that are remembered; of those that do not fail any more the oldest are forgotten.
    pub addresses: usize,
}

impl Default for LimiterSettings {
    fn default() -> Self {
        Self {
            tries: 10,
            back: Duration::from_secs(1),
            shortest: Duration::from_secs(1),
            longest: Duration::from_secs(60),
            addresses: 16 * 1024,
        }
    }
}

/// What became of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Accepted,
    Denied,
}

/// Two tables: when the young one is full, it becomes the old one, and what was in the old one is forgotten. So both stay
/// bounded, without a search.
pub(super) struct Limiter {
    settings: LimiterSettings,
    young: HashMap<IpAddr, Account>,
    old: HashMap<IpAddr, Account>,
}

#[derive(Clone, Copy)]
struct Account {
    /// Failures that are not given back yet, as of `since`.
    failures: u32,
    since: Instant,
    /// How long it was refused last.
    penalty: Duration,
    refused_until: Option<Instant>,
}

impl Limiter {
    pub fn new(settings: LimiterSettings) -> Self {
        Self { settings, young: HashMap::new(), old: HashMap::new() }
    }

    pub fn set(&mut self, settings: LimiterSettings) {
        if settings.tries == 0 {
            self.young.clear();
            self.old.clear();
        }
        self.settings = settings;
    }

    pub fn is_limited(&mut self, address: IpAddr, now: Instant) -> bool {
        let address = network(address);
        let account = self.young.get(&address).or_else(|| self.old.get(&address));
        account.and_then(|account| account.refused_until).is_some_and(|until| now < until)
    }

    pub fn note(&mut self, address: IpAddr, outcome: Outcome, now: Instant) {
        if self.settings.tries == 0 {
            return;
        }
        let address = network(address);
        let known = self.young.remove(&address).or_else(|| self.old.remove(&address));
        let account = match (known, outcome) {
            // Nothing to remember.
            (None, Outcome::Accepted) => return,
            (None, Outcome::Denied) => Account::new(now),
            (Some(account), _) => account.given_back(&self.settings, now),
        };
        let account = match outcome {
            Outcome::Accepted if account.failures == 0 => return,
            Outcome::Accepted => Account { penalty: Duration::ZERO, refused_until: None, ..account },
            Outcome::Denied => account.failed(&self.settings, now),
        };
        if self.young.len() >= (self.settings.addresses / 2).max(1) {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(address, account);
    }
}

impl Account {
    fn new(now: Instant) -> Self {
        Self { failures: 0, since: now, penalty: Duration::ZERO, refused_until: None }
    }

    fn given_back(self, settings: &LimiterSettings, now: Instant) -> Self {
        let elapsed = now.saturating_duration_since(self.since);
        let back = elapsed.as_nanos().checked_div(settings.back.as_nanos()).unwrap_or(u128::MAX);
        let back = u32::try_from(back).unwrap_or(u32::MAX);
        if back >= self.failures {
            // As long as the longest penalty without anything to complain about, and the doubling begins anew.
            let forgiven =
                self.refused_until.is_none_or(|until| now.saturating_duration_since(until) >= settings.longest);
            let penalty = if forgiven { Duration::ZERO } else { self.penalty };
            return Self { failures: 0, since: now, penalty, ..self };
        }
        Self { failures: self.failures - back, since: self.since + settings.back * back, ..self }
    }

    fn failed(self, settings: &LimiterSettings, now: Instant) -> Self {
        if self.failures < settings.tries {
            return Self { failures: self.failures + 1, ..self };
        }
        // Those that were under way when it was refused count for nothing more.
        if self.refused_until.is_some_and(|until| now < until) {
            return self;
        }
        let penalty = (self.penalty * 2).clamp(settings.shortest, settings.longest);
        Self { penalty, refused_until: Some(now + penalty), ..self }
    }
}

/// Who has one address of an IPv6 network has them all.
pub(super) fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let bits = address.to_bits() >> 64 << 64;
            IpAddr::V6(Ipv6Addr::from_bits(bits))
        }
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ONE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 1));

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn fail(limiter: &mut Limiter, address: IpAddr, times: u32, now: Instant) {
        (0..times).for_each(|_| limiter.note(address, Outcome::Denied, now));
    }

    #[test]
    fn ten_failures_are_free_and_the_eleventh_is_not() {
        let (mut limiter, start) = (Limiter::new(LimiterSettings::default()), Instant::now());
        fail(&mut limiter, ONE, 10, start);
        assert!(!limiter.is_limited(ONE, start));
        fail(&mut limiter, ONE, 1, start);
        assert!(limiter.is_limited(ONE, start) && !limiter.is_limited(ONE, start + seconds(1)));
        assert!(!limiter.is_limited("10.0.0.2".parse().unwrap(), start));
    }

    #[test]
    fn the_penalty_doubles_up_to_a_minute() {
        let (mut limiter, mut now) = (Limiter::new(LimiterSettings::default()), Instant::now());
        fail(&mut limiter, ONE, 10, now);
        for expected in [1, 2, 4, 8, 16, 32, 60, 60] {
            // What was given back meanwhile is used up, and one more; the others were under way.
            fail(&mut limiter, ONE, 15, now);
            assert!(limiter.is_limited(ONE, now + seconds(expected) - Duration::from_millis(1)), "{expected}");
            now += seconds(expected);
            assert!(!limiter.is_limited(ONE, now), "{expected}");
        }
    }

    #[test]
    fn a_success_ends_the_penalty_and_gives_no_tries() {
        let (mut limiter, start) = (Limiter::new(LimiterSettings::default()), Instant::now());
        fail(&mut limiter, ONE, 13, start);
        let later = start + seconds(4);
        limiter.note(ONE, Outcome::Accepted, later);
        // Four were given back, no more.
        fail(&mut limiter, ONE, 4, later);
        assert!(!limiter.is_limited(ONE, later));
        fail(&mut limiter, ONE, 1, later);
        assert!(limiter.is_limited(ONE, later) && !limiter.is_limited(ONE, later + seconds(1)));
    }

    #[test]
    fn who_stops_failing_is_forgiven() {
        let (mut limiter, start) = (Limiter::new(LimiterSettings::default()), Instant::now());
        fail(&mut limiter, ONE, 16, start);
        let later = start + seconds(120);
        fail(&mut limiter, ONE, 10, later);
        assert!(!limiter.is_limited(ONE, later));
        fail(&mut limiter, ONE, 1, later);
        assert!(!limiter.is_limited(ONE, later + seconds(1)));
        limiter.note(ONE, Outcome::Accepted, later + seconds(60));
        assert!(limiter.young.is_empty() && limiter.old.is_empty());
    }

    #[test]
    fn a_network_is_one_address() {
        let (mut limiter, start) = (Limiter::new(LimiterSettings::default()), Instant::now());
        for n in 0..11 {
            fail(&mut limiter, format!("2001:db8::{n}").parse().unwrap(), 1, start);
        }
        assert!(limiter.is_limited("2001:db8::ffff".parse().unwrap(), start));
        assert!(!limiter.is_limited("2001:db8:0:1::1".parse().unwrap(), start));
        fail(&mut limiter, "::ffff:10.0.0.1".parse().unwrap(), 11, start);
        assert!(limiter.is_limited(ONE, start));
    }

    #[test]
    fn none_is_limited_without_a_limit() {
        let (mut limiter, start) =
            (Limiter::new(LimiterSettings { tries: 0, ..LimiterSettings::default() }), Instant::now());
        fail(&mut limiter, ONE, 100, start);
        assert!(!limiter.is_limited(ONE, start));
    }

    proptest! {
        #[test]
        fn the_tables_stay_bounded(addresses in prop::collection::vec((any::<u32>(), any::<bool>()), 0..300)) {
            let mut limiter = Limiter::new(LimiterSettings { addresses: 32, ..LimiterSettings::default() });
            let now = Instant::now();
            for (address, accepted) in addresses {
                let outcome = if accepted { Outcome::Accepted } else { Outcome::Denied };
                limiter.note(IpAddr::V4(address.into()), outcome, now);
                prop_assert!(limiter.young.len() + limiter.old.len() <= 32);
            }
        }
    }
}
