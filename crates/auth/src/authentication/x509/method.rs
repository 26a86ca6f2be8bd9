//! The username from a client's certificate, the attributes from it or those above it.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use rustls_pki_types::CertificateDer;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::names::Name;
use super::subject;
use super::trust::Trust;
use crate::authentication::credentials::Credentials;
use crate::authentication::judgement::{Accepted, Judgement, MethodKind};
use crate::authentication::method::MethodFault;
use crate::authentication::pem::PemFile;

/// Whose certificates, and what they are worth.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct X509Settings {
    /// Files of certificates in PEM form, each an authority, root or not.
    pub authorities: Vec<PemFile>,
    /// Revocation lists in PEM or DER form.
    pub revocation_lists: Vec<PemFile>,
    /// Rules by name.
    pub attributes: BTreeMap<String, AttributeRule>,
}

/// Attributes for whoever has a certificate with this subject, or one below it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttributeRule {
    pub subject: String,
    pub attributes: BTreeMap<String, String>,
}

pub(crate) struct X509 {
    trust: Trust,
    rules: Vec<Rule>,
}

/// An [`AttributeRule`], read.
struct Rule {
    subject: Name,
    attributes: BTreeMap<Box<str>, Box<str>>,
}

impl X509 {
    pub fn new(settings: &X509Settings) -> Result<Self, MethodFault> {
        let trust = Trust::new(&settings.authorities, &settings.revocation_lists)?;
        let mut rules = Vec::new();
        for (name, rule) in &settings.attributes {
            let subject =
                subject::parse(&rule.subject).map_err(|error| MethodFault::Subject { rule: name.clone(), error })?;
            let attributes = rule.attributes.iter().map(|(name, value)| (name.as_str().into(), value.as_str().into()));
            rules.push(Rule { subject, attributes: attributes.collect() });
        }
        Ok(Self { trust, rules })
    }

    pub fn judge(&self, credentials: &Credentials, now: SystemTime) -> Judgement {
        let Some(chain) = credentials.chain.as_deref().filter(|chain| !chain.is_empty()) else {
            return Judgement::NotRelevant;
        };
        match self.accepted(chain, now) {
            Ok(accepted) => Judgement::Accept(accepted),
            Err(why) => Judgement::not_authorized(format!("the client certificate is refused: {why}")),
        }
    }

    /// Who has these certificates.
    ///
    /// # Errors
    /// Why they are refused.
    pub fn accepted(&self, chain: &[CertificateDer<'_>], now: SystemTime) -> Result<Accepted, String> {
        let subjects = self.trust.path(chain, now)?;
        let own = subjects.first().and_then(Option::as_ref).ok_or("its subject cannot be read")?;
        let mut names = own.common_names();
        let username = names.next().filter(|name| !name.is_empty()).map(Into::into);
        if names.next().is_some() {
            return Err("it has several common names".to_owned());
        }
        Ok(Accepted {
            username,
            attributes: self.attributes(&subjects),
            expires: Some(end(&chain[0]).ok_or("its end cannot be read")?),
            by: MethodKind::X509,
        })
    }

    /// Of the first certificate from below that a rule names. Rules with the same subject: by name, the first.
    fn attributes(&self, subjects: &[Option<Name>]) -> BTreeMap<Box<str>, Box<str>> {
        let mut readable = subjects.iter().flatten();
        let found = readable.find_map(|subject| self.rules.iter().find(|rule| rule.subject == *subject));
        found.map(|rule| rule.attributes.clone()).unwrap_or_default()
    }
}

fn end(certificate: &CertificateDer<'_>) -> Option<SystemTime> {
    let (_, certificate) = X509Certificate::from_der(certificate).ok()?;
    let seconds = u64::try_from(certificate.validity().not_after.timestamp()).ok()?;
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds))
}
