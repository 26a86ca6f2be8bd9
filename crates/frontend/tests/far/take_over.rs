//! A connection that is taken over while what it has said is still under way.

use partition::SlotTable;

use super::*;

/// A client whose session is at the partition of the topic.
fn at_home_with(topic: &str) -> String {
    let slots = SlotTable::even(PARTITIONS);
    let mut names = (0..).map(|n| format!("publisher-{n}"));
    let is_there = |name: &String| slots.partition_of_client(name) == slots.partition_of_topic(topic);
    names.find(is_there).expect("every other one is")
}

fn goes_on(connect: &mut Connect) {
    connect.clean_start = false;
    connect.session_expiry = Some(60);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mqtt_4_3_3_a_publish_that_arrives_behind_a_take_over_is_published_once() {
    let site = Site::start();
    let mut subscriber = site.connect_with("subscriber", 1, goes_on).await;
    subscribe(&subscriber.client, "t", QoS::ExactlyOnce).await;
    let publisher = at_home_with("t");
    let mut first = site.connect_with(&publisher, 0, goes_on).await;
    site.backends.hold(0);
    let pending = first.client.submit(message("t", "once", QoS::ExactlyOnce)).await.unwrap();
    until(|| site.backends.lock().held() > 0).await;
    let second = site.connect_with(&publisher, 1, goes_on).await;
    assert!(second.accepted.session_present);
    let over = timeout(DEADLINE, first.ending.wait()).await.expect("in time");
    site.backends.let_go();
    let mut connect = Connect::new(ProtocolVersion::V5, &publisher);
    goes_on(&mut connect);
    let stream = site.frontend.client_door().connect(0);
    let _third = Client::over(stream, &Options::new(connect), over.session).await.expect("accepted");
    assert_eq!(timeout(DEADLINE, pending).await.expect("in time").unwrap(), ReasonCode::Success);
    let another = site.connect("another", 0).await;
    publish(&another.client, message("t", "next", QoS::ExactlyOnce)).await;
    assert_eq!(take(&subscriber.client, &mut subscriber.messages, 2).await, ["once", "next"]);
    site.stop().await;
}
