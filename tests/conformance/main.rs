//! What MQTT 3.1.1 and 5.0 demand of a server, one test per behaviour, named by its clause.
//!
//! `mqtt_3_1_2_22_...` is clause MQTT-3.1.2-22 of MQTT 5.0 and runs for 3.1.1 as well where that version has the same
//! rule under its own number; `mqtt311_...` is a clause of 3.1.1 alone. `docs/conformance.md` maps every clause to its
//! tests. A name without a number is a behaviour this broker adds.

mod alias;
mod clauses;
mod connect;
mod deliver;
mod keep_alive;
mod limits;
mod long;
mod malformed;
mod properties;
mod publish;
mod publish_qos2;
mod queue;
mod retained;
mod session;
mod shared;
mod shared_members;
mod slow;
mod subscribe;
mod subscription_options;
mod sys;
mod takeover;
mod tls;
mod topics;
mod websocket;
mod will;
mod will_delay;
