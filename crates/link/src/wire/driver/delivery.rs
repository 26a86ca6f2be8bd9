//! What has been read: into the session, and from there to the destinations.

use std::time::Duration;

use tokio::time::Instant;

use super::Driver;
use crate::inbox::Room;

/// How often a destination without room is asked for some.
const LOOK_FOR_ROOM: Duration = Duration::from_millis(5);

impl Driver {
    pub(super) fn take_read(&mut self) {
        let Some(live) = &mut self.live else { return };
        let (read, is_renewal_asked) = {
            let mut state = self.shared.lock();
            self.destinations.extend(state.new_destinations.drain(..));
            let read = state.session.read(live.bytes(), &mut self.messages);
            (read, state.session.take_renew_asked())
        };
        if is_renewal_asked {
            self.redial();
        }
        // What was whole before an error counts as received, so it is delivered.
        self.deliver();
        self.call();
        if let Err(violation) = read {
            self.interrupt(&format!("the peer has broken the protocol: {violation}"));
        }
    }

    /// Calls those who wait to hear how far a stream has come.
    pub(super) fn call(&self) {
        let calls = self.shared.lock().session.take_calls();
        calls.iter().for_each(|call| call());
    }

    fn deliver(&mut self) {
        let mut messages = std::mem::take(&mut self.messages);
        if !messages.is_sorted_by_key(|(stream, _)| *stream) {
            // One batch and one wake for each destination; within a stream the order stays.
            messages.sort_by_key(|(stream, _)| *stream);
        }
        let (mut with_room, mut closed) = (Vec::new(), Vec::new());
        let mut batch = Vec::new();
        let mut waiting = messages.drain(..).peekable();
        while let Some((stream, message)) = waiting.next() {
            batch.push(message);
            if waiting.peek().is_some_and(|(next, _)| *next == stream) {
                continue;
            }
            let Some(destination) = self.destinations.get_mut(&stream) else {
                // Its destination has gone with an earlier batch of this read.
                batch.clear();
                continue;
            };
            match destination.deliver(&mut batch) {
                Ok(Room::Free) => with_room.push(stream),
                Ok(Room::Full) => {
                    if self.without_room.is_empty() {
                        self.look_at = Instant::now() + LOOK_FOR_ROOM;
                    }
                    self.without_room.insert(stream);
                    // It may have had some for an earlier batch of this read.
                    with_room.retain(|other| *other != stream);
                }
                Err(_) => closed.push(stream),
            }
            batch.clear();
        }
        drop(waiting);
        self.messages = messages;
        if with_room.is_empty() && closed.is_empty() {
            return;
        }
        let mut state = self.shared.lock();
        for stream in with_room {
            self.without_room.remove(&stream);
            state.session.grant(stream);
        }
        for stream in closed {
            self.without_room.remove(&stream);
            self.destinations.remove(&stream);
            state.session.close(stream);
        }
    }

    pub(super) fn look_for_room(&mut self) {
        self.look_at = Instant::now() + LOOK_FOR_ROOM;
        let destinations = &mut self.destinations;
        let found: Vec<_> = self
            .without_room
            .extract_if(.., |stream| destinations.get_mut(stream).is_none_or(|there| there.room() == Room::Free))
            .collect();
        let mut state = self.shared.lock();
        for stream in found {
            state.session.grant(stream);
        }
    }
}
