//! What a partition can be told. One log entry carries many commands.
//!
//! A command is written once, by whoever sends it, in the form in which it goes to the log and is applied.

use mqtt::{PacketId, QoS, RetainHandling};

use crate::address::{Epoch, Incarnation, Lane, Owner, PartitionId, PartitionSet, SessionSlot, Tag, Timestamp};
use crate::message::Message;

/// A command as decoded from a log entry, borrowing from it.
#[derive(Clone, Debug, PartialEq)]
pub enum Command<'a> {
    // At the session home.
    Open(Open<'a>),
    Touch(Touch<'a>),
    Close(Close<'a>),
    FrontendGone(FrontendGone),
    Confirm(Confirm),
    Waiting(Waiting<'a>),

    // At a topic home.
    Attach(Attach<'a>),
    Detach(Detach<'a>),
    Window(Window<'a>),
    Subscribe(Subscribe<'a>),
    Unsubscribe(Unsubscribe<'a>),
    Publish(Publish<'a>),
    Release(Release<'a>),
    Acknowledge(Acknowledge),
    Drop(DropSession<'a>),
    Trim(Trim<'a>),
    ForgetWill(ForgetWill),
    ReadRetained(ReadRetained<'a>),
    ListSubscriptions(ListSubscriptions<'a>),

    // At both.
    Tick,
    Numbered(Numbered),
}

/// CONNECT: begins or resumes the session of `client_id`. Answered by `Opened`; the connection that held it gets `Kick`.
#[derive(Clone, Debug, PartialEq)]
pub struct Open<'a> {
    pub owner: Owner,
    pub client_id: &'a str,
    /// MQTT-3.1.2-4: an existing session is discarded.
    pub clean_start: bool,
    /// Seconds; `u32::MAX` never expires; 0 makes a transient session.
    pub session_expiry: u32,
    pub will: Option<Will<'a>>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Will<'a> {
    /// Seconds between the end of the connection and the publication, cut short by the end of the session.
    pub delay: u32,
    /// Message Expiry Interval in seconds, counted from the publication; `message.expires` is not used.
    pub expiry: Option<u32>,
    pub message: Message<'a>,
}

/// The session is about to get something in `partitions`: recorded first, so that its end reaches them all, and so does a
/// connection that goes on with it. Refused when `epoch` is no longer the session's: whoever asks sends nothing there before
/// he has the answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Touch<'a> {
    pub owner: Owner,
    pub tag: Tag,
    pub client_id: &'a str,
    pub epoch: Epoch,
    pub partitions: PartitionSet,
}

/// The connection has ended. Ignored when `epoch` is no longer the session's.
#[derive(Clone, Debug, PartialEq)]
pub struct Close<'a> {
    pub client_id: &'a str,
    pub epoch: Epoch,
    /// Set by a DISCONNECT that changes the session expiry interval.
    pub session_expiry: Option<u32>,
    /// False after DISCONNECT with reason 0x00 (MQTT-3.1.2-10): the will is removed unpublished.
    pub publish_will: bool,
}

/// A frontend has died, or the process has restarted: every connection it held has ended abnormally.
#[derive(Clone, Debug, PartialEq)]
pub struct FrontendGone {
    pub frontend: u16,
}

/// `from` has done what outbox item `item` asked for.
#[derive(Clone, Debug, PartialEq)]
pub struct Confirm {
    pub from: PartitionId,
    pub item: u64,
}

/// A persistent session that has something here is connected again: deliver to `owner`.
#[derive(Clone, Debug, PartialEq)]
pub struct Attach<'a> {
    pub owner: Owner,
    pub client_id: &'a str,
    pub epoch: Epoch,
    /// How many unacknowledged messages this partition may have handed to the owner at once.
    pub window: u16,
    /// Holds for the session's queue here from now on. `None` leaves it as it is: in logs from when it was not said.
    pub queue_limit: Option<QueueLimit>,
}

/// The persistent session's connection has ended: hold its messages.
#[derive(Clone, Debug, PartialEq)]
pub struct Detach<'a> {
    pub client_id: &'a str,
    pub epoch: Epoch,
}

/// A transient session says how much its client takes, answered by `Attached`. While that is nothing, messages of its
/// shared groups go to members that take something, if there are any.
#[derive(Clone, Debug, PartialEq)]
pub struct Window<'a> {
    pub owner: Owner,
    pub client_id: &'a str,
    pub epoch: Epoch,
    /// As with [`Attach`]; 0 when the client has all that its Receive Maximum allows.
    pub window: u16,
}

/// Whether the messages of a session outlive its connection, hence whether they are logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionKind {
    Transient,
    Persistent,
}

/// How many messages may wait for one persistent session over all partitions; what has been handed to an owner does not
/// wait. Above it, the oldest that wait are dropped.
///
/// With one partition this holds after every command. With several, each holds at most `length` and tells the session
/// home of every change ([`Waiting`]), which has the oldest over all partitions dropped until the sum is `length`
/// ([`Trim`]): at rest, no more than `length` wait in all, and they are the newest; while messages arrive, the sum is
/// above by what the home has not heard of yet. What the home knows to be too much when a CONNECT resumes the session
/// is dropped before the queues are attached, in one step: from the partition with the oldest message first.
///
/// Age is told by the stamps of the log entries that brought the messages, rounded down to 16 ms, for two years: by the
/// clocks of the partitions' leaders. Within one stamp, partitions are emptied by their number. Where a client
/// takes messages while others arrive, or messages expire, or its connection opens and closes between two reports, what
/// is dropped is what was too much shortly before: it may be a message more than needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueueLimit {
    /// Messages; 0 is no limit. Where subscriptions of one session were made under different limits, the smallest of
    /// the partitions where something waits holds for all.
    pub length: u64,
}

/// One topic filter of a SUBSCRIBE, registered here. Answered by `Subscribed`, then by its retained messages.
#[derive(Clone, Debug, PartialEq)]
pub struct Subscribe<'a> {
    pub owner: Owner,
    pub tag: Tag,
    pub client_id: &'a str,
    pub epoch: Epoch,
    pub kind: SessionKind,
    /// As in [`Attach`]: a persistent session's first subscription here attaches it.
    pub window: u16,
    pub queue_limit: QueueLimit,
    /// As the client wrote it, `$share/…/` included; already checked.
    pub filter: &'a str,
    pub options: SubscriptionOptions,
}

/// What a subscription asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SubscriptionOptions {
    pub qos: QoS,
    pub no_local: bool,
    pub retain_as_published: bool,
    pub retain_handling: RetainHandling,
    /// Subscription Identifier, 1 to 268,435,455.
    pub identifier: Option<u32>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Unsubscribe<'a> {
    pub owner: Owner,
    pub tag: Tag,
    pub client_id: &'a str,
    pub epoch: Epoch,
    pub filter: &'a str,
}

/// Who gets a publish from the partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Persistent sessions' queues, and one member of every shared group: the frontend has served the other sessions
    /// itself. It leaves all groups to the partition, also those that have transient members only, so that a group
    /// whose members change between its look and ours is served once.
    Queues,
    /// Everybody: retained messages, wills, and what follows them from the same publisher.
    Everyone,
}

/// A PUBLISH. With `reply`, answered by `Published` once committed.
#[derive(Clone, Debug, PartialEq)]
pub struct Publish<'a> {
    pub reply: Option<(Owner, Tag)>,
    pub origin: Origin<'a>,
    pub scope: Scope,
    pub message: Message<'a>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin<'a> {
    /// A client; `exactly_once` is the packet identifier of a QoS 2 publish of a persistent session, remembered here
    /// until `Release`.
    Client { client_id: &'a str, exactly_once: Option<ExactlyOnce> },
    /// The will of (client id, epoch), sent by outbox item `item` of `home`: published once, confirmed every time.
    Will { client_id: &'a str, epoch: Epoch, home: PartitionId, item: u64 },
    /// A message taken back from a member of a shared group that left: goes to one other member of the group, named
    /// as `$share/group/filter`, only, and never back to `from`.
    Redelivery { share: &'a str, from: &'a str },
}

/// What identifies an incoming QoS 2 publish until it is released. A newer epoch without an `Attach` is a new session,
/// for which nothing is remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExactlyOnce {
    pub packet_id: PacketId,
    pub epoch: Epoch,
}

/// PUBREL of an incoming QoS 2 publish of a persistent session. Answered by `Released`.
#[derive(Clone, Debug, PartialEq)]
pub struct Release<'a> {
    pub owner: Owner,
    pub tag: Tag,
    pub client_id: &'a str,
    pub epoch: Epoch,
    pub packet_id: PacketId,
}

/// What the subscriber said of queue entry `entry`.
#[derive(Clone, Debug, PartialEq)]
pub struct Acknowledge {
    pub session: SessionSlot,
    pub epoch: Epoch,
    pub entry: u64,
    pub step: Step,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// PUBACK, PUBCOMP, or PUBREC with an error: the entry is done.
    Done,
    /// PUBREC: the entry is received; answered by `Received`, on which the frontend sends PUBREL.
    Received,
}

/// The session has ended: everything it had here up to `epoch` goes. Confirmed to `home`.
#[derive(Clone, Debug, PartialEq)]
pub struct DropSession<'a> {
    pub client_id: &'a str,
    pub epoch: Epoch,
    pub home: PartitionId,
    pub item: u64,
}

/// What waits at `partition` for a persistent session with a [`QueueLimit`]. Sent at the end of a log entry that has
/// changed it, and again after a restart. May be repeated, come late or be lost: the next one says everything anew.
#[derive(Clone, Debug, PartialEq)]
pub struct Waiting<'a> {
    pub client_id: &'a str,
    /// The session's as the partition knows it.
    pub epoch: Epoch,
    pub partition: PartitionId,
    /// Rises with every report; one that is below what the home has heard is late.
    pub revision: u64,
    /// The newest epoch of a `Trim` that is done here; 0 is none.
    pub heard: Epoch,
    /// False when a `Trim` has ended the reports.
    pub reports: bool,
    /// The limit that the partition knows; 0 when nothing waits.
    pub length: u64,
    pub count: u64,
    /// When the oldest that waits arrived; 0 when nothing waits.
    pub oldest: Timestamp,
}

/// What a session's [`QueueLimit`] leaves to this partition: the oldest are dropped while more than `down_to` wait. May
/// be repeated, come late or be lost.
#[derive(Clone, Debug, PartialEq)]
pub struct Trim<'a> {
    pub client_id: &'a str,
    /// The epoch in which the session began: what is known by an older one is not this session.
    pub since: Epoch,
    /// The session's; what is known by a newer one has been told anew.
    pub epoch: Epoch,
    /// Whether changes are to be told: not while the session is at one partition only.
    pub reports: bool,
    /// `u64::MAX` drops nothing, and asks what waits.
    pub down_to: u64,
    /// Only what arrived before; `None` is whatever its age, done once in an epoch.
    pub before: Option<Timestamp>,
}

/// The session home has recorded that its wills with an outbox item below `below` were published: their marks may go.
#[derive(Clone, Debug, PartialEq)]
pub struct ForgetWill {
    pub home: PartitionId,
    pub below: u64,
}

/// Goes on with a read of retained messages that one step did not finish.
#[derive(Clone, Debug, PartialEq)]
pub struct ReadRetained<'a> {
    pub client_id: &'a str,
    pub epoch: Epoch,
    /// As in [`Subscribe`].
    pub filter: &'a str,
    pub options: SubscriptionOptions,
    /// For a transient session, who reads; a persistent session reads into its queue.
    pub reader: Option<(Owner, Tag)>,
    /// Log index of the registration: what was set later was delivered live.
    pub registered: u64,
    /// Where the registration stands in that entry's payload.
    pub registered_at: u32,
    /// The last topic read.
    pub after: &'a str,
}

