//! Published keys: fetched, refreshed, kept.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use auth::authentication::{
    HttpsSettings, JwtSettings, KeySettings, MethodKind, MethodSettings, Methods, RemoteKeySettings, RemotePlace,
    Secret, TokenPlace,
};
use serde_json::json;

use crate::parts::{
    Answered, Server, Signer, accepted, audience_claims, authority, counters, denied, judge_at, not_found_out,
    reachable, refused_endpoint, seconds_from, trusted, with_enhanced,
};

fn remote(place: RemotePlace, https: HttpsSettings) -> RemoteKeySettings {
    RemoteKeySettings {
        place,
        https,
        headers: BTreeMap::new(),
        refresh: Duration::from_secs(600),
        deadline: Duration::from_millis(500),
    }
}

fn jwt(issuer: &str, remote: RemoteKeySettings) -> MethodSettings {
    MethodSettings::Jwt(JwtSettings {
        issuer: issuer.to_owned(),
        audiences: vec!["broker".to_owned()],
        keys: KeySettings::Remote(Box::new(remote)),
        leeway: Duration::from_secs(30),
        username: "sub".to_owned(),
        attributes: BTreeMap::new(),
        places: TokenPlace::usual(),
    })
}

fn methods(remote: RemoteKeySettings) -> Methods {
    let settings = [jwt("https://issuer.example", remote)];
    Methods::compile(&settings, None, &counters()).unwrap_or_else(|errors| panic!("{errors:?}"))
}

/// Serves the set that is in the cell, or nothing useful.
struct Published {
    set: Mutex<String>,
    broken: AtomicBool,
}

async fn published(signers: &[&Signer]) -> (Arc<Published>, Server) {
    let published = Arc::new(Published { set: Mutex::new(Signer::set(signers)), broken: AtomicBool::new(false) });
    let shown = Arc::clone(&published);
    let server = Server::https(move |_| match shown.broken.load(Ordering::SeqCst) {
        true => Answered::With(503, "later".to_owned()),
        false => Answered::With(200, shown.set.lock().unwrap().clone()),
    });
    (published, server)
}

#[tokio::test]
async fn keys_are_fetched_once_and_refreshed_when_they_are_old() {
    let (first, second) = (Signer::new("ES256", "k1"), Signer::new("ES256", "k2"));
    let (published, server) = published(&[&first]).await;
    let place = RemotePlace::Address(format!("{}/keys?v=1", server.endpoint()));
    let headers = BTreeMap::from([("Authorization".to_owned(), Secret::from("Bearer abc"))]);
    let methods = methods(RemoteKeySettings { headers, ..remote(place, trusted(&server)) });
    let (now, claims) = (SystemTime::now(), audience_claims());
    let token = with_enhanced("OAUTH2-JWT", &first.sign(&claims));
    assert!(server.seen().is_empty());
    for seconds in [0, 1, 599] {
        accepted(judge_at(&methods, &token, seconds_from(now, seconds)).await);
    }
    let seen = server.seen();
    assert_eq!((seen.len(), seen[0].method.as_str(), seen[0].target.as_str()), (1, "GET", "/keys?v=1"));
    assert_eq!(seen[0].header("authorization"), Some("Bearer abc"));
    // A key that is withdrawn is good until the set is fetched again.
    *published.set.lock().unwrap() = Signer::set(&[&second]);
    denied(judge_at(&methods, &token, seconds_from(now, 600)).await, "no key fits");
}

#[tokio::test]
async fn an_unknown_key_makes_one_fetch_in_a_while() {
    let (first, second, stranger) =
        (Signer::new("ES256", "k1"), Signer::new("ES256", "k2"), Signer::new("ES256", "k3"));
    let (published, server) = published(&[&first]).await;
    let methods = methods(remote(RemotePlace::Address(server.endpoint()), trusted(&server)));
    let (now, claims) = (SystemTime::now(), audience_claims());
    let of = |signer: &Signer| with_enhanced("OAUTH2-JWT", &signer.sign(&claims));
    accepted(judge_at(&methods, &of(&first), now).await);
    *published.set.lock().unwrap() = Signer::set(&[&first, &second]);
    accepted(judge_at(&methods, &of(&second), seconds_from(now, 20)).await);
    assert_eq!(server.seen().len(), 2);
    for seconds in 21..29 {
        denied(judge_at(&methods, &of(&stranger), seconds_from(now, seconds)).await, "no key fits");
    }
    assert_eq!(server.seen().len(), 2, "strangers make no fetches");
    denied(judge_at(&methods, &of(&stranger), seconds_from(now, 31)).await, "no key fits");
    assert_eq!(server.seen().len(), 3);
}

