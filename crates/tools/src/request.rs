//! `causeway rr`: a request and its response.

mod arguments;

use std::process::ExitCode;
use std::time::Duration;

use bytes::Bytes;
use client::{Client, Connection, Messages};
use mqtt::client::{Message, Received, Settings, SubscribeRequest};
use mqtt::{QoS, SubscribeOptions};
use tokio::time::sleep;

pub use arguments::Arguments;

use crate::call::{self, Call};
use crate::connection::Command;
use crate::console::Console;
use crate::failure::Failure;
use crate::interrupt::Interrupt;
use crate::printer::Printer;

/// The packets that are sent.
const COMMANDS: [Command; 5] =
    [Command::Connect, Command::Publish, Command::Subscribe, Command::Will, Command::Disconnect];
/// Random bytes of correlation data made up here.
const CORRELATION_BYTES: usize = 8;

/// Sends a request, prints its response.
pub fn run(arguments: Arguments) -> ExitCode {
    let console = Console::of(&arguments.connection);
    let call = match Call::of(&arguments.connection, "rr", &COMMANDS) {
        Ok(call) => call,
        Err(failure) => return failure.tell(console),
    };
    call::run(console, async move |interrupt| exchange(&arguments, &call, interrupt).await)
}

/// What is sent, and what an answer to it has.
struct Exchange {
    request: Message,
    subscribe: SubscribeRequest,
    /// `None` before MQTT 5: whatever comes is the response.
    correlation: Option<Bytes>,
    retained: Retained,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Retained {
    Counts,
    LeftOut,
}

async fn exchange(arguments: &Arguments, call: &Call, mut interrupt: Interrupt) -> Result<(), Failure> {
    let exchange = Exchange::of(arguments, call).await?;
    let mut printer = Printer::on_stdout(&arguments.look)?;
    let late = async {
        match arguments.timeout {
            Some(seconds) => sleep(Duration::from_secs(seconds)).await,
            None => std::future::pending().await,
        }
    };
    let mut late = std::pin::pin!(late);
    let connection = tokio::select! {
        made = call.connect_once(Settings::default(), &mut interrupt) => made?,
        () = &mut late => return Err(Failure::timed_out()),
    };
    let Connection { client, mut messages, mut ending, .. } = connection;
    let done = tokio::select! {
        response = exchange.run(&client, &mut messages) => response,
        over = ending.wait() => return Err(Failure::ended(&over.end, &call.place())),
        () = interrupt.wait() => Err(Failure::interrupted("interrupted before a response came")),
        () = &mut late => Err(Failure::timed_out()),
    };
    if let Ok(response) = &done {
        printer.print(response)?;
        printer.flush()?;
        client.acknowledge(response).await;
    }
    let ended = call.hang_up(client, &mut ending).await;
    done.map(drop).and(ended)
}

impl Exchange {
    async fn of(arguments: &Arguments, call: &Call) -> Result<Self, Failure> {
        let topic = arguments.topic.as_ref().or(call.target.topic.as_ref());
        let topic = topic.ok_or_else(|| Failure::usage("there is no topic; add -t TOPIC, or /TOPIC to the URL"))?;
        mqtt::check_topic_name(topic).map_err(|e| Failure::usage(format!("-t {topic}: {e}")))?;
        let answer_to = match &arguments.response_topic {
            Some(answer_to) => answer_to.clone(),
            None => format!("causeway/rr/{}", call.options.connect.client_id),
        };
        mqtt::check_topic_name(&answer_to).map_err(|e| Failure::usage(format!("-e {answer_to}: {e}")))?;

        let given = &call.properties.publish;
        let mut properties = given.message.clone();
        if call.version().is_v5() {
            properties.response_topic.get_or_insert(answer_to.clone());
            if properties.correlation_data.is_none() {
                properties.correlation_data = Some(correlation()?);
            }
        }
        let encoded = properties.encode().map_err(|e| Failure::usage(format!("-D publish ...: {e}")))?;
        let qos = QoS::try_from(arguments.qos).unwrap_or_default();
        let options = SubscribeOptions { qos, ..SubscribeOptions::default() };
        Ok(Self {
            request: Message {
                qos,
                expiry: given.expiry,
                alias: given.alias,
                properties: encoded,
                ..Message::new(topic.as_str(), arguments.payload.read().await?)
            },
            subscribe: SubscribeRequest {
                filters: vec![(answer_to, options)],
                identifier: call.properties.subscribe.identifier,
                user_properties: call.properties.subscribe.user.clone(),
            },
            correlation: properties.correlation_data,
            retained: if arguments.no_retained { Retained::LeftOut } else { Retained::Counts },
        })
    }

    /// Subscribes, asks and waits for the answer.
    async fn run(&self, client: &Client, messages: &mut Messages) -> Result<Received, Failure> {
        let ask = async {
            let granted = client.subscribe(self.subscribe.clone()).await;
            let granted = granted.map_err(|e| Failure::request(&e, "cannot subscribe to the response topic"))?;
            if let Some(reason) = granted.codes.iter().find(|code| code.is_error()) {
                let text = format!("the subscription to the response topic was refused: {reason:?}");
                return Err(Failure { text, code: *reason as u8 });
            }
            let published = client.publish(self.request.clone()).await;
            published.map(drop).map_err(|e| Failure::request(&e, "the request was not published"))
        };
        let mut ask = std::pin::pin!(ask);
        let mut asked = false;
        loop {
            tokio::select! {
                done = &mut ask, if !asked => {
                    done?;
                    asked = true;
                }
                received = messages.next() => {
                    // The end of the connection is told by whoever waits for it.
                    let Some(received) = received else { std::future::pending().await };
                    if self.is_answered_by(&received) {
                        return Ok(received);
                    }
                    client.acknowledge(&received).await;
                }
            }
        }
    }

    /// A response without correlation data comes from someone who does not know of it.
    fn is_answered_by(&self, received: &Received) -> bool {
        if received.retain && self.retained == Retained::LeftOut {
            return false;
        }
        let theirs = received.message_properties().correlation_data;
        theirs.is_none() || theirs == self.correlation
    }
}

fn correlation() -> Result<Bytes, Failure> {
    let mut random = [0; CORRELATION_BYTES];
    getrandom::fill(&mut random).map_err(|e| Failure::general(format!("the system has no random numbers: {e}")))?;
    Ok(random.iter().map(|byte| format!("{byte:02x}")).collect::<String>().into())
}
