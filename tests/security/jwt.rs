//! Jwt: tokens of any issuer, in enhanced authentication and in the password.

use causeway_tests::https_server::{Answered, Server};
use causeway_tests::token::{Signer, audience_claims, now_seconds, with};
use causeway_tests::{Connect, Publish, Resources, Version, both, fresh, prop};
use serde_json::{Value, json};

use crate::guarded::{Guarded, Port, anybody, login};

/// A method with these keys, and these further settings (indented by two).
pub fn method(keys: &str, more: &str) -> String {
    format!(
        "method: Jwt\njwtSettings:\n  issuer: https://issuer.example\n  audiences: [broker]\n  leewaySeconds: 0\n{keys}{more}"
    )
}

/// With keys that are a file.
pub fn filed(resources: &Resources, signers: &[&Signer]) -> String {
    resources.config_map("issuer-keys", &[("jwks.json", &Signer::set(signers))]);
    method("  jwksConfigMap: issuer-keys\n", "")
}

pub fn shown(token: &str) -> Connect {
    Connect::fresh(Version::V5).enhanced("OAUTH2-JWT", token)
}

#[test]
fn tokens_are_taken_where_they_may_be() {
    let signer = Signer::new("ES256", "k1");
    let resources = Resources::new();
    let method = filed(&resources, &[&Signer::new("RS256", "k0"), &signer]);
    let guarded = Guarded::by(resources, Port::Plain, &[&method]);
    let token = signer.sign(&audience_claims());
    for place in ["OAUTH2-JWT", "CUSTOM-JWT"] {
        let mut client = guarded.admitted(&anybody(Version::V5).enhanced(place, &token));
        assert_eq!(client.connack.props.text(prop::AUTH_METHOD), Some(place), "[MQTT-4.12.0-5]");
        client.quiet();
    }
    for version in [Version::V311, Version::V5] {
        guarded.admitted(&login(version, "whoever", &token)).quiet();
        guarded.refused(&login(version, "whoever", "hunter2"), 0x86);
        guarded.refused(&anybody(version), 0x87);
    }
    guarded.admitted(&anybody(Version::V5).password(token.as_bytes())).quiet();
    guarded.refused(&anybody(Version::V5).enhanced("K8S-SAT", &token), 0x8c);
    let one = "  tokenPlaces: [CUSTOM-JWT]\n";
    guarded.apply(|resources| resources.authentication("guard", &[&format!("{method}{one}")]));
    guarded.admitted(&anybody(Version::V5).enhanced("CUSTOM-JWT", &token)).quiet();
    guarded.refused(&shown(&token), 0x8c);
    guarded.refused(&login(Version::V311, "whoever", &token), 0x86);
}

#[test]
fn each_claim_counts() {
    let signer = Signer::new("RS256", "k1");
    let resources = Resources::new();
    let method = filed(&resources, &[&signer]);
    let guarded = Guarded::by(resources, Port::Plain, &[&method]);
    for (pointer, value) in [
        ("/aud", json!("other")),
        ("/aud", Value::Null),
        ("/exp", json!(now_seconds() - 2)),
        ("/exp", Value::Null),
        ("/exp", json!("4000000000")),
        ("/nbf", json!(now_seconds() + 3600)),
        ("/sub", Value::Null),
        ("/sub", json!("")),
    ] {
        let token = signer.sign(&with(audience_claims(), pointer, value.clone()));
        let (_, answer) = guarded.knock(&shown(&token));
        assert_eq!(answer.code, 0x87, "{pointer} {value}");
        // In the password it is a bad password.
        guarded.refused(&login(Version::V311, "whoever", &token), 0x86);
    }
    // Another issuer's is for nobody here.
    let elsewhere = signer.sign(&with(audience_claims(), "/iss", json!("https://other.example")));
    guarded.refused(&shown(&elsewhere), 0x8c);
    for header in [
        json!({ "alg": "none", "kid": "k1" }),
        json!({ "alg": "HS256", "kid": "k1" }),
        json!({ "alg": "RS512", "kid": "k1" }),
        json!({ "alg": "ES256", "kid": "k1" }),
        json!({ "alg": "RS256", "kid": "k2" }),
        json!({ "alg": "RS256", "kid": "k1", "crit": ["exp"] }),
    ] {
        let (_, answer) = guarded.knock(&shown(&signer.sign_as(&header, &audience_claims())));
        assert_eq!(answer.code, 0x87, "{header}");
    }
    // What is published is no secret that signs.
    let mut forger = Signer::secret("HS256", &signer.public_bytes());
    forger.key_id = "k1".into();
    guarded.refused(&shown(&forger.sign(&audience_claims())), 0x87);
    guarded.refused(&shown(&Signer::new("RS256", "k1").sign(&audience_claims())), 0x87);
    guarded.admitted(&shown(&signer.sign(&audience_claims()))).quiet();
}

