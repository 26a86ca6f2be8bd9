//! Tokens of any issuer.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use auth::authentication::{
    Credentials, JwtSettings, KeySettings, MethodKind, MethodSettings, Methods, Purpose, Secret, TokenPlace, Verdict,
};
use mqtt::ReasonCode;
use serde_json::{Value, json};

use crate::parts::{
    Signer, accepted, audience_claims, compiled, denied, judge, judge_at, keys_of, now_seconds, seconds_from,
    with_enhanced, with_password,
};

fn settings(keys: KeySettings) -> JwtSettings {
    JwtSettings {
        issuer: "https://issuer.example".to_owned(),
        audiences: vec!["broker".to_owned(), "brokers".to_owned()],
        keys,
        leeway: Duration::from_secs(30),
        username: "sub".to_owned(),
        attributes: BTreeMap::from([
            ("site".to_owned(), "site".to_owned()),
            ("role".to_owned(), "https://example.com/role".to_owned()),
            ("none".to_owned(), "none".to_owned()),
        ]),
        places: TokenPlace::usual(),
    }
}

fn methods(keys: KeySettings) -> Methods {
    compiled(&[MethodSettings::Jwt(settings(keys))])
}

fn shown(token: &str) -> Credentials {
    with_enhanced("OAUTH2-JWT", token)
}

#[tokio::test]
async fn each_algorithm_is_accepted_with_its_key() {
    for algorithm in ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA"] {
        let signer = Signer::new(algorithm, "k1");
        let methods = methods(keys_of(&[&Signer::new("ES256", "k0"), &signer]));
        let accepted = accepted(judge(&methods, &shown(&signer.sign(&audience_claims()))).await);
        assert_eq!((accepted.username.as_deref(), accepted.by), (Some("pump-7"), MethodKind::Jwt), "{algorithm}");
        let attributes: Vec<(&str, &str)> =
            accepted.attributes.iter().map(|(name, value)| (&**name, &**value)).collect();
        assert_eq!(attributes, [("role", "writer"), ("site", "north")]);
        let end = accepted.expires.unwrap().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
        assert!((now_seconds() + 3600..=now_seconds() + 3630).contains(&end), "{end}");
    }
}

#[tokio::test]
async fn a_shared_secret_signs_if_it_is_long_enough() {
    let secret = vec![9; 64];
    for algorithm in ["HS256", "HS384", "HS512"] {
        let token = Signer::secret(algorithm, &secret).sign(&audience_claims());
        accepted(judge(&methods(KeySettings::Secret(Secret::new(secret.clone()))), &shown(&token)).await);
        let other = methods(KeySettings::Secret(Secret::new(vec![8; 64])));
        assert_eq!(denied(judge(&other, &shown(&token)).await, "signature"), ReasonCode::NotAuthorized);
    }
    let short = Signer::secret("HS512", &[9; 32]).sign(&audience_claims());
    denied(judge(&methods(KeySettings::Secret(Secret::new(vec![9; 32]))), &shown(&short)).await, "no key fits");
}

/// What is published must not become a secret that signs.
#[tokio::test]
async fn a_public_key_is_never_a_secret() {
    let signer = Signer::new("RS256", "k1");
    let methods = methods(keys_of(&[&signer]));
    for secret in
        [signer.public_bytes(), Signer::set(&[&signer]).into_bytes(), signer.jwk()["n"].as_str().unwrap().into()]
    {
        let mut forger = Signer::secret("HS256", &secret);
        forger.key_id = "k1".to_owned();
        denied(judge(&methods, &shown(&forger.sign(&audience_claims()))).await, "no key fits");
    }
}

