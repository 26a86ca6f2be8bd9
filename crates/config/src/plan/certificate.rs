//! Where a port's certificate comes from, and what it is to be.

use std::time::Duration;

use super::settling::word;
use crate::format::shown;
use crate::reading::{Reading, Spot};
use crate::resource::{CertManagerCertificateSpec, ListenerSpec, Missing, Objects, Resource, TlsMode, TlsSpec};
use crate::{AutomaticCertificate, EffectiveValue, ManualCertificate, Origin, SecretBytes, Tls};

/// The only issuer there is, by the name that Azure IoT Operations gives its own.
const BUILT_IN_ISSUER: &str = "azure-iot-operations-aio-certificate-issuer";
/// What `tls` of the data directory holds besides folders.
const TAKEN_FOLDERS: &[&str] = &["ca.crt", "ca.key"];
/// What a certificate may last at the least.
pub(super) const SHORTEST: Duration = Duration::from_secs(60);
const LEAST_RENEW_BEFORE: Duration = Duration::from_secs(1);
/// A third of its duration is left when a certificate is renewed, unless asked otherwise.
const RENEW_BEFORE_SHARE: u32 = 3;

/// A port whose TLS is to be settled.
pub(super) struct Port<'a> {
    pub(super) listener: &'a Resource<ListenerSpec>,
    /// `ports[0]`.
    pub(super) path: String,
    /// `LISTENER-PORT`.
    pub(super) folder: String,
    pub(super) service_name: &'a str,
    pub(super) namespace: &'a str,
    pub(super) objects: &'a Objects,
}

impl Port<'_> {
    /// `None` if there is none, or if it is wrong, which is then a problem.
    pub(super) fn tls(&self, spec: &TlsSpec, reading: &mut Reading) -> Option<Tls> {
        self.note("tls.mode", spec.mode.as_ref().map(word).unwrap_or_default(), reading);
        match spec.mode? {
            TlsMode::Automatic => {
                self.refuse_other("tls.manual", "belongs to the mode Manual; leave it out, or give that mode", reading);
                let asked = spec.cert_manager_certificate_spec.clone().unwrap_or_default();
                Some(Tls::Automatic(self.automatic(&asked, reading)))
            }
            TlsMode::Manual => {
                let expected = "belongs to the mode Automatic; leave it out, or give that mode";
                self.refuse_other("tls.certManagerCertificateSpec", expected, reading);
                self.manual(spec, reading).map(Tls::Manual)
            }
        }
    }

    fn automatic(&self, asked: &CertManagerCertificateSpec, reading: &mut Reading) -> AutomaticCertificate {
        const SPEC: &str = "tls.certManagerCertificateSpec";
        let at = |name: &str| format!("{SPEC}.{name}");
        self.check_issuer(asked, reading);
        let duration = asked.duration.map(|duration| duration.get());
        let renew_before = asked.renew_before.map(|duration| duration.get());
        let places = (self.place(&at("duration")), self.place(&at("renewBefore")));
        let bounds = Lifetime { shortest: SHORTEST, usual: AutomaticCertificate::DEFAULT_DURATION };
        bounds.refuse_other(duration.zip(Some(&places.0)), renew_before.zip(Some(&places.1)), reading);
        let duration = duration.unwrap_or(AutomaticCertificate::DEFAULT_DURATION);
        let renew_before = renew_before.unwrap_or(duration / RENEW_BEFORE_SHARE);
        let folder = asked.secret_name.clone().unwrap_or_else(|| self.folder.clone());
        if TAKEN_FOLDERS.contains(&folder.as_str()) {
            let expected = "the authority's own file is called so; give another";
            reading.refuse_at(&self.place(&at("secretName")), format!("\"{folder}\""), expected);
        }
        let key = asked.private_key.clone().unwrap_or_default();
        let (algorithm, rotation) = (key.algorithm.unwrap_or_default(), key.rotation_policy.unwrap_or_default());
        let san = asked.san.clone().unwrap_or_default();
        let mut dns_names = service_names(self.service_name, self.namespace);
        let asked_names: Vec<String> = san.dns.into_iter().flatten().map(|name| name.0).collect();
        for name in &asked_names {
            if !dns_names.contains(name) {
                dns_names.push(name.clone());
            }
        }
        let addresses = san.ip.unwrap_or_default();
        let listed = |names: Vec<String>| if names.is_empty() { "none".to_owned() } else { names.join(", ") };
        self.note(&at("duration"), shown(duration), reading);
        self.note(&at("renewBefore"), shown(renew_before), reading);
        self.note(&at("secretName"), folder.clone(), reading);
        self.note(&at("privateKey.algorithm"), word(&algorithm), reading);
        self.note(&at("privateKey.rotationPolicy"), word(&rotation), reading);
        self.note(&at("san.dns"), listed(asked_names), reading);
        self.note(&at("san.ip"), listed(addresses.iter().map(ToString::to_string).collect()), reading);
        AutomaticCertificate { folder, duration, renew_before, algorithm, rotation, dns_names, addresses }
    }

    fn check_issuer(&self, asked: &CertManagerCertificateSpec, reading: &mut Reading) {
        const PATH: &str = "tls.certManagerCertificateSpec.issuerRef";
        let issuer = asked.issuer_ref.clone().unwrap_or_default();
        let at = |name: &str| format!("{PATH}.{name}");
        let kind = issuer.kind.as_ref().map_or_else(|| "ClusterIssuer".to_owned(), word);
        let group = issuer.group.as_ref().map_or_else(|| "cert-manager.io".to_owned(), word);
        self.note(&at("kind"), kind.clone(), reading);
        self.note(&at("group"), group, reading);
        self.note(&at("name"), issuer.name.clone().unwrap_or_else(|| BUILT_IN_ISSUER.to_owned()), reading);
        if let Some(name) = issuer.name.filter(|name| name != BUILT_IN_ISSUER) {
            let expected = format!("there is no {kind} of this name; give {BUILT_IN_ISSUER}, which is built in");
            let text = format!("\"{}\"", crate::document::shortened(&name));
            reading.refuse_at(&self.place(&at("name")), text, expected);
        }
    }

    fn manual(&self, spec: &TlsSpec, reading: &mut Reading) -> Option<ManualCertificate> {
        const PATH: &str = "tls.manual.secretRef";
        if self.given("tls.manual").is_none() {
            reading.refuse_at(&self.place("tls"), "manual", "is missing; the mode Manual needs manual.secretRef");
            return None;
        }
        let secret = spec.manual.as_ref()?.secret_ref.clone()?;
        self.note(PATH, secret.clone(), reading);
        match self.objects.pem_pair((&secret, "tls.crt", "tls.key"), self.namespace) {
            Ok((chain, key)) => {
                let (chain_pem, key_pem) = (chain.to_vec(), SecretBytes::new(key.to_vec()));
                Some(ManualCertificate { secret, chain_pem, key_pem })
            }
            Err(Missing(expected)) => {
                reading.refuse_at(&self.place(PATH), format!("\"{secret}\""), expected);
                None
            }
        }
    }

    fn refuse_other(&self, path: &str, expected: &str, reading: &mut Reading) {
        if let Some(spot) = self.given(path) {
            let shown = self.listener.shown(&format!("{}.{path}", self.path));
            reading.refuse_at(&spot, shown, expected);
        }
    }

    pub(super) fn given(&self, path: &str) -> Option<Spot> {
        self.listener.given(&format!("{}.{path}", self.path))
    }

    pub(super) fn place(&self, path: &str) -> Spot {
        self.listener.place(&format!("{}.{path}", self.path))
    }

    pub(super) fn note(&self, path: &str, value: String, reading: &mut Reading) {
        let origin = self.given(path).map_or(Origin::Default, |spot| spot.origin());
        let path = format!("BrokerListener/{} {}.{path}", self.listener.name, self.path);
        reading.values.push(EffectiveValue { path, value, origin, note: None });
    }
}

