//! BrokerAuthentication: its methods, and whose certificates clients may show in the TLS handshake.

use std::sync::Arc;

use auth::authentication::{
    ClientTrust, Demand, MethodFault, MethodSettings, Methods, MethodsError, PemFile, TrustError, UserPasswordSettings,
    X509Settings,
};
use config::Problem;
use config::authentication::{self, Method};
use rustls::server::danger::ClientCertVerifier;

use super::ground::Ground;
use super::{custom, fault, jwt, service_account, trust, x509};

/// A BrokerAuthentication, ready to judge.
pub(super) struct Authentication {
    pub(super) methods: Arc<Methods>,
    trust: Option<Trust>,
}

/// Whose certificates are good in the handshake, and what that was made of.
struct Trust {
    authorities: Vec<PemFile>,
    revocation_lists: Vec<PemFile>,
    demand: Demand,
    verifier: Arc<dyn ClientCertVerifier>,
}

impl Authentication {
    /// Makes it ready, with what did not change taken over from `before`. `ports` are named in what is wrong.
    pub(super) fn compile(
        asked: &authentication::Authentication,
        before: Option<&Self>,
        ground: &Ground,
        ports: &[&str],
    ) -> Result<Self, Vec<Problem>> {
        let settings: Vec<MethodSettings> = asked.methods.iter().map(|method| settings(method, ground)).collect();
        let problem = |error: &MethodsError| fault::problem(asked, error, ports);
        let methods = Methods::compile(&settings, before.map(|before| &*before.methods), &ground.counters)
            .map_err(|errors| errors.iter().map(problem).collect::<Vec<_>>())?;
        let trust = trusted(&settings, methods.certificates(), before.and_then(|before| before.trust.as_ref()));
        let trust = trust.map_err(|error| vec![problem(&error)])?;
        Ok(Self { methods: Arc::new(methods), trust })
    }

    /// What judges the certificates that clients show in the handshake; the very same as before where nothing of it changed.
    pub(super) fn verifier(&self) -> Option<Arc<dyn ClientCertVerifier>> {
        self.trust.as_ref().map(|trust| trust.verifier.clone())
    }
}

fn settings(asked: &Method, ground: &Ground) -> MethodSettings {
    match asked {
        Method::ServiceAccountToken(asked) => {
            MethodSettings::ServiceAccountToken(service_account::settings(asked, ground))
        }
        Method::X509(asked) => MethodSettings::X509(x509::settings(asked, ground)),
        Method::Custom(asked) => MethodSettings::Custom(custom::settings(asked, ground)),
        Method::Jwt(asked) => MethodSettings::Jwt(jwt::settings(asked, ground)),
        Method::UserPassword(asked) => {
            MethodSettings::UserPassword(UserPasswordSettings { file: trust::secret_file(&asked.file) })
        }
    }
}

/// The trust of the first X509 method: where a certificate is shown, it is the one that decides.
fn trusted(
    settings: &[MethodSettings],
    demand: Option<Demand>,
    before: Option<&Trust>,
) -> Result<Option<Trust>, MethodsError> {
    let first = settings.iter().enumerate().find_map(|(number, settings)| match settings {
        MethodSettings::X509(settings) => Some((number, settings)),
        _ => None,
    });
    let (Some((number, settings)), Some(demand)) = (first, demand) else { return Ok(None) };
    let trust = Trust::new(settings, demand, before);
    trust.map(Some).map_err(|error| MethodsError { method: number, fault: MethodFault::Trust(error) })
}

impl Trust {
    fn new(settings: &X509Settings, demand: Demand, before: Option<&Self>) -> Result<Self, TrustError> {
        let X509Settings { authorities, revocation_lists, .. } = settings.clone();
        let same = before.filter(|before| {
            (&before.authorities, &before.revocation_lists, before.demand) == (&authorities, &revocation_lists, demand)
        });
        let verifier = match same {
            Some(before) => before.verifier.clone(),
            None => ClientTrust::verifier(&authorities, &revocation_lists, demand)?,
        };
        Ok(Self { authorities, revocation_lists, demand, verifier })
    }
}
