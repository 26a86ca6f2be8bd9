//! Where the admin endpoint listens and whom it answers.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use super::flag_listeners::AdminFlag;
use super::settling::Settling;
use crate::reading::Spot;
use crate::resource::Objects;
use crate::{Admin, ObjectKind, Origin, SecretText};

const HOST: &str = "diagnostics.admin.host";
const PORT: &str = "diagnostics.metrics.prometheusPort";
const TOKEN: &str = "diagnostics.admin.tokenSecretRef";
const DEFAULT_HOST: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const DEFAULT_PORT: u16 = 9600;
/// The Secret's key.
const TOKEN_KEY: &str = "token";
const TOKEN_CHARACTERS_MIN: usize = 16;

pub(super) fn settle(
    settling: &mut Settling<'_>,
    flag: Option<AdminFlag<'_>>,
    (objects, namespace): (&Objects, &str),
) -> Option<Admin> {
    let diagnostics = settling.spec.diagnostics.clone().unwrap_or_default();
    let spec = diagnostics.admin.unwrap_or_default();
    let given_port = diagnostics.metrics.and_then(|metrics| metrics.prometheus_port);
    let token = token(settling, spec.token_secret_ref.as_deref(), (objects, namespace));
    let (host, port) = match flag {
        Some(flag) => {
            let origin = Origin::Flag(flag.given.place.clone());
            let (host, port) = match flag.address {
                Some(address) => (address.ip().to_string(), address.port().to_string()),
                None => ("off".to_owned(), "off".to_owned()),
            };
            settling.note_value(format!("Broker {HOST}"), host, origin.clone(), None);
            settling.note_value(format!("Broker {PORT}"), port, origin, None);
            let address = flag.address?;
            (address.ip(), address.port())
        }
        None => {
            let host = settling.settle(HOST, None, spec.host).unwrap_or(DEFAULT_HOST);
            let port = settling.settle(PORT, None, given_port).unwrap_or(DEFAULT_PORT);
            if port == 0 {
                return None;
            }
            (host, port)
        }
    };
    if !host.is_loopback() && settling.given(TOKEN).is_none() {
        refuse_open_door(settling, flag, host);
    }
    Some(Admin { address: SocketAddr::new(host, port), token })
}

fn refuse_open_door(settling: &mut Settling<'_>, flag: Option<AdminFlag<'_>>, host: IpAddr) {
    const WHY: &str =
        "the admin endpoint asks nobody who he is without a token, so it then listens on loopback only; give";
    match (flag, settling.given(HOST)) {
        (Some(flag), _) => {
            let expected = format!("{WHY} 127.0.0.1:PORT, [::1]:PORT or off, or a Broker with {TOKEN}");
            settling.reading.refuse(flag.given, expected);
        }
        (None, Some(spot)) => {
            let expected = format!("{WHY} tokenSecretRef, too, or a loopback address");
            settling.reading.refuse_at(&spot, format!("\"{host}\""), expected);
        }
        (None, None) => {}
    }
}

fn token(
    settling: &mut Settling<'_>,
    name: Option<&str>,
    (objects, namespace): (&Objects, &str),
) -> Option<SecretText> {
    settling.settle_shown(TOKEN, None, name, |name| (*name).to_owned());
    let (name, spot) = name.zip(settling.given(TOKEN))?;
    let refuse = |settling: &mut Settling<'_>, spot: &Spot, expected: String| {
        settling.reading.refuse_at(spot, format!("\"{name}\""), expected);
        None
    };
    let content = match objects.find((ObjectKind::Secret, name), TOKEN_KEY, namespace) {
        Ok(content) => content,
        Err(missing) => return refuse(settling, &spot, missing.0),
    };
    // Editors end files with a newline.
    let text = std::str::from_utf8(content).unwrap_or_default().trim_end_matches(['\n', '\r']);
    if text.chars().count() < TOKEN_CHARACTERS_MIN || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        let expected = format!(
            "the Secret's {TOKEN_KEY} has to be {TOKEN_CHARACTERS_MIN} or more letters, digits and signs of ASCII, without spaces"
        );
        return refuse(settling, &spot, expected);
    }
    Some(SecretText::new(text.to_owned()))
}