/// Asks which filters the session is subscribed to here. Answered by `Subscriptions`, and changes nothing: what an older
/// epoch subscribed to is not the session's.
#[derive(Clone, Debug, PartialEq)]
pub struct ListSubscriptions<'a> {
    pub owner: Owner,
    pub tag: Tag,
    pub client_id: &'a str,
    pub epoch: Epoch,
    /// The place of the filter that was listed last; `None` begins. The newest subscription comes first: what is removed
    /// meanwhile may have others listed twice, and none left out.
    pub after: Option<u32>,
}

/// Batch `number` of a lane: the frames in the `len` bytes that follow. They are applied once, however often the batch
/// comes, and not when the frontend has begun anew meanwhile or was declared gone. With a newer incarnation than the
/// one that is known, the frontend is gone first ([`FrontendGone`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Numbered {
    pub lane: Lane,
    pub incarnation: Incarnation,
    /// From 1, rising by 1; 0 carries nothing and makes the lane known. One that lies
    /// [`BATCH_WINDOW`](crate::BATCH_WINDOW) or more behind the last counts as applied.
    pub number: u64,
    /// How many numbered answers of this partition the worker has received.
    pub received: u64,
    /// Whether the batch may have been sent before.
    pub repeated: bool,
    pub len: u32,
}

