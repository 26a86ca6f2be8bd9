//! The load: clients whose behaviour is drawn from the seed, and who write down all that they do and see.
//!
//! ```text
//! habits ─► actor ─► connection ─► wire ─► Entry (a stream to some frontend)
//!                        │
//!                        └─► notebook (the record)
//! ```
//!
//! They speak the protocol by themselves, as clients that keep to it, so that nothing is hidden that a client library would make good:
//! identifiers, DUP, what comes twice. All run on one thread. In [`Phase::Load`] they do what their habits say; in
//! [`Phase::Drain`] each comes back to its session, stays, reads and answers.

mod actor;
mod connection;
mod entry;
mod ghost;
mod habits;
mod memory;
mod notebook;
mod payload;
mod topics;
mod wire;

pub use actor::{Phase, Stage};
pub use entry::Entry;
pub use habits::Habits;
pub use notebook::Notebook;

use std::rc::Rc;

use actor::Actor;
use tokio::task::JoinHandle;

use crate::site::Profile;

/// How many clients of each kind take part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Crowd {
    /// They publish, subscribe, come and go.
    pub walkers: u16,
    /// They stay subscribed to wills.
    pub watchers: u16,
    /// Members of shared groups.
    pub members: u16,
    /// They are subscribed with sessions that are not kept, and never end their connections.
    pub listeners: u16,
    /// What becomes of the walkers' sessions.
    pub keeping: Keeping,
}

/// Whether the sessions of walkers outlast their connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keeping {
    /// As each of them likes.
    Various,
    /// None does, so that most of what is published is not logged.
    None,
}

impl Crowd {
    pub fn of(profile: Profile, seed: u64) -> Self {
        let usual = Self { walkers: 6, watchers: 2, members: 3, listeners: 0, keeping: Keeping::Various };
        let late = |keeping| Self { walkers: 4, members: 2, listeners: 3, keeping, ..usual };
        match profile {
            Profile::Late if seed.is_multiple_of(2) => late(Keeping::None),
            Profile::Late => late(Keeping::Various),
            _ => usual,
        }
    }
}

/// Begins all clients, on the thread that calls; `LocalSet` or local runtime needed.
pub fn begin<E: Entry>(
    entry: &E,
    stage: &Stage,
    notebook: &Rc<Notebook>,
    seed: u64,
    crowd: Crowd,
) -> Vec<JoinHandle<()>> {
    let Crowd { walkers, watchers, members, listeners, keeping } = crowd;
    let all = walkers + watchers + members + listeners;
    let habits = (0..all).map(|number| match number {
        _ if number < watchers => Habits::watcher(seed, number),
        _ if number < watchers + members => Habits::member(seed, number),
        _ if number < watchers + members + walkers => Habits::walker(seed, number, keeping),
        _ => Habits::listener(seed, number),
    });
    let actor = |habits| Actor::new(entry.clone(), stage.clone(), Rc::clone(notebook), habits);
    habits.map(|habits| tokio::task::spawn_local(actor(habits).live())).collect()
}

/// Begins a client for each topic that retains something, which asks what that is and stays.
pub fn ask_what_is_retained<E: Entry>(entry: &E, stage: &Stage, notebook: &Rc<Notebook>) -> Vec<JoinHandle<()>> {
    let asker = |topic| {
        let habits = Habits::asker(topic);
        Actor::new(entry.clone(), stage.clone(), Rc::clone(notebook), habits)
    };
    topics::registers().map(|topic| tokio::task::spawn_local(asker(topic).live())).collect()
}
