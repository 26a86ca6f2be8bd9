//! The steps of a probe, one after the other.

use std::time::Duration;

use client::{Client, ConnectError, Connection, Failed, Layer, Options, Session};
use mqtt::client::{Acceptance, Settings, SubscribeRequest};
use mqtt::{Connect, Disconnect, Filter, ProtocolVersion, RetainHandling, SubscribeOptions};
use tokio::time::timeout;

use super::{Probe, ProbeRole, Reports};
use crate::backoff::chance;
use crate::credentials::{Keeper, Presented, Surroundings, shown};
use crate::endpoint::{Address, Endpoint, Version};
use crate::failure::{Mishap, Step};
use crate::link::Role;
use crate::link::attempt::{Verdict, connect, verdict};

/// For a credential: more than its source is given.
const TOKEN: Duration = Duration::from_secs(60);
/// For all layers below MQTT, and again for CONNECT and SUBSCRIBE each.
const STEP: Duration = Duration::from_secs(20);

pub(super) async fn walk(probe: &Probe, surroundings: &Surroundings, reports: &mut Reports) -> Result<(), Mishap> {
    let endpoint = &*probe.endpoint;
    let presented = present(endpoint, surroundings, reports).await?;
    let connection = connection(probe, &presented, reports).await?;
    let Connection { client, messages, mut ending, .. } = connection;
    // Nobody takes what comes: it is dropped.
    drop(messages);
    let subscribed = match &probe.role {
        ProbeRole::Source { filters } => subscribe(&client, filters, endpoint, reports).await,
        ProbeRole::Destination => Ok(()),
    };
    client.disconnect(Disconnect::default()).await;
    ending.wait().await;
    subscribed
}

async fn present(endpoint: &Endpoint, surroundings: &Surroundings, reports: &mut Reports) -> Result<Presented, Mishap> {
    let mut keeper = Keeper::start(&endpoint.credentials, &std::sync::Arc::new(surroundings.clone()));
    let presented = timeout(TOKEN, keeper.present()).await;
    let presented = presented.map_err(|_| Mishap::new(Step::Token, format!("nothing within {} s", TOKEN.as_secs())))?;
    let presented = presented.map_err(|error| Mishap::new(Step::Token, error))?;
    let end = presented.expires().map(|end| format!(", good until {}", shown(end))).unwrap_or_default();
    reports.passed(Step::Token, format!("{}{end}", endpoint.credentials.name()));
    Ok(presented)
}

/// Connects, in the version that a dataflow would end up with.
async fn connection(probe: &Probe, presented: &Presented, reports: &mut Reports) -> Result<Connection, Mishap> {
    let endpoint = &probe.endpoint;
    let first = match endpoint.version {
        Version::V3_1_1 => ProtocolVersion::V3_1_1,
        Version::Auto | Version::V5 => ProtocolVersion::V5,
    };
    let error = match attempt(probe, presented, first, reports).await {
        Ok(connection) => return Ok(accepted(connection, first, reports)),
        Err(error) => error,
    };
    let needs_5 = endpoint.credentials.authentication_method().is_some();
    if endpoint.version != Version::Auto || needs_5 || verdict(&error) == Verdict::Nothing {
        return Err(Mishap::connecting(&error));
    }
    let second = ProtocolVersion::V3_1_1;
    let connection = attempt(probe, presented, second, reports).await.map_err(|error| Mishap::connecting(&error))?;
    Ok(accepted(connection, second, reports))
}

fn accepted(connection: Connection, version: ProtocolVersion, reports: &mut Reports) -> Connection {
    let Acceptance { limits, .. } = &connection.accepted;
    let note = match version {
        ProtocolVersion::V5 => format!(
            "version 5, {} publishes in flight, packets up to {} bytes, QoS up to {}",
            limits.receive_maximum, limits.maximum_packet_size, limits.maximum_qos as u8,
        ),
        _ => "version 3.1.1".to_owned(),
    };
    reports.passed(Step::Connect, note);
    connection
}

async fn attempt(
    probe: &Probe,
    presented: &Presented,
    version: ProtocolVersion,
    reports: &mut Reports,
) -> Result<Connection, ConnectError> {
    let Probe { endpoint, client_id, .. } = probe;
    let packet = connect(endpoint, client_id, &Role::Destination, version);
    let one = std::num::NonZeroU16::MIN;
    let mut packet = Connect { clean_start: true, session_expiry: Some(0), receive_maximum: Some(one), ..packet };
    presented.fill(&mut packet);
    let options = Options { connect_timeout: STEP, ..Options::new(packet) };
    let session = Session::new(Settings { connect_timeout: STEP, ..Settings::default() });
    let connected = match &endpoint.address {
        Address::Memory(door) => Client::over(door(), &options, session).await,
        Address::Remote(remote) => {
            let mut remote = remote.clone();
            remote.tls = remote.tls.map(|tls| presented.tls(&tls));
            let stream = client::open(&remote, STEP, &mut |layer| stands(&layer, reports)).await?;
            Client::over(stream, &options, session).await
        }
    };
    connected.map_err(|Failed { error, .. }| error)
}

fn stands(layer: &Layer, reports: &mut Reports) {
    match layer {
        Layer::Addresses(addresses) => {
            let addresses: Vec<String> = addresses.iter().map(|address| address.ip().to_string()).collect();
            reports.passed(Step::Dns, addresses.join(", "));
        }
        Layer::Tcp(address) => reports.passed(Step::Tcp, address.to_string()),
        Layer::Tls(version) => {
            reports.passed(Step::Tls, version.map_or_else(String::new, |version| format!("{version:?}")));
        }
        Layer::WebSocket => reports.passed(Step::WebSocket, "mqtt"),
    }
}

/// Asks for every filter, without what is retained.
async fn subscribe(
    client: &Client,
    filters: &[String],
    endpoint: &Endpoint,
    reports: &mut Reports,
) -> Result<(), Mishap> {
    let options = SubscribeOptions {
        qos: endpoint.effective_qos(),
        no_local: false,
        retain_as_published: true,
        retain_handling: RetainHandling::DoNotSend,
    };
    let group = format!("causeway-probe-{:08x}", chance());
    let asked = filters.iter().map(|filter| (apart(filter, &group), options)).collect();
    let request = SubscribeRequest { filters: asked, ..SubscribeRequest::default() };
    let granted = timeout(STEP, client.subscribe(request)).await;
    let late = |_| Mishap::new(Step::Subscribe, format!("no answer within {} s", STEP.as_secs()));
    crate::link::granted_all(granted.map_err(late)?, filters)?;
    reports.passed(Step::Subscribe, filters.join(", "));
    Ok(())
}

/// The filter; if it is shared, in a group that takes nothing from others.
fn apart(filter: &str, group: &str) -> String {
    match Filter::parse(filter) {
        Ok(Filter { share: Some(_), filter, .. }) => format!("$share/{group}/{filter}"),
        _ => filter.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shared_subscriptions_take_nothing_from_others() {
        assert_eq!(apart("$share/g/a/+", "own"), "$share/own/a/+");
        assert_eq!(apart("a/#", "own"), "a/#");
    }
}