impl Numbered {
    /// Makes the lane known: to be logged before a worker is told that its lane is open.
    pub fn opening(lane: Lane, incarnation: Incarnation) -> Self {
        Self { lane, incarnation, number: 0, received: 0, repeated: false, len: 0 }
    }
}

impl Command<'_> {
    /// Whether it changes state, hence belongs into the log. What is not logged is still applied in its order.
    pub fn is_logged(&self) -> bool {
        match self {
            Self::Publish(publish) => publish.is_logged(),
            Self::ReadRetained(read) => read.reader.is_none(),
            Self::ListSubscriptions(_) => false,
            _ => true,
        }
    }

    /// The command alone, framed as in a batch.
    pub fn to_frame(&self) -> Box<[u8]> {
        let mut batch = crate::batch::BatchBuilder::new();
        batch.push(self);
        Box::from(&batch.take()[..])
    }
}

impl Publish<'_> {
    /// Whether it may be applied without being logged, if its topic has no queue.
    pub(crate) fn may_pass(&self) -> bool {
        !self.message.retain
            && self.scope == Scope::Everyone
            && matches!(self.origin, Origin::Client { exactly_once: None, .. })
    }

    /// QoS 0 from a client that is not retained leaves nothing here.
    pub(crate) fn is_logged(&self) -> bool {
        self.message.qos != QoS::AtMostOnce || !self.may_pass()
    }
}
