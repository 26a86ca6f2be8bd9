//! Members of a shared group whose Receive Maximum is used up.

use std::collections::BTreeSet;

use client::Connection;
use mqtt::client::Received;

use super::*;

async fn member(site: &Site, client_id: &str, worker: u16, receive_maximum: u16) -> Connection {
    let set = |connect: &mut Connect| connect.receive_maximum = NonZeroU16::new(receive_maximum);
    let member = site.connect_with(client_id, worker, set).await;
    subscribe(&member.client, "$share/g/t/#", QoS::ExactlyOnce).await;
    member
}

async fn next(member: &mut Connection) -> Received {
    timeout(DEADLINE, member.messages.next()).await.expect("in time").expect("the connection stands")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_whose_receive_maximum_is_used_up_is_passed_over_until_it_is_not() {
    let site = Site::start();
    let publisher = site.connect("publisher", 0).await;
    let mut full = member(&site, "full", 0, 1).await;
    let mut quick = member(&site, "quick", 1, 100).await;
    for n in 0..40 {
        // What is QoS 2 is logged, the rest is not.
        let qos = if n % 3 == 0 { QoS::ExactlyOnce } else { QoS::AtLeastOnce };
        assert_eq!(publish(&publisher.client, message("t/x", n, qos)).await, ReasonCode::Success);
    }
    let held = next(&mut full).await;
    let taken = take(&quick.client, &mut quick.messages, 39).await;
    assert_eq!(taken.iter().collect::<BTreeSet<_>>().len(), 39, "each comes once: {taken:?}");
    assert!(full.messages.try_next().is_none());
    full.client.acknowledge(&held).await;
    let mut sent = 0;
    while full.messages.try_next().is_none() {
        publish(&publisher.client, message("t/x", "more", QoS::AtLeastOnce)).await;
        sent += 1;
        assert!(sent < 1000, "it takes part again");
    }
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_all_members_are_full_messages_wait_and_none_is_lost() {
    let site = Site::start();
    let publisher = site.connect("publisher", 0).await;
    let mut members = [member(&site, "one", 0, 1).await, member(&site, "two", 1, 1).await];
    for n in 0..30 {
        publish(&publisher.client, message("t/x", n, QoS::AtLeastOnce)).await;
    }
    let mut taken = BTreeSet::new();
    let [one, two] = &mut members;
    while taken.len() < 30 {
        let (client, received) = tokio::select! {
            received = next(one) => (&one.client, received),
            received = next(two) => (&two.client, received),
        };
        client.acknowledge(&received).await;
        assert!(taken.insert(received.payload.to_vec()), "it comes once");
    }
    site.stop().await;
}
