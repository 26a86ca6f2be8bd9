//! What is subscribed to and unsubscribed from, and what the broker made of it.

use client::{Client, RequestFailed};
use mqtt::client::{Granted, RequestError, SubscribeRequest, UnsubscribeRequest};
use mqtt::{Filter, QoS, ReasonCode, RetainHandling, SubscribeOptions};

use super::{Arguments, Outcome};
use crate::call::Call;
use crate::console::Console;
use crate::failure::Failure;

pub(super) struct Subscriptions {
    subscribe: SubscribeRequest,
    unsubscribe: UnsubscribeRequest,
    then: Then,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Then {
    Receive,
    Exit,
}

impl Subscriptions {
    /// # Errors
    /// No filter, or one that is none.
    pub fn of(arguments: &Arguments, call: &Call) -> Result<Self, Failure> {
        let given = &arguments.filters;
        let mut filters = given.topics.clone();
        if filters.is_empty() {
            filters.extend(call.target.topic.clone());
        }
        if filters.is_empty() && given.unsubscribe.is_empty() {
            return Err(Failure::usage("there is nothing to subscribe to; add -t FILTER, or /TOPIC to the URL"));
        }
        check(&filters, "-t")?;
        check(&given.unsubscribe, "-U")?;
        let options = SubscribeOptions {
            qos: QoS::try_from(given.qos).unwrap_or_default(),
            retain_handling: match arguments.choice.no_retained {
                true => RetainHandling::DoNotSend,
                false => RetainHandling::SendAtSubscribe,
            },
            ..SubscribeOptions::default()
        };
        Ok(Self {
            subscribe: SubscribeRequest {
                filters: filters.into_iter().map(|filter| (filter, options)).collect(),
                identifier: call.properties.subscribe.identifier,
                user_properties: call.properties.subscribe.user.clone(),
            },
            unsubscribe: UnsubscribeRequest {
                filters: given.unsubscribe.clone(),
                user_properties: call.properties.unsubscribe.user.clone(),
            },
            then: if given.exit_after_subscribe { Then::Exit } else { Then::Receive },
        })
    }

    /// Whether nothing is to be received.
    pub fn exit_when_done(&self) -> bool {
        self.then == Then::Exit
    }

    /// Asks the broker for all of it.
    ///
    /// # Errors
    /// It granted no subscription at all.
    pub async fn ask(&self, client: &Client, console: Console) -> Result<Outcome, Failure> {
        if !self.subscribe.filters.is_empty() {
            let filters = self.subscribe.filters.iter().map(|(filter, _)| filter.as_str());
            match client.subscribe(self.subscribe.clone()).await {
                Ok(granted) => self.granted(&granted, filters, console)?,
                Err(RequestFailed::Failed(RequestError::ConnectionLost)) => return Ok(Outcome::Lost),
                Err(error) => return Err(Failure::request(&error, "cannot subscribe")),
            }
        }
        if !self.unsubscribe.filters.is_empty() {
            match client.unsubscribe(self.unsubscribe.clone()).await {
                Ok(granted) => {
                    for (filter, code) in self.unsubscribe.filters.iter().zip(&granted.codes) {
                        match code.is_error() {
                            true => console.warning(format_args!("{filter} was not unsubscribed: {code:?}")),
                            false => console.debug(format_args!("unsubscribed from {filter}: {code:?}")),
                        }
                    }
                }
                Err(RequestFailed::Failed(RequestError::ConnectionLost)) => return Ok(Outcome::Lost),
                Err(error) => return Err(Failure::request(&error, "cannot unsubscribe")),
            }
        }
        Ok(Outcome::Done)
    }

    fn granted<'a>(
        &self,
        granted: &Granted,
        filters: impl Iterator<Item = &'a str>,
        console: Console,
    ) -> Result<(), Failure> {
        let said = granted.reason_string.as_deref().map(|text| format!(" ({text})")).unwrap_or_default();
        let refused = granted.codes.iter().find(|code| code.is_error());
        if let Some(reason) = refused
            && granted.codes.iter().all(|code| code.is_error())
        {
            let text = format!("all subscriptions were refused: {reason:?}{said}");
            return Err(Failure { text, code: *reason as u8 });
        }
        for (filter, code) in filters.zip(&granted.codes) {
            match code {
                ReasonCode::Success | ReasonCode::GrantedQoS1 | ReasonCode::GrantedQoS2 => {
                    console.debug(format_args!("subscribed to {filter} with QoS {}", *code as u8));
                }
                refused => console.warning(format_args!("{filter} was refused: {refused:?}{said}")),
            }
        }
        Ok(())
    }
}

fn check(filters: &[String], flag: &str) -> Result<(), Failure> {
    for filter in filters {
        Filter::parse(filter).map_err(|e| Failure::usage(format!("{flag} {filter}: {e}")))?;
    }
    Ok(())
}