#[tokio::test]
async fn the_key_decides_the_algorithm_and_not_the_token() {
    let (rsa, ec) = (Signer::new("RS256", "k1"), Signer::new("ES256", "k2"));
    let methods = methods(keys_of(&[&rsa, &ec]));
    for (header, part) in [
        (json!({ "alg": "none", "kid": "k1" }), "header"),
        (json!({ "alg": "None", "kid": "k1" }), "header"),
        (json!({ "kid": "k1" }), "header"),
        (json!({ "alg": "HS256", "kid": "k1" }), "no key fits"),
        (json!({ "alg": "RS512", "kid": "k1" }), "signature"),
        (json!({ "alg": "PS256", "kid": "k1" }), "signature"),
        (json!({ "alg": "ES256", "kid": "k1" }), "no key fits"),
        (json!({ "alg": "RS256", "kid": "k2" }), "no key fits"),
        (json!({ "alg": "RS256", "kid": "k3" }), "no key fits"),
        (json!({ "alg": "RS256", "kid": "k1", "crit": ["exp"] }), "extension"),
    ] {
        let verdict = judge(&methods, &shown(&rsa.sign_as(&header, &audience_claims()))).await;
        assert_eq!(denied(verdict, part), ReasonCode::NotAuthorized, "{header}");
    }
    // A token that names no key may be of any.
    accepted(judge(&methods, &shown(&rsa.sign_as(&json!({ "alg": "RS256" }), &audience_claims()))).await);
}

/// A key that the set gives to one algorithm is good for no other of its kind.
#[tokio::test]
async fn a_key_with_an_algorithm_has_no_other() {
    let signer = Signer::new("RS256", "k1");
    let mut jwk = signer.jwk();
    jwk["alg"] = json!("PS256");
    let content = json!({ "keys": [jwk] }).to_string().into_bytes();
    let set = auth::authentication::PemFile { name: "jwks.json".to_owned(), content };
    denied(judge(&methods(KeySettings::Set(set)), &shown(&signer.sign(&audience_claims()))).await, "no key fits");
}

#[tokio::test]
async fn what_was_changed_after_signing_is_refused() {
    let (signer, forger) = (Signer::new("ES256", "k1"), Signer::new("ES256", "k1"));
    let methods = methods(keys_of(&[&signer]));
    let token = signer.sign(&audience_claims());
    let other = forger.sign(&{
        let mut claims = audience_claims();
        claims["sub"] = json!("admin");
        claims
    });
    denied(judge(&methods, &shown(&other)).await, "signature");
    let (parts, others): (Vec<&str>, Vec<&str>) = (token.split('.').collect(), other.split('.').collect());
    for mixed in [
        format!("{}.{}.{}", parts[0], others[1], parts[2]),
        format!("{}.{}.{}", parts[0], parts[1], others[2]),
        format!("{}.{}.AAAA", parts[0], parts[1]),
        format!("{}.{}.!", parts[0], parts[1]),
    ] {
        denied(judge(&methods, &shown(&mixed)).await, "signature");
    }
    accepted(judge(&methods, &shown(&token)).await);
}

#[tokio::test]
async fn each_claim_counts() {
    let signer = Signer::new("ES256", "k1");
    let methods = methods(keys_of(&[&signer]));
    for (name, value, part) in [
        ("aud", json!("other"), "audience"),
        ("aud", Value::Null, "audience"),
        ("exp", json!(now_seconds() - 31), "ended"),
        ("exp", Value::Null, "no end"),
        ("exp", json!("4000000000"), "no end"),
        ("nbf", json!(now_seconds() + 3600), "not begun"),
        ("iss", Value::Null, "issuer"),
        ("sub", Value::Null, "no name"),
        ("sub", json!(""), "no name"),
        ("sub", json!(7), "no name"),
    ] {
        let mut claims = audience_claims();
        claims[name] = value.clone();
        assert_eq!(
            denied(judge(&methods, &shown(&signer.sign(&claims))).await, part),
            ReasonCode::NotAuthorized,
            "{name} {value}"
        );
    }
}

#[tokio::test]
async fn a_token_is_good_until_its_end_and_the_leeway() {
    let signer = Signer::new("ES256", "k1");
    let methods = methods(keys_of(&[&signer]));
    let token = shown(&signer.sign(&audience_claims()));
    let now = SystemTime::now();
    accepted(judge_at(&methods, &token, seconds_from(now, 3620)).await);
    denied(judge_at(&methods, &token, seconds_from(now, 3631)).await, "ended");
    accepted(judge_at(&methods, &token, seconds_from(now, -20)).await);
    denied(judge_at(&methods, &token, seconds_from(now, -40)).await, "not begun");
}

