//! From the flags to CONNECT and DISCONNECT.

use bytes::Bytes;
use mqtt::{Authentication, Connect, Disconnect, ProtocolVersion, QoS, Will};

use super::property::PropertySet;
use super::{Connection, Target, secret};
use crate::failure::Failure;

/// The method that --token-file means by itself: a Kubernetes service account token.
const TOKEN_METHOD: &str = "K8S-SAT";
/// The shortest keep alive that is not zero, as mosquitto's tools have it.
const KEEP_ALIVE_MIN: u16 = 5;

/// How a tool says hello and good-bye.
#[derive(Debug)]
pub(crate) struct Greeting {
    pub connect: Connect,
    pub disconnect: Disconnect,
}

impl Greeting {
    /// `tool` is part of a client identifier that is made up.
    ///
    /// # Errors
    /// Flags that do not go together, files that cannot be read.
    pub fn of(flags: &Connection, target: &Target, set: &PropertySet, tool: &str) -> Result<Self, Failure> {
        let version = version(flags, set)?;
        if flags.keepalive != 0 && flags.keepalive < KEEP_ALIVE_MIN {
            return Err(Failure::usage(format!("-k {}: expected 0, or {KEEP_ALIVE_MIN} to 65535", flags.keepalive)));
        }
        let mut connect = Connect::new(version, client_id(flags, tool)?);
        connect.clean_start = !flags.keep_session;
        connect.keep_alive = flags.keepalive;
        connect.username = flags.username.clone().or_else(|| target.url.as_ref().and_then(|url| url.username.clone()));
        connect.password = flags.password(target.url.as_ref(), connect.username.as_deref())?;
        if connect.password.is_some() && connect.username.is_none() && !version.is_v5() {
            return Err(Failure::usage("a password without a user name is only possible with MQTT 5; add -u"));
        }
        connect.will = will(flags, set)?;
        if version.is_v5() {
            connect.session_expiry = session_expiry(flags, set)?;
            connect.authentication = authentication(flags, set)?;
            let asked = &set.connect;
            connect.receive_maximum = asked.receive_maximum;
            connect.maximum_packet_size = asked.maximum_packet_size;
            connect.topic_alias_maximum = asked.topic_alias_maximum;
            connect.request_response_information = asked.request_response_information;
            connect.request_problem_information = asked.request_problem_information;
            connect.user_properties = asked.user.clone();
        }
        Ok(Self { connect, disconnect: set.disconnect.clone() })
    }
}

/// The version; what only MQTT 5 has is refused with another.
fn version(flags: &Connection, set: &PropertySet) -> Result<ProtocolVersion, Failure> {
    let text = flags.version.as_deref().unwrap_or("5");
    let version = match text.trim_start_matches("mqttv") {
        "5" | "5.0" => return Ok(ProtocolVersion::V5),
        "311" | "3.1.1" | "4" => ProtocolVersion::V3_1_1,
        _ => return Err(Failure::usage(format!("-V {text}: expected 5 or 311"))),
    };
    let only_v5 = [
        (!set.is_empty(), "-D"),
        (flags.session_expiry.is_some(), "-x"),
        (flags.token_file.is_some(), "--token-file"),
        (flags.auth_method.is_some(), "--auth-method"),
    ];
    match only_v5.into_iter().find(|(given, _)| *given) {
        Some((_, flag)) => Err(Failure::usage(format!("{flag} needs MQTT 5; leave out -V {text}"))),
        None => Ok(version),
    }
}

fn client_id(flags: &Connection, tool: &str) -> Result<String, Failure> {
    if let Some(id) = &flags.id {
        return Ok(id.clone());
    }
    if let Some(prefix) = &flags.id_prefix {
        return Ok(format!("{prefix}-{}", std::process::id()));
    }
    let mut random = [0; 6];
    getrandom::fill(&mut random).map_err(|e| Failure::general(format!("the system has no random numbers: {e}")))?;
    let random = random.iter().map(|byte| format!("{byte:02x}"));
    Ok(format!("causeway-{tool}-{}", random.collect::<String>()))
}

/// -x, or `-D connect session-expiry-interval`, else for ever with -c.
fn session_expiry(flags: &Connection, set: &PropertySet) -> Result<Option<u32>, Failure> {
    let Some(text) = &flags.session_expiry else {
        return Ok(set.connect.session_expiry.or(flags.keep_session.then_some(u32::MAX)));
    };
    match text.as_str() {
        "-1" | "∞" => Ok(Some(u32::MAX)),
        text => match text.parse() {
            Ok(seconds) => Ok(Some(seconds)),
            Err(_) => Err(Failure::usage(format!("-x {text}: expected 0 to 4294967295 seconds, or -1 for ever"))),
        },
    }
}

fn authentication(flags: &Connection, set: &PropertySet) -> Result<Option<Authentication>, Failure> {
    let data = match &flags.token_file {
        Some(path) => Some(Bytes::from(secret::read(path, "--token-file")?)),
        None => set.connect.authentication_data.clone(),
    };
    let method = flags.auth_method.clone().or_else(|| set.connect.authentication_method.clone());
    match method.or_else(|| flags.token_file.is_some().then(|| TOKEN_METHOD.to_owned())) {
        Some(method) => Ok(Some(Authentication { method, data })),
        None if data.is_some() => Err(Failure::usage("authentication data needs a method; add --auth-method")),
        None => Ok(None),
    }
}

fn will(flags: &Connection, set: &PropertySet) -> Result<Option<Will>, Failure> {
    let given = &flags.will;
    let Some(topic) = &given.will_topic else {
        return match set.will.is_empty() {
            true => Ok(None),
            false => Err(Failure::usage("-D will ...: there is no will; add --will-topic")),
        };
    };
    mqtt::check_topic_name(topic).map_err(|e| Failure::usage(format!("--will-topic {topic}: {e}")))?;
    let payload = given.will_payload.clone().unwrap_or_default();
    if payload.len() > usize::from(u16::MAX) {
        return Err(Failure::usage(format!("--will-payload: {} bytes, expected at most 65,535", payload.len())));
    }
    let properties = set.will.message.encode().map_err(|e| Failure::usage(format!("-D will ...: {e}")))?;
    Ok(Some(Will {
        topic: topic.clone(),
        payload: payload.into(),
        qos: QoS::try_from(given.will_qos.unwrap_or(0)).unwrap_or_default(),
        retain: given.will_retain,
        delay: set.will.delay,
        expiry: set.will.expiry,
        properties: properties.to_vec(),
    }))
}
