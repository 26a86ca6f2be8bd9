//! `$SYS/broker/...`: the broker's figures as topics, with the names that mosquitto has made known.
//!
//! They are kept here and not among the retained messages: a subscriber gets the current values at once, marked as
//! retained, and after that those that have changed, every interval.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use auth::PublishPermit;
use mqtt::QoS;
use tokio::sync::watch;

use crate::connection::Connection;
use crate::counters::Totals;
use crate::fan_out::{FanOut, Manner};
use crate::lanes::Far;
use crate::settings::SysSettings;
use crate::worker::{Request, Shared, Worker};

/// What the topics begin with.
pub(crate) const SYS: &str = "$SYS";

/// Windows of the load averages, in minutes.
const WINDOWS_MIN: [u32; 3] = [1, 5, 15];

pub(crate) struct Sys {
    version: String,
    /// Tells all partitions' counters, added up; `None` if they are in other processes, whose backends tell them.
    partitions: Option<Box<dyn Fn() -> partition::Counters + Send + Sync>>,
    /// `None` publishes nothing.
    interval: watch::Sender<Option<Duration>>,
    started: Instant,
    values: Mutex<BTreeMap<String, String>>,
}

impl Sys {
    pub fn new(settings: SysSettings, partitions: Option<Box<dyn Fn() -> partition::Counters + Send + Sync>>) -> Self {
        let SysSettings { interval, version } = settings;
        let (interval, _) = watch::channel(interval);
        Self { version, partitions, interval, started: Instant::now(), values: Mutex::default() }
    }

    pub fn set_interval(&self, interval: Option<Duration>) {
        self.interval.send_replace(interval);
    }

    fn matching(&self, filter: &str) -> Vec<(String, String)> {
        let values = self.values.lock().unwrap_or_else(PoisonError::into_inner);
        let matching = values.iter().filter(|(topic, _)| mqtt::matches(filter, topic));
        matching.map(|(topic, value)| (topic.clone(), value.clone())).collect()
    }

    /// Replaces the values and returns those that have changed.
    fn replace(&self, new: BTreeMap<String, String>) -> Vec<(String, String)> {
        let mut values = self.values.lock().unwrap_or_else(PoisonError::into_inner);
        let changed = new.iter().filter(|(topic, value)| values.get(*topic) != Some(value));
        let changed = changed.map(|(topic, value)| (topic.clone(), value.clone())).collect();
        *values = new;
        changed
    }
}

impl Worker {
    /// The current values that `filter` matches, to a new subscriber.
    pub fn send_sys(&self, connection: &Rc<Connection>, filter: &str, identifier: Option<u32>) {
        for (topic, value) in self.sys.matching(filter) {
            let mut fan_out = FanOut::live(PublishPermit::broker(&topic), [&[]; 3], value.as_bytes(), None, self.now());
            let manner = Manner { qos: QoS::AtMostOnce, retain: true, subscription_ids: identifier.as_slice() };
            connection.with_writer(self, |outbound, writer| outbound.deliver(&mut fan_out, manner, None, writer));
        }
    }
}

impl Worker {
    fn publish_sys(&self, changed: &[(String, String)]) {
        for (topic, value) in changed {
            let permit = PublishPermit::broker(topic);
            let route = self.route(permit);
            let mut fan_out = FanOut::live(permit, [&[]; 3], value.as_bytes(), None, self.now());
            self.deliver(&route, "", QoS::AtMostOnce, &mut fan_out);
        }
    }

    /// Gives values that have changed to this worker's own clients, where the partitions that would find all are in other
    /// processes: each frontend's values are its own.
    pub fn give_sys(&self, changed: &[(String, String)]) {
        let watching = self.connections_that(Connection::watches_sys);
        for (topic, value) in changed {
            let permit = PublishPermit::broker(topic);
            let mut fan_out = FanOut::live(permit, [&[]; 3], value.as_bytes(), None, self.now());
            watching.iter().for_each(|connection| connection.give_sys(self, topic, &mut fan_out));
        }
    }
}

