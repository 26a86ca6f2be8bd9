//! What MQTT 3.1.1 and 5 say about one connection: packets, topics and the codec; no I/O.
//!
//! ```text
//! bytes read --split--> Frame --decode--> Packet     (borrowed where traffic is: PUBLISH, acknowledgements)
//! packet     --encode::*--> BytesMut                 (appended; a PUBLISH says where its identifier is patched)
//! ```
//!
//! One model for 3.1, 3.1.1 and 5: the version is an argument. A peer's breach of the specification is a
//! [`Violation`] that names its clause and knows its reason code. What only a session can judge (an alias above the
//! announced maximum, a receive maximum exceeded, an identifier in use) is not decided here.
//!
//! Framing, PUBLISH, the acknowledgements and PING are coded by hand, without allocation. The other packets pass a
//! strict check of their own and are then read and written by `mqtt-protocol-core`, whose types stay inside; CONNECT
//! says why it is not.

// One exception, in `text`: bytes found to be ASCII become a string unchecked.
#![deny(unsafe_code)]

mod ack;
mod auth;
pub mod client;
mod connack;
mod connect;
mod disconnect;
mod encode_error;
mod foreign;
mod forward;
mod frame;
mod outgoing_publish;
mod packet;
mod ping;
mod property;
mod publish;
mod qos;
mod reader;
mod reason;
mod suback;
mod subscribe;
mod text;
mod topic;
mod unsuback;
mod unsubscribe;
mod version;
mod violation;
mod writer;

pub use ack::{Ack, AckKind};
pub use auth::Auth;
pub use connack::ConnAck;
pub use connect::{Authentication, Connect, Will};
pub use disconnect::Disconnect;
pub use encode_error::EncodeError;
pub use forward::{ForwardProperties, user_properties_of};
pub use frame::{Frame, PacketType, Split, split};
pub use outgoing_publish::{EncodedPublish, PublishHead};
pub use packet::{Packet, Peer, decode};
pub use publish::{Delivery, Publish};
pub use qos::{InvalidQoS, PacketId, QoS};
pub use reason::{ReasonCode, UnknownReasonCode};
pub use suback::SubAck;
pub use subscribe::{RetainHandling, Subscribe, SubscribeOptions};
pub use text::utf8;
pub use topic::{
    Filter, MAX_LEVELS, SELF_CHECK_TOPIC, TopicError, check_topic_name, is_self_check, literal_levels, matches,
};
pub use unsuback::UnsubAck;
pub use unsubscribe::Unsubscribe;
pub use version::ProtocolVersion;
pub use violation::Violation;

/// Writers, one per packet; each appends to the buffer it is given.
pub mod encode {
    pub use crate::ack::encode as ack;
    pub use crate::auth::encode as auth;
    pub use crate::connack::encode as connack;
    pub use crate::connect::encode as connect;
    pub use crate::disconnect::encode as disconnect;
    pub use crate::outgoing_publish::{encode as publish, encode_head as publish_head, encoded_len as publish_len};
    pub use crate::ping::{encode_request as pingreq, encode_response as pingresp};
    pub use crate::suback::encode as suback;
    pub use crate::subscribe::encode as subscribe;
    pub use crate::unsuback::encode as unsuback;
    pub use crate::unsubscribe::encode as unsubscribe;
}
