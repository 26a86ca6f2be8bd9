//! What a message that is kept keeps with it.

use bytes::{Bytes, BytesMut};

use crate::wire::frame::{Frame, Integrity, Part};
use crate::wire::live::BUFFER_BYTES;
use crate::wire::session::{MAX_MESSAGE_BYTES, Session, StreamId};

/// A message of this length, alone in a buffer that was read into.
fn received(length: usize) -> Bytes {
    let mut session = Session::new();
    session.open(StreamId(1), 1 << 20, MAX_MESSAGE_BYTES);
    session.connect(Integrity::Trusted);
    let mut bytes = BytesMut::with_capacity(BUFFER_BYTES);
    Frame::Ready.encode(Integrity::Trusted, &mut bytes);
    Frame::Data { stream: StreamId(1), number: 0, part: Part::Last, piece: &vec![7; length] }
        .encode(Integrity::Trusted, &mut bytes);
    let mut messages = Vec::new();
    session.read(&mut bytes, &mut messages).unwrap();
    messages.pop().unwrap().1
}

#[test]
fn a_message_that_waits_does_not_keep_many_times_its_length() {
    for length in [1, 1000, 16 * 1024, 20_000, 50_000, 65_535, 65_536, 100_000, 200_000] {
        let message = received(length);
        assert_eq!(message.len(), length);
        let keeps = message.try_into_mut().expect("nobody else has it").capacity();
        assert!(keeps <= 8 * length, "{length} bytes keep {keeps}");
    }
}

#[test]
fn a_long_message_is_taken_where_it_lies() {
    let message = received(200_000).try_into_mut().expect("nobody else has it");
    assert!(message.capacity() > 200_000, "it was copied");
}
