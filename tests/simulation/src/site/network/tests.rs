//! What roads between machines do to the bytes on them, without the engine.

use std::io::ErrorKind;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use super::{Network, Passage, Place, Stream, Weather};

const HERE: Place = Place::Frontend(0);
const THERE: Place = Place::Backend(0);
const DEADLINE: Duration = Duration::from_secs(10);
/// For what must not come.
const PAUSE: Duration = Duration::from_millis(30);

fn network() -> Network {
    let network = Network::new(1, Duration::from_micros(100), Duration::from_millis(2));
    network.listen(THERE);
    network
}

/// Both ends of a connection.
async fn pair(network: &Network) -> (Stream, Stream) {
    let near = network.dial(HERE, THERE, 7).await.unwrap();
    let arrived = network.accept(THERE).await;
    assert_eq!((arrived.from, arrived.port), (HERE, 7));
    (near, arrived.stream)
}

async fn read(stream: &mut Stream, len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    timeout(DEADLINE, stream.read_exact(&mut bytes)).await.expect("in time").unwrap();
    bytes
}

fn stalled() -> Weather {
    Weather { passage: Passage::Stalled, ..Weather::default() }
}

#[tokio::test]
async fn what_is_written_arrives_in_its_order_and_then_its_end() {
    let network = network();
    let (mut near, mut far) = pair(&network).await;
    for number in 0..100u8 {
        near.write_all(&[number]).await.unwrap();
    }
    near.shutdown().await.unwrap();
    assert_eq!(read(&mut far, 100).await, (0..100).collect::<Vec<u8>>());
    assert_eq!(far.read(&mut [0; 8]).await.unwrap(), 0);
    far.write_all(b"still").await.unwrap();
    assert_eq!(read(&mut near, 5).await, b"still");
    drop((near, far));
    assert!(network.with(|inside| inside.connections.is_empty()), "nothing is kept of what is over");
}

#[tokio::test]
async fn who_does_not_read_stops_who_writes() {
    let network = network();
    let (mut near, mut far) = pair(&network).await;
    let bytes = vec![1; 1 << 20];
    assert!(timeout(PAUSE, near.write_all(&bytes)).await.is_err());
    let taken = tokio::spawn(async move { read(&mut far, 1 << 17).await.len() });
    assert_eq!(timeout(DEADLINE, taken).await.unwrap().unwrap(), 1 << 17);
    assert_eq!(near.write_all(&bytes).await.unwrap_err().kind(), ErrorKind::BrokenPipe, "the other end is gone");
}

#[tokio::test]
async fn a_road_that_stalls_holds_one_direction_until_it_is_open() {
    let network = network();
    let (mut near, mut far) = pair(&network).await;
    network.set_weather(HERE, THERE, stalled());
    near.write_all(b"late").await.unwrap();
    far.write_all(b"soon").await.unwrap();
    assert_eq!(read(&mut near, 4).await, b"soon");
    assert!(timeout(PAUSE, far.read(&mut [0; 8])).await.is_err());
    assert!(timeout(PAUSE, network.dial(HERE, THERE, 0)).await.is_err(), "who dials hears nothing");
    network.set_weather(HERE, THERE, Weather::default());
    assert_eq!(read(&mut far, 4).await, b"late");
}

#[tokio::test]
async fn a_cut_is_heard_at_both_ends_and_another_connection_can_be_made() {
    let network = network();
    let (mut near, mut far) = pair(&network).await;
    near.write_all(b"lost").await.unwrap();
    network.cut(THERE, HERE);
    for end in [&mut near, &mut far] {
        assert_eq!(end.read(&mut [0; 8]).await.unwrap_err().kind(), ErrorKind::ConnectionReset);
        assert_eq!(end.write(b"x").await.unwrap_err().kind(), ErrorKind::BrokenPipe);
    }
    pair(&network).await;
}

#[tokio::test]
async fn who_is_killed_resets_his_connections_once_what_he_has_said_has_arrived() {
    let network = network();
    let (mut near, mut far) = pair(&network).await;
    far.write_all(b"last").await.unwrap();
    network.reset(THERE);
    std::mem::forget(far);
    assert_eq!(read(&mut near, 4).await, b"last");
    assert_eq!(near.read(&mut [0; 8]).await.unwrap_err().kind(), ErrorKind::ConnectionReset);
    let refused = network.dial(HERE, THERE, 0).await.err().unwrap();
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
    assert!(!network.listens(THERE));
}

#[tokio::test]
async fn a_machine_without_power_says_nothing_until_it_has_power_again() {
    let network = network();
    let (mut near, far) = pair(&network).await;
    network.darken(THERE);
    std::mem::forget(far);
    near.write_all(b"to nobody").await.unwrap();
    assert!(timeout(PAUSE, near.read(&mut [0; 8])).await.is_err());
    network.lighten(THERE);
    assert_eq!(near.read(&mut [0; 8]).await.unwrap_err().kind(), ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn who_is_refused_hears_so() {
    let network = network();
    network.set_weather(HERE, THERE, Weather { passage: Passage::Refused, ..Weather::default() });
    assert_eq!(network.dial(HERE, THERE, 0).await.err().unwrap().kind(), ErrorKind::ConnectionRefused);
    network.set_weather(HERE, THERE, Weather::default());
    pair(&network).await;
}
