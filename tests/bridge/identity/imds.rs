//! The identity of an Azure virtual machine: its metadata service, in a network that the test makes for itself.

use causeway_tests::https_server::Answered;
use causeway_tests::identity_server::{Mint, imds, trouble};
use time::{Duration, OffsetDateTime};

use super::machine::virtual_machine;
use super::scene::{EVENT_GRID, Local, Remote, crosses, endpoint, system_identity};
use crate::shown::{self, DESTINATION};

#[test]
fn the_metadata_service_is_asked_until_it_answers() {
    virtual_machine();
    let mint = Mint::new();
    let remote = Remote::of_tokens(&mint, EVENT_GRID);
    mint.before([
        Answered::With(404, String::new()),
        Answered::Headed(429, ("Retry-After", "1".into()), String::new()),
        trouble(500, "unknown", "Failed to retrieve token from the Active directory."),
        Answered::With(503, "<html>".into()),
    ]);
    let service = imds(&mint);
    let resources = Local::resources(&remote, "hostType: EventGrid", &system_identity(None));
    let local = Local::start(resources, &[]);
    crosses(&local, &remote);
    let asked = service.seen();
    let target = "/metadata/identity/oauth2/token?api-version=2018-02-01&resource=https%3A%2F%2Feventgrid.azure.net";
    assert_eq!(asked.len(), 5, "{asked:?}");
    for seen in &asked {
        assert_eq!((seen.method.as_str(), seen.target.as_str()), ("GET", target));
        assert_eq!((seen.header("metadata"), seen.header("host")), (Some("true"), Some("169.254.169.254")));
        assert_eq!((seen.header("authorization"), seen.header("x-forwarded-for")), (None, None));
    }
}

#[test]
fn what_the_metadata_service_refuses_is_for_somebody_to_change() {
    virtual_machine();
    let mint = Mint::new();
    let remote = Remote::of_tokens(&mint, "api://plant");
    mint.fails(trouble(400, "invalid_request", "Identity not found"));
    let service = imds(&mint);
    // A scope is a resource with something behind it.
    let resources = Local::resources(&remote, "", &system_identity(Some("api://plant/.default")));
    let local = Local::start(resources, &[]);
    let failing = shown::failing(&local.broker, "upward", DESTINATION, "token", 1);
    assert!(failing.text.contains("answers 400 (invalid_request: Identity not found)"), "{}", failing.text);
    assert!(failing.text.contains("turn on the system-assigned identity of this virtual machine"), "{}", failing.text);
    let next = shown::until(&local.broker, "upward", "when it is asked again", |shown| {
        shown::moment(&shown["instances"][0][DESTINATION]["credentialFailure"]["nextRetryAt"])
    });
    assert!(next > OffsetDateTime::now_utc() + Duration::seconds(30), "it does not help to try on: {next}");
    assert_eq!(service.seen().len(), 1, "it was asked once");
    assert!(service.seen()[0].target.ends_with("&resource=api%3A%2F%2Fplant"));
    // Whoever changes the endpoint does not wait for that.
    mint.recovers();
    local.resources.endpoint("remote", &endpoint(&remote.host(), &system_identity(Some("api://plant"))));
    local.broker.signal(libc::SIGHUP);
    crosses(&local, &remote);
}
