//! What the listeners' certificates make of the broker's condition.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use identity::CertificateStatus;

use super::condition::{Condition, ReasonCode, Status};
use super::source::{ListenerStatus, TlsMode};
use crate::moment::rfc3339;

/// Certificates that nobody here renews are told of this long before they end.
const NEAR_END: Duration = Duration::from_secs(14 * 24 * 60 * 60);

/// Remembers which renewals are failing.
#[derive(Debug, Default)]
pub(super) struct Certificates(Mutex<BTreeMap<String, Renewed>>);

#[derive(Debug, Clone, Copy)]
struct Renewed {
    renewals: u64,
    /// Failures there had been when the last renewal came.
    failures: u64,
}

impl Certificates {
    /// What is wrong with them `now`.
    pub(super) fn conditions(
        &self,
        listeners: &[ListenerStatus],
        certificates: &[CertificateStatus],
        now: SystemTime,
    ) -> Vec<Condition> {
        let (mut expired, mut expiring, mut failing) = (Vec::new(), Vec::new(), Vec::new());
        for certificate in certificates {
            let (name, end) = (&certificate.listener, rfc3339(certificate.not_after));
            let by_hand = listeners.iter().any(|listener| listener.name == *name && listener.tls == TlsMode::Manual);
            match certificate.not_after.duration_since(now) {
                Err(_) => expired.push(format!("listener {name}: its certificate ended at {end}")),
                Ok(left) if by_hand && left < NEAR_END => {
                    expiring.push(format!("listener {name}: its certificate ends at {end}"));
                }
                Ok(_) => {}
            }
            if self.is_failing(certificate) {
                failing.push(format!("listener {name}: its certificate ends at {end} and could not be renewed"));
            }
        }
        let condition = |reason, message: &str, problems: Vec<String>| {
            let message = message.to_owned();
            (!problems.is_empty()).then_some(Condition { status: Status::Degraded, reason, message, problems })
        };
        let all = [
            condition(ReasonCode::CertificateExpired, "clients refuse a certificate that has ended", expired),
            condition(
                ReasonCode::CertificateExpiring,
                "a certificate ends soon: put a new one in its Secret",
                expiring,
            ),
            condition(
                ReasonCode::CertificateRenewalFailed,
                "a certificate could not be renewed, which is tried again: see the log",
                failing,
            ),
        ];
        all.into_iter().flatten().collect()
    }

    /// Whether an attempt failed since the last one that did not.
    fn is_failing(&self, certificate: &CertificateStatus) -> bool {
        let CertificateStatus { listener, renewals, failures, .. } = certificate;
        // An entry is replaced as a whole, whoever panicked.
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let last = seen.entry(listener.clone()).or_insert(Renewed { renewals: *renewals, failures: 0 });
        if last.renewals != *renewals {
            *last = Renewed { renewals: *renewals, failures: *failures };
        }
        *failures > last.failures
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use identity::CertificateStatus;

    use super::Certificates;
    use crate::admin::condition::ReasonCode;
    use crate::admin::source::{Framing, ListenerStatus, TlsMode};

    fn listener(tls: TlsMode) -> ListenerStatus {
        let address = ([127, 0, 0, 1], 8883).into();
        let name = "default/8883".to_owned();
        ListenerStatus { name, address, framing: Framing::Mqtt, tls, authentication: None, authorization: None }
    }

    fn certificate(left: Duration, renewals: u64, failures: u64) -> CertificateStatus {
        let not_after = SystemTime::UNIX_EPOCH + left;
        CertificateStatus { listener: "default/8883".to_owned(), not_after, renewals, failures }
    }

    fn reasons(certificates: &Certificates, tls: TlsMode, certificate: CertificateStatus) -> Vec<ReasonCode> {
        let conditions = certificates.conditions(&[listener(tls)], &[certificate], SystemTime::UNIX_EPOCH + DAY);
        conditions.into_iter().map(|condition| condition.reason).collect()
    }

    const DAY: Duration = Duration::from_secs(24 * 60 * 60);

    #[test]
    fn the_end_of_a_certificate_is_told_before_where_nobody_renews_it() {
        let all = Certificates::default();
        assert_eq!(reasons(&all, TlsMode::Manual, certificate(14 * DAY, 0, 0)), [ReasonCode::CertificateExpiring]);
        assert_eq!(reasons(&all, TlsMode::Manual, certificate(15 * DAY, 0, 0)), []);
        assert_eq!(reasons(&all, TlsMode::Automatic, certificate(14 * DAY, 0, 0)), []);
        assert_eq!(reasons(&all, TlsMode::Automatic, certificate(DAY / 2, 0, 0)), [ReasonCode::CertificateExpired]);
    }

    #[test]
    fn a_failed_renewal_is_told_until_one_succeeds() {
        let all = Certificates::default();
        let failed = [ReasonCode::CertificateRenewalFailed];
        assert_eq!(reasons(&all, TlsMode::Automatic, certificate(90 * DAY, 0, 1)), failed);
        assert_eq!(reasons(&all, TlsMode::Automatic, certificate(90 * DAY, 0, 2)), failed);
        assert_eq!(reasons(&all, TlsMode::Automatic, certificate(90 * DAY, 1, 2)), []);
        assert_eq!(reasons(&all, TlsMode::Automatic, certificate(90 * DAY, 1, 3)), failed);
        assert_eq!(reasons(&all, TlsMode::Automatic, certificate(90 * DAY, 2, 3)), []);
    }
}
