//! `/api/v1/sessions` and `/api/v1/subscriptions`; listeners, configuration and traces.

use causeway_tests::{
    Broker, Client, Connect, Filter, Props, Publish, Settings, Subscribe, Version, eventually, fresh,
};

use crate::ask::{all_pages, assert_problem, encoded, get, items, json, texts};
use crate::watch::{QUIET, quiet};

const V: Version = Version::V5;

#[test]
fn a_session_is_described_while_its_client_is_here_and_away() {
    let broker = Broker::shared();
    let connect = Connect::persistent(V, &fresh("session")).will(causeway_tests::Will::new("ended", "will"));
    let (id, topic) = (connect.client_id.clone(), fresh("session/topic"));
    let path = format!("/api/v1/sessions/{id}");
    let mut client = broker.connect(&connect);
    client.subscribe(&topic, 1);
    client.subscribe(&format!("$share/group/{topic}/shared"), 1);
    let shown = json(broker, &path);
    for (field, expected) in [("connected", true), ("persistent", true), ("will", true)] {
        assert_eq!(shown[field], expected, "{field}: {shown}");
    }
    assert_eq!((&shown["expirySeconds"], &shown["subscriptions"]), (&3600.into(), &2.into()), "{shown}");
    assert!(shown["expiresAt"].is_null(), "{shown}");
    client.disconnect();
    let mut publisher = broker.client(V);
    for n in 0..3 {
        publisher.publish(Publish::new(&topic, n.to_string()).qos(1));
    }
    let shown = eventually("it is away with three messages", || {
        let shown = json(broker, &path);
        (shown["queuedMessages"] == 3 && shown["connected"] == false).then_some(shown)
    });
    assert!(shown["queuedBytes"].as_u64().is_some_and(|bytes| bytes > 3), "{shown}");
    assert!(shown["expiresAt"].as_str().is_some_and(|end| end.ends_with('Z')), "{shown}");
    assert_eq!((&shown["inFlightMessages"], &shown["will"]), (&0.into(), &false.into()), "{shown}");
    let mut client = broker.connect(&connect);
    let waiting: Vec<Publish> = (0..3).map(|_| client.expect_publish()).collect();
    eventually("they are in flight", || (json(broker, &path)["inFlightMessages"] == 3).then_some(()));
    waiting.iter().for_each(|message| client.complete(message));
    eventually("nothing waits", || (json(broker, &path)["queuedMessages"] == 0).then_some(()));
}

#[test]
fn sessions_are_listed_by_kind_and_presence() {
    let broker = Broker::shared();
    let stem = fresh("kinds-");
    let name = |name: &str| format!("{stem}{name}");
    let _here = broker.connect(&Connect::persistent(V, &name("kept-here")));
    broker.connect(&Connect::persistent(V, &name("kept-away"))).disconnect();
    let _brief = broker.connect(&Connect::new(V, &name("brief")));
    eventually("one is away", || {
        (json(broker, &format!("/api/v1/sessions/{}", name("kept-away")))["connected"] == false).then_some(())
    });
    let list = |query: &str| {
        let found = texts(&items(broker, &format!("/api/v1/sessions?prefix={stem}{query}")), "clientId");
        found.iter().map(|id| id[stem.len()..].to_string()).collect::<Vec<_>>()
    };
    assert_eq!(list(""), ["brief", "kept-away", "kept-here"]);
    assert_eq!(list("&persistent=true"), ["kept-away", "kept-here"]);
    assert_eq!(list("&persistent=false"), ["brief"]);
    assert_eq!(list("&connected=true"), ["brief", "kept-here"]);
    assert_eq!(list("&connected=false&persistent=true"), ["kept-away"]);
    let one_each = texts(&all_pages(broker, "/api/v1/sessions", &format!("prefix={stem}"), 1), "clientId");
    assert_eq!(one_each, [name("brief"), name("kept-away"), name("kept-here")]);
}

