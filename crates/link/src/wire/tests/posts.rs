//! Items to a worker in another process.

use bytes::{BufMut, Bytes, BytesMut};

use super::house::*;
use crate::inbox::Room;
use crate::mailbox;
use crate::post::{Delivery, Post, Undecodable};
use crate::wire::*;

const WORKER: StreamId = StreamId(3);

fn encode(items: &mut Vec<u32>) -> Bytes {
    let mut bytes = BytesMut::new();
    items.drain(..).for_each(|item| bytes.put_u32(item));
    bytes.freeze()
}

fn decode(message: &Bytes, items: &mut Vec<u32>) -> Result<(), Undecodable> {
    let (whole, rest) = message.as_chunks::<4>();
    if !rest.is_empty() {
        return Err(Undecodable { length: message.len(), at: whole.len() * 4 });
    }
    items.extend(whole.iter().map(|item| u32::from_be_bytes(*item)));
    Ok(())
}

/// A worker whose items are numbers; zero tells it that the peer has restarted.
fn worker(link: &Link) -> mailbox::Receiver<u32> {
    let (mailbox, items) = mailbox::channel();
    let delivery = Delivery { mailbox, decode, room: Box::new(|| Room::Free), anew: || Some(0) };
    link.receive(WORKER, WINDOW, Box::new(delivery));
    items
}

async fn arrive(items: &mut mailbox::Receiver<u32>, count: usize) -> Vec<u32> {
    let mut got = Vec::new();
    found(|| {
        items.take(&mut got);
        (got.len() >= count).then_some(())
    })
    .await;
    got
}

#[tokio::test(start_paused = true)]
async fn a_far_worker_gets_items_as_a_near_one_does() {
    let (near, mut items) = mailbox::channel();
    let house = House::default();
    let (far, _receiver) = backend(&house, 1);
    let mut far_items = worker(&far);
    let link = frontend(&house);
    let stream = found(|| link.sender(WORKER)).await;
    for post in [Post::Near(near), Post::Far { stream, encode }] {
        let mut sent = vec![1, 2, 3];
        assert!(post.clone().send(&mut sent).is_ok());
        assert!(sent.is_empty());
        assert!(post.send(&mut vec![4]).is_ok());
        assert!(post.send(&mut Vec::new()).is_ok());
    }
    assert_eq!(arrive(&mut items, 4).await, [1, 2, 3, 4]);
    assert_eq!(arrive(&mut far_items, 5).await, [0, 1, 2, 3, 4]);
}

#[tokio::test(start_paused = true)]
async fn a_worker_is_told_in_order_that_its_peer_restarted() {
    let house = House::default();
    let (far, _receiver) = backend(&house, 1);
    let link = frontend(&house);
    let mut items = worker(&link);
    let sender = found(|| far.sender(WORKER)).await;
    Post::Far { stream: sender, encode }.send(&mut vec![7]).unwrap();
    assert_eq!(arrive(&mut items, 2).await, [0, 7]);
    let (again, _receiver) = backend(&house, 2);
    far.stop();
    let sender = found(|| again.sender(WORKER)).await;
    Post::Far { stream: sender, encode }.send(&mut vec![8]).unwrap();
    assert_eq!(arrive(&mut items, 2).await, [0, 8]);
}

#[tokio::test(start_paused = true)]
async fn a_message_that_cannot_be_read_closes_its_stream() {
    let house = House::default();
    let (far, _receiver) = backend(&house, 1);
    let _items = worker(&far);
    let link = frontend(&house);
    let sender = found(|| link.sender(WORKER)).await;
    sender.send(Bytes::from_static(b"no number")).unwrap();
    found(|| sender.send(Bytes::from_static(b"0000")).err()).await;
    assert_eq!(link.status().borrow().phase, Phase::Up);
}