#[tokio::test]
async fn what_is_no_token_is_refused() {
    let methods = methods(keys_of(&[&Signer::new("ES256", "k1")]));
    for (text, part) in
        [("", "three parts"), ("a.b.c", "three parts"), ("hunter2", "three parts"), (&"a".repeat(20_000), "longer")]
    {
        assert_eq!(denied(judge(&methods, &shown(text)).await, part), ReasonCode::NotAuthorized);
    }
}

#[tokio::test]
async fn tokens_are_taken_where_they_are_looked_for() {
    let signer = Signer::new("ES256", "k1");
    let token = signer.sign(&audience_claims());
    let listed = methods(keys_of(&[&signer]));
    accepted(judge(&listed, &with_enhanced("CUSTOM-JWT", &token)).await);
    let by_password = accepted(judge(&listed, &with_password("whoever", &token)).await);
    assert_eq!(by_password.username.as_deref(), Some("pump-7"));
    let wrong = Signer::new("ES256", "k1").sign(&audience_claims());
    assert_eq!(
        denied(judge(&listed, &with_password("u", &wrong)).await, "signature"),
        ReasonCode::BadUserNameOrPassword
    );
    let reason = |verdict| denied(verdict, "no method");
    assert_eq!(reason(judge(&listed, &with_enhanced("K8S-SAT", &token)).await), ReasonCode::BadAuthenticationMethod);
    assert_eq!(reason(judge(&listed, &with_password("u", "hunter2")).await), ReasonCode::BadUserNameOrPassword);
    let places = vec![TokenPlace::Enhanced("OAUTH2-JWT".to_owned())];
    let one = compiled(&[MethodSettings::Jwt(JwtSettings { places, ..settings(keys_of(&[&signer])) })]);
    reason(judge(&one, &with_password("u", &token)).await);
    reason(judge(&one, &with_enhanced("CUSTOM-JWT", &token)).await);
    accepted(judge(&one, &shown(&token)).await);
}

#[tokio::test]
async fn several_issuers_can_be_listed() {
    let (ours, theirs) = (Signer::new("ES256", "k1"), Signer::new("ES256", "k1"));
    let first = settings(keys_of(&[&ours]));
    let second = JwtSettings { issuer: "https://second.example".to_owned(), ..settings(keys_of(&[&theirs])) };
    let methods = compiled(&[MethodSettings::Jwt(first), MethodSettings::Jwt(second)]);
    let mut claims = audience_claims();
    accepted(judge(&methods, &shown(&ours.sign(&claims))).await);
    claims["iss"] = json!("https://second.example");
    accepted(judge(&methods, &shown(&theirs.sign(&claims))).await);
    denied(judge(&methods, &shown(&ours.sign(&claims))).await, "signature");
    claims["iss"] = json!("https://third.example");
    assert_eq!(
        denied(judge(&methods, &shown(&ours.sign(&claims))).await, "no method"),
        ReasonCode::BadAuthenticationMethod
    );
}

#[tokio::test]
async fn a_renewed_token_must_be_the_same_clients() {
    let signer = Signer::new("ES256", "k1");
    let methods = methods(keys_of(&[&signer]));
    let mut claims = audience_claims();
    let again = |username: &str| Purpose::ReAuthenticate { username: Some(username.into()), by: MethodKind::Jwt };
    let renewed = methods.judge(&shown(&signer.sign(&claims)), &again("pump-7"), SystemTime::now()).await;
    accepted(renewed);
    claims["sub"] = json!("pump-8");
    let other = methods.judge(&shown(&signer.sign(&claims)), &again("pump-7"), SystemTime::now()).await;
    assert_eq!(denied(other, "somebody else"), ReasonCode::NotAuthorized);
    let bad: Verdict = methods.judge(&with_password("u", "x.y"), &again("pump-7"), SystemTime::now()).await;
    // 0x86 is no reason of DISCONNECT.
    assert_eq!(denied(bad, "no method"), ReasonCode::NotAuthorized);
}
