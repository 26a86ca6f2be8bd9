//! Whole runs against a small broker of the test's own, which can misbehave.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use bytes::BytesMut;
use clap::Parser;
use mqtt::{AckKind, ConnAck, Delivery, Packet, Peer, ProtocolVersion, ReasonCode, Split, encode};

use super::progress::Progress;
use super::report::Report;
use super::{Arguments, checking, runner, target};

/// What the broker does to publishes and connections, counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Habit {
    Honest,
    /// Every tenth message goes nowhere.
    Loses,
    /// Every tenth message is delivered twice, the second time with DUP.
    Repeats,
    /// Neighbours are delivered in the wrong order.
    Swaps,
    /// Every publish is refused.
    Refuses,
    /// Publishes are taken and not answered.
    Silent,
    /// No client is let in.
    Closed,
    /// The hundredth publish ends its connection.
    HangsUp,
}

/// Knows one topic for each subscription; with wildcards it gives what is retained, all of it, and nothing later.
struct Broker {
    habit: Habit,
    publishes: AtomicU64,
    subscribers: Mutex<BTreeMap<String, Vec<TcpStream>>>,
    held: Mutex<Vec<(String, Vec<u8>)>>,
    /// By topic, the packet.
    retained: Mutex<BTreeMap<String, Vec<u8>>>,
}

impl Broker {
    fn start(habit: Habit) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let broker = Arc::new(Self {
            habit,
            publishes: AtomicU64::new(0),
            subscribers: Mutex::default(),
            held: Mutex::default(),
            retained: Mutex::default(),
        });
        // Ends with the process of the test.
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                stream.set_nodelay(true).unwrap();
                let broker = broker.clone();
                std::thread::spawn(move || broker.serve(stream));
            }
        });
        address
    }

    fn serve(&self, mut stream: TcpStream) {
        let (mut buffer, mut chunk) = (Vec::new(), [0; 65536]);
        while let Ok(len @ 1..) = stream.read(&mut chunk) {
            buffer.extend_from_slice(&chunk[..len]);
            let mut used = 0;
            while let Ok(Split::Whole { frame, len }) = mqtt::split(&buffer[used..], u32::MAX) {
                let packet = mqtt::decode(frame, ProtocolVersion::V5, Peer::Client).unwrap();
                if !self.answer(&mut stream, packet, &buffer[used..used + len]) {
                    return;
                }
                used += len;
            }
            buffer.drain(..used);
        }
    }

    /// Whether the connection goes on.
    fn answer(&self, stream: &mut TcpStream, packet: Packet<'_>, bytes: &[u8]) -> bool {
        let mut out = BytesMut::new();
        let v5 = ProtocolVersion::V5;
        match packet {
            Packet::Connect(_) => {
                let reason = if self.habit == Habit::Closed { ReasonCode::NotAuthorized } else { ReasonCode::Success };
                encode::connack(&mut out, v5, &ConnAck { reason, ..ConnAck::default() });
            }
            Packet::Subscribe(subscribe) => {
                let codes = vec![ReasonCode::granted(subscribe.filters[0].1.qos)];
                encode::suback(&mut out, v5, subscribe.id, &codes, None);
                if subscribe.filters[0].0.contains('+') {
                    self.retained.lock().unwrap().values().for_each(|packet| out.extend_from_slice(packet));
                }
                let copy = stream.try_clone().unwrap();
                self.subscribers.lock().unwrap().entry(subscribe.filters[0].0.clone()).or_default().push(copy);
            }
            Packet::Publish(publish) => return self.publish(stream, &publish, bytes),
            Packet::PingReq => encode::pingresp(&mut out),
            Packet::Disconnect(_) => return false,
            _ => {}
        }
        stream.write_all(&out).is_ok()
    }

    fn publish(&self, stream: &mut TcpStream, publish: &mqtt::Publish<'_>, bytes: &[u8]) -> bool {
        let number = self.publishes.fetch_add(1, Ordering::Relaxed) + 1;
        if self.habit == Habit::HangsUp && number == 100 {
            return false;
        }
        if self.habit == Habit::Silent {
            return true;
        }
        if let Delivery::AtLeastOnce { id, .. } = publish.delivery {
            let refused = self.habit == Habit::Refuses;
            let reason = if refused { ReasonCode::QuotaExceeded } else { ReasonCode::Success };
            let mut out = BytesMut::new();
            encode::ack(&mut out, ProtocolVersion::V5, AckKind::PubAck, id, reason);
            stream.write_all(&out).unwrap();
            if refused {
                return true;
            }
        }
        if publish.retain {
            self.retain(publish, bytes);
        }
        let again = {
            let mut again = bytes.to_vec();
            again[0] |= 0b1000;
            again
        };
        let topic = publish.topic.to_owned();
        match self.habit {
            Habit::Loses if number.is_multiple_of(10) => {}
            Habit::Repeats if number.is_multiple_of(10) => self.deliver(&topic, &[bytes, &again[..]]),
            Habit::Swaps => {
                let held = self.held.lock().unwrap().pop();
                match held {
                    None => self.held.lock().unwrap().push((topic, bytes.to_vec())),
                    Some((other, earlier)) => {
                        self.deliver(&topic, &[bytes]);
                        self.deliver(&other, &[&earlier[..]]);
                    }
                }
            }
            _ => self.deliver(&topic, &[bytes]),
        }
        true
    }

    fn retain(&self, publish: &mqtt::Publish<'_>, bytes: &[u8]) {
        let mut retained = self.retained.lock().unwrap();
        match publish.payload {
            [] => drop(retained.remove(publish.topic)),
            _ => drop(retained.insert(publish.topic.to_owned(), bytes.to_vec())),
        }
    }

    fn deliver(&self, topic: &str, packets: &[&[u8]]) {
        for subscriber in self.subscribers.lock().unwrap().get_mut(topic).into_iter().flatten() {
            for packet in packets {
                // One that has left gets nothing.
                let _ = subscriber.write_all(packet);
            }
        }
    }
}

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    arguments: Arguments,
}