both! {
    fn a_shared_secret_signs(version) {
        let resources = Resources::new();
        let secret = b"a shared secret that is long enough to sign";
        resources.secret("issuer", &[("secret", secret)]);
        let guarded = Guarded::by(resources, Port::Plain, &[&method("  hsSecretRef: issuer\n", "")]);
        let signed = |secret: &[u8]| Signer::secret("HS256", secret).sign(&audience_claims());
        guarded.admitted(&login(version, "whoever", &signed(secret))).quiet();
        guarded.refused(&login(version, "whoever", &signed(b"another secret that is long enough to sign")), 0x86);
    }

    fn claims_are_names_and_attributes(version) {
        let signer = Signer::new("ES256", "k1");
        let resources = Resources::new();
        let keys = filed(&resources, &[&signer]);
        let more = "  usernameClaim: name\n  attributes: {site: site, role: \"https://example.com/role\"}\n";
        let rules = "rules:\n- principals: {usernames: [ann]}\n  brokerResources:\n  - {method: Connect}\n  \
                     - {method: Subscribe, topics: [\"#\"]}\n\
                     - principals: {attributes: [{role: writer, site: north}]}\n  brokerResources:\n  \
                     - {method: Publish, topics: [\"{principal.username}/{principal.attributes.site}\"]}\n";
        let guarded = Guarded::ruled(resources, Port::Plain, &[&format!("{keys}{more}")], rules);
        let named = |name: &str| signer.sign(&with(audience_claims(), "/name", json!(name)));
        let mut client = guarded.admitted(&login(version, "admin", &named("ann")));
        client.subscribe("#", 0);
        client.publish(Publish::new("admin/north", "x").qos(1));
        client.publish(Publish::new("ann/south", "x").qos(1));
        client.publish(Publish::new("ann/north", "x").qos(1));
        assert_eq!(client.take().topic, "ann/north");
        // The name that counts is the token's.
        guarded.refused(&login(version, "ann", &named("admin")), 0x87);
        guarded.refused(&login(version, "ann", &signer.sign(&audience_claims())), 0x86);
    }
}

#[test]
fn keys_are_fetched_and_found_by_the_issuer() {
    let signer = Signer::new("ES256", "k1");
    let set = Signer::set(&[&signer]);
    let named: std::sync::Arc<std::sync::Mutex<String>> = std::sync::Arc::default();
    let issuer = std::sync::Arc::clone(&named);
    let server = Server::https(move |seen| {
        let issuer = issuer.lock().expect("a name").clone();
        match seen.target.as_str() {
            "/tenant/.well-known/openid-configuration" => {
                Answered::With(200, json!({ "issuer": issuer, "jwks_uri": format!("{issuer}/jwks") }).to_string())
            }
            "/tenant/jwks" => Answered::With(200, set.clone()),
            _ => Answered::With(404, String::new()),
        }
    });
    let issuer = format!("{}/tenant", server.endpoint());
    issuer.clone_into(&mut named.lock().expect("a name"));
    let resources = Resources::new();
    resources.config_map("issuer-ca", &[("ca.crt", &server.authority.certificate)]);
    let found = method("  caCertConfigMap: issuer-ca\n", "").replace("https://issuer.example", &issuer);
    let guarded = Guarded::by(resources, Port::Plain, &[&found]);
    let token = signer.sign(&with(audience_claims(), "/iss", json!(issuer)));
    guarded.admitted(&shown(&token)).quiet();
    let targets: Vec<String> = server.seen().into_iter().map(|seen| seen.target).collect();
    assert_eq!(targets, ["/tenant/.well-known/openid-configuration", "/tenant/jwks"]);
    // At an address of its own, by the same server.
    let told = method(&format!("  jwksEndpoint: {issuer}/jwks\n  caCertConfigMap: issuer-ca\n"), "");
    guarded.apply(|resources| resources.authentication("guard", &[&told]));
    guarded.admitted(&shown(&signer.sign(&audience_claims()))).quiet();
    // Nobody there.
    let gone = method(&format!("  jwksEndpoint: {}\n", causeway_tests::https_server::refused_endpoint()), "");
    guarded.apply(|resources| resources.authentication("guard", &[&gone]));
    guarded.refused(&shown(&signer.sign(&audience_claims())), 0x88);
}

/// A list of keys that changes counts at once, and who is in stays.
#[test]
fn changed_keys_count_for_who_comes_then() {
    let (old, new) = (Signer::new("ES256", "k1"), Signer::new("ES256", "k2"));
    let resources = Resources::new();
    let method = filed(&resources, &[&old]);
    let guarded = Guarded::by(resources, Port::Plain, &[&method]);
    let mut there = guarded.admitted(&shown(&old.sign(&audience_claims())));
    guarded.refused(&shown(&new.sign(&audience_claims())), 0x87);
    guarded.apply(|resources| drop(filed(resources, &[&new])));
    guarded.refused(&shown(&old.sign(&audience_claims())), 0x87);
    guarded.admitted(&shown(&new.sign(&audience_claims()))).quiet();
    there.quiet();
    assert_eq!(there.publish(Publish::new(&fresh("topic"), "x").qos(1)) & 0x80, 0);
}

/// A key that has no name is for tokens that name none; it is not tried for every name there is.
#[test]
fn a_key_without_a_name_is_for_tokens_without_one() {
    let signer = Signer::new("ES256", "k1");
    let mut key = signer.jwk();
    drop(key.as_object_mut().expect("a key").remove("kid"));
    let resources = Resources::new();
    resources.config_map("issuer-keys", &[("jwks.json", &json!({ "keys": [key] }).to_string())]);
    let guarded = Guarded::by(resources, Port::Plain, &[&method("  jwksConfigMap: issuer-keys\n", "")]);
    let header = json!({ "alg": "ES256", "typ": "JWT" });
    guarded.admitted(&shown(&signer.sign_as(&header, &audience_claims()))).quiet();
    guarded.refused(&shown(&signer.sign(&audience_claims())), 0x87);
}
