//! A connection that its client has taken over with another, and that it leaves open: it reads what still comes, and
//! answers nothing.

use std::rc::Rc;

use mqtt::Packet;
use tokio::io::{AsyncRead, AsyncWrite};

use super::connection::received;
use super::notebook::Notebook;
use super::wire::Wire;
use crate::oracle::{ClientNumber, Closed, ConnectionNumber, What};

/// Until the server ends it.
pub(super) async fn haunt<S: AsyncRead + AsyncWrite>(
    mut wire: Wire<S>,
    notebook: Rc<Notebook>,
    (client, connection): (ClientNumber, ConnectionNumber),
) {
    let add = |what| notebook.add(client, connection, what);
    let mut told = None;
    loop {
        loop {
            let seen = wire.packet(|packet| match packet {
                Packet::Publish(publish) => Seen::Got(received(&publish)),
                Packet::PubRel(ack) => Seen::Got(What::Released { id: ack.id.get() }),
                Packet::Disconnect(disconnect) => Seen::Told(Closed::Told(disconnect.reason)),
                _ => Seen::Nothing,
            });
            match seen {
                Ok(Some(Seen::Got(what))) => add(what),
                Ok(Some(Seen::Told(how))) => told = Some(how),
                Ok(Some(Seen::Nothing)) => {}
                Ok(None) => break,
                Err(breach) => return add(What::Breach(breach)),
            }
        }
        if let Err(how) = wire.exchange().await {
            return add(What::Closed(told.unwrap_or(how)));
        }
    }
}

enum Seen {
    Got(What),
    Told(Closed),
    Nothing,
}
