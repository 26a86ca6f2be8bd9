//! From a listener's TLS settings to what its certificate is made of.

use std::time::SystemTime;

use config::{AutomaticCertificate, Listener, Plan, Problem, Protocol, Tls};
use identity::{ApplicationProtocol, AutomaticSettings, CertificateSource, IdentityError, ServerNames};

use crate::host;

/// Where the certificate of `listener` comes from; `None` where it has none.
///
/// # Errors
/// A name that cannot stand in a certificate.
pub(crate) fn source(listener: &Listener) -> Option<Result<CertificateSource, IdentityError>> {
    match listener.tls.as_ref()? {
        Tls::Automatic(automatic) => Some(settings(listener, automatic).map(CertificateSource::Automatic)),
        Tls::Manual(manual) => Some(Ok(CertificateSource::Manual {
            name: manual.secret.clone(),
            chain_pem: manual.chain_pem.clone(),
            key_pem: manual.key_pem.reveal().to_vec(),
        })),
    }
}

/// What clients of `listener` may negotiate inside TLS.
pub(crate) fn application_protocol(listener: &Listener) -> ApplicationProtocol {
    match listener.protocol {
        Protocol::Mqtt => ApplicationProtocol::Mqtt,
        Protocol::WebSockets => ApplicationProtocol::Http11,
    }
}

/// What is wrong with the certificates of a plan, as far as that can be known without issuing one.
pub(crate) fn problems(plan: &Plan, now: SystemTime) -> Vec<Problem> {
    let check = |listener: &Listener| {
        let checked = source(listener)?.and_then(|source| source.check(now));
        checked.err().map(|error| problem(listener, &error))
    };
    plan.listeners.iter().filter_map(check).collect()
}

/// That `listener` cannot have its certificate, in the form that all problems have.
pub(crate) fn problem(listener: &Listener, error: &IdentityError) -> Problem {
    let text = match &listener.tls {
        Some(Tls::Manual(manual)) => format!("secret {}", manual.secret),
        Some(Tls::Automatic(automatic)) => format!("certificate {}", automatic.folder),
        None => "certificate".to_owned(),
    };
    Problem { place: format!("listener {}", listener.name), text, expected: error.to_string() }
}

/// The names that were asked for, and those by which this machine can be reached there anyway.
fn settings(listener: &Listener, asked: &AutomaticCertificate) -> Result<AutomaticSettings, IdentityError> {
    let local = ServerNames::local(host::name().as_deref()).and_address(listener.address.ip());
    let names = asked.addresses.iter().fold(local, |names, address| names.and_address(*address));
    let names = asked.dns_names.iter().try_fold(names, |names, name| names.and_dns_name(name))?;
    Ok(AutomaticSettings {
        folder: asked.folder.clone(),
        names,
        duration: asked.duration,
        renew_before: asked.renew_before,
        algorithm: algorithm(asked.algorithm),
        rotation: rotation(asked.rotation),
    })
}

pub(crate) fn rotation(asked: config::KeyRotation) -> identity::KeyRotation {
    match asked {
        config::KeyRotation::Always => identity::KeyRotation::Always,
        config::KeyRotation::Never => identity::KeyRotation::Never,
    }
}

pub(crate) fn algorithm(asked: config::KeyAlgorithm) -> identity::KeyAlgorithm {
    use config::KeyAlgorithm as Asked;
    use identity::KeyAlgorithm as Made;
    match asked {
        Asked::Ec256 => Made::Ec256,
        Asked::Ec384 => Made::Ec384,
        Asked::Ec521 => Made::Ec521,
        Asked::Ed25519 => Made::Ed25519,
        Asked::Rsa2048 => Made::Rsa2048,
        Asked::Rsa4096 => Made::Rsa4096,
        Asked::Rsa8192 => Made::Rsa8192,
    }
}
