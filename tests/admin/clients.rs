//! `/api/v1/clients`: who is connected, and putting a client out.

use causeway_tests::{Broker, Client, Connect, Publish, Version, both, eventually, fresh};

use crate::ask::{all_pages, assert_problem, encoded, get, items, json, request, texts};

/// Identifiers that paths have their trouble with.
const AWKWARD: [&str; 8] = ["a/b/c", "line 7", "50%", "%41", "größe/日本", "a+b&c=d?e#f", "\"quoted\\\"", "trailing/"];

#[test]
fn pages_hold_every_client_once_in_order() {
    let broker = Broker::shared();
    let stem = fresh("paged-");
    let mut names: Vec<String> = (0..250).map(|n| format!("{stem}{n}")).collect();
    let clients: Vec<Client> = names.iter().map(|name| broker.connect(&Connect::new(Version::V5, name))).collect();
    names.sort();
    let prefix = format!("prefix={}", encoded(&stem));
    for limit in [1000, 100, 7] {
        let found = texts(&all_pages(broker, "/api/v1/clients", &prefix, limit), "clientId");
        assert_eq!(found, names, "in pages of {limit}");
    }
    let first = json(broker, &format!("/api/v1/clients?{prefix}&limit=100"));
    assert_eq!(first["items"].as_array().map(Vec::len), Some(100));
    assert_eq!(first["next"], names[99].as_str());
    let unlimited = json(broker, &format!("/api/v1/clients?{prefix}"));
    assert_eq!(unlimited["items"].as_array().map(Vec::len), Some(100), "100 without a limit");
    drop(clients);
    eventually("nobody is listed any more", || {
        items(broker, &format!("/api/v1/clients?{prefix}")).is_empty().then_some(())
    });
}

#[test]
fn a_client_is_described_as_it_connected() {
    let broker = Broker::shared();
    let connect = Connect::new(Version::V5, &fresh("described"))
        .session_expiry(77)
        .keep_alive(55)
        .receive_maximum(9)
        .user("operator")
        .password(b"never shown");
    let client = broker.connect(&connect);
    let path = format!("/api/v1/clients/{}", client.id);
    let response = get(broker, &path);
    assert!(!response.body.contains("never shown"), "{}", response.body);
    let shown = json(broker, &path);
    let address = client.socket().local_addr().expect("an address").to_string();
    for (field, expected) in [
        ("clientId", client.id.as_str().into()),
        ("username", "operator".into()),
        ("listener", "mqtt".into()),
        ("address", address.into()),
        ("protocolVersion", "5.0".into()),
        ("cleanStart", true.into()),
        ("keepAliveSeconds", 55.into()),
        ("sessionExpirySeconds", 77.into()),
        ("receiveMaximum", 9.into()),
        ("inFlightMessages", 0.into()),
    ] {
        let expected: serde_json::Value = expected;
        assert_eq!(shown[field], expected, "{field}: {shown}");
    }
    let old = broker.client(Version::V311);
    let shown = json(broker, &format!("/api/v1/clients/{}", old.id));
    assert_eq!((&shown["protocolVersion"], &shown["username"]), (&"3.1.1".into(), &serde_json::Value::Null));
}

#[test]
fn filters_choose_by_prefix_user_and_listener() {
    let broker = Broker::shared();
    let stem = fresh("filtered-");
    let connect = |name: &str| Connect::new(Version::V5, &format!("{stem}{name}"));
    let anonymous = broker.connect(&connect("anonymous"));
    let named = broker.connect(&connect("named").user("léa & co"));
    let mut secure = broker.tls(Version::V5);
    assert_eq!(secure.connect(&connect("secure")).code, 0);
    let list = |query: &str| {
        let found = texts(&items(broker, &format!("/api/v1/clients?prefix={stem}{query}")), "clientId");
        found.iter().map(|id| id[stem.len()..].to_string()).collect::<Vec<_>>()
    };
    assert_eq!(list(""), ["anonymous", "named", "secure"]);
    assert_eq!(list("na"), ["named"]);
    assert_eq!(list(&format!("&username={}", encoded("léa & co"))), ["named"]);
    assert_eq!(list("&listener=mqtts"), ["secure"]);
    assert_eq!(list("&listener=mqtt&username=nobody"), [""; 0]);
    drop((anonymous, named));
}

