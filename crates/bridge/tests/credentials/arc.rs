//! The machine's identity where Azure Arc connects it: the agent's challenge, and the files it may name.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::Arc;

use bridge::credentials::{Credentials, Keeper, Surroundings, SystemIdentity, Variables};
use causeway_tests::token::now_seconds;
use serde_json::json;

use crate::parts::{Endpoint, Reply, fast, refusal, shown_token, within};

const KEY: &str = "c2VjcmV0LWtleS1vZi10aGUtYWdlbnQ";

fn identity() -> Credentials {
    Credentials::SystemAssignedManagedIdentity(SystemIdentity { audience: "https://eventgrid.azure.net".to_owned() })
}

/// A machine with an agent: its folder for keys, and its endpoint.
struct Machine {
    folder: tempfile::TempDir,
    agent: Endpoint,
}

impl Machine {
    /// The agent names `named`, `{keys}` being its folder; whoever shows the key gets a token.
    fn naming(named: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("tokens")).unwrap();
        let named = named.replace("{keys}", &folder.path().join("tokens").display().to_string());
        let challenge = format!("Basic realm={named}");
        let agent = Endpoint::start(move |_, asked| match asked.header("authorization") {
            Some(shown) if shown == format!("Basic {KEY}") => Reply::json(
                200,
                json!({
                    "access_token": "arc.token", "expires_in": "3600", "expires_on": (now_seconds() + 3600).to_string(),
                    "not_before": "0", "resource": "https://eventgrid.azure.net", "token_type": "Bearer",
                }),
            ),
            Some(_) => Reply::json(401, json!({ "error": "unauthorized", "error_description": "wrong key" })),
            None => Reply::header(401, "WWW-Authenticate", challenge.clone()),
        });
        Self { folder, agent }
    }

    fn put(&self, name: &str, content: &str) {
        fs::write(self.folder.path().join(name), content).unwrap();
    }

    fn surroundings(&self) -> Surroundings {
        let himds = self.folder.path().join("himds");
        fs::write(&himds, "").unwrap();
        let keys = self.folder.path().join("tokens");
        Surroundings { arc: self.agent.url(), arc_agent: himds, arc_keys: keys, ..fast() }
    }

    async fn refusal(&self) -> String {
        refusal(&identity(), self.surroundings()).await
    }

    /// Requests that carried the content of a file.
    fn told(&self) -> usize {
        self.agent.asked().iter().filter(|asked| asked.header("authorization").is_some()).count()
    }
}

#[tokio::test]
async fn the_challenge_is_answered_with_the_key_file() {
    let machine = Machine::naming("{keys}/9a1b.key");
    machine.put("tokens/9a1b.key", KEY);
    let mut keeper = Keeper::start(&identity(), &Arc::new(machine.surroundings()));
    let presented = within(keeper.present()).await.unwrap();
    assert_eq!(shown_token(&presented), ("OAUTH2-JWT".to_owned(), "arc.token".to_owned()));
    let asked = machine.agent.asked();
    let target = "/metadata/identity/oauth2/token?api-version=2020-06-01&resource=https%3A%2F%2Feventgrid.azure.net";
    assert_eq!(asked.len(), 2);
    assert!(asked.iter().all(|asked| asked.target == target && asked.header("metadata") == Some("true")));
    assert_eq!((asked[0].header("authorization"), machine.told()), (None, 1));
}

#[tokio::test]
async fn the_agent_is_found_by_its_variables_too() {
    let machine = Machine::naming("{keys}/a.key");
    machine.put("tokens/a.key", KEY);
    let variables = Variables {
        identity_endpoint: Some(format!("{}/metadata/identity/oauth2/token", machine.agent.url())),
        imds_endpoint: Some(machine.agent.url()),
        ..Variables::default()
    };
    let surroundings = Surroundings {
        arc: "http://127.0.0.1:9".to_owned(),
        arc_agent: "/nowhere".into(),
        variables,
        ..machine.surroundings()
    };
    within(Keeper::start(&identity(), &Arc::new(surroundings)).present()).await.unwrap();
}