/// How long a certificate may last.
pub(super) struct Lifetime {
    pub(super) shortest: Duration,
    /// Where nobody asks for anything.
    pub(super) usual: Duration,
}

impl Lifetime {
    /// Refuses what no certificate can have: too short a life, or a renewal before it begins.
    pub(super) fn refuse_other(
        &self,
        duration: Option<(Duration, &Spot)>,
        renew_before: Option<(Duration, &Spot)>,
        reading: &mut Reading,
    ) {
        let too_short = duration.filter(|(duration, _)| *duration < self.shortest);
        if let Some((duration, spot)) = too_short {
            let text = format!("\"{}\"", shown(duration));
            reading.refuse_at(spot, text, format!("give {} or more", shown(self.shortest)));
        }
        let whole = duration.map_or(self.usual, |(duration, _)| duration);
        let Some((renew_before, spot)) = renew_before else { return };
        let text = format!("\"{}\"", shown(renew_before));
        if renew_before < LEAST_RENEW_BEFORE {
            reading.refuse_at(spot, text, "give 1s or more; there has to be time for the renewal");
        } else if too_short.is_none() && renew_before >= whole {
            reading.refuse_at(spot, text, format!("give less than the duration, which is {}", shown(whole)));
        }
    }
}

/// The names by which Kubernetes' DNS knows a Service.
fn service_names(service: &str, namespace: &str) -> Vec<String> {
    ["".to_owned(), format!(".{namespace}"), format!(".{namespace}.svc"), format!(".{namespace}.svc.cluster.local")]
        .into_iter()
        .map(|suffix| format!("{service}{suffix}"))
        .collect()
}
