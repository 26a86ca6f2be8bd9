//! `-D COMMAND PROPERTY VALUE`: properties of MQTT 5 packets, as mosquitto's tools take them.

use std::fmt;
use std::num::{NonZeroU16, NonZeroU32};
use std::str::FromStr;

use bytes::Bytes;
use clap::{Arg, ArgAction, ArgMatches, Args, Command as ClapCommand, Error, FromArgMatches};
use mqtt::Disconnect;
use mqtt::client::{MessageProperties, PayloadFormat};

use crate::failure::Failure;

const ID: &str = "property";
const HELP: &str = "A property of a packet, below; user-property takes name and value. May be repeated";

/// What -D takes, for the end of the help.
pub(crate) const PROPERTIES_HELP: &str = "\
Properties for -D:
  connect      authentication-data, authentication-method, maximum-packet-size,
               receive-maximum, request-problem-information, request-response-information,
               session-expiry-interval, topic-alias-maximum, user-property
  publish      content-type, correlation-data, message-expiry-interval,
               payload-format-indicator, response-topic, topic-alias, user-property
  subscribe    subscription-identifier, user-property
  unsubscribe  user-property
  will         content-type, correlation-data, message-expiry-interval,
               payload-format-indicator, response-topic, user-property, will-delay-interval
  disconnect   reason-string, session-expiry-interval
  (those of packets that the tool sends)";

/// The properties given, each as the words behind one `-D`.
#[derive(Clone, Default)]
pub struct Properties {
    given: Vec<Vec<String>>,
}

/// Prints how many: authentication data is a secret.
impl fmt::Debug for Properties {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Properties").field("given", &self.given.len()).finish_non_exhaustive()
    }
}

impl Args for Properties {
    fn augment_args(command: ClapCommand) -> ClapCommand {
        command.arg(
            Arg::new(ID)
                .short('D')
                .long("property")
                .num_args(3..=4)
                .value_names(["COMMAND", "PROPERTY", "VALUE"])
                .action(ArgAction::Append)
                .allow_negative_numbers(true)
                .help_heading("MQTT 5 properties")
                .help(HELP),
        )
    }

    fn augment_args_for_update(command: ClapCommand) -> ClapCommand {
        Self::augment_args(command)
    }
}

impl FromArgMatches for Properties {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        let occurrences = matches.get_occurrences::<String>(ID).into_iter().flatten();
        Ok(Self { given: occurrences.map(|words| words.cloned().collect()).collect() })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

/// A packet that properties can be given for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Command {
    Connect,
    Publish,
    Subscribe,
    Unsubscribe,
    Will,
    Disconnect,
}

const COMMANDS: [(&str, Command); 6] = [
    ("connect", Command::Connect),
    ("publish", Command::Publish),
    ("subscribe", Command::Subscribe),
    ("unsubscribe", Command::Unsubscribe),
    ("will", Command::Will),
    ("disconnect", Command::Disconnect),
];

/// All that was given, checked.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct PropertySet {
    pub connect: ConnectProperties,
    pub publish: PublishProperties,
    pub subscribe: FilterProperties,
    pub unsubscribe: FilterProperties,
    pub will: PublishProperties,
    pub disconnect: Disconnect,
}

#[derive(Clone, PartialEq)]
pub(crate) struct ConnectProperties {
    pub authentication_method: Option<String>,
    pub authentication_data: Option<Bytes>,
    pub maximum_packet_size: Option<NonZeroU32>,
    pub receive_maximum: Option<NonZeroU16>,
    pub request_problem_information: bool,
    pub request_response_information: bool,
    pub session_expiry: Option<u32>,
    pub topic_alias_maximum: u16,
    pub user: Vec<(String, String)>,
}

/// Prints the method alone: authentication data is a secret.
impl fmt::Debug for ConnectProperties {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let method = &self.authentication_method;
        f.debug_struct("ConnectProperties").field("authentication_method", method).finish_non_exhaustive()
    }
}

impl Default for ConnectProperties {
    fn default() -> Self {
        Self {
            authentication_method: None,
            authentication_data: None,
            maximum_packet_size: None,
            receive_maximum: None,
            // The specification's default.
            request_problem_information: true,
            request_response_information: false,
            session_expiry: None,
            topic_alias_maximum: 0,
            user: Vec::new(),
        }
    }
}

/// Of a PUBLISH or a will.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct PublishProperties {
    pub message: MessageProperties,
    /// Seconds.
    pub expiry: Option<u32>,
    pub alias: Option<NonZeroU16>,
    /// Seconds; of a will.
    pub delay: u32,
}

impl PublishProperties {
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Of a SUBSCRIBE or UNSUBSCRIBE.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct FilterProperties {
    pub identifier: Option<u32>,
    pub user: Vec<(String, String)>,
}

/// What follows one `-D COMMAND PROPERTY`.
struct Given<'a> {
    words: &'a [String],
    value: &'a str,
}

impl PropertySet {
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Checks what was given; `allowed` are the packets that the tool sends.
    ///
    /// # Errors
    /// The first property that is unknown, misplaced or out of range.
    pub fn of(given: &Properties, allowed: &[Command]) -> Result<Self, Failure> {
        let mut set = Self::default();
        for words in &given.given {
            set.take(words, allowed)?;
        }
        Ok(set)
    }