/// What `causeway bench LINE` against a broker of such habits finds.
fn run(habit: Habit, line: &str) -> Report {
    let port = Broker::start(habit).port().to_string();
    let fixed = ["--host", "127.0.0.1", "--port", &port, "--timeout", "1s", "--quiet"];
    let words = ["bench"].into_iter().chain(line.split(' ')).chain(fixed);
    let Line { arguments } = Line::try_parse_from(words).unwrap();
    let settings = Arc::new(checking::check(&arguments.scenario).unwrap());
    let broker = checking::sides(&arguments.scenario).broker;
    let target = Arc::new(target::target(broker, settings.clients.timeout).unwrap());
    let progress = Progress::new(&settings, true);
    let findings = runner::run(settings.clone(), target.clone(), progress).unwrap();
    Report::new(&settings, &target, findings)
}

fn p2p(habit: Habit) -> Report {
    run(habit, "p2p -n 2 -q 1 --count 500 --drain 500ms")
}

#[test]
fn all_is_well_with_an_honest_broker() {
    for line in
        ["p2p -n 4 -q 1 --count 2000 --threads 2", "fan-out --subscribers 5 --publishers 2 --count 300 --threads 2"]
    {
        let report = run(Habit::Honest, line);
        // Notices tell of pauses, which a busy machine may have.
        assert_eq!((report.result, report.problems), ("ok", vec![]));
        let messages = report.messages.unwrap();
        assert_eq!(messages.expected, Some(messages.received));
        assert_eq!((messages.lost, messages.duplicates, messages.out_of_order), (Some(0), Some(0), Some(0)));
        // What arrives when measuring has ended is counted and not measured.
        let measured = report.latency.delivery.unwrap().count;
        assert!((1..=messages.received).contains(&measured), "{measured} of {}", messages.received);
    }
}

#[test]
fn a_rate_is_kept_and_nothing_is_behind() {
    let report = run(Habit::Honest, "p2p -n 3 --rate 600 --count 300");
    let messages = report.messages.unwrap();
    assert_eq!((messages.sent, messages.behind, messages.received), (300, 0, 300));
}

#[test]
fn what_is_lost_is_counted_and_fails() {
    let report = p2p(Habit::Loses);
    assert_eq!(report.problems, ["50 messages lost"]);
    let messages = report.messages.unwrap();
    assert_eq!((messages.received, messages.lost, messages.duplicates), (450, Some(50), Some(0)));
}

#[test]
fn repetitions_are_counted_and_allowed_with_qos_1() {
    let report = p2p(Habit::Repeats);
    assert_eq!((report.result, &report.problems), ("ok", &vec![]));
    let messages = report.messages.unwrap();
    // The run ends with the last message: a repetition of it may come later.
    let repeated = messages.received - 500;
    assert!((48..=50).contains(&repeated), "{repeated}");
    assert_eq!(messages.lost, Some(0));
    assert_eq!(
        (messages.duplicates, messages.duplicates_flagged, messages.out_of_order),
        (Some(repeated), Some(repeated), Some(0))
    );
}

