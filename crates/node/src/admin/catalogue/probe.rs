//! Metrics with the names of the Azure IoT Operations broker: its check of itself.

use super::metrics;
use crate::admin::exposition::{Kind, Metric};

const ROUTE: &[&str] = &["frontend", "backend_chain"];
const WILDCARD_ROUTE: &[&str] = &["frontend", "backend_chain", "is_wildcard"];
const FRONTEND: &[&str] = &["frontend"];

metrics! { PROBE:
    CONNECT_CORRECT: Gauge "aio_broker_connect_route_replication_correctness" ROUTE, "1: the self-check's last CONNECT along this route was answered rightly and in time; 0: it was not.";
    PUBLISH_CORRECT: Gauge "aio_broker_publish_route_replication_correctness" ROUTE, "The same of PUBLISH.";
    SUBSCRIBE_CORRECT: Gauge "aio_broker_subscribe_route_replication_correctness" WILDCARD_ROUTE, "The same of SUBSCRIBE.";
    UNSUBSCRIBE_CORRECT: Gauge "aio_broker_unsubscribe_route_replication_correctness" WILDCARD_ROUTE, "The same of UNSUBSCRIBE.";
    PING_CORRECT: Gauge "aio_broker_ping_correctness" FRONTEND, "The same of PING, which goes no further than the frontend.";
    CONNECT_ROUTE_MS: Gauge "aio_broker_connect_latency_route_ms" ROUTE, "How long the self-check's last CONNECT along this route took, in milliseconds.";
    PUBLISH_ROUTE_MS: Gauge "aio_broker_publish_latency_route_ms" ROUTE, "The same of PUBLISH.";
    SUBSCRIBE_ROUTE_MS: Gauge "aio_broker_subscribe_latency_route_ms" WILDCARD_ROUTE, "The same of SUBSCRIBE.";
    UNSUBSCRIBE_ROUTE_MS: Gauge "aio_broker_unsubscribe_latency_route_ms" WILDCARD_ROUTE, "The same of UNSUBSCRIBE.";
    PING_ROUTE_MS: Gauge "aio_broker_ping_latency_route_ms" FRONTEND, "The same of PING.";
    DELIVERY_ROUTE_MS: Gauge "aio_broker_message_delivery_check_latency_route_ms" &[], "How long the last message of the delivery check took, in milliseconds.";
    DELIVERY_TIMEOUTS: Gauge "aio_broker_message_delivery_check_total_timeouts" &[], "Messages of the last delivery check that did not come in time; 0 is right.";
    DELIVERY_SENT: Counter "aio_broker_message_delivery_check_total_messages_sent" &[], "Messages that the delivery check sent.";
    DELIVERY_RECEIVED: Counter "aio_broker_message_delivery_check_total_messages_received" &[], "Messages that the delivery check got back.";
    CONNECT_LAST_MS: Gauge "aio_broker_connect_latency_last_value_ms" &[], "How long the self-check's last CONNECT took, in milliseconds.";
    CONNECT_MEAN_MS: Gauge "aio_broker_connect_latency_mu_ms" &[], "The mean of all of them.";
    CONNECT_DEVIATION_MS: Gauge "aio_broker_connect_latency_sigma_ms" &[], "Their standard deviation.";
    PUBLISH_LAST_MS: Gauge "aio_broker_publish_latency_last_value_ms" &[], "How long the self-check's last PUBLISH took, in milliseconds.";
    PUBLISH_MEAN_MS: Gauge "aio_broker_publish_latency_mu_ms" &[], "The mean of all of them.";
    PUBLISH_DEVIATION_MS: Gauge "aio_broker_publish_latency_sigma_ms" &[], "Their standard deviation.";
    SUBSCRIBE_LAST_MS: Gauge "aio_broker_subscribe_latency_last_value_ms" &[], "How long the self-check's last SUBSCRIBE took, in milliseconds.";
    SUBSCRIBE_MEAN_MS: Gauge "aio_broker_subscribe_latency_mu_ms" &[], "The mean of all of them.";
    SUBSCRIBE_DEVIATION_MS: Gauge "aio_broker_subscribe_latency_sigma_ms" &[], "Their standard deviation.";
    UNSUBSCRIBE_LAST_MS: Gauge "aio_broker_unsubscribe_latency_last_value_ms" &[], "How long the self-check's last UNSUBSCRIBE took, in milliseconds.";
    UNSUBSCRIBE_MEAN_MS: Gauge "aio_broker_unsubscribe_latency_mu_ms" &[], "The mean of all of them.";
    UNSUBSCRIBE_DEVIATION_MS: Gauge "aio_broker_unsubscribe_latency_sigma_ms" &[], "Their standard deviation.";
    PING_LAST_MS: Gauge "aio_broker_ping_latency_last_value_ms" &[], "How long the self-check's last PING took, in milliseconds.";
    PING_MEAN_MS: Gauge "aio_broker_ping_latency_mu_ms" &[], "The mean of all of them.";
    PING_DEVIATION_MS: Gauge "aio_broker_ping_latency_sigma_ms" &[], "Their standard deviation.";
    DELIVERY_LAST_MS: Gauge "aio_broker_message_delivery_check_latency_last_value_ms" &[], "How long the last message of the delivery check took, in milliseconds.";
    DELIVERY_MEAN_MS: Gauge "aio_broker_message_delivery_check_latency_mu_ms" &[], "The mean of all of them.";
    DELIVERY_DEVIATION_MS: Gauge "aio_broker_message_delivery_check_latency_sigma_ms" &[], "Their standard deviation.";
}
