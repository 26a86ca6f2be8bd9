//! The flags that bound what clients ask for.

use clap::Args;
use config::Request;

use super::listeners::given;

#[derive(Debug, Clone, Args)]
pub(crate) struct ClientLimitFlags {
    /// Largest packet a client may send [default: the memory profile's]
    #[arg(long, value_name = "BYTES", help_heading = "Client limits")]
    max_packet_size: Option<String>,
    /// Longest keep alive; a client that asks for more, or for none, is told this one; 0 for no bound [default: no bound]
    #[arg(long, value_name = "SECONDS", help_heading = "Client limits")]
    max_keep_alive: Option<String>,
    /// Longest time a session outlives its connection [default: no bound]
    #[arg(long, value_name = "SECONDS", help_heading = "Client limits")]
    max_session_expiry: Option<String>,
    /// Longest time a message waits for a subscriber, retained ones included [default: no bound]
    #[arg(long, value_name = "SECONDS", help_heading = "Client limits")]
    max_message_expiry: Option<String>,
    /// Bound on a client's own Receive Maximum: messages in flight to it [default: 65535]
    #[arg(long, value_name = "N", help_heading = "Client limits")]
    max_receive_maximum: Option<String>,
    /// The broker's Receive Maximum: QoS 1 and 2 messages in flight from one client [default: 1000]
    #[arg(long, value_name = "N", help_heading = "Client limits")]
    receive_maximum: Option<String>,
    /// Topic aliases a client may use, 0 for none [default: 32]
    #[arg(long, value_name = "N", help_heading = "Client limits")]
    topic_alias_maximum: Option<String>,
    /// Messages queued for one session before the queue strategy applies [default: no bound]
    #[arg(long, value_name = "N", help_heading = "Client limits")]
    queue_limit: Option<String>,
    /// What happens at the queue limit: nothing, or the oldest queued message is dropped [default: none]
    #[arg(long, value_name = "none|drop-oldest", help_heading = "Client limits")]
    queue_strategy: Option<String>,
}

impl ClientLimitFlags {
    pub(super) fn say(self, request: &mut Request) {
        request.max_packet_size = given("--max-packet-size", self.max_packet_size);
        request.max_keep_alive = given("--max-keep-alive", self.max_keep_alive);
        request.max_session_expiry = given("--max-session-expiry", self.max_session_expiry);
        request.max_message_expiry = given("--max-message-expiry", self.max_message_expiry);
        request.max_receive_maximum = given("--max-receive-maximum", self.max_receive_maximum);
        request.receive_maximum = given("--receive-maximum", self.receive_maximum);
        request.topic_alias_maximum = given("--topic-alias-maximum", self.topic_alias_maximum);
        request.queue_limit = given("--queue-limit", self.queue_limit);
        request.queue_strategy = given("--queue-strategy", self.queue_strategy);
    }
}
