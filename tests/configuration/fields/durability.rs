//! `advanced.durability`: whether an acknowledgement waits for the disk.

use causeway_tests::deadline::eventually;
use causeway_tests::sync_gate::SyncGate;
use causeway_tests::{AckKind, Connect, Publish, Resources, Settings};

use super::served::{Served, V, refused_broker};

fn spec(durability: &str) -> String {
    format!("advanced:\n  durability: {durability}\ndiagnostics:\n  selfCheck:\n    mode: Disabled\n")
}

/// A broker whose syncs go through a gate, or none where the system forbids that.
fn gated(durability: &str) -> Option<(Served, SyncGate)> {
    let (resources, gate) = (Resources::new(), SyncGate::new());
    resources.broker(&spec(durability));
    let served = Served::from(resources, Settings::new().sync_gate(&gate));
    match gate.works() {
        Some(true) => Some((served, gate)),
        _ => {
            println!("this system forbids to hold back syncs");
            None
        }
    }
}

#[test]
pub fn durability() {
    for (value, waits) in [("Async", false), ("Fsync", true)] {
        let Some((served, gate)) = gated(value) else { return };
        assert_eq!(served.in_effect("Broker advanced.durability").as_deref(), Some(value));
        let mut away = served.broker.connect(&Connect::persistent(V, "away"));
        away.subscribe("kept", 1);
        away.disconnect();
        let mut publisher = served.broker.client(V);
        gate.close();
        let packet_id = publisher.send_publish(Publish::new("kept", "x").qos(1));
        if waits {
            eventually("somebody waits for the disk", || (gate.waiting() > 0).then_some(()));
            // As many turns of the broker as it would need for an answer.
            for _ in 0..100 {
                publisher.quiet();
            }
            gate.open();
        }
        publisher.expect_ack(AckKind::PubAck, packet_id);
        gate.open();
    }
    assert!(refused_broker(&spec("Sometimes")).contains("spec.advanced.durability"));
}

/// It cannot change while acknowledgements are on their way.
#[test]
fn a_change_waits_for_the_next_start() {
    let mut served = Served::by(&spec("Async"));
    served.resources.broker(&spec("Fsync"));
    served.broker.signal(libc::SIGHUP);
    let pending = |served: &Served| served.metric("causeway_configuration_restart_pending", "");
    eventually("it waits", || (pending(&served) == Some(1.0)).then_some(()));
    let told = served.health().to_string();
    assert!(told.contains("durability") && told.contains("Fsync"), "{told}");
    assert!(served.broker.log().contains("durability: Fsync waits for a restart, Async runs"));
    served.broker.restart();
    assert_eq!(pending(&served), Some(0.0));
    assert_eq!(served.in_effect("Broker advanced.durability").as_deref(), Some("Fsync"));
}
