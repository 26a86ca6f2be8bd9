//! The open listeners: their sockets, certificates and guards, and how they change while the broker runs.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::SystemTime;

use auth::authentication::Counters;
use config::{Change, Listener, Plan, Problem, Setting};
use identity::{Certificates, Prepared, ServerTls};

use super::admin_seat::AdminSeat;
use super::broker::Broker;
use super::order::{Order, is_same};
use super::reach;
use crate::access::{Ground, Guards};
use crate::certificates;
use crate::sockets::{ADMIN, Socket, Sockets, Wanted, Way, ways};

/// Every socket of this process, with what is behind it besides the broker.
pub(super) struct Doors {
    pub(super) certificates: Certificates,
    pub(super) admin: AdminSeat,
    sockets: Sockets,
    secured: BTreeMap<String, ServerTls>,
    guards: Guards,
    ground: Ground,
}

/// What a change of listeners needs, all of it at hand: nothing can fail any more.
pub(super) struct Ready {
    guards: Guards,
    prepared: Vec<(String, Prepared)>,
    moves: Moves,
}

/// What opens and closes.
#[derive(Default)]
pub(super) struct Moves {
    opening: Vec<(Wanted, Opening)>,
    /// Not yet closed.
    closing: BTreeSet<String>,
}

enum Opening {
    New(Socket),
    /// The socket of the listener of this name.
    Taken(String),
}

/// Opens the admin endpoint at its socket, if the plan has one: before the doors, so that it tells what they wait for.
///
/// # Errors
/// The system gives no thread or no file descriptor.
pub(super) fn open_admin(seat: &mut AdminSeat, sockets: &Sockets, plan: &Plan) -> io::Result<()> {
    match (&plan.admin, sockets.get(ADMIN)) {
        (Some(admin), Some(socket)) => seat.open(socket.listener()?, admin.token.clone()),
        _ => Ok(()),
    }
}

impl Doors {
    /// The listeners of `plan` on their sockets, with guards, and with certificates published.
    ///
    /// # Errors
    /// Every guard that cannot be, every certificate that cannot be had.
    pub(super) fn new(
        plan: &Plan,
        sockets: Sockets,
        certificates: Certificates,
        admin: AdminSeat,
        counters: Arc<Counters>,
    ) -> Result<Self, Vec<Problem>> {
        let ground = Ground::new(&certificates, counters);
        let guards = Guards::default();
        let mut doors = Self { certificates, admin, sockets, secured: BTreeMap::new(), guards, ground };
        let guards = doors.guards(plan)?;
        let prepared = doors.prepare(plan.listeners.iter(), &guards)?;
        doors.guards = guards;
        doors.publish(prepared);
        Ok(doors)
    }

    /// Where each listener is bound, the admin endpoint too, by name.
    pub(super) fn addresses(&self) -> BTreeMap<String, SocketAddr> {
        self.sockets.iter().map(|(name, socket)| (name.clone(), socket.address)).collect()
    }

    /// What the frontend is to accept from.
    ///
    /// # Errors
    /// The system has no file descriptor left.
    pub(super) fn frontend_listener(&self, listener: &Listener) -> io::Result<frontend::Listener> {
        let (Some(socket), Some(policy)) = (self.sockets.get(&listener.name), self.guards.policy(&listener.name))
        else {
            return Err(io::ErrorKind::NotFound.into());
        };
        // A port whose TLS goes keeps its certificate until all is switched.
        let tls = listener.tls.as_ref().and_then(|_| self.secured.get(&listener.name)).cloned();
        Ok(frontend::Listener {
            name: listener.name.as_str().into(),
            socket: socket.listener()?,
            policy: policy.clone(),
            protocol: frontend::Protocol {
                framing: match listener.protocol {
                    config::Protocol::Mqtt => frontend::Framing::Mqtt,
                    config::Protocol::WebSockets => frontend::Framing::WebSockets,
                },
                tls: tls.map(|tls| -> frontend::TlsSource { Arc::new(move |hello| tls.configuration(hello)) }),
            },
        })
    }

