//! CONNECTs that have not been answered when the frontend is given up.

use bytes::Bytes;
use client::{ConnectError, Failed};
use mqtt::Will;
use partition::{PartitionId, SlotTable};

use super::*;

const WILL: &str = "will";

/// A topic or client id of which this partition is the home.
fn name_at(partition: PartitionId, home: impl Fn(&SlotTable, &str) -> PartitionId) -> String {
    let slots = SlotTable::even(PARTITIONS);
    (0..).map(|n| format!("name-{n}")).find(|name| home(&slots, name) == partition).expect("every other one is")
}

fn end_of(outcome: Result<Connection, Failed>) -> End {
    match outcome.map(|_| ()).map_err(|failed| failed.error) {
        Err(ConnectError::Ended(end)) => end,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mqtt_3_1_2_8_a_connect_whose_will_may_be_published_is_not_refused() {
    let site = Site::start();
    let stays = |connect: &mut Connect| {
        connect.clean_start = false;
        connect.session_expiry = Some(60);
    };
    let watcher = site.connect_with("watcher", 1, stays).await;
    subscribe(&watcher.client, WILL, QoS::AtLeastOnce).await;
    let (home, other) = (PartitionId(0), PartitionId(1));
    let topic = name_at(other, SlotTable::partition_of_topic);
    let name = name_at(home, SlotTable::partition_of_client);
    let connecting = |name: String, will| {
        let stream = site.frontend.client_door().connect(0);
        let options = Options::new(Connect { will, ..Connect::new(ProtocolVersion::V5, &name) });
        tokio::spawn(async move { Client::over(stream, &options, Session::new(ClientSettings::default())).await })
    };
    let will = Will {
        topic: WILL.into(),
        payload: Bytes::from_static(b"gone"),
        qos: QoS::AtLeastOnce,
        retain: false,
        delay: 0,
        expiry: None,
        properties: Vec::new(),
    };
    // Their sessions are opened, and the frontend does not hear of it before it has to begin anew.
    site.backends.lock().unanswered = Some(0);
    let with_will = connecting(name.clone(), Some(will));
    let without = connecting(format!("{name}-{name}"), None);
    until(|| site.backends.lock().connected() == 3).await;
    site.backends.declare_gone_at(other);
    let _ = watcher.client.submit(message(&topic, "", QoS::AtLeastOnce)).await;
    let end = end_of(timeout(DEADLINE, with_will).await.expect("in time").expect("no panic"));
    assert!(matches!(end, End::Protocol(mqtt::client::End::Closed)), "{end:?}");
    let end = end_of(timeout(DEADLINE, without).await.expect("in time").expect("no panic"));
    let is_told = |end: &End| matches!(end, End::Protocol(mqtt::client::End::Refused { reason, .. }) if *reason == ReasonCode::ServerUnavailable);
    assert!(is_told(&end), "{end:?}");
    site.backends.lock().unanswered = None;
    let mut watcher = site.connect_with("watcher", 1, stays).await;
    assert_eq!(take(&watcher.client, &mut watcher.messages, 1).await, ["gone"]);
    site.stop().await;
}
