//! Who may take part in a link, and what one process's session is to another.

use super::house::*;
use crate::wire::*;

fn certificate(cluster: &str, role: &str, name: &str) -> Proof {
    Proof::Certificate { cluster: cluster.into(), role: role.into(), name: name.into() }
}

/// What a dialing link hears whose certificate says this.
async fn trouble(proof: Proof) -> Option<String> {
    let house = House { proof: Some(proof), ..House::default() };
    let (_far, _receiver) = backend(&house, 1);
    let near = frontend(&house);
    let mut status = near.status();
    let status = status.wait_for(|status| status.trouble.is_some() || status.phase == Phase::Up).await.unwrap();
    status.trouble.as_ref().map(ToString::to_string)
}

#[tokio::test(start_paused = true)]
async fn nobody_says_what_its_certificate_does_not() {
    assert_eq!(trouble(certificate("test", "frontend", "frontend-0")).await, None);
    for (proof, what, said, proven) in [
        (certificate("other", "frontend", "frontend-0"), "cluster", "test", "other"),
        (certificate("test", "bridge", "frontend-0"), "role", "frontend", "bridge"),
        (certificate("test", "frontend", "frontend-1"), "name", "frontend-0", "frontend-1"),
    ] {
        let expected = format!(
            "the peer refuses this end: it says it has the {what} \"{said}\", its certificate says \"{proven}\""
        );
        assert_eq!(trouble(proof).await, Some(expected));
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_shown_is_known() {
    let proof = certificate("test", "frontend", "frontend-0");
    let house = House { proof: Some(proof.clone()), ..House::default() };
    let (far, _receiver) = backend(&house, 1);
    let _near = frontend(&house);
    let mut status = far.status();
    let status = status.wait_for(|status| status.phase == Phase::Up).await.unwrap();
    assert_eq!(status.proof, proof);
}

#[tokio::test(start_paused = true)]
async fn a_process_of_another_name_is_not_the_one_that_was_dialed() {
    let house = House::default();
    let (_far, _receiver) = backend(&house, 1);
    let settings = Settings { peer_name: Some("backend-7".into()), ..settings("frontend", "backend", 7) };
    let (near, driver) = Link::dialing(settings, Box::new(house));
    tokio::spawn(driver.run());
    let trouble = found(|| near.status().borrow().trouble.clone()).await;
    assert_eq!(&*trouble, "the peer is refused: it is \"backend-0\" where \"backend-7\" is expected");
}

#[tokio::test(start_paused = true)]
async fn a_session_is_not_resumed_by_another_process_with_the_same_number() {
    let house = House::default();
    let (far, _receiver) = backend(&house, 1);
    let near = frontend(&house);
    let to_near = found(|| far.sender(StreamId(9))).await;
    near.stop();
    found(|| (near.status().borrow().phase == Phase::Stopped).then_some(())).await;
    let mut other = settings("frontend", "backend", 7);
    other.us.name = "frontend-1".into();
    let (_other, driver) = Link::dialing(other, Box::new(house));
    tokio::spawn(driver.run());
    found(|| (far.counters().sessions == 2).then_some(())).await;
    assert!(to_near.send(numbered(1)).is_err());
}