    fn take(&mut self, words: &[String], allowed: &[Command]) -> Result<(), Failure> {
        let [command, property, value, rest @ ..] = words else {
            return Err(Failure::usage("-D: expected COMMAND PROPERTY VALUE"));
        };
        let names = || {
            let sent = COMMANDS.iter().filter(|(_, command)| allowed.contains(command));
            sent.map(|(name, _)| *name).collect::<Vec<_>>().join(", ")
        };
        let known = COMMANDS.iter().find(|(name, known)| name == command && allowed.contains(known));
        let Some((_, command)) = known else {
            return Err(Failure::usage(format!("-D {command}: expected one of {}", names())));
        };
        if (property == "user-property") != (rest.len() == 1) {
            let expected = if rest.is_empty() { "a name and a value" } else { "one value" };
            return Err(Failure::usage(format!("-D {}: expected {expected}", words.join(" "))));
        }
        let given = Given { words, value };
        match command {
            Command::Connect => self.connect.take(property, &given),
            Command::Publish => self.publish.take(property, &given, Command::Publish),
            Command::Will => self.will.take(property, &given, Command::Will),
            Command::Subscribe => self.subscribe.take(property, &given, Command::Subscribe),
            Command::Unsubscribe => self.unsubscribe.take(property, &given, Command::Unsubscribe),
            Command::Disconnect => take_disconnect(&mut self.disconnect, property, &given),
        }
    }
}

impl Given<'_> {
    fn wrong(&self, expected: &str) -> Failure {
        Failure::usage(format!("-D {}: expected {expected}", self.words.join(" ")))
    }

    fn unknown(&self) -> Failure {
        let [command, property, ..] = self.words else { return self.wrong("a property") };
        Failure::usage(format!("-D {command} {property}: there is no such property of {command}; --help lists them"))
    }

    fn number<T: FromStr>(&self, expected: &str) -> Result<T, Failure> {
        self.value.parse().map_err(|_| self.wrong(expected))
    }

    fn flag(&self) -> Result<bool, Failure> {
        match self.value {
            "0" => Ok(false),
            "1" => Ok(true),
            _ => Err(self.wrong("0 or 1")),
        }
    }

    fn pair(&self) -> (String, String) {
        (self.value.to_owned(), self.words.get(3).cloned().unwrap_or_default())
    }
}

const SECONDS: &str = "seconds, 0 to 4294967295";
const SIXTEEN_BITS: &str = "1 to 65535";

impl ConnectProperties {
    fn take(&mut self, property: &str, given: &Given<'_>) -> Result<(), Failure> {
        match property {
            "authentication-method" => self.authentication_method = Some(given.value.to_owned()),
            "authentication-data" => self.authentication_data = Some(Bytes::from(given.value.to_owned())),
            "maximum-packet-size" => self.maximum_packet_size = Some(given.number("1 to 4294967295")?),
            "receive-maximum" => self.receive_maximum = Some(given.number(SIXTEEN_BITS)?),
            "request-problem-information" => self.request_problem_information = given.flag()?,
            "request-response-information" => self.request_response_information = given.flag()?,
            "session-expiry-interval" => self.session_expiry = Some(given.number(SECONDS)?),
            "topic-alias-maximum" => self.topic_alias_maximum = given.number("0 to 65535")?,
            "user-property" => self.user.push(given.pair()),
            _ => return Err(given.unknown()),
        }
        Ok(())
    }
}

impl PublishProperties {
    fn take(&mut self, property: &str, given: &Given<'_>, command: Command) -> Result<(), Failure> {
        match (property, command) {
            ("content-type", _) => self.message.content_type = Some(given.value.to_owned()),
            ("correlation-data", _) => self.message.correlation_data = Some(Bytes::from(given.value.to_owned())),
            ("message-expiry-interval", _) => self.expiry = Some(given.number(SECONDS)?),
            ("payload-format-indicator", _) => {
                let format = if given.flag()? { PayloadFormat::Utf8 } else { PayloadFormat::Unspecified };
                self.message.payload_format = Some(format);
            }
            ("response-topic", _) => {
                mqtt::check_topic_name(given.value).map_err(|_| given.wrong("a topic without wildcards"))?;
                self.message.response_topic = Some(given.value.to_owned());
            }
            ("user-property", _) => self.message.user.push(given.pair()),
            ("topic-alias", Command::Publish) => self.alias = Some(given.number(SIXTEEN_BITS)?),
            ("will-delay-interval", Command::Will) => self.delay = given.number(SECONDS)?,
            _ => return Err(given.unknown()),
        }
        Ok(())
    }
}

impl FilterProperties {
    fn take(&mut self, property: &str, given: &Given<'_>, command: Command) -> Result<(), Failure> {
        match (property, command) {
            ("user-property", _) => self.user.push(given.pair()),
            ("subscription-identifier", Command::Subscribe) => {
                let range = "1 to 268435455";
                let identifier = given.number(range)?;
                if !(1..=268_435_455).contains(&identifier) {
                    return Err(given.wrong(range));
                }
                self.identifier = Some(identifier);
            }
            _ => return Err(given.unknown()),
        }
        Ok(())
    }
}

fn take_disconnect(packet: &mut Disconnect, property: &str, given: &Given<'_>) -> Result<(), Failure> {
    match property {
        "reason-string" => packet.reason_string = Some(given.value.to_owned()),
        "session-expiry-interval" => packet.session_expiry = Some(given.number(SECONDS)?),
        _ => return Err(given.unknown()),
    }
    Ok(())
}

#[cfg(test)]
mod tests;
