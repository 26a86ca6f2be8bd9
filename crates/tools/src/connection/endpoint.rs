//! From the flags to where the broker is.

use client::Endpoint;

use super::Connection;
use super::secret::Hidden;
use super::url::Url;
use crate::failure::Failure;

const MQTT_PORT: u16 = 1883;
const MQTTS_PORT: u16 = 8883;
const WS_PORT: u16 = 80;
const WSS_PORT: u16 = 443;

/// Where the broker is, and what else the URL says.
#[derive(Debug)]
pub(crate) struct Target {
    pub endpoint: Endpoint,
    /// The topic in an mqtt or mqtts URL.
    pub topic: Option<String>,
    pub(super) url: Option<Url>,
}

impl Target {
    /// # Errors
    /// A URL that is none, TLS files that cannot be used.
    pub fn of(flags: &Connection) -> Result<Self, Failure> {
        let url = flags.url.as_ref().map(|Hidden(text)| Url::parse(text)).transpose()?;
        let websocket = match &url {
            Some(url) if url.has_websocket() => Some(format!("/{}", url.path.as_deref().unwrap_or_default())),
            Some(_) => None,
            None => flags.ws.as_deref().map(|path| format!("/{}", path.trim_start_matches('/'))),
        };
        let port = flags.port.or(url.as_ref().and_then(|url| url.port));
        let has_tls = url.as_ref().is_some_and(Url::has_tls) || flags.tls.is_wanted() || port == Some(MQTTS_PORT);
        let tls = if has_tls {
            let options = flags.tls.options(websocket.as_deref())?;
            Some(client::tls::configuration(&options).map_err(|e| Failure::usage(e.to_string()))?)
        } else {
            None
        };
        let default = match (has_tls, &websocket) {
            (false, None) => MQTT_PORT,
            (true, None) => MQTTS_PORT,
            (false, Some(_)) => WS_PORT,
            (true, Some(_)) => WSS_PORT,
        };
        let host = url.as_ref().map(|url| url.host.clone()).or_else(|| flags.host.clone());
        let host = host.unwrap_or_else(|| "localhost".to_owned());
        let topic = url.as_ref().filter(|url| !url.has_websocket()).and_then(|url| url.path.clone());
        let endpoint = Endpoint { host, port: port.unwrap_or(default), bind: flags.bind, tls, websocket };
        Ok(Self { endpoint, topic, url })
    }
}