    /// Makes everything ready that `change` from `old` to `new` needs. Of what is open, only listeners that stand in the way of
    /// new ones (the same port, another address) are closed, after everything else is known to go well; when that was in vain,
    /// they are opened again.
    ///
    /// # Errors
    /// Guards that cannot be, certificates that cannot be had, addresses that cannot be bound. Listeners that could not be
    /// opened again are named, too, and are closed.
    pub(super) fn ready(
        &mut self,
        broker: &Broker,
        old: &Plan,
        new: &Plan,
        change: &Change,
    ) -> Result<Ready, Vec<Problem>> {
        let guards = self.guards(new)?;
        let prepared = self.prepare(self.to_prepare(new, change, &guards), &guards)?;
        let (closing, wanted) = moves(old, new, change);
        let ways = ways(&self.sockets, &closing, &wanted);
        let mut moves = Moves { opening: Vec::new(), closing: closing.into_iter().collect() };
        let mut problems = Vec::new();
        let mut after = Vec::new();
        for (wanted, way) in wanted.into_iter().zip(ways) {
            match way {
                Way::Bind => match Socket::bind(&wanted) {
                    Ok(socket) => moves.opening.push((wanted, Opening::New(socket))),
                    Err(error) => problems.push(error.problem()),
                },
                Way::Take(from) => moves.opening.push((wanted, Opening::Taken(from))),
                Way::BindAfter(closing) => after.push((wanted, closing)),
            }
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        self.make_way(broker, old, after, &mut moves)?;
        Ok(Ready { guards, prepared, moves })
    }

    fn make_way(
        &mut self,
        broker: &Broker,
        old: &Plan,
        after: Vec<(Wanted, Vec<String>)>,
        moves: &mut Moves,
    ) -> Result<(), Vec<Problem>> {
        let mut closed: Vec<Wanted> = Vec::new();
        for (wanted, in_the_way) in after {
            for name in in_the_way {
                if let Some(socket) = self.close(&name, broker) {
                    closed.push(Wanted { name: name.clone(), address: socket.address });
                }
                moves.closing.remove(&name);
            }
            match Socket::bind(&wanted) {
                Ok(socket) => moves.opening.push((wanted, Opening::New(socket))),
                Err(error) => {
                    moves.opening.clear();
                    let again = self.open_again(broker, old, closed);
                    return Err([error.problem()].into_iter().chain(again).collect());
                }
            }
        }
        Ok(())
    }

    /// Opens listeners that were closed in vain. Returns what keeps some of them closed.
    fn open_again(&mut self, broker: &Broker, old: &Plan, closed: Vec<Wanted>) -> Vec<Problem> {
        let mut problems = Vec::new();
        for wanted in closed {
            match Socket::bind(&wanted) {
                Ok(socket) => {
                    self.sockets.insert(wanted.name.clone(), socket);
                    problems.extend(self.open(broker, old, &wanted.name).err());
                }
                Err(error) => problems.push(error.problem()),
            }
        }
        problems
    }

    /// Shows the new certificates, and has the ports that stay guarded by the new rules.
    ///
    /// In which order, see [`Order`].
    pub(super) fn guard(&mut self, broker: &Broker, change: &Change, ready: Ready) -> Moves {
        let Ready { guards, prepared, moves } = ready;
        let (before, after): (Vec<_>, Vec<_>) = prepared.into_iter().partition(|(name, _)| {
            Order::of(&self.guards.verifier(name), &guards.verifier(name)) == Order::HandshakeFirst
        });
        self.publish(before);
        self.guards = guards;
        let stay = change.policies.iter().filter(|listener| !moves.closing.contains(&listener.name));
        let policies = stay.filter_map(|listener| {
            let policy = self.guards.policy(&listener.name)?;
            let address = self.sockets.get(&listener.name)?.address;
            reach::log_dangers(listener, address);
            Some((Arc::from(listener.name.as_str()), policy.clone()))
        });
        broker.set_policies(policies.collect());
        self.publish(after);
        moves
    }

    /// Opens and closes. A listener that changes is closed before it is opened; one that only goes is closed last. Returns
    /// what could not be opened.
    pub(super) fn switch(&mut self, broker: &Broker, new: &Plan, moves: Moves) -> Vec<Problem> {
        let Moves { opening, mut closing } = moves;
        let mut taken = BTreeMap::new();
        for (wanted, opening) in &opening {
            let from = match opening {
                Opening::Taken(from) => Some(from),
                Opening::New(_) => None,
            };
            for name in from.into_iter().chain([&wanted.name]) {
                if closing.remove(name) {
                    taken.extend(self.close(name, broker).map(|socket| (name.clone(), socket)));
                }
            }
        }
        let mut problems = Vec::new();
        for (wanted, opening) in opening {
            let socket = match opening {
                Opening::New(socket) => Some(socket),
                Opening::Taken(from) => taken.remove(&from),
            };
            if let Some(mut socket) = socket {
                socket.asked = wanted.address;
                let address = socket.address;
                self.sockets.insert(wanted.name.clone(), socket);
                match self.open(broker, new, &wanted.name) {
                    Ok(()) => drop(reach::log_listening(new, &wanted.name, address)),
                    Err(problem) => problems.push(problem),
                }
            }
        }
        for name in closing {
            self.close(&name, broker);
        }
        self.forget_others(new);
        problems
    }

    fn open(&mut self, broker: &Broker, plan: &Plan, name: &str) -> Result<(), Problem> {
        let opened = match plan.listeners.iter().find(|listener| listener.name == name) {
            Some(listener) => self.frontend_listener(listener).and_then(|listener| broker.listen(listener)),
            None => open_admin(&mut self.admin, &self.sockets, plan),
        };
        opened.map_err(|error| {
            self.sockets.remove(name);
            let text = "cannot be opened".to_owned();
            Problem { place: format!("listener {name}"), text, expected: error.to_string() }
        })
    }

    /// Lets nobody in there any more and ends the connections of who came in.
    fn close(&mut self, name: &str, broker: &Broker) -> Option<Socket> {
        let socket = self.sockets.remove(name)?;
        match name {
            ADMIN => self.admin.close(),
            _ => broker.unlisten(name),
        }
        Some(socket)
    }

    /// The guards of a plan, with what stays of those that there are.
    fn guards(&self, plan: &Plan) -> Result<Guards, Vec<Problem>> {
        Guards::compile(plan, Some(&self.guards), &self.ground).map_err(|mut problems| {
            problems.extend(certificates::problems(plan, SystemTime::now()));
            problems
        })
    }

    /// The listeners that need a TLS configuration: those that open, those with another certificate, and those whose clients'
    /// certificates are judged by somebody else.
    fn to_prepare<'a>(&self, new: &'a Plan, change: &'a Change, guards: &Guards) -> Vec<&'a Listener> {
        let named = change.listeners_added.iter().chain(&change.certificates);
        let mut all: BTreeMap<&str, &Listener> = named.map(|listener| (listener.name.as_str(), listener)).collect();
        for listener in &new.listeners {
            if !is_same(&self.guards.verifier(&listener.name), &guards.verifier(&listener.name)) {
                all.insert(&listener.name, listener);
            }
        }
        all.into_values().collect()
    }

    fn prepare<'a>(
        &self,
        listeners: impl IntoIterator<Item = &'a Listener>,
        guards: &Guards,
    ) -> Result<Vec<(String, Prepared)>, Vec<Problem>> {
        let now = SystemTime::now();
        let (mut prepared, mut problems) = (Vec::new(), Vec::new());
        for listener in listeners {
            let Some(source) = certificates::source(listener) else { continue };
            let protocol = certificates::application_protocol(listener);
            let clients = guards.verifier(&listener.name);
            let made =
                source.and_then(|source| self.certificates.prepare(&listener.name, protocol, source, clients, now));
            match made {
                Ok(made) => prepared.push((listener.name.clone(), made)),
                Err(error) => problems.push(certificates::problem(listener, &error)),
            }
        }
        match problems.is_empty() {
            true => Ok(prepared),
            false => Err(problems),
        }
    }