/// Whoever listens where the agent should must not get a file of this process.
#[tokio::test]
async fn no_other_file_is_told() {
    for (named, expected) in [
        ("/etc/passwd", "it names /etc/passwd, not a file in"),
        ("/etc/passwd.key", "it names /etc/passwd.key, not a file in"),
        ("{keys}/../outside.key", "not a file in"),
        ("{keys}/below/a.key", "not a file in"),
        ("{keys}", "not a file in"),
        ("tokens/a.key", "it names tokens/a.key, not a file in"),
        ("", "it names , not a file in"),
        ("{keys}/a.txt", "a.txt, whose name does not end in .key"),
        ("{keys}/.key", ".key, whose name does not end in .key"),
        ("{keys}/large.key", "large.key is larger than 4096 bytes; it must hold the Azure Arc agent's key"),
        ("{keys}/link.key", "link.key is not a regular file"),
        ("{keys}/folder.key", "folder.key is not a regular file"),
        ("{keys}/none.key", "none.key cannot be read (No such file"),
        ("{keys}/empty.key", "empty.key is empty"),
        ("{keys}/lines.key", "the key has line ends in it"),
    ] {
        let machine = Machine::naming(named);
        machine.put("outside.key", KEY);
        machine.put("tokens/a.txt", KEY);
        machine.put("tokens/.key", KEY);
        machine.put("tokens/large.key", &"x".repeat(4097));
        machine.put("tokens/empty.key", "");
        machine.put("tokens/lines.key", "a\r\nb: c");
        let at = |name: &str| machine.folder.path().join(name);
        fs::create_dir(at("tokens/below")).unwrap();
        fs::create_dir(at("tokens/folder.key")).unwrap();
        machine.put("tokens/below/a.key", KEY);
        symlink(at("outside.key"), at("tokens/link.key")).unwrap();
        let said = machine.refusal().await;
        assert!(said.contains(expected), "{named}: {said}");
        assert!(!said.contains(KEY) && machine.told() == 0, "{named}: {said}");
    }
}

#[tokio::test]
async fn a_key_of_4096_bytes_is_told() {
    let machine = Machine::naming("{keys}/a.key");
    machine.put("tokens/a.key", &"x".repeat(4096));
    let said = machine.refusal().await;
    assert!(said.contains("answers 401 (unauthorized: wrong key); the agent does not take its own key"), "{said}");
    assert_eq!((machine.told(), machine.agent.asked().len()), (1, 2));
}

#[tokio::test]
async fn other_challenges_and_answers_are_refused() {
    let agent = |reply: Reply| Endpoint::replies(vec![reply]);
    let surroundings = |agent: &Endpoint| {
        let arc_agent = Path::new("/").to_owned();
        Surroundings { arc: agent.url(), arc_agent, ..fast() }
    };
    for (reply, expected) in [
        (Reply::json(401, ""), "it has no header WWW-Authenticate: Basic realm=FILE"),
        (Reply::header(401, "www-authenticate", "Bearer realm=/x"), "it has no header WWW-Authenticate"),
        (Reply::json(200, r#"{"access_token":"t","expires_in":9}"#), "who had not answered its challenge"),
        (Reply::json(500, r#"{"error":{"code":"x","message":"busy"}}"#), "answers 500 (x: busy); it is asked again"),
        (Reply::json(400, "{}"), "answers 400; see azcmagent show"),
    ] {
        let agent = agent(reply);
        let said = refusal(&identity(), surroundings(&agent)).await;
        assert!(said.contains(expected), "{said}");
        assert_eq!(agent.asked().len(), 1);
    }
    let nobody = Surroundings { arc_agent: "/".into(), ..fast() };
    assert!(refusal(&identity(), nobody).await.contains("start the Azure Arc agent (systemctl start himds)"));
}
