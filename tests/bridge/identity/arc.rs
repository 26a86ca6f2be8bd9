//! The identity of a machine that Azure Arc connects: the challenge of its agent, and the files that may be shown.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use causeway_tests::https_server::Answered;
use causeway_tests::identity_server::{Arced, KEYS, Mint, SUBJECT};
use causeway_tests::{Flow, fresh};

use super::machine::connected_machine;
use super::scene::{EVENT_GRID, Local, Remote, crosses, endpoint, system_identity};
use crate::shown::{self, DESTINATION};

const SECRET: &str = "what-nobody-is-to-be-shown";

#[test]
fn the_agents_challenge_is_answered_and_event_grid_is_the_audience() {
    let mint = Mint::new();
    let remote = Remote::of_tokens(&mint, EVENT_GRID);
    let agent = Arced::start(&mint);
    let resources = Local::resources(&remote, "hostType: EventGrid", &system_identity(None));
    let local = Local::start(resources, &agent.variables());
    crosses(&local, &remote);
    let asked = agent.server.seen();
    let target = "/metadata/identity/oauth2/token?api-version=2020-06-01&resource=https%3A%2F%2Feventgrid.azure.net";
    assert_eq!(asked.len(), 2, "{asked:?}");
    assert!(asked.iter().all(|seen| (seen.method.as_str(), seen.target.as_str()) == ("GET", target)), "{asked:?}");
    assert!(asked.iter().all(|seen| seen.header("metadata") == Some("true")), "{asked:?}");
    assert_eq!(asked[0].header("authorization"), None);
    assert_eq!(asked[1].header("authorization"), Some(format!("Basic {}", agent.keys()[0]).as_str()));
    let guests = remote.guests();
    assert_eq!(guests.len(), 1, "{guests:?}");
    assert_eq!((&guests[0]["username"], &guests[0]["authenticatedBy"]), (&SUBJECT.into(), &"Jwt".into()));
}

#[test]
fn the_audience_may_be_another() {
    let mint = Mint::new();
    let remote = Remote::of_tokens(&mint, "api://plant 7");
    let agent = Arced::start(&mint);
    let resources = Local::resources(&remote, "", &system_identity(Some("api://plant 7")));
    let local = Local::start(resources, &agent.variables());
    crosses(&local, &remote);
    let asked = agent.server.seen();
    assert!(asked.iter().all(|seen| seen.target.ends_with("&resource=api%3A%2F%2Fplant%207")), "{asked:?}");
}

#[test]
fn an_agent_that_is_installed_is_found_without_being_told() {
    connected_machine();
    let mint = Mint::new();
    let remote = Remote::of_tokens(&mint, EVENT_GRID);
    let agent = Arced::start_where_it_belongs(&mint);
    let resources = Local::resources(&remote, "hostType: EventGrid", &system_identity(None));
    let local = Local::start(resources, &[]);
    crosses(&local, &remote);
    assert_eq!((agent.server.seen().len(), agent.told()), (2, 1));
}

/// Files with a name that nobody else has; gone with this value.
struct Laid {
    name: String,
    outside: PathBuf,
}

impl Laid {
    fn new() -> Self {
        let name = fresh(&format!("causeway-laid-{}", std::process::id()));
        let laid = Laid { outside: std::env::temp_dir().join(&name), name };
        fs::create_dir_all(KEYS).expect("the folder of the agent");
        for folder in [&laid.outside, &laid.inside("")] {
            fs::create_dir_all(folder).expect("a folder");
            fs::write(folder.join("a.key"), SECRET).expect("a file");
        }
        fs::write(laid.inside(".txt"), SECRET).expect("a file");
        fs::write(laid.inside("-large.key"), SECRET.repeat(4097 / SECRET.len() + 1)).expect("a file");
        symlink(laid.outside.join("a.key"), laid.inside("-link.key")).expect("a link");
        laid
    }

    /// In the folder of the agent.
    fn inside(&self, end: &str) -> PathBuf {
        Path::new(KEYS).join(format!("{}{end}", self.name))
    }
}

impl Drop for Laid {
    fn drop(&mut self) {
        for folder in [&self.outside, &self.inside("")] {
            let _ = fs::remove_dir_all(folder);
        }
        for end in [".txt", "-large.key", "-link.key"] {
            let _ = fs::remove_file(self.inside(end));
        }
    }
}

/// Whoever listens where the agent should must not get a file of this process; and who looks at the status learns why
/// there is no token.
#[test]
fn no_other_file_is_shown_and_the_status_says_why() {
    let laid = Laid::new();
    let cases = [
        (laid.outside.join("a.key"), "not a file in /var/opt/azcmagent/tokens"),
        (laid.inside("").join("a.key"), "not a file in /var/opt/azcmagent/tokens"),
        (laid.inside("").join("../../../../../etc/hostname.key"), "not a file in /var/opt/azcmagent/tokens"),
        (laid.inside(".txt"), "whose name does not end in .key"),
        (laid.inside("-large.key"), "is larger than 4096 bytes; it must hold the Azure Arc agent's key"),
        (laid.inside("-link.key"), "is not a regular file"),
        (laid.inside("-none.key"), "cannot be read (No such file"),
    ];
    let mint = Mint::new();
    let remote = Remote::of_tokens(&mint, EVENT_GRID);
    let named = cases.each_ref().map(|(file, _)| file.clone());
    let agent = Arced::naming(&mint, move |resource| {
        let number: usize = resource.strip_prefix("api://case-").and_then(|n| n.parse().ok()).unwrap_or(0);
        named[number].clone()
    });
    let resources = Local::resources(&remote, "hostType: EventGrid", &system_identity(None));
    for number in 0..cases.len() {
        let identity = system_identity(Some(&format!("api://case-{number}")));
        resources.endpoint(&format!("case-{number}"), &endpoint(&remote.host(), &identity));
        let flow = Flow::new(&format!("flow-{number}")).from("default", &["telemetry/#"]);
        resources.dataflow(&flow.to(&format!("case-{number}"), "${inputTopic}"));
    }
    let local = Local::start(resources, &agent.variables());
    for (number, (file, expected)) in cases.iter().enumerate() {
        let failing = shown::failing(&local.broker, &format!("flow-{number}"), DESTINATION, "token", 1);
        let Some(name) = file.to_str() else { panic!("{file:?}") };
        assert!(failing.text.contains(expected) && failing.text.contains(name), "{number}: {}", failing.text);
        assert_eq!(failing.code, None);
    }
    assert_eq!((agent.told(), mint.made().len(), remote.guests().len()), (0, 0, 0));
    causeway_tests::leaks::none_in("the log", &local.broker.log(), &[SECRET.as_bytes()]);
}

/// An endpoint that takes the request and says nothing holds nobody up for long.
#[test]
fn an_agent_that_does_not_answer_is_given_up() {
    let mint = Mint::new();
    let remote = Remote::of_tokens(&mint, EVENT_GRID);
    let agent = Arced::start(&mint);
    mint.before([Answered::Never]);
    let resources = Local::resources(&remote, "hostType: EventGrid", &system_identity(None));
    let local = Local::start(resources, &agent.variables());
    let text = shown::until(&local.broker, "upward", "a failure", |shown| {
        let end = &shown["instances"][0][DESTINATION];
        end["credentialFailure"]["text"].as_str().or(end["failure"]["text"].as_str()).map(String::from)
    });
    assert!(text.contains("no answer from") && text.contains("within 10 s"), "{text}");
    crosses(&local, &remote);
}
