//! What Azure Event Grid takes and does not, at a server that is said to be one.

use causeway_tests::flow::plain_settings;
use causeway_tests::from_client::FromClient;
use causeway_tests::scripted_server::{Heard, Reply, ScriptedServer, connack};
use causeway_tests::wire::frame;
use causeway_tests::{Flow, Props, Publish, Resources, Version, errand, prop};

use crate::here::Here;

/// Both ways over one server: `upward` and `downward`.
fn both_ways(server: &ScriptedServer, kind: &str, settings: &str) -> Here {
    let resources = Resources::new();
    resources.endpoint_of(kind, "grid", &plain_settings(server.address, settings));
    resources.dataflow(&Flow::new("upward").from("default", &["in/#"]).to("grid", "out/up"));
    resources.dataflow(&Flow::new("downward").from("grid", &["cloud/#"]).to("default", "out/down"));
    let here = Here::start(resources);
    here.takes("in/#", 1);
    server.subscription();
    here
}

fn connects(heard: &[Heard]) -> Option<Vec<causeway_tests::Connect>> {
    let connect =
        |one: &Heard| if let FromClient::Connect(connect) = &one.packet { Some(connect.clone()) } else { None };
    let found: Vec<_> = heard.iter().filter_map(connect).collect();
    (found.len() == 2).then_some(found)
}

/// Event Grid ends connections over user properties on anything but a message: no packet has them, whose ever the server is.
#[test]
fn user_properties_are_on_messages_alone() {
    for kind in ["hostType: EventGrid", "hostType: CustomMqtt", ""] {
        let server = ScriptedServer::polite();
        let mut here = both_ways(&server, kind, "");
        here.publish(Publish::new("in/x", "up").props(Props::new().user("a", "1")));
        assert_eq!(server.publish(0).props.users()[0], ("a", "1"));
        let mut sink = here.client();
        sink.subscribe("out/down", 1);
        // On the newest connection that has subscribed.
        let subscribed = server
            .heard()
            .iter()
            .find(|one| matches!(one.packet, FromClient::Subscribe { .. }))
            .map(|one| one.connection);
        let message = Publish::new("cloud/x", "down").qos(1).packet_id(3).props(Props::new().user("b", "2"));
        server.send_on(subscribed.expect("a source"), &message.encode(Version::V5));
        assert_eq!(sink.take().props.users()[0], ("b", "2"));
        server.hears("the PUBACK", |_| server.acknowledged().first().map(|_| ()));
        here.broker.terminate(libc::SIGTERM);
        server.hears("two DISCONNECT", |heard| {
            let ends = heard.iter().filter(|one| matches!(one.packet, FromClient::Disconnect { .. })).count();
            (ends == 2).then_some(())
        });
        for heard in server.heard() {
            let users = heard.packet.props().map(Props::users).unwrap_or_default();
            assert!(users.is_empty(), "{kind}: {:?}", heard.packet);
        }
    }
}

#[test]
fn keep_alive_and_session_expiry_are_within_its_caps() {
    let asked = [
        ("", (60, 600)),
        ("keepAliveSeconds: 2000\nsessionExpirySeconds: 100000\n", (1160, 28_800)),
        ("keepAliveSeconds: 0\n", (1160, 600)),
        ("keepAliveSeconds: 1000\nsessionExpirySeconds: 28800\n", (1000, 28_800)),
    ];
    for (settings, expected) in asked {
        let server = ScriptedServer::polite();
        let _here = both_ways(&server, "hostType: EventGrid", settings);
        for connect in server.hears("both sessions", connects) {
            let found = (connect.keep_alive, connect.props.number(prop::SESSION_EXPIRY).unwrap_or(0));
            assert_eq!(found, expected, "with {settings}");
        }
    }
    // Another server is asked for what is written.
    let server = ScriptedServer::polite();
    let _here = both_ways(&server, "", "keepAliveSeconds: 2000\nsessionExpirySeconds: 100000\n");
    for connect in server.hears("both sessions", connects) {
        let found = (connect.keep_alive, connect.props.number(prop::SESSION_EXPIRY));
        assert_eq!(found, (2000, Some(100_000)));
    }
}

/// It has no shared subscriptions: as a source it is one instance's, and as a destination any number's.
#[test]
fn several_instances_are_refused_with_it_as_a_source() {
    let check = |from: (&str, &str), to: (&str, &str)| {
        let resources = Resources::new();
        let host = "contoso.westeurope-1.ts.eventgrid.azure.net:8883";
        let settings = format!("host: {host}\nauthentication:\n  method: SystemAssignedManagedIdentity\n");
        resources.endpoint("grid", &settings);
        resources.profile("several", "instanceCount: 2");
        let flow = Flow::new("flow").from(from.0, &[from.1]).to(to.0, to.1);
        resources.dataflow(&flow.with("profileRef: several"));
        errand::run(&["check", &resources.path().display().to_string()])
    };
    let refused = check(("grid", "cloud/#"), ("default", "out"));
    assert_ne!(refused.code, 0, "{}", refused.stdout);
    let said = format!("{}{}", refused.stdout, refused.stderr);
    assert!(said.contains("instanceCount") && said.contains("shared subscription"), "{said}");
    let accepted = check(("default", "in/#"), ("grid", "out"));
    assert_eq!(accepted.code, 0, "{}", accepted.stderr);
}

/// Nor has AUTH any: a token that changes is shown on the connection that stands.
#[test]
fn auth_has_no_user_properties_either() {
    let method = || Props::new().str(prop::AUTH_METHOD, "K8S-SAT");
    let server = ScriptedServer::start(move |heard| match &heard.packet {
        FromClient::Connect(_) => Reply::With(connack(heard.version, 0, method())),
        FromClient::Auth { .. } => {
            let mut body = vec![0];
            method().put(&mut body);
            Reply::With(frame(0xf0, &body))
        }
        _ => Reply::Usual,
    });
    let resources = Resources::new();
    let file = resources.path().join("token");
    std::fs::write(&file, "the.first.token").expect("a token");
    let host = server.address;
    let authentication = format!(
        "authentication:\n  method: ServiceAccountToken\n  serviceAccountTokenSettings:\n    tokenFile: {}\n",
        file.display()
    );
    let settings = format!("host: \"{host}\"\n{authentication}tls:\n  mode: Disabled\n");
    resources.endpoint_of("hostType: EventGrid", "remote", &settings);
    let here = Here::up_to("remote", resources);
    let shown = server.connect(0).props;
    assert_eq!(shown.text(prop::AUTH_METHOD), Some("K8S-SAT"));
    assert_eq!(shown.bytes(prop::AUTH_DATA), Some(&b"the.first.token"[..]));
    here.publish(Publish::new("in/x", "before"));
    server.publish(0);
    std::fs::write(&file, "the.second.token").expect("a token");
    let (reason, props) = server.hears("AUTH", |heard| {
        heard.iter().find_map(|one| match &one.packet {
            FromClient::Auth { reason, props } => Some((*reason, props.clone())),
            _ => None,
        })
    });
    assert_eq!((reason, props.text(prop::AUTH_METHOD)), (0x19, Some("K8S-SAT")));
    assert_eq!(props.bytes(prop::AUTH_DATA), Some(&b"the.second.token"[..]));
    assert!(props.users().is_empty(), "{props:?}");
    here.publish(Publish::new("in/x", "after"));
    assert_eq!(server.publish(1).text(), "after");
    assert!(server.heard().iter().all(|one| one.connection == 0), "a second connection");
}
