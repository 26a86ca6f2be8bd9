//! Files that are right, with what comes of them: `accepted/NAME.json` is given as the Broker's properties,
//! `accepted/NAME.yaml` as a resource file, and `accepted/NAME.explained` lists listeners, endpoints, dataflows,
//! notices and the values that are not at their default. CAUSEWAY_BLESS=1 writes the lists anew, to be read before they are kept.

#![expect(clippy::unwrap_used, reason = "a test may fail loudly, its helpers too")]

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use config::dataflow::{Dataflow, Endpoint};
use config::{Host, Input, Origin, Plan, Text, Tls};

const HOST: Host = Host { cores: 4, remembered: None };

fn explained(path: &Path) -> String {
    let name = path.file_name().unwrap().to_str().unwrap().to_owned();
    let text = Text { path: name, bytes: fs::read(path).unwrap() };
    let input = match path.extension().is_some_and(|extension| extension == "json") {
        true => Input { broker_config: Some(text), ..Input::default() },
        false => Input { texts: vec![text], ..Input::default() },
    };
    let plan = Plan::check(&input, &HOST).unwrap_or_else(|problems| panic!("{problems}"));
    let mut told = String::new();
    for listener in &plan.listeners {
        let tls = match &listener.tls {
            None => "no TLS".to_owned(),
            Some(Tls::Manual(certificate)) => format!("certificate of the Secret {}", certificate.secret),
            Some(Tls::Automatic(certificate)) => format!("certificate in {}", certificate.folder),
        };
        let guards =
            [("BrokerAuthentication", &listener.authentication), ("BrokerAuthorization", &listener.authorization)];
        let guards =
            guards.map(|(kind, name)| name.as_ref().map(|name| format!(", {kind} {name}")).unwrap_or_default());
        let guards = guards.concat();
        writeln!(told, "listener {} {} {:?}, {tls}{guards}", listener.name, listener.address, listener.protocol)
            .unwrap();
    }
    for endpoint in plan.endpoints.values().filter(|endpoint| endpoint.place.is_some()) {
        let Endpoint { name, kind, reach, host, port, .. } = endpoint;
        let path = endpoint.path.as_deref().unwrap_or_default();
        let tls = if endpoint.tls.is_some() { "TLS" } else { "no TLS" };
        writeln!(told, "endpoint {name} {kind:?} by {reach:?}, {host} {port}{path}, {tls}").unwrap();
    }
    for (name, dataflow) in &plan.dataflows {
        let filters = dataflow.filters.iter().map(|found| format!("{:?} {}", found.group, found.filter));
        let filters = filters.collect::<Vec<_>>().join(", ");
        let Dataflow { source, destination, topic, mode, instances, dead_letter, .. } = dataflow;
        writeln!(
            told,
            "dataflow {name} {mode:?} x{instances}: {source} [{filters}] -> {destination} {topic} or {dead_letter}"
        )
        .unwrap();
    }
    for notice in &plan.notices {
        writeln!(told, "notice {notice}").unwrap();
    }
    for value in plan.values.iter().filter(|value| matches!(value.origin, Origin::File { .. })) {
        let note = value.note.as_ref().map(|note| format!("; {note}")).unwrap_or_default();
        writeln!(told, "{} = {} ({}{note})", value.path, value.value, value.origin).unwrap();
    }
    told
}

#[test]
fn what_is_right_is_accepted_and_explained() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/accepted");
    let mut paths: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension != "explained"));
    paths.sort();
    assert!(!paths.is_empty());
    for path in paths {
        let (told, beside) = (explained(&path), path.with_extension("explained"));
        if std::env::var_os("CAUSEWAY_BLESS").is_some() {
            fs::write(&beside, &told).unwrap();
        }
        let expected = fs::read_to_string(&beside).unwrap_or_default();
        assert!(told == expected, "{}:\n{told}where this is expected:\n{expected}", path.display());
    }
}
