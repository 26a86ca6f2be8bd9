//! `causeway pub`: publishes.

mod arguments;
mod outstanding;

use std::num::NonZeroU16;
use std::process::ExitCode;
use std::time::Duration;

use client::{Client, Connection};
use mqtt::QoS;
use mqtt::client::{Message, Settings};
use tokio::io::{BufReader, stdin};

pub use arguments::Arguments;

use crate::call::{self, Call};
use crate::connection::Command;
use crate::console::Console;
use crate::failure::Failure;
use crate::interrupt::Interrupt;
use crate::payload::next_line;
use outstanding::Outstanding;

/// The packets a publisher sends.
const COMMANDS: [Command; 4] = [Command::Connect, Command::Publish, Command::Will, Command::Disconnect];

/// Publishes what `arguments` say and returns when the broker has it.
pub fn run(arguments: Arguments) -> ExitCode {
    let console = Console::of(&arguments.connection);
    let call = match Call::of(&arguments.connection, "pub", &COMMANDS) {
        Ok(call) => call,
        Err(failure) => return failure.tell(console),
    };
    call::run(console, async move |interrupt| publish(&arguments, &call, interrupt).await)
}

async fn publish(arguments: &Arguments, call: &Call, mut interrupt: Interrupt) -> Result<(), Failure> {
    let pattern = pattern(arguments, call)?;
    let pause = pause(arguments.message.repeat_delay)?;
    // Read before the broker is bothered.
    let payload = if arguments.lines { None } else { Some(arguments.payload.read().await?) };
    let settings = Settings {
        in_flight: NonZeroU16::new(arguments.message.max_inflight).unwrap_or(NonZeroU16::MAX),
        ..Settings::default()
    };
    let Connection { client, mut ending, messages, .. } = call.connect_once(settings, &mut interrupt).await?;
    drop(messages);

    let mut outstanding = Outstanding::new(call.console);
    let work = async {
        match payload {
            Some(payload) => {
                let message = Message { payload, ..pattern };
                repeat(&message, arguments.message.repeat, pause, &client, &mut outstanding).await?;
            }
            None => lines(&pattern, &client, &mut outstanding).await?,
        }
        outstanding.finish().await
    };
    let done = tokio::select! {
        done = work => done,
        over = ending.wait() => {
            let failure = Failure::ended(&over.end, &call.place());
            return Err(Failure { text: format!("{}{}", failure.text, outstanding.unfinished()), ..failure });
        }
        () = interrupt.wait() => Err(Failure::interrupted(format!("interrupted{}", outstanding.unfinished()))),
    };
    let ended = call.hang_up(client, &mut ending).await;
    done.and(ended)
}

/// The message without its payload.
fn pattern(arguments: &Arguments, call: &Call) -> Result<Message, Failure> {
    let given = &arguments.message;
    let topic = given.topic.as_ref().or(call.target.topic.as_ref());
    let topic = topic.ok_or_else(|| Failure::usage("there is no topic; add -t TOPIC, or /TOPIC to the URL"))?;
    mqtt::check_topic_name(topic).map_err(|e| Failure::usage(format!("-t {topic}: {e}")))?;
    let properties = &call.properties.publish;
    let encoded = properties.message.encode().map_err(|e| Failure::usage(format!("-D publish ...: {e}")))?;
    Ok(Message {
        qos: QoS::try_from(given.qos).unwrap_or_default(),
        retain: given.retain,
        expiry: properties.expiry,
        alias: properties.alias,
        properties: encoded,
        ..Message::new(topic.as_str(), "")
    })
}

fn pause(seconds: f64) -> Result<Duration, Failure> {
    Duration::try_from_secs_f64(seconds)
        .map_err(|_| Failure::usage(format!("--repeat-delay {seconds}: expected seconds from 0 up")))
}

async fn repeat(
    message: &Message,
    times: u64,
    pause: Duration,
    client: &Client,
    outstanding: &mut Outstanding,
) -> Result<(), Failure> {
    for round in 0..times {
        if round > 0 && !pause.is_zero() {
            tokio::time::sleep(pause).await;
        }
        outstanding.add(client.submit(message.clone()).await, "").await?;
    }
    Ok(())
}

/// A message a line; reads no further than the broker takes.
async fn lines(pattern: &Message, client: &Client, outstanding: &mut Outstanding) -> Result<(), Failure> {
    let mut input = BufReader::new(stdin());
    let mut number = 0u64;
    while let Some(payload) = next_line(&mut input).await? {
        number += 1;
        let message = Message { payload, ..pattern.clone() };
        outstanding.add(client.submit(message).await, &format!("line {number}: ")).await?;
    }
    Ok(())
}
