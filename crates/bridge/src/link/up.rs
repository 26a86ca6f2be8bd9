//! A connection that stands, and what is asked on it besides publishing.

use std::pin::Pin;
use std::time::Duration;

use client::{Client, Connection, End, Ending, Messages, Over, RequestFailed};
use mqtt::client::{End as ProtocolEnd, Granted, Received, ServerLimits, SubscribeRequest, UnsubscribeRequest};
use mqtt::{Disconnect, ProtocolVersion, RetainHandling, SubscribeOptions};
use tokio::time::{Instant, Sleep, sleep, timeout};

use super::{Ended, Take};
use crate::credentials::{Keeper, Presented, Renewal};
use crate::endpoint::Endpoint;
use crate::failure::{Mishap, Step};

/// For the answers to UNSUBSCRIBE and SUBSCRIBE, or to AUTH.
const ANSWER: Duration = Duration::from_secs(20);

/// An answer that is waited for, no longer than [`ANSWER`].
type Asked = Pin<Box<dyn Future<Output = Result<(), Mishap>> + Send>>;

pub(super) struct Up {
    pub client: Client,
    pub messages: Messages,
    pub limits: ServerLimits,
    pub since: Instant,
    ending: Ending,
    /// How it ended.
    over: Option<Over>,
    /// Whether there may still be messages.
    open: Open,
    subscribing: Option<Asked>,
    reauthenticating: Option<Asked>,
    /// What is shown once more, and when.
    again: Option<(Pin<Box<Sleep>>, Presented)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Open {
    Yes,
    No,
}

/// What happened on a connection.
pub(super) enum Happened {
    Message(Box<Received>),
    Subscribed(Result<(), Mishap>),
    /// There is something new to show.
    Presented(Presented),
    Reauthenticated(Result<(), Mishap>),
    /// The connection is over.
    Over,
}

impl Up {
    pub fn new(connection: Connection) -> Self {
        let Connection { client, messages, accepted, ending } = connection;
        Self {
            client,
            messages,
            limits: accepted.limits,
            since: Instant::now(),
            ending,
            over: None,
            open: Open::Yes,
            subscribing: None,
            reauthenticating: None,
            again: None,
        }
    }

    /// The next thing that happens. Every branch is cancel-safe: answers are waited for by futures that are kept.
    pub async fn next(&mut self, take: Take, keeper: &mut Keeper) -> Happened {
        loop {
            let Self { messages, open, subscribing, reauthenticating, again, ending, over, .. } = self;
            if over.is_some() {
                return Happened::Over;
            }
            let takes = take == Take::Messages && *open == Open::Yes;
            tokio::select! {
                // Answers are rare and go first; what came before the end goes before it.
                biased;
                asked = answered(subscribing), if subscribing.is_some() => {
                    *subscribing = None;
                    return Happened::Subscribed(asked);
                }
                asked = answered(reauthenticating), if reauthenticating.is_some() => {
                    *reauthenticating = None;
                    return Happened::Reauthenticated(asked);
                }
                // One exchange at a time (MQTT-4.12.1-1): what is newer is shown after it.
                presented = keeper.changed(), if reauthenticating.is_none() => return Happened::Presented(presented),
                presented = due(again), if again.is_some() => {
                    *again = None;
                    return Happened::Presented(presented);
                }
                message = messages.next(), if takes => match message {
                    Some(received) => return Happened::Message(Box::new(received)),
                    None => *open = Open::No,
                },
                ended = ending.wait() => *over = Some(ended),
            }
        }
    }

