//! Judging on a thread of its own.

use std::collections::BTreeMap;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use auth::authentication::{
    Counters, Credentials, CustomSettings, Gate, GateSettings, GateThread, LimiterSettings, MethodKind, MethodSettings,
    Methods, PasswordFile, PemFile, Purpose, Reply, Request, UserPasswordSettings, Verdict,
};
use mqtt::ReasonCode;

use crate::parts::{Answered, Server, accepted, anyone, counters, denied, not_found_out, trusted, with_password};

struct Started {
    gate: Gate,
    _thread: GateThread,
    counters: Arc<Counters>,
    methods: Arc<Methods>,
}

impl Started {
    fn new(settings: &GateSettings, methods: &[MethodSettings]) -> Self {
        let counters = counters();
        let methods = Methods::compile(methods, None, &counters).unwrap_or_else(|errors| panic!("{errors:?}"));
        let (gate, thread) = Gate::start(settings, &counters).unwrap();
        Self { gate, _thread: thread, counters, methods: Arc::new(methods) }
    }

    fn submit(&self, credentials: Credentials) -> mpsc::Receiver<Verdict> {
        let (sender, receiver) = mpsc::channel();
        let request = Request { credentials, purpose: Purpose::Connect, methods: Arc::clone(&self.methods) };
        self.gate.submit(request, Reply::new(move |verdict| drop(sender.send(verdict))));
        receiver
    }

    fn judged(&self, credentials: Credentials) -> Verdict {
        self.submit(credentials).recv_timeout(Duration::from_secs(60)).expect("a verdict")
    }
}

fn passwords() -> MethodSettings {
    // Cheap hashes, as these tests are about something else.
    let hash = format!("$argon2id$v=19$m=64,t=1,p=1$c2FsdHNhbHRzYWx0${}", cheap_hash());
    let content = serde_json::json!({ "username": "ann", "passwordHash": hash }).to_string();
    MethodSettings::UserPassword(UserPasswordSettings {
        file: PemFile { name: "users".to_owned(), content: content.into_bytes() },
    })
}

/// Of `pass`, with the salt `saltsaltsalt`.
fn cheap_hash() -> String {
    use argon2::{Algorithm, Argon2, Params, Version};
    use base64::Engine;
    let argon = Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::new(64, 1, 1, None).unwrap());
    let mut hash = [0u8; 32];
    argon.hash_password_into(b"pass", b"saltsaltsalt", &mut hash).unwrap();
    base64::engine::general_purpose::STANDARD_NO_PAD.encode(hash)
}

async fn hanging() -> (Server, MethodSettings) {
    let server = Server::https(|_| Answered::Never);
    let custom = MethodSettings::Custom(CustomSettings {
        endpoint: server.endpoint(),
        https: trusted(&server),
        headers: BTreeMap::new(),
        deadline: Duration::from_secs(60),
        most_at_once: 64,
    });
    (server, custom)
}

#[test]
fn everybody_gets_a_verdict_and_is_counted() {
    let started = Started::new(&GateSettings::default(), &[passwords()]);
    for _ in 0..20 {
        assert_eq!(accepted(started.judged(with_password("ann", "pass"))).by, MethodKind::UserPassword);
    }
    assert_eq!(denied(started.judged(with_password("ann", "other")), "wrong"), ReasonCode::BadUserNameOrPassword);
    let counted = started.counters.read();
    assert!(counted.accepted.contains(&(MethodKind::UserPassword, 20)));
    assert_eq!((counted.denied, counted.unavailable, counted.limited, counted.busy), (1, 0, 0, 0));
}

#[test]
fn who_fails_too_often_is_refused_unseen() {
    let limiter = LimiterSettings {
        tries: 3,
        back: Duration::from_secs(3600),
        shortest: Duration::from_secs(3600),
        longest: Duration::from_secs(3600),
        addresses: 16,
    };
    let started = Started::new(&GateSettings { limiter, ..GateSettings::default() }, &[passwords()]);
    for _ in 0..4 {
        denied(started.judged(with_password("ann", "guess")), "wrong");
    }
    let from_here = started.judged(with_password("ann", "pass"));
    assert_eq!(denied(from_here, "too many failed logins"), ReasonCode::ConnectionRateExceeded);
    accepted(started.judged(Credentials { address: [127, 0, 0, 2].into(), ..with_password("ann", "pass") }));
    let counted = started.counters.read();
    assert_eq!((counted.denied, counted.limited), (4, 1));
}

