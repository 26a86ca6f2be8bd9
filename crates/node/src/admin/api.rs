//! The API: resources by path, their JSON forms, their OpenAPI document.

mod authorization;
mod clients;
mod configuration;
mod dataflow_counts;
mod dataflow_endpoints;
mod dataflows;
mod document;
mod health;
mod internal_certificates;
mod internal_members;
mod json;
mod links;
mod listeners;
mod page;
mod path;
mod payload;
mod query;
mod retained;
mod routes;
mod sessions;
mod subscriptions;
mod traces;

pub(crate) use clients::{Client, ClientsQuery};
#[cfg(test)]
pub(crate) use page::Limit;
pub(crate) use page::Page;
pub(crate) use page::Scope;
pub(crate) use payload::{Binary, Payload, PayloadLimit};
pub(crate) use retained::{RetainedMessage, RetainedQuery, RetainedTopic, UserProperty};
pub(crate) use sessions::{Session, SessionsQuery};
pub(crate) use subscriptions::{Subscription, SubscriptionsQuery};
pub(crate) use traces::{Span, Trace, TraceSummary};

pub(super) use routes::router;
