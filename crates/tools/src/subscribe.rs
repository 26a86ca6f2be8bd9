//! `causeway sub`: subscribes and prints.

mod again;
mod arguments;
mod reception;
mod subscriptions;

use std::process::ExitCode;
use std::time::Duration;

use bytes::Bytes;
use client::{Client, Connection, Messages, Session};
use mqtt::client::{Message, Received, Settings};
use tokio::time::{Instant, sleep, sleep_until};

pub use arguments::Arguments;

use crate::call::{self, Call};
use crate::connection::Command;
use crate::console::Console;
use crate::failure::Failure;
use crate::interrupt::Interrupt;
use crate::printer::{Audience, Printer};
use again::Again;
use reception::{Choice, Reception, Verdict};
use subscriptions::Subscriptions;

/// The packets a subscriber sends.
const COMMANDS: [Command; 5] =
    [Command::Connect, Command::Subscribe, Command::Unsubscribe, Command::Will, Command::Disconnect];

/// Messages that are printed before they are acknowledged, at most.
const AT_ONCE: usize = 256;

/// Subscribes and prints until told to end.
pub fn run(arguments: Arguments) -> ExitCode {
    let console = Console::of(&arguments.connection);
    match Subscriber::of(&arguments) {
        Ok(subscriber) => call::run(console, async move |interrupt| subscriber.work(&arguments, interrupt).await),
        Err(failure) => failure.tell(console),
    }
}

/// Everything that is settled before the first byte.
struct Subscriber {
    call: Call,
    subscriptions: Subscriptions,
    choice: Choice,
}

/// What ends the work from outside.
struct Stop {
    interrupt: Interrupt,
    deadline: Option<Instant>,
}

impl Stop {
    /// Waits for it: Ctrl-C is a wish, -W a failure. Cancel-safe.
    async fn wait(&mut self) -> Result<(), Failure> {
        let late = async {
            match self.deadline {
                Some(deadline) => sleep_until(deadline).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = self.interrupt.wait() => Ok(()),
            () = late => Err(Failure::timed_out()),
        }
    }
}

/// How the work on one connection ended.
enum Outcome {
    Done,
    /// The connection is over.
    Lost,
}

impl Subscriber {
    fn of(arguments: &Arguments) -> Result<Self, Failure> {
        let call = Call::of(&arguments.connection, "sub", &COMMANDS)?;
        let subscriptions = Subscriptions::of(arguments, &call)?;
        let choice = Choice::of(&arguments.choice)?;
        Ok(Self { call, subscriptions, choice })
    }

    async fn work(self, arguments: &Arguments, interrupt: Interrupt) -> Result<(), Failure> {
        let timeout = arguments.choice.timeout.map(Duration::from_secs);
        let mut stop = Stop { interrupt, deadline: timeout.map(|timeout| Instant::now() + timeout) };
        let mut reception = Reception::new(Printer::on_stdout(&arguments.look)?, self.choice.clone());
        let mut session = Session::new(Settings::default());
        let mut again = Again::new(&self.call);
        loop {
            let made = tokio::select! {
                made = self.call.connect(session) => made,
                stopped = stop.wait() => return stopped,
            };
            let (pause, returned) = match made {
                Err((error, session)) => (again.after_failure(&error)?, session),
                Ok(Connection { client, mut messages, mut ending, .. }) => {
                    let done = tokio::select! {
                        outcome = self.receive(&client, &mut messages, &mut reception) => outcome,
                        stopped = stop.wait() => stopped.map(|()| Outcome::Done),
                    };
                    if !matches!(done, Ok(Outcome::Lost)) {
                        drop(messages);
                        let ended = self.call.hang_up(client, &mut ending).await;
                        return done.and(ended);
                    }
                    let over = ending.wait().await;
                    (again.after_end(&over.end)?, over.session)
                }
            };
            session = returned;
            tokio::select! {
                () = sleep(pause) => {}
                stopped = stop.wait() => return stopped,
            }
        }
    }

    /// Subscribes, and prints what comes in the meantime and afterwards.
    async fn receive(
        &self,
        client: &Client,
        messages: &mut Messages,
        reception: &mut Reception,
    ) -> Result<Outcome, Failure> {
        let mut asking = std::pin::pin!(self.subscriptions.ask(client, self.call.console));
        let mut asked = false;
        loop {
            tokio::select! {
                answered = &mut asking, if !asked => {
                    asked = true;
                    match answered? {
                        Outcome::Lost => {
                            // What came before the end is printed still.
                            while let Some(received) = messages.next().await {
                                reception.take(&received)?;
                            }
                            reception.flush()?;
                            return Ok(Outcome::Lost);
                        }
                        Outcome::Done if self.subscriptions.exit_when_done() => return Ok(Outcome::Done),
                        Outcome::Done => {}
                    }
                }
                received = messages.next() => {
                    let Some(received) = received else { return Ok(Outcome::Lost) };
                    if self.all_there_are(received, client, messages, reception).await?.is_last() {
                        return Ok(Outcome::Done);
                    }
                }
            }
        }
    }

    /// Takes a message and those that are there behind it, shows what was printed, and then acknowledges: what nobody saw
    /// the broker keeps.
    async fn all_there_are(
        &self,
        first: Received,
        client: &Client,
        messages: &mut Messages,
        reception: &mut Reception,
    ) -> Result<Verdict, Failure> {
        let (mut next, mut taken, mut verdict) = (Some(first), Vec::new(), Verdict::Next);
        while let Some(received) = next.take() {
            verdict = reception.take(&received)?;
            if verdict != Verdict::Refuse {
                taken.push((received, verdict));
            }
            if !verdict.is_last() && taken.len() < AT_ONCE {
                next = messages.try_next();
            }
        }
        if reception.flush()? == Audience::Gone {
            return Ok(Verdict::Refuse);
        }
        for (received, verdict) in taken {
            if reception.removes(&received, verdict) {
                // QoS 0 waits for no answer, which could lie behind messages not taken yet.
                let nothing = Message { retain: true, ..Message::new(received.topic.clone(), Bytes::new()) };
                let submitted = client.submit(nothing).await;
                submitted.map_err(|e| Failure::request(&e, &format!("cannot remove {}", received.topic)))?;
            }
            client.acknowledge(&received).await;
        }
        Ok(verdict)
    }
}