/// A thousand guesses in one moment are not judged before the first of them counts.
#[test]
fn guesses_in_the_same_moment_count_too() {
    let hour = Duration::from_secs(3600);
    let limiter = LimiterSettings { tries: 3, back: hour, shortest: hour, longest: hour, addresses: 16 };
    let settings = GateSettings { limiter, most_of_address: 2, ..GateSettings::default() };
    let started = Started::new(&settings, &[passwords()]);
    let replies: Vec<_> = (0..200).map(|_| started.submit(with_password("ann", "guess"))).collect();
    let elsewhere = Credentials { address: [127, 0, 0, 2].into(), ..with_password("ann", "pass") };
    accepted(started.judged(elsewhere));
    for reply in replies {
        let verdict = reply.recv_timeout(Duration::from_secs(60)).unwrap();
        assert!(matches!(verdict, Verdict::Deny { .. }), "{verdict:?}");
    }
    let counted = started.counters.read();
    // The tries, the one too many, and one beside it.
    assert!((4..=5).contains(&counted.denied) && counted.denied + counted.limited == 200, "{counted:?}");
}

#[tokio::test]
async fn a_line_has_an_end() {
    let (server, custom) = hanging().await;
    let settings = GateSettings { most_of_address: 1, line_of_address: 1, ..GateSettings::default() };
    let started = Started::new(&settings, &[custom]);
    let first = started.submit(anyone());
    let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
    while server.seen().is_empty() {
        assert!(tokio::time::Instant::now() < deadline, "the request does not arrive");
        tokio::task::yield_now().await;
    }
    let second = started.submit(anyone());
    let third = started.submit(anyone());
    let third = tokio::task::spawn_blocking(move || third.recv_timeout(Duration::from_secs(8)).unwrap()).await.unwrap();
    assert_eq!(denied(third, "too many clients"), ReasonCode::ServerBusy);
    assert!(first.try_recv().is_err() && second.try_recv().is_err());
    let other = started.submit(Credentials { address: [127, 0, 0, 2].into(), ..anyone() });
    while server.seen().len() < 2 {
        assert!(tokio::time::Instant::now() < deadline, "another address waits as well");
        tokio::task::yield_now().await;
    }
    drop(other);
    tokio::task::spawn_blocking(move || drop(started)).await.unwrap();
}

#[tokio::test]
async fn a_judgement_that_takes_too_long_is_given_up() {
    let (_server, custom) = hanging().await;
    let settings = GateSettings { deadline: Duration::from_millis(200), ..GateSettings::default() };
    let started = Started::new(&settings, &[custom]);
    let verdict = tokio::task::spawn_blocking(move || started.judged(anyone())).await.unwrap();
    not_found_out(verdict, "within 200ms");
}

#[tokio::test]
async fn a_full_gate_says_so_at_once() {
    let (server, custom) = hanging().await;
    let settings = GateSettings { queue: 2, most_at_once: 1, ..GateSettings::default() };
    let started = Started::new(&settings, &[custom]);
    let first = started.submit(anyone());
    let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
    while server.seen().is_empty() {
        assert!(tokio::time::Instant::now() < deadline, "the request does not arrive");
        tokio::task::yield_now().await;
    }
    let waiting = [started.submit(anyone()), started.submit(anyone())];
    let verdict = started.submit(anyone()).try_recv().expect("a verdict at once");
    assert_eq!(denied(verdict, "too many clients"), ReasonCode::ServerBusy);
    assert_eq!(started.counters.read().busy, 1);
    // Whoever is inside when it ends is told.
    let rest = tokio::task::spawn_blocking(move || {
        drop(started);
        let wait = Duration::from_secs(20);
        [first].into_iter().chain(waiting).map(|reply| reply.recv_timeout(wait).unwrap()).collect::<Vec<_>>()
    });
    rest.await.unwrap().into_iter().for_each(|verdict| not_found_out(verdict, "without a verdict"));
}

#[test]
fn after_the_end_there_is_a_verdict_too() {
    let Started { gate, _thread: thread, methods, .. } = Started::new(&GateSettings::default(), &[passwords()]);
    drop(thread);
    let (sender, receiver) = mpsc::channel();
    let request = Request { credentials: with_password("ann", "pass"), purpose: Purpose::Connect, methods };
    gate.submit(request, Reply::new(move |verdict| drop(sender.send(verdict))));
    not_found_out(receiver.recv_timeout(Duration::from_secs(20)).unwrap(), "without a verdict");
}

#[test]
fn a_password_file_as_it_is_written_works_through_the_gate() {
    let content = PasswordFile::put("", "bob", b"battery staple", None).unwrap().into_bytes();
    let file = PemFile { name: "users".to_owned(), content };
    let started =
        Started::new(&GateSettings::default(), &[MethodSettings::UserPassword(UserPasswordSettings { file })]);
    accepted(started.judged(with_password("bob", "battery staple")));
}