#[tokio::test]
async fn the_last_good_keys_are_kept_when_no_others_can_be_had() {
    let signer = Signer::new("ES256", "k1");
    let (published, server) = published(&[&signer]).await;
    let methods = methods(remote(RemotePlace::Address(server.endpoint()), trusted(&server)));
    let now = SystemTime::now();
    let token = with_enhanced("OAUTH2-JWT", &signer.sign(&audience_claims()));
    accepted(judge_at(&methods, &token, now).await);
    published.broken.store(true, Ordering::SeqCst);
    accepted(judge_at(&methods, &token, seconds_from(now, 1000)).await);
    assert_eq!(server.seen().len(), 2);
    published.broken.store(false, Ordering::SeqCst);
    *published.set.lock().unwrap() = "nonsense".to_owned();
    accepted(judge_at(&methods, &token, seconds_from(now, 1020)).await);
    assert_eq!(server.seen().len(), 3);
}

#[tokio::test]
async fn without_keys_nothing_can_be_said() {
    let signer = Signer::new("ES256", "k1");
    let token = with_enhanced("OAUTH2-JWT", &signer.sign(&audience_claims()));
    let now = SystemTime::now();
    // Nobody there.
    let gone = remote(RemotePlace::Address(refused_endpoint()), reachable(&authority("Other CA")));
    not_found_out(judge_at(&methods(gone), &token, now).await, "cannot be fetched");
    // Somebody else there.
    let (_, server) = published(&[&signer]).await;
    let stranger = remote(RemotePlace::Address(server.endpoint()), reachable(&authority("Other CA")));
    not_found_out(judge_at(&methods(stranger), &token, now).await, "UnknownIssuer");
    // Somebody slow, too large, or of no use.
    let slow = Server::https(|_| Answered::Never);
    let set = Signer::set(&[&signer]);
    let large = Server::https(move |_| Answered::With(200, format!("{set}{}", " ".repeat(600 * 1024))));
    let elsewhere = Server::https(|_| Answered::With(302, String::new()));
    for (server, part) in [(slow, "within 500ms"), (large, "larger than"), (elsewhere, "302")] {
        let settings = remote(RemotePlace::Address(server.endpoint()), trusted(&server));
        let methods = methods(settings);
        not_found_out(judge_at(&methods, &token, now).await, part);
        // Not asked again for each client.
        not_found_out(judge_at(&methods, &token, seconds_from(now, 5)).await, part);
        assert_eq!(server.seen().len(), 1);
    }
}

#[tokio::test]
async fn the_issuer_says_where_its_keys_are() {
    let signer = Signer::new("RS256", "k1");
    let (set, issuer): (_, Arc<Mutex<String>>) = (Signer::set(&[&signer]), Arc::default());
    let named = Arc::clone(&issuer);
    let server = Server::http(move |seen| {
        let issuer = named.lock().unwrap().clone();
        match seen.target.as_str() {
            "/tenant/.well-known/openid-configuration" => {
                let jwks = issuer.replace("/tenant", "/jwks").replace("lies:", "");
                Answered::With(200, json!({ "issuer": issuer, "jwks_uri": jwks, "more": true }).to_string())
            }
            "/jwks" => Answered::With(200, set.clone()),
            _ => Answered::With(404, String::new()),
        }
    });
    let ours = format!("http://{}/tenant", server.address);
    ours.clone_into(&mut issuer.lock().unwrap());
    let settings = remote(RemotePlace::Discovery, reachable(&authority("None")));
    let compile = || {
        let settings = [jwt(&ours, settings.clone())];
        Methods::compile(&settings, None, &counters()).unwrap_or_else(|errors| panic!("{errors:?}"))
    };
    let mut claims = audience_claims();
    claims["iss"] = json!(ours);
    let token = with_enhanced("OAUTH2-JWT", &signer.sign(&claims));
    accepted(judge_at(&compile(), &token, SystemTime::now()).await);
    // One that speaks for somebody else is not believed.
    *issuer.lock().unwrap() = format!("lies:{ours}");
    not_found_out(judge_at(&compile(), &token, SystemTime::now()).await, "speaks for the issuer");
}

#[tokio::test]
async fn keys_come_over_https_or_from_this_machine() {
    for (address, good) in [("http://127.0.0.1:1/keys", true), ("http://keys.example/keys", false), ("ftp://x", false)]
    {
        let settings = remote(RemotePlace::Address(address.to_owned()), reachable(&authority("Any")));
        let compiled = Methods::compile(&[jwt("https://issuer.example", settings)], None, &counters());
        assert_eq!(compiled.is_ok(), good, "{address}");
    }
}

#[tokio::test]
async fn fetches_are_counted() {
    let counters = counters();
    let settings = remote(RemotePlace::Address(refused_endpoint()), reachable(&authority("Any")));
    let settings = [jwt("https://issuer.example", settings)];
    let methods = Methods::compile(&settings, None, &counters).unwrap_or_else(|errors| panic!("{errors:?}"));
    let token = with_enhanced("OAUTH2-JWT", &Signer::new("ES256", "k1").sign(&audience_claims()));
    not_found_out(judge_at(&methods, &token, SystemTime::now()).await, "cannot be fetched");
    let counted = counters.read();
    assert!(counted.asked.contains(&(MethodKind::Jwt, 1)) && counted.unanswered.contains(&(MethodKind::Jwt, 1)));
}