#[test]
fn disorder_is_counted_and_fails() {
    let report = run(Habit::Swaps, "p2p -n 1 -q 1 --count 500");
    assert_eq!(report.problems, ["250 messages out of order"]);
    assert_eq!(report.messages.unwrap().lost, Some(0));
}

#[test]
fn refused_publishes_are_counted_by_their_reason() {
    let report = p2p(Habit::Refuses);
    assert_eq!(report.problems, ["500 publishes refused"]);
    assert_eq!(report.faults[0].fault, "publish refused: quota exceeded (0x97)");
    let messages = report.messages.unwrap();
    assert_eq!((messages.acknowledged, messages.expected, messages.stalls), (Some(0), Some(0), 0));
}

#[test]
fn a_broker_that_does_not_answer_is_not_waited_for_for_ever() {
    let report = p2p(Habit::Silent);
    assert_eq!(report.faults[0].fault, "no answer to PUBLISH in time");
    assert_eq!(report.problems, ["128 messages lost", "128 publishes not answered"]);
}

#[test]
fn a_broker_that_lets_nobody_in_is_said_to() {
    let report = p2p(Habit::Closed);
    let reason = "connection refused by the broker: not authorized (0x87)";
    assert_eq!(report.problems, [format!("0 of 2 clients came up: {reason}")]);
    assert!(report.parts.is_empty());
    let report = run(Habit::Closed, "conn -n 3 --hold 10s");
    assert_eq!(report.problems, ["3 attempts to connect failed"]);
    assert_eq!((report.faults[0].fault.as_str(), report.faults[0].count), (reason, 3));
}

#[test]
fn a_lost_connection_is_counted_and_the_rest_goes_on() {
    let report = p2p(Habit::HangsUp);
    assert_eq!((report.connections.opened, report.connections.lost), (4, 1));
    assert_eq!(report.problems[0], "1 connection lost");
    // All of the other pair; how many of the hundred were this one's is for the machine to say.
    assert!(report.messages.unwrap().received >= 250);
}

#[test]
fn a_lost_connection_is_made_again_and_nothing_is_lost() {
    let report = run(Habit::HangsUp, "pub --publishers 2 -q 1 --count 500 --reconnect");
    assert_eq!((report.connections.lost, report.connections.reconnected), (1, 1));
    let messages = report.messages.unwrap();
    assert_eq!((messages.sent, messages.acknowledged, messages.unanswered), (500, Some(500), 0));
    assert!(messages.resent >= 1);
}

#[test]
fn connections_are_made_ended_and_counted() {
    let report = run(Habit::Honest, "conn -n 4 --churn --count 100 --threads 2");
    assert_eq!((report.result, report.connections.opened, report.connections.failed), ("ok", 100, 0));
    assert_eq!(report.latency.connect.unwrap().count, 100);
}

#[test]
fn what_is_retained_comes_to_whoever_subscribes() {
    for threads in [1, 2] {
        let line = format!("retained --topics 300 --subscribers 3 --sub-qos 1 --publishers 2 --threads {threads}");
        let report = run(Habit::Honest, &line);
        assert_eq!((report.result, report.problems), ("ok", vec![]));
        let messages = report.messages.unwrap();
        assert_eq!((messages.sent, messages.received, messages.lost), (300, 900, Some(0)));
        let parts: Vec<_> = report.parts.iter().map(|part| (part.part, part.per)).collect();
        assert_eq!(parts, [("storing", "publish"), ("flooding", "delivery")]);
        assert_eq!((report.parts[0].sent, report.parts[1].received), (300, 900));
    }
}

#[test]
fn short_payloads_leave_out_what_they_cannot_tell() {
    let report = run(Habit::Honest, "p2p -n 2 --count 200 --size 10");
    let messages = report.messages.unwrap();
    assert_eq!((messages.received, messages.lost, messages.out_of_order), (200, None, None));
    assert_eq!(report.latency.delivery, None);
    assert_eq!(report.notices.len(), 1);
}

#[test]
fn the_page_and_the_json_say_how_it_ended() {
    let report = p2p(Habit::Loses);
    let page = super::text::page(&report);
    assert!(page.contains("lost 50, duplicates 0") && page.ends_with("FAILED: 50 messages lost\n"), "{page}");
    let json: serde_json::Value = serde_json::to_value(&report).unwrap();
    assert_eq!((json["result"].as_str(), json["messages"]["lost"].as_u64()), (Some("failed"), Some(50)));
}
