//! What the server is told.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::Serialize;

use crate::authentication::credentials::{Credentials, Enhanced, Purpose};
use crate::authentication::pem;

/// The request's body; its `type` says which of the two it is.
#[derive(Serialize)]
#[serde(rename_all = "camelCase", tag = "type")]
enum Form<'c> {
    #[serde(rename_all = "camelCase")]
    Connect {
        #[serde(skip_serializing_if = "Option::is_none")]
        username: Option<&'c str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        password: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        certs: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        enhanced_authentication: Option<EnhancedForm<'c>>,
    },
    #[serde(rename_all = "camelCase")]
    Auth { enhanced_authentication: EnhancedForm<'c> },
}

#[derive(Serialize)]
struct EnhancedForm<'c> {
    method: &'c str,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<String>,
}

/// The body for these credentials; `None` at a re-authentication that names no method.
pub(super) fn body(credentials: &Credentials, purpose: &Purpose) -> Option<Bytes> {
    let enhanced = credentials.enhanced.as_ref().map(enhanced_form);
    let form = match purpose {
        Purpose::Connect => Form::Connect {
            username: credentials.username.as_deref(),
            password: credentials.password.as_deref().map(encoded),
            certs: credentials.chain.as_deref().filter(|chain| !chain.is_empty()).map(pem::encoded),
            enhanced_authentication: enhanced,
        },
        Purpose::ReAuthenticate { .. } => Form::Auth { enhanced_authentication: enhanced? },
    };
    serde_json::to_vec(&form).ok().map(Bytes::from)
}

fn enhanced_form(enhanced: &Enhanced) -> EnhancedForm<'_> {
    EnhancedForm { method: &enhanced.method, data: enhanced.data.as_deref().map(encoded) }
}

fn encoded(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::authentication::judgement::MethodKind;

    fn credentials() -> Credentials {
        Credentials {
            client_id: "c".into(),
            username: None,
            password: None,
            enhanced: None,
            chain: None,
            address: [127, 0, 0, 1].into(),
        }
    }

    fn written(credentials: &Credentials, purpose: &Purpose) -> Value {
        serde_json::from_slice(&body(credentials, purpose).unwrap()).unwrap()
    }

    #[test]
    fn what_is_not_there_is_left_out() {
        assert_eq!(written(&credentials(), &Purpose::Connect), json!({ "type": "connect" }));
    }

    #[test]
    fn connect_tells_everything() {
        let chain = vec![rustls_pki_types::CertificateDer::from(vec![1; 60])];
        let all = Credentials {
            username: Some("u".into()),
            password: Some(Bytes::from_static(&[0xff, 0])),
            enhanced: Some(Enhanced { method: "M".into(), data: Some(Bytes::from_static(b"d")) }),
            chain: Some(chain.into()),
            ..credentials()
        };
        let line = STANDARD.encode([1; 60]);
        let certs =
            format!("-----BEGIN CERTIFICATE-----\n{}\n{}\n-----END CERTIFICATE-----\n", &line[..64], &line[64..]);
        let expected = json!({
            "type": "connect", "username": "u", "password": "/wA=", "certs": certs,
            "enhancedAuthentication": { "method": "M", "data": "ZA==" },
        });
        assert_eq!(written(&all, &Purpose::Connect), expected);
    }

    #[test]
    fn a_re_authentication_tells_only_of_itself() {
        let purpose = Purpose::ReAuthenticate { username: Some("u".into()), by: MethodKind::Custom };
        let enhanced = Some(Enhanced { method: "M".into(), data: None });
        let all = Credentials { username: Some("u".into()), enhanced, ..credentials() };
        let expected = json!({ "type": "auth", "enhancedAuthentication": { "method": "M" } });
        assert_eq!(written(&all, &purpose), expected);
        assert!(body(&credentials(), &purpose).is_none());
    }
}