#[test]
fn identifiers_stand_percent_encoded_in_paths() {
    let broker = Broker::shared();
    for id in AWKWARD {
        let mut client = broker.connect(&Connect::new(Version::V5, id));
        let path = format!("/api/v1/clients/{}", encoded(id));
        assert_eq!(json(broker, &path)["clientId"], id);
        assert_eq!(json(broker, &format!("/api/v1/sessions/{}", encoded(id)))["clientId"], id);
        let listed = texts(&items(broker, &format!("/api/v1/clients?prefix={}", encoded(id))), "clientId");
        assert_eq!(listed, [id]);
        assert_eq!(request(broker, "DELETE", &path).status, 204, "{id}");
        client.expect_disconnect(0x98);
        eventually("it is gone", || (get(broker, &path).status == 404).then_some(()));
    }
}

both! {
    /// A client that is put out is told so; its session stays, with what waits in it, and its will is published.
    fn a_client_is_put_out_and_its_session_stays(v) {
        let broker = Broker::shared();
        let id = fresh("put-out");
        let will = format!("{id}/will");
        let mut watcher = broker.client(v);
        watcher.subscribe(&will, 1);
        let connect = Connect::persistent(v, &id).will(causeway_tests::Will::new(&will, "gone").qos(1));
        let mut client = broker.connect(&connect);
        client.subscribe(&format!("{id}/queue"), 1);
        assert_eq!(request(broker, "DELETE", &format!("/api/v1/clients/{id}")).status, 204);
        client.expect_disconnect(0x98);
        assert_eq!(watcher.take().text(), "gone");
        eventually("nobody is connected", || (get(broker, &format!("/api/v1/clients/{id}")).status == 404).then_some(()));
        watcher.publish(Publish::new(&format!("{id}/queue"), "waited").qos(1));
        assert_eq!(json(broker, &format!("/api/v1/sessions/{id}"))["connected"], false);
        let mut back = broker.connect(&connect);
        assert!(back.connack.session_present, "the session is gone");
        assert_eq!(back.take().text(), "waited");
        assert!(broker.log().contains(&id), "the log does not say who was put out");
    }
}

#[test]
fn nobody_is_404() {
    let broker = Broker::shared();
    for path in ["/api/v1/clients/nobody", "/api/v1/clients/no%2Fbody", "/api/v1/sessions/nobody"] {
        assert_problem(&get(broker, path), 404, "");
    }
    assert_problem(&request(broker, "DELETE", "/api/v1/clients/nobody"), 404, "");
    let away = Connect::persistent(Version::V5, &fresh("away"));
    broker.connect(&away).disconnect();
    let path = format!("/api/v1/clients/{}", away.client_id);
    eventually("only its session is there", || (get(broker, &path).status == 404).then_some(()));
    assert_problem(&request(broker, "DELETE", &path), 404, "");
}

/// The broker's own connections are shown to those who ask for them, and to nobody else.
#[test]
fn connections_of_the_self_check_are_apart() {
    let broker = Broker::shared();
    eventually("a self-check", || {
        let rounds = causeway_tests::http::metric(broker.admin(), "causeway_self_check_rounds_total", "");
        rounds.is_some_and(|rounds| rounds > 0.0).then_some(())
    });
    let all = all_pages(broker, "/api/v1/clients", "", 1000);
    assert!(all.iter().all(|client| client["listener"] != "internal"), "{all:?}");
    let internal = all_pages(broker, "/api/v1/clients", "listener=internal", 1000);
    assert!(internal.iter().all(|client| client["listener"] == "internal"), "{internal:?}");
}
