//! Whether processes of a cluster talk over TLS, and by what certificates.

use std::time::Duration;

use super::certificate::{Lifetime, SHORTEST};
use super::settling::{Settling, word};
use crate::format::{GoDuration, shown};
use crate::{InternalCertificates, InternalTraffic};

const CERTIFICATES: &str = "advanced.internalCerts";

pub(super) fn settle(settling: &mut Settling<'_>) -> InternalTraffic {
    let advanced = settling.spec.advanced.clone().unwrap_or_default();
    let encryption = settling.settle("advanced.encryptInternalTraffic", None, advanced.encrypt_internal_traffic);
    let asked = advanced.internal_certs.unwrap_or_default();
    let bounds = Lifetime { shortest: shortest(settling), usual: InternalCertificates::default().duration };
    let at = |name: &str| format!("{CERTIFICATES}.{name}");
    let (duration_path, renew_path) = (at("duration"), at("renewBefore"));
    let as_written = |duration: &Duration| shown(*duration);
    let duration = settling.settle_shown(&duration_path, None, asked.duration.map(GoDuration::get), as_written);
    let renew_before = settling.settle_shown(&renew_path, None, asked.renew_before.map(GoDuration::get), as_written);
    if let Some(broker) = settling.broker {
        let places = (broker.place(&duration_path), broker.place(&renew_path));
        bounds.refuse_other(duration.zip(Some(&places.0)), renew_before.zip(Some(&places.1)), settling.reading);
    }
    let key = asked.private_key.unwrap_or_default();
    let algorithm = settling.settle_shown(&at("privateKey.algorithm"), None, key.algorithm, word);
    let rotation = settling.settle_shown(&at("privateKey.rotationPolicy"), None, key.rotation_policy, word);
    let default = InternalCertificates::default();
    let certificates = InternalCertificates {
        duration: duration.unwrap_or(default.duration),
        renew_before: renew_before.unwrap_or(default.renew_before),
        algorithm: algorithm.unwrap_or(default.algorithm),
        rotation: rotation.unwrap_or(default.rotation),
    };
    InternalTraffic { encryption: encryption.unwrap_or_default(), certificates }
}

/// A minute, unless a test says less.
fn shortest(settling: &mut Settling<'_>) -> Duration {
    let request = settling.flags.cluster.as_ref();
    let Some(given) = request.and_then(|request| request.shortest_internal_duration.as_ref()) else { return SHORTEST };
    match GoDuration::parse(&given.text).map(GoDuration::get) {
        Some(shortest) if (Duration::from_secs(1)..=SHORTEST).contains(&shortest) => shortest,
        _ => {
            settling.reading.refuse(given, format!("give 1s to {}", shown(SHORTEST)));
            SHORTEST
        }
    }
}
