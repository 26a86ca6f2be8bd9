//! The token of a pod's service account, which the kubelet replaces.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;

use causeway_tests::deadline::eventually;
use causeway_tests::token::{Signer, now_seconds, pod_claims, with};
use causeway_tests::{Resources, http};
use serde_json::{Value, json};

use super::scene::{Local, Remote, crosses};
use crate::numbered::Series;
use crate::publishing::Publishing;
use crate::recorder::Recorder;
use crate::shown::{self, DESTINATION};

/// A projected volume, as the kubelet keeps it: `token` leads to `..data/token`, and `..data` to a folder that is
/// replaced.
pub struct Projected {
    folder: Resources,
    versions: std::cell::Cell<u32>,
}

impl Projected {
    pub fn new(token: &str) -> Self {
        let projected = Projected { folder: Resources::new(), versions: std::cell::Cell::new(0) };
        projected.put(token);
        symlink("..data/token", projected.file()).expect("a link");
        projected
    }

    pub fn file(&self) -> PathBuf {
        self.folder.path().join("token")
    }

    /// Replaces the token.
    pub fn put(&self, token: &str) {
        let version = self.versions.get() + 1;
        self.versions.set(version);
        let at = |name: &str| self.folder.path().join(name);
        let folder = format!("..version-{version}");
        fs::create_dir(at(&folder)).expect("a folder");
        fs::write(at(&folder).join("token"), token).expect("a token");
        symlink(folder, at("..tmp")).expect("a link");
        fs::rename(at("..tmp"), at("..data")).expect("a link in its place");
    }
}

/// The settings for a token that is there.
pub fn account(projected: &Projected, audience: &str) -> String {
    format!(
        "method: ServiceAccountToken\nserviceAccountTokenSettings:\n  audience: {audience}\n  tokenFile: {}\n",
        projected.file().display()
    )
}

fn ending(seconds: u64) -> Value {
    with(pod_claims(), "/exp", json!(now_seconds() + seconds))
}

#[test]
fn a_new_token_is_shown_on_the_connection_that_stands() {
    let signer = Signer::new("RS256", "cluster-1");
    let remote = Remote::of_accounts(&signer);
    let ends = now_seconds() + 12;
    let projected = Projected::new(&signer.sign(&with(pod_claims(), "/exp", json!(ends))));
    let local = Local::start(Local::resources(&remote, "", &account(&projected, "aio-internal")), &[]);
    shown::up(&local.broker, "upward");
    crosses(&local, &remote);
    let [first] = remote.guests().try_into().expect("one guest");
    assert_eq!(first["username"], "system:serviceaccount:shop:till");
    let recorder = Recorder::start(remote.broker.mqtt(), "telemetry/#");
    let published = Publishing::start(local.broker.mqtt(), Series::new("telemetry", 3000).per_second(200));
    projected.put(&signer.sign(&ending(3600)));
    let renewed = eventually("the other broker knows of the new token", || {
        let [guest] = remote.guests().try_into().expect("one guest");
        (guest["credentialsExpireAt"] != first["credentialsExpireAt"]).then_some(guest)
    });
    assert_eq!(renewed["connectedAt"], first["connectedAt"], "by AUTH, not by a new connection");
    let over = std::time::Duration::from_secs(30);
    causeway_tests::deadline::within(over, "the first token ends", || (now_seconds() > ends + 1).then_some(()));
    causeway_tests::deadline::within(shown::LONG, "all numbers arrive", || {
        (published.is_done() && recorder.missing(published.series(), 3000) == 0).then_some(())
    });
    recorder.verdict(&published).assert_once();
    let [last] = remote.guests().try_into().expect("one guest");
    assert_eq!(last["connectedAt"], first["connectedAt"]);
    let left = shown::end(&local.broker, "upward", DESTINATION)["credentialExpiresInSeconds"].as_i64();
    assert!(left.is_some_and(|left| (3000..=3600).contains(&left)), "{left:?}");
}

/// A token that cannot be right is shown to nobody; the one that takes its place, at once.
#[test]
fn a_token_that_cannot_be_right_is_kept_back() {
    let signer = Signer::new("ES256", "cluster-1");
    let remote = Remote::of_accounts(&signer);
    let projected = Projected::new(&signer.sign(&with(pod_claims(), "/aud", json!(["somebody-else"]))));
    let local = Local::start(Local::resources(&remote, "", &account(&projected, "aio-internal")), &[]);
    let failing = shown::failing(&local.broker, "upward", DESTINATION, "token", 1);
    assert!(failing.text.contains("is for somebody-else, the endpoint asks for aio-internal"), "{}", failing.text);
    projected.put(&signer.sign(&with(pod_claims(), "/exp", json!(1000))));
    shown::until(&local.broker, "upward", "a token that has ended", |shown| {
        let text = shown["instances"][0][DESTINATION]["failure"]["text"].as_str()?;
        text.contains("ended at 1970-01-01T00:16:40Z; whoever projects it must write a new one").then_some(())
    });
    projected.put("");
    shown::until(&local.broker, "upward", "an empty token", |shown| {
        shown["instances"][0][DESTINATION]["failure"]["text"].as_str()?.contains("is empty").then_some(())
    });
    let refused = http::metric(remote.broker.admin(), "causeway_authentication_refused_total", "");
    assert_eq!((remote.guests().len(), refused.unwrap_or_default()), (0, 0.0));
    projected.put(&signer.sign(&pod_claims()));
    crosses(&local, &remote);
}

/// What the other broker does not believe it refuses, and the dataflow goes on with the next token.
#[test]
fn a_token_that_is_refused_is_replaced() {
    let (signer, forger) = (Signer::new("ES256", "cluster-1"), Signer::new("ES256", "cluster-1"));
    let remote = Remote::of_accounts(&signer);
    let projected = Projected::new(&forger.sign(&pod_claims()));
    let local = Local::start(Local::resources(&remote, "", &account(&projected, "aio-internal")), &[]);
    let failing = shown::failing(&local.broker, "upward", DESTINATION, "CONNACK", 2);
    assert_eq!(failing.code, Some(0x87), "{}", failing.text);
    projected.put(&signer.sign(&pod_claims()));
    crosses(&local, &remote);
    // A bad one on a connection that stands ends it; a good one brings it back.
    projected.put(&forger.sign(&ending(3000)));
    shown::until(&local.broker, "upward", "a refusal", |shown| {
        let failure = &shown["instances"][0][DESTINATION]["failure"];
        (failure["code"]["number"] == 0x87).then_some(())
    });
    projected.put(&signer.sign(&ending(2000)));
    crosses(&local, &remote);
}

/// After many refusals the next try is far away; a new token is a reason not to wait for it.
#[test]
fn a_good_token_does_not_wait_for_the_next_try() {
    let (signer, forger) = (Signer::new("ES256", "cluster-1"), Signer::new("ES256", "cluster-1"));
    let remote = Remote::of_accounts(&signer);
    let projected = Projected::new(&forger.sign(&pod_claims()));
    let local = Local::start(Local::resources(&remote, "", &account(&projected, "aio-internal")), &[]);
    let failing = shown::failing(&local.broker, "upward", DESTINATION, "CONNACK", 7);
    projected.put(&signer.sign(&pod_claims()));
    shown::up(&local.broker, "upward");
    let now = time::OffsetDateTime::now_utc();
    assert!(now < failing.next_retry, "it waited until {}", failing.next_retry);
}