/// Three clients below one stem, with six subscriptions.
fn subscribed(broker: &Broker, stem: &str) -> Vec<Client> {
    let subscribe = |name: &str, filters: &[&str]| {
        let mut client = broker.connect(&Connect::new(V, &format!("{stem}-{name}")));
        filters.iter().for_each(|filter| client.subscribe(&filter.replace("STEM", stem), 1));
        client
    };
    vec![
        subscribe("a", &["STEM/x", "STEM/+/deep", "$share/team/STEM/x"]),
        subscribe("b", &["STEM/#", "STEM/größe/deep"]),
        subscribe("c", &["$share/team/STEM/x"]),
    ]
}

#[test]
fn subscriptions_are_found_by_client_filter_and_topic() {
    let broker = Broker::shared();
    let stem = fresh("subscribed");
    let _clients = subscribed(broker, &stem);
    let list = |query: &str| {
        let found = items(broker, &format!("/api/v1/subscriptions?{query}"));
        let pair = |item: &serde_json::Value| {
            let text = |field: &str| item[field].as_str().expect("text").replace(&stem, "STEM");
            format!("{} {}", text("clientId"), text("filter"))
        };
        found.iter().map(pair).collect::<Vec<_>>()
    };
    assert_eq!(
        list(&format!("clientId={stem}-a")),
        ["STEM-a $share/team/STEM/x", "STEM-a STEM/+/deep", "STEM-a STEM/x"]
    );
    // As subscribed; a plus that is a whole level needs no encoding.
    assert_eq!(list(&format!("filter={stem}/+/deep")), ["STEM-a STEM/+/deep"]);
    assert_eq!(list(&format!("filter={}", encoded(&format!("{stem}/+/deep")))), ["STEM-a STEM/+/deep"]);
    assert_eq!(
        list(&format!("filter=$share/team/{stem}/x")),
        ["STEM-a $share/team/STEM/x", "STEM-c $share/team/STEM/x"]
    );
    assert_eq!(list(&format!("filter={stem}/%23")), ["STEM-b STEM/#"]);
    assert_eq!(list(&format!("filter={stem}/nobody")), [""; 0]);
    // By topic: whoever would get a message to it, each subscription once.
    assert_eq!(
        list(&format!("topic={stem}/x")),
        ["STEM-a $share/team/STEM/x", "STEM-a STEM/x", "STEM-b STEM/#", "STEM-c $share/team/STEM/x"]
    );
    assert_eq!(
        list(&format!("topic={stem}/{}/deep", encoded("größe"))),
        ["STEM-a STEM/+/deep", "STEM-b STEM/#", "STEM-b STEM/größe/deep"]
    );
    assert_eq!(list(&format!("topic={stem}/x&clientId={stem}-b")), ["STEM-b STEM/#"]);
    for client in ["a", "b", "c"] {
        let whole = items(broker, &format!("/api/v1/subscriptions?clientId={stem}-{client}"));
        let paged = all_pages(broker, "/api/v1/subscriptions", &format!("clientId={stem}-{client}"), 1);
        assert_eq!(paged, whole, "one to a page");
    }
}

#[test]
fn a_subscription_shows_its_options() {
    let broker = Broker::shared();
    let topic = fresh("options");
    let mut client = broker.client(V);
    let filter = Filter::new(&topic, 2).no_local().retain_as_published();
    client.subscribe_with(&Subscribe::new(filter).subscription_id(77));
    client.subscribe(&format!("{topic}/plain"), 0);
    let shown = items(broker, &format!("/api/v1/subscriptions?clientId={}", client.id));
    let options = |item: &serde_json::Value| {
        ["qos", "noLocal", "retainAsPublished", "identifier"].map(|field| item[field].to_string())
    };
    assert_eq!(options(&shown[0]), ["2", "true", "true", "77"]);
    assert_eq!(options(&shown[1]), ["0", "false", "false", "null"]);
}

