//! From what was written on the command line to what is to be done.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use mqtt::ProtocolVersion;

use super::arguments::{Broker, Client, Output, Scenario, Version};
use super::clock;
use super::settings::{Alias, Clients, Hidden, Load, Pace, Reconnect, Routing, SESSION_EXPIRY_S, Settings};
use super::settings::{SettingsError, TrafficLoad};
use super::shapes::Frame;

/// Streams over all publishers; each takes a few hundred bytes.
const MAX_STREAMS: u64 = 20_000_000;

/// The broker's side of the command line, which every scenario has.
pub(super) struct Sides<'a> {
    pub(super) version: ProtocolVersion,
    pub(super) broker: &'a Broker,
    pub(super) client: &'a Client,
    pub(super) output: &'a Output,
}

/// Checks what one option alone does not show.
///
/// # Errors
/// The first thing that cannot be done.
pub(super) fn check(scenario: &Scenario) -> Result<Settings, SettingsError> {
    let sides = sides(scenario);
    let run = match sides.output.run {
        Some(run) => run,
        None => getrandom::u32().map_err(SettingsError::Random)?,
    };
    let frame = Frame { run, version: sides.version, since_1970: clock::since_1970() };
    let load = match scenario {
        Scenario::Conn(conn) => Load::Connect(Arc::new(frame.connections(conn)?)),
        Scenario::Pub(publish) => Load::Traffic(Arc::new(frame.publishers(publish)?)),
        Scenario::Sub(subscribe) => Load::Traffic(Arc::new(frame.subscribers(subscribe)?)),
        Scenario::PointToPoint(pairs) => Load::Traffic(Arc::new(frame.pairs(pairs)?)),
        Scenario::FanIn(fan) => Load::Traffic(Arc::new(frame.fan_in(fan)?)),
        Scenario::FanOut(fan) => Load::Traffic(Arc::new(frame.fan_out(fan)?)),
        Scenario::Offline(offline) => Load::Traffic(Arc::new(frame.offline(offline)?)),
        Scenario::Retained(retained) => Load::Traffic(Arc::new(frame.retained(retained)?)),
    };
    let mut clients = clients(&sides)?;
    if matches!(scenario, Scenario::Offline(_)) {
        clients.session_expiry = clients.session_expiry.max(SESSION_EXPIRY_S);
    }
    if let Load::Traffic(traffic) = &load {
        check_traffic(traffic, &clients, usize::from(sides.output.threads))?;
    }
    Ok(Settings {
        run,
        threads: usize::from(sides.output.threads),
        clients,
        load,
        pids: sides.broker.pid.clone(),
        since_1970: frame.since_1970,
    })
}

pub(super) fn sides(scenario: &Scenario) -> Sides<'_> {
    let (broker, client, output) = match scenario {
        Scenario::Conn(s) => (&s.broker, &s.client, &s.output),
        Scenario::Pub(s) => (&s.broker, &s.client, &s.output),
        Scenario::Sub(s) => (&s.broker, &s.client, &s.output),
        Scenario::PointToPoint(s) => (&s.broker, &s.client, &s.output),
        Scenario::FanIn(s) | Scenario::FanOut(s) => (&s.broker, &s.client, &s.output),
        Scenario::Offline(s) => (&s.broker, &s.client, &s.output),
        Scenario::Retained(s) => (&s.broker, &s.client, &s.output),
    };
    let version = match broker.protocol_version {
        Version::V5 => ProtocolVersion::V5,
        Version::V3_1_1 => ProtocolVersion::V3_1_1,
    };
    Sides { version, broker, client, output }
}

fn clients(sides: &Sides<'_>) -> Result<Clients, SettingsError> {
    let client = sides.client;
    if client.receive_maximum.is_some() && !sides.version.is_v5() {
        return Err(SettingsError::OnlyV5 { option: "receive-maximum" });
    }
    let reconnect = if client.reconnect { Reconnect::Always } else { Reconnect::Never };
    let least_expiry = if client.reconnect { SESSION_EXPIRY_S } else { 0 };
    let session_expiry = if client.session_expiry == 0 { least_expiry } else { client.session_expiry };
    Ok(Clients {
        version: sides.version,
        prefix: client.id_prefix.clone(),
        username: client.username.clone(),
        password: password(client)?,
        keep_alive: client.keep_alive,
        session_expiry,
        receive_maximum: client.receive_maximum,
        reconnect,
        concurrency: client.connect_concurrency,
        rate: client.connect_rate.map(|rate| positive("connect-rate", rate)).transpose()?,
        sources: client.source.clone(),
        timeout: not_zero("timeout", client.timeout)?,
    })
}

fn password(client: &Client) -> Result<Option<Hidden>, SettingsError> {
    if let Some(path) = &client.password_file {
        return read_password(path).map(Some);
    }
    let given = client.password.as_ref().map(|password| password.0.clone());
    let password = given.or_else(|| std::env::var("CAUSEWAY_PASSWORD").ok().filter(|_| client.username.is_some()));
    Ok(password.map(|password| Hidden(password.into_bytes())))
}

fn read_password(path: &Path) -> Result<Hidden, SettingsError> {
    let bytes = std::fs::read(path).map_err(|reason| SettingsError::PasswordFile { path: path.to_owned(), reason })?;
    let line = bytes.strip_suffix(b"\n").unwrap_or(&bytes);
    Ok(Hidden(line.strip_suffix(b"\r").unwrap_or(line).to_vec()))
}

/// Rules over several options that hold in every scenario with messages.
fn check_traffic(traffic: &TrafficLoad, clients: &Clients, threads: usize) -> Result<(), SettingsError> {
    if u64::from(traffic.publishers) * u64::from(traffic.topics) > MAX_STREAMS {
        return Err(SettingsError::Value { option: "topics", expected: "no more than 20,000,000 over all publishers" });
    }
    let is_v5 = clients.version.is_v5();
    if traffic.alias == Alias::Used && !is_v5 {
        return Err(SettingsError::OnlyV5 { option: "topic-alias" });
    }
    if traffic.alias == Alias::Used && traffic.topics > u32::from(u16::MAX) {
        return Err(SettingsError::Value { option: "topics", expected: "at most 65,535 with --topic-alias" });
    }
    let is_windowed = matches!(traffic.pace, Pace::Window(_)) && traffic.routing == Routing::All;
    if is_windowed && threads > 1 && !traffic.message.stamped {
        let expected = "28 or more with a window and several threads, so that payloads say whose they are";
        return Err(SettingsError::Value { option: "size", expected });
    }
    traffic.topic.check_topic().map_err(|reason| SettingsError::Topic { option: "topic", reason })?;
    traffic.filter.check_filter().map_err(|reason| SettingsError::Topic { option: "filter", reason })?;
    if traffic.share.as_ref().is_some_and(|share| share.is_empty() || share.contains(['/', '+', '#'])) {
        return Err(SettingsError::Value { option: "share", expected: "a name without /, + and #" });
    }
    Ok(())
}

pub(super) fn positive(option: &'static str, number: f64) -> Result<f64, SettingsError> {
    if (1e-3..=1e9).contains(&number) {
        Ok(number)
    } else {
        Err(SettingsError::Value { option, expected: "0.001 to 1,000,000,000 a second" })
    }
}

pub(super) fn not_zero(option: &'static str, span: Duration) -> Result<Duration, SettingsError> {
    if span.is_zero() { Err(SettingsError::Value { option, expected: "more than no time" }) } else { Ok(span) }
}