    fn publish(&mut self, prepared: Vec<(String, Prepared)>) {
        for (name, prepared) in prepared {
            self.secured.insert(name, prepared.publish());
        }
    }

    /// Ends what is behind the listeners; the broker has closed them.
    pub(super) fn end(self) {
        let Self { certificates, mut admin, .. } = self;
        certificates.stop();
        admin.close();
    }

    /// Lets go of certificates that no listener of `plan` shows.
    fn forget_others(&mut self, plan: &Plan) {
        let shown: BTreeSet<&str> =
            plan.listeners.iter().filter(|l| l.tls.is_some()).map(|listener| listener.name.as_str()).collect();
        self.secured.retain(|name, _| {
            let stays = shown.contains(name.as_str());
            if !stays {
                self.certificates.forget(name);
            }
            stays
        });
    }
}

/// Names of listeners that close, and addresses of those that open, the admin endpoint among them.
fn moves(old: &Plan, new: &Plan, change: &Change) -> (Vec<String>, Vec<Wanted>) {
    let mut closing = change.listeners_removed.clone();
    let added = change.listeners_added.iter();
    let mut opening: Vec<Wanted> =
        added.map(|listener| Wanted { name: listener.name.clone(), address: listener.address }).collect();
    let (before, after) =
        (old.admin.as_ref().map(|admin| admin.address), new.admin.as_ref().map(|admin| admin.address));
    if change.settings.contains(&Setting::Admin) && before != after {
        closing.extend(before.map(|_| ADMIN.to_owned()));
        opening.extend(after.map(|address| Wanted { name: ADMIN.to_owned(), address }));
    }
    (closing, opening)
}