/// Publishes until it is dropped; on one worker.
pub(crate) async fn publish(worker: Rc<Worker>) {
    let sys = &worker.shared.sys;
    let mut interval = sys.interval.subscribe();
    let mut figures = Figures::default();
    loop {
        let every = *interval.borrow_and_update();
        let values = every.map_or_else(BTreeMap::new, |_| figures.values(&worker.shared));
        worker.look_at_the_clock();
        let changed = sys.replace(values);
        if worker.lanes.is_some() {
            let changed: Arc<[_]> = changed.into();
            (0..worker.peers.len()).for_each(|peer| worker.request(peer, Request::GiveSys(Arc::clone(&changed))));
        } else {
            worker.publish_sys(&changed);
        }
        let pause = async {
            match every {
                Some(every) => tokio::time::sleep(every).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            // Both are cancel safe.
            () = pause => {}
            changed = interval.changed() => {
                if changed.is_err() {
                    return;
                }
            }
        }
    }
}

/// What the values are made of beside the counters themselves.
#[derive(Default)]
struct Figures {
    loads: Loads,
    clients_maximum: u64,
    last: Option<(Instant, Totals)>,
}

impl Figures {
    fn values(&mut self, shared: &Shared) -> BTreeMap<String, String> {
        let (mut totals, _) = shared.totals();
        let sys = &shared.sys;
        let far = || shared.far.as_deref().map(Far::counters).unwrap_or_default();
        let partitions = sys.partitions.as_ref().map_or_else(far, |counters| counters());
        if shared.far.is_some() {
            // Of all frontends.
            totals.clients = totals.clients.max(partitions.connected as u64);
        }
        self.clients_maximum = self.clients_maximum.max(totals.clients);
        if let Some((at, before)) = self.last.replace((Instant::now(), totals)) {
            self.loads.update(&before, &totals, at.elapsed());
        }
        let uptime = sys.started.elapsed();
        values(&sys.version, uptime, &totals, &partitions, self.clients_maximum, &self.loads)
    }
}

fn values(
    version: &str,
    uptime: Duration,
    totals: &Totals,
    partitions: &partition::Counters,
    clients_maximum: u64,
    loads: &Loads,
) -> BTreeMap<String, String> {
    let mut values = BTreeMap::new();
    let mut set = |name: &str, value: String| {
        values.insert(format!("$SYS/broker/{name}"), value);
    };
    set("version", version.to_owned());
    set("uptime", format!("{} seconds", uptime.as_secs()));
    let held = partitions.sessions as u64;
    let disconnected = held.saturating_sub(totals.clients);
    let dropped = totals.qos0_dropped_incoming + totals.qos0_dropped_outgoing + totals.too_large_dropped;
    let dropped = dropped + totals.expired_dropped + partitions.expired + partitions.dropped_by_limit;
    for (name, value) in [
        ("clients/total", held.max(totals.clients)),
        ("clients/connected", totals.clients),
        ("clients/active", totals.clients),
        ("clients/disconnected", disconnected),
        ("clients/inactive", disconnected),
        ("clients/maximum", clients_maximum),
        ("clients/expired", partitions.expired_sessions),
        ("messages/received", totals.packets_received),
        ("messages/sent", totals.packets_sent),
        ("messages/stored", partitions.retained as u64 + partitions.queued),
        ("store/messages/count", partitions.retained as u64 + partitions.queued),
        ("store/messages/bytes", partitions.retained_bytes + partitions.queued_bytes),
        ("publish/messages/received", totals.publishes_received),
        ("publish/messages/sent", totals.publishes_sent),
        ("publish/messages/dropped", dropped),
        ("publish/bytes/received", totals.payload_bytes_received),
        ("publish/bytes/sent", totals.payload_bytes_sent),
        ("bytes/received", totals.bytes_received),
        ("bytes/sent", totals.bytes_sent),
        ("subscriptions/count", partitions.subscriptions as u64),
        ("shared_subscriptions/count", partitions.shared_subscriptions as u64),
        ("retained messages/count", partitions.retained as u64),
    ] {
        set(name, value.to_string());
    }
    for (name, averages) in loads.by_name() {
        for (minutes, average) in WINDOWS_MIN.iter().zip(averages) {
            set(&format!("load/{name}/{minutes}min"), format!("{average:.2}"));
        }
    }
    values
}

/// Exponentially damped averages per minute.
#[derive(Default)]
struct Loads(BTreeMap<&'static str, [f64; 3]>);

impl Loads {
    fn update(&mut self, before: &Totals, after: &Totals, elapsed: Duration) {
        let seconds = elapsed.as_secs_f64().max(0.001);
        for (name, before, after) in [
            ("messages/received", before.packets_received, after.packets_received),
            ("messages/sent", before.packets_sent, after.packets_sent),
            ("publish/received", before.publishes_received, after.publishes_received),
            ("publish/sent", before.publishes_sent, after.publishes_sent),
            ("bytes/received", before.bytes_received, after.bytes_received),
            ("bytes/sent", before.bytes_sent, after.bytes_sent),
            ("sockets", before.connections_accepted, after.connections_accepted),
            ("connections", before.authentication_successes, after.authentication_successes),
        ] {
            let per_minute = after.wrapping_sub(before) as f64 * 60.0 / seconds;
            let averages = self.0.entry(name).or_default();
            for (average, minutes) in averages.iter_mut().zip(WINDOWS_MIN) {
                let weight = (-seconds / (60.0 * f64::from(minutes))).exp();
                *average = per_minute + weight * (*average - per_minute);
            }
        }
    }

    fn by_name(&self) -> impl Iterator<Item = (&'static str, [f64; 3])> {
        self.0.iter().map(|(name, averages)| (*name, *averages))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_load_average_approaches_the_steady_rate_and_the_short_window_first() {
        let mut loads = Loads::default();
        let mut before = Totals::default();
        for _ in 0..60 {
            let after = Totals { publishes_received: before.publishes_received + 10, ..before };
            loads.update(&before, &after, Duration::from_secs(1));
            before = after;
        }
        let [one, five, fifteen] = loads.0["publish/received"];
        assert!((one - 600.0 * (1.0 - (-1.0f64).exp())).abs() < 1.0);
        assert!(one > five && five > fifteen && fifteen > 0.0);
    }

    #[test]
    fn only_what_has_changed_is_published() {
        let sys = Sys::new(SysSettings { interval: None, version: String::new() }, None);
        let values = |uptime: &str| {
            BTreeMap::from([
                ("$SYS/broker/uptime".to_owned(), uptime.to_owned()),
                ("$SYS/broker/version".to_owned(), "1".to_owned()),
            ])
        };
        assert_eq!(sys.replace(values("1 seconds")).len(), 2);
        let changed = sys.replace(values("2 seconds"));
        assert_eq!(changed, [("$SYS/broker/uptime".to_owned(), "2 seconds".to_owned())]);
        assert_eq!(sys.matching("$SYS/#").len(), 2);
        assert_eq!(sys.matching("#").len(), 0);
    }
}