#[test]
fn listeners_show_where_and_how_secured() {
    let broker = Broker::start(Settings::all_listeners());
    let shown = items(&broker, "/api/v1/listeners");
    let of = |name: &str| shown.iter().find(|l| l["name"] == name).unwrap_or_else(|| panic!("no {name}: {shown:?}"));
    for (name, address, protocol) in
        [("mqtt", broker.mqtt(), "Mqtt"), ("mqtts", broker.mqtts(), "Mqtt"), ("ws", broker.ws(), "WebSockets")]
    {
        assert_eq!((&of(name)["address"], &of(name)["protocol"]), (&address.to_string().into(), &protocol.into()));
    }
    assert!(of("mqtt")["tls"].is_null() && of("ws")["tls"].is_null(), "{shown:?}");
    assert_eq!(of("mqtts")["tls"]["mode"], "Automatic");
    assert!(of("mqtts")["tls"]["notAfter"].as_str().is_some_and(|end| end.ends_with('Z')), "{shown:?}");
}

#[test]
fn the_configuration_shows_values_origins_and_no_secret() {
    let (broker, resources) = quiet("advanced:\n  clients:\n    maxKeepAliveSeconds: 123\n");
    let setting = |name: &str| {
        let shown = items(&broker, "/api/v1/configuration");
        let found = shown.into_iter().find(|item| item["path"].as_str().is_some_and(|path| path.ends_with(name)));
        found.unwrap_or_else(|| panic!("no {name}"))
    };
    let shown = setting("advanced.clients.maxKeepAliveSeconds");
    assert_eq!(shown["value"], "123", "{shown}");
    assert!(shown["origin"].as_str().is_some_and(|origin| origin.contains("broker.yaml:")), "{shown}");
    resources.broker(&format!("{QUIET}advanced:\n  clients:\n    maxKeepAliveSeconds: 124\n"));
    eventually("the change is shown", || (setting("maxKeepAliveSeconds")["value"] == "124").then_some(()));
}

#[test]
fn a_traced_publish_shows_its_spans() {
    let broker = Broker::shared();
    let topic = fresh("traced");
    let mut subscriber = broker.client(V);
    subscriber.subscribe(&topic, 1);
    let mut publisher = broker.client(V);
    let (trace, parent) = ("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7");
    let property = |flags: &str| Props::new().user("traceparent", &format!("00-{trace}-{parent}-{flags}"));
    publisher.publish(Publish::new(&topic, "unsampled").qos(1).props(property("00")));
    subscriber.take();
    publisher.publish(Publish::new(&topic, "sampled").qos(1).props(property("01")));
    subscriber.take();
    let shown = eventually("the spans", || {
        let response = get(broker, &format!("/api/v1/traces/{trace}"));
        let shown = (response.status == 200).then(|| response.json())?;
        (shown["spans"].as_array()?.len() >= 2).then_some(shown)
    });
    let spans = shown["spans"].as_array().expect("spans");
    assert_eq!(spans.len(), 2, "{shown}");
    let span = |name: &str| spans.iter().find(|span| span["name"] == name).unwrap_or_else(|| panic!("{name}: {shown}"));
    assert_eq!(span("PUBLISH")["clientId"], publisher.id.as_str());
    assert_eq!(span("DELIVER")["clientId"], subscriber.id.as_str());
    for span in spans {
        assert_eq!((&span["parentSpanId"], &span["topic"]), (&parent.into(), &topic.as_str().into()), "{span}");
        assert_eq!(span["spanId"].as_str().map(str::len), Some(16), "{span}");
        assert_eq!(span["reasonCode"], 0, "{span}");
    }
    let listed = json(broker, "/api/v1/traces?limit=1000");
    let ids = texts(listed["items"].as_array().expect("items"), "traceId");
    assert!(ids.iter().any(|id| id == trace), "{listed}");
    assert_problem(&get(broker, "/api/v1/traces/00000000000000000000000000000001"), 404, "");
}
