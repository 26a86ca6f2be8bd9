//! Tokens that Kubernetes projects into files.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bridge::credentials::{Credentials, Keeper, Renewal};
use causeway_tests::token::{Signer, now_seconds, pod_claims, with};
use serde_json::json;

use crate::parts::{fast, refusal, shown_token, within};

/// A projected volume: `token` leads to `..data/token`, and `..data` to the newest version.
struct Volume {
    folder: tempfile::TempDir,
    versions: usize,
}

impl Volume {
    fn new(content: &str) -> Self {
        let mut volume = Self { folder: tempfile::tempdir().unwrap(), versions: 0 };
        volume.replace(content);
        symlink("..data/token", volume.token()).unwrap();
        volume
    }

    fn token(&self) -> PathBuf {
        self.folder.path().join("token")
    }

    /// As the kubelet does it: a new folder, a new link, and a rename.
    fn replace(&mut self, content: &str) {
        self.versions += 1;
        let at = |name: &str| self.folder.path().join(name);
        let version = format!("..2026_11_{}", self.versions);
        fs::create_dir(at(&version)).unwrap();
        fs::write(at(&version).join("token"), content).unwrap();
        symlink(&version, at("..data_tmp")).unwrap();
        fs::rename(at("..data_tmp"), at("..data")).unwrap();
    }
}

fn credentials(file: &Path, audience: Option<&str>) -> Credentials {
    Credentials::ServiceAccountToken { file: file.to_owned(), audience: audience.map(str::to_owned) }
}

fn token(seconds: u64) -> String {
    Signer::new("ES256", "k").sign(&with(pod_claims(), "/exp", json!(now_seconds() + seconds)))
}

#[tokio::test]
async fn a_projected_token_is_presented_and_its_successor_too() {
    let (first, second) = (token(600), token(7200));
    let mut volume = Volume::new(&first);
    let mut keeper = Keeper::start(&credentials(&volume.token(), Some("aio-internal")), &Arc::new(fast()));
    let presented = within(keeper.present()).await.unwrap();
    // The bytes of the file, not encoded again.
    assert_eq!(shown_token(&presented), ("K8S-SAT".to_owned(), first.clone()));
    assert_eq!(presented.renewal(), Renewal::Reauthenticate);
    let left = presented.expires().unwrap().duration_since(SystemTime::now()).unwrap();
    assert!((590..=600).contains(&left.as_secs()), "{left:?}");

    let mut another = keeper.clone();
    volume.replace(&second);
    assert_eq!(shown_token(&within(keeper.changed()).await).1, second);
    assert_eq!(shown_token(&within(another.changed()).await).1, second);
    assert_eq!(shown_token(&within(keeper.present()).await.unwrap()).1, second);
    assert!(keeper.status().expires > presented.expires());
}

#[tokio::test]
async fn empty_and_unchanged_files_are_no_new_token() {
    let (first, second) = (token(600), token(601));
    let mut volume = Volume::new(&first);
    let mut keeper = Keeper::start(&credentials(&volume.token(), None), &Arc::new(fast()));
    within(keeper.present()).await.unwrap();
    volume.replace("");
    // What is there stays good, and it is known that something is wrong.
    while keeper.status().failure.is_none() {
        within(tokio::time::sleep(Duration::from_millis(5))).await;
    }
    assert_eq!(shown_token(&within(keeper.present()).await.unwrap()).1, first);
    volume.replace(&first);
    while keeper.status().failure.is_some() {
        within(tokio::time::sleep(Duration::from_millis(5))).await;
    }
    assert!(tokio::time::timeout(Duration::from_millis(50), keeper.changed()).await.is_err());
    volume.replace(&format!("{second}\n"));
    assert_eq!(shown_token(&within(keeper.changed()).await).1, second);
}

#[tokio::test]
async fn a_token_that_has_ended_is_not_shown_and_its_successor_is() {
    let ended = Signer::new("ES256", "k").sign(&with(pod_claims(), "/exp", json!(now_seconds() - 1)));
    let mut volume = Volume::new(&ended);
    let mut keeper = Keeper::start(&credentials(&volume.token(), None), &Arc::new(fast()));
    let error = within(keeper.present()).await.unwrap_err();
    assert!(error.to_string().contains("ended at 20") && error.may_pass(), "{error}");
    let next = token(600);
    volume.replace(&next);
    assert_eq!(shown_token(&within(keeper.changed()).await).1, next);
}

#[tokio::test]
async fn a_token_for_somebody_else_is_not_sent() {
    let volume = Volume::new(&token(600));
    let file = volume.token();
    let said = refusal(&credentials(&file, Some("other")), fast()).await;
    let expected = format!(
        "the token in {} is for aio-internal, the endpoint asks for other; project one with that audience, or change the \
         endpoint's",
        file.display()
    );
    assert_eq!(said, expected);
}

#[tokio::test]
async fn what_is_no_token_is_refused_and_what_is_opaque_is_not() {
    let volume = Volume::new("an opaque");
    assert!(refusal(&credentials(&volume.token(), None), fast()).await.contains("characters that no token has"));
    let volume = Volume::new("opaque-token");
    let mut keeper = Keeper::start(&credentials(&volume.token(), Some("aio-internal")), &Arc::new(fast()));
    let presented = within(keeper.present()).await.unwrap();
    assert_eq!((shown_token(&presented).1.as_str(), presented.expires()), ("opaque-token", None));
    let volume = Volume::new(&"x".repeat(65_536));
    assert!(refusal(&credentials(&volume.token(), None), fast()).await.contains("is larger than 65535 bytes"));
    assert!(refusal(&credentials(Path::new("/nowhere"), None), fast()).await.contains("as Kubernetes projects it"));
}
