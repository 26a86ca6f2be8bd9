//! The publishers and subscribers of one thread, before any of them is connected.

use std::num::NonZeroU16;

use super::connection::{Connection, Role};
use super::coverage::Coverage;
use super::credit::Credit;
use super::ledger::{Identity, Ledger, Measure};
use super::message::Outlet;
use super::publisher::Publisher;
use super::schedule::quota;
use super::sequence::Tracker;
use super::settings::{Alias, Pace, Routing, TrafficLoad};
use super::subscriber::{Order, Subscriber, Unreleased};
use super::topics::Place;
use super::worker::Site;

/// Trackers over all subscribers of a thread: 128 MiB. Past it order and duplicates are not measured.
const MAX_TRACKERS: u64 = 8 << 20;

/// Numbers dealt out to the threads in turn: those of one thread.
pub(super) fn numbers(site: &Site, count: u32) -> Vec<u32> {
    (0..count).skip(site.me).step_by(site.settings.threads).collect()
}

/// Whether there is room to track every stream at every subscriber.
pub(super) fn is_tracked(load: &TrafficLoad, threads: usize) -> bool {
    let each = match load.routing {
        Routing::All | Routing::Retained => u64::from(load.streams()),
        _ => u64::from(load.topics),
    };
    u64::from(load.subscribers).div_ceil(threads as u64) * each <= MAX_TRACKERS
}

/// A ledger that knows whose messages it will see.
pub(super) fn ledger(site: &Site, load: &TrafficLoad) -> Ledger {
    let identity = match load.routing {
        Routing::Others { run: Some(run), .. } => Identity::Run(run),
        Routing::Others { timed, .. } => Identity::FirstSeen { timed: if timed { Measure::On } else { Measure::Off } },
        _ if load.message.stamped => Identity::Run(site.settings.run),
        _ => Identity::Anything,
    };
    let mut ledger = Ledger::new(identity, site.settings.since_1970);
    let local = numbers(site, load.publishers);
    let is_windowed = matches!(load.pace, Pace::Window(_)) && load.deliveries() > 0;
    ledger.credit = match is_windowed {
        true => Credit::by_stream(load.publishers, load.topics, &local, load.deliveries()),
        false => Credit::new(local.len()),
    };
    if load.share.is_some() && load.routing == Routing::All && load.message.stamped {
        ledger.coverage = Some(Coverage::new(load.streams() as usize));
    }
    ledger
}

pub(super) fn subscribers(site: &Site, load: &TrafficLoad) -> Vec<Connection> {
    let numbers = numbers(site, load.subscribers);
    let is_tracked = is_tracked(load, site.settings.threads);
    let subscriber = |(local, number): (usize, u32)| {
        let subscriber = subscriber(load, number, local as u32, is_tracked);
        Connection::new(Role::Subscriber(Box::new(subscriber)))
    };
    numbers.into_iter().enumerate().map(subscriber).collect()
}

fn subscriber(load: &TrafficLoad, number: u32, local: u32, is_tracked: bool) -> Subscriber {
    let topics = load.topics;
    let (streams, sole_publisher) = match load.routing {
        Routing::Pairs => (number * topics..(number + 1) * topics, Some(local)),
        Routing::All | Routing::Retained => (0..load.streams(), (load.publishers == 1).then_some(0)),
        Routing::Absent { .. } => (number..number + 1, None),
        Routing::Others { .. } | Routing::Nowhere => (0..u32::MAX, None),
    };
    let order = match load.routing {
        Routing::Others { .. } if load.share.is_some() => Order::Some(Vec::new()),
        Routing::Others { .. } => Order::FromFirst(Vec::new()),
        _ if !load.message.stamped || !is_tracked => Order::Unknown,
        _ if load.share.is_some() => Order::Some(vec![0; streams.len()]),
        _ => Order::All(vec![Tracker::default(); streams.len()]),
    };
    Subscriber { number, streams, order, sole_publisher, unreleased: Unreleased::default() }
}

pub(super) fn publishers(site: &Site, load: &TrafficLoad) -> Vec<Connection> {
    let publisher = |(local, number): (usize, u32)| {
        let outlets = outlets(load, number);
        let quota = match (load.routing, load.span.count) {
            (Routing::Absent { each }, _) => outlets.len() as u64 * each,
            (Routing::Retained, _) => outlets.len() as u64,
            (_, Some(count)) => quota(count, u64::from(number), u64::from(load.publishers)),
            (_, None) => u64::MAX,
        };
        let publisher = Publisher::new(number, local as u32, outlets, quota, load.in_flight);
        Connection::new(Role::Publisher(Box::new(publisher)))
    };
    numbers(site, load.publishers).into_iter().enumerate().map(publisher).collect()
}

fn outlets(load: &TrafficLoad, number: u32) -> Vec<Outlet> {
    topics(load, number)
        .map(|(stream, topic)| {
            let alias = match load.alias {
                Alias::Used => NonZeroU16::new((stream % load.topics) as u16 + 1),
                Alias::Unused => None,
            };
            Outlet::new(&load.message, stream, &topic, alias)
        })
        .collect()
}

/// The streams of publisher `number` and their topics.
pub(super) fn topics(load: &TrafficLoad, number: u32) -> Box<dyn Iterator<Item = (u32, String)> + '_> {
    match load.routing {
        Routing::Absent { .. } => {
            let sessions = (number..load.subscribers).step_by(load.publishers as usize);
            Box::new(sessions.map(|session| (session, load.topic.fill(&[(Place::Subscriber, session)]))))
        }
        Routing::Retained => {
            let topics = (number..load.topics).step_by(load.publishers as usize);
            Box::new(topics.map(|topic| (topic, load.topic.fill(&[(Place::Topic, topic)]))))
        }
        _ => Box::new((0..load.topics).map(move |topic| {
            let name = load.topic.fill(&[(Place::Publisher, number), (Place::Topic, topic)]);
            (number * load.topics + topic, name)
        })),
    }
}