    /// Asks for every filter, and to be rid of others.
    pub fn subscribe(&mut self, filters: &[String], forget: &[String], endpoint: &Endpoint) {
        let options = SubscribeOptions {
            qos: endpoint.effective_qos(),
            no_local: false,
            // RETAIN is kept or not at the destination.
            retain_as_published: true,
            retain_handling: RetainHandling::SendIfNew,
        };
        let filters = filters.iter().map(|filter| (filter.clone(), options)).collect();
        let request = SubscribeRequest { filters, ..SubscribeRequest::default() };
        let forget = UnsubscribeRequest { filters: forget.to_vec(), ..UnsubscribeRequest::default() };
        let client = self.client.clone();
        self.subscribing = Some(within(Step::Subscribe, async move {
            if !forget.filters.is_empty() {
                // A filter that was not there is as well as gone.
                client.unsubscribe(forget).await.map_err(|failed| Mishap::request(Step::Subscribe, &failed))?;
            }
            let filters: Vec<String> = request.filters.iter().map(|(filter, _)| filter.clone()).collect();
            granted_all(client.subscribe(request).await, &filters)
        }));
    }

    /// Shows something new on this connection; false when that takes a new one.
    pub fn reauthenticate(&mut self, presented: &Presented) -> bool {
        let Some(authentication) =
            presented.authentication().filter(|_| presented.renewal() == Renewal::Reauthenticate)
        else {
            return false;
        };
        self.again = None;
        let client = self.client.clone();
        self.reauthenticating = Some(within(Step::Reauthenticate, async move {
            let outcome = client.reauthenticate(authentication.data).await;
            outcome.map(drop).map_err(|failed| Mishap::request(Step::Reauthenticate, &failed))
        }));
        true
    }

    /// The server cannot tell yet whether it takes what was shown: it is shown again after a pause, unless there is
    /// something newer by then.
    pub fn reauthenticate_again(&mut self, presented: Presented, pause: Duration) {
        self.again = Some((Box::pin(sleep(pause)), presented));
    }

    /// How the connection ended; `Otherwise` if it has not.
    pub fn ended(&self, version: ProtocolVersion) -> Ended {
        match self.over.as_ref().map(|over| &over.end) {
            Some(End::Protocol(ProtocolEnd::ByServer(disconnect))) => Ended::Said(disconnect.reason),
            Some(End::Protocol(ProtocolEnd::Closed) | End::Transport(_)) if !version.is_v5() => Ended::Mute,
            _ => Ended::Otherwise,
        }
    }

    /// Ends the connection in order, if it has not ended, and waits for the end.
    pub async fn over(self, packet: Disconnect) -> Over {
        let Self { client, messages, mut ending, over, subscribing, reauthenticating, .. } = self;
        if let Some(over) = over {
            return over;
        }
        client.disconnect(packet).await;
        // Nobody takes what still comes.
        drop((client, messages, subscribing, reauthenticating));
        ending.wait().await
    }
}

/// What is asked, with its deadline.
fn within(step: Step, asked: impl Future<Output = Result<(), Mishap>> + Send + 'static) -> Asked {
    let late = move |_| Err(Mishap::new(step, format!("no answer within {} s", ANSWER.as_secs())));
    Box::pin(async move { timeout(ANSWER, asked).await.unwrap_or_else(late) })
}

async fn due(again: &mut Option<(Pin<Box<Sleep>>, Presented)>) -> Presented {
    match again {
        Some((sleep, presented)) => {
            sleep.as_mut().await;
            presented.clone()
        }
        None => std::future::pending().await,
    }
}

async fn answered(asked: &mut Option<Asked>) -> Result<(), Mishap> {
    match asked {
        Some(asked) => asked.as_mut().await,
        None => std::future::pending().await,
    }
}

/// The first refusal, with its filter.
pub(crate) fn granted_all(granted: Result<Granted, RequestFailed>, filters: &[String]) -> Result<(), Mishap> {
    let granted = granted.map_err(|failed| Mishap::request(Step::Subscribe, &failed))?;
    match granted.codes.iter().zip(filters).find(|(code, _)| code.is_error()) {
        None => Ok(()),
        Some((&code, filter)) => {
            let text = granted.reason_string.map(|text| format!(" ({text})")).unwrap_or_default();
            let text = format!("the server refused the subscription to {filter}: {code:?}{text}");
            Err(Mishap { step: Step::Subscribe, code: Some(code), text })
        }
    }
}
