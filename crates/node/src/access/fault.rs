//! What is wrong with a method, at the field that says it.

use auth::authentication::{HttpsError, KeysError, MethodFault, MethodsError, PemError, TrustError};
use config::Problem;
use config::authentication::{Authentication, ClientPair, KeyPlace, Keys, Method, TokenVerification};

/// That a method of `asked` cannot be, in the form that all problems have.
pub(super) fn problem(asked: &Authentication, error: &MethodsError, ports: &[&str]) -> Problem {
    let at = format!("authenticationMethods[{}]", error.method);
    let method = asked.methods.get(error.method);
    let field = method.map_or_else(String::new, |method| format!(".{}", field(method, &error.fault)));
    let kind = method.map_or("method", kind);
    let text = match ports {
        [] => kind.to_owned(),
        ports => format!("{kind} of listener {}", ports.join(", ")),
    };
    Problem { place: asked.place.of(&format!("{at}{field}")), text, expected: error.fault.to_string() }
}

pub(super) fn kind(method: &Method) -> &'static str {
    match method {
        Method::ServiceAccountToken(_) => "ServiceAccountToken",
        Method::X509(_) => "X509",
        Method::Custom(_) => "Custom",
        Method::Jwt(_) => "Jwt",
        Method::UserPassword(_) => "UserPassword",
    }
}

fn field(method: &Method, fault: &MethodFault) -> String {
    match (method, fault) {
        (Method::ServiceAccountToken(asked), MethodFault::Keys(error)) => match &asked.verification {
            TokenVerification::Offline(offline) => {
                format!("serviceAccountTokenSettings.offline.{}", key_field(&offline.keys, error))
            }
            TokenVerification::InCluster | TokenVerification::Kubeconfig { .. } => "serviceAccountTokenSettings".into(),
        },
        (Method::ServiceAccountToken(_), _) => "serviceAccountTokenSettings.kubeconfigSecretRef".into(),
        (Method::X509(_), MethodFault::Subject { rule, .. }) => {
            format!("x509Settings.authorizationAttributes.{rule}.subject")
        }
        (Method::X509(_), MethodFault::Trust(error)) if is_about_revocation(error) => {
            "x509Settings.crlConfigMap".into()
        }
        (Method::X509(_), _) => "x509Settings.trustedClientCaCert".into(),
        (Method::Custom(_), MethodFault::Endpoint(_)) => "customSettings.endpoint".into(),
        (Method::Custom(_), MethodFault::Header(_)) => "customSettings.headers".into(),
        (Method::Custom(asked), MethodFault::Https(HttpsError::Pem(error)))
            if asked.identity.as_ref().is_some_and(|pair| is_about(error, pair)) =>
        {
            "customSettings.auth.x509.secretRef".into()
        }
        (Method::Custom(_), _) => "customSettings.caCertConfigMap".into(),
        (Method::Jwt(asked), MethodFault::Keys(error)) => format!("jwtSettings.{}", key_field(&asked.keys, error)),
        (Method::Jwt(_), _) => "jwtSettings".into(),
        (Method::UserPassword(_), _) => "userPasswordSettings.passwordSecretRef".into(),
    }
}

fn key_field(keys: &Keys, error: &KeysError) -> &'static str {
    match (keys, error) {
        (_, KeysError::Https(_)) => "caCertConfigMap",
        (Keys::File(_), _) => "jwksConfigMap",
        (Keys::Secret(_), _) => "hsSecretRef",
        (Keys::Remote(remote), _) => match remote.place {
            KeyPlace::Address(_) => "jwksEndpoint",
            KeyPlace::Discovery => "issuer",
        },
    }
}

fn is_about_revocation(error: &TrustError) -> bool {
    matches!(error, TrustError::RevocationList { .. } | TrustError::Pem(PemError::RevocationList { .. }))
}

fn is_about(error: &PemError, pair: &ClientPair) -> bool {
    match error {
        PemError::Key { .. } | PemError::Pair { .. } => true,
        PemError::Damaged { file, .. } | PemError::Certificate { file, .. } => *file == pair.name,
        PemError::NoCertificate { files } => *files == pair.name,
        _ => false,
    }
}
