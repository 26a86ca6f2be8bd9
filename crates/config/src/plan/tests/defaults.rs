//! What holds where nobody asks for anything, and that the reference says the same.

use super::{HOST, Host, resources, sound};
use crate::resource::BROKER;
use crate::schema::{Shape, Standing};
use crate::{Input, Origin, Plan};

fn defaults(shape: &Shape, path: &str, found: &mut Vec<(String, Option<String>)>) {
    for field in shape.fields() {
        let path = if path.is_empty() { field.name.clone() } else { format!("{path}.{}", field.name) };
        let told = field.refused.is_none() && field.standing != Standing::Ignored;
        if told && field.shape.fields().is_empty() && !path.contains("VolumeClaimSpec") {
            found.push((path.clone(), field.default.clone()));
        }
        defaults(&field.shape, &path, found);
    }
}

#[test]
fn every_field_of_the_broker_is_explained_with_the_default_of_the_reference() {
    let plan = sound(&Input::default());
    let mut found = Vec::new();
    defaults(&BROKER, "", &mut found);
    for (path, default) in found {
        let name = format!("Broker {path}");
        let told = plan.values.iter().find(|value| value.path == name).unwrap_or_else(|| panic!("{name}"));
        match told.origin {
            // Said in words: the value follows from the machine, or from another field.
            Origin::Cores => {
                assert_eq!((told.value.as_str(), default.unwrap().as_str()), ("4", "half the cores, 1 to 16"))
            }
            Origin::MemoryProfile => assert_eq!(told.value, "67108864"),
            _ => assert_eq!(Some(&told.value), default.as_ref(), "{path}"),
        }
    }
}

#[test]
fn an_empty_broker_and_none_are_the_same_but_for_the_workers_of_a_given_frontend() {
    let none = sound(&Input::default());
    let spec = |spec: &str| {
        resources(&[&format!(
            "apiVersion: mqttbroker.iotoperations.azure.com/v1\nkind: Broker\nmetadata: {{name: default}}\n{spec}"
        )])
    };
    for empty in ["", "spec:\n", "spec: {}\n", "spec: {memoryProfile: , advanced: {clients: {}}}\n"] {
        assert_eq!(sound(&spec(empty)), none, "{empty}");
    }
    let given = sound(&spec(
        "spec: {cardinality: {frontend: {replicas: 1}, backendChain: {partitions: 3, redundancyFactor: 1}}}\n",
    ));
    assert_eq!((given.workers.get(), given.partitions.get()), (2, 3));
}

#[test]
fn defaults_that_the_types_hold_are_those_of_the_plan() {
    let plan = Plan::check(&Input::default(), &Host { cores: 1, ..HOST }).unwrap();
    assert_eq!(plan.namespace, "azure-iot-operations");
    assert_eq!(plan.self_check.map(|check| (check.interval.as_secs(), check.timeout.as_secs())), Some((30, 15)));
    let traces = plan.traces.unwrap();
    assert_eq!((traces.cache_bytes, traces.channel_capacity), (16 << 20, 1000));
    assert_eq!(traces.self_tracing.map(|interval| interval.as_secs()), Some(30));
    assert_eq!(plan.queue_disk_bytes, None);
    let admin = plan.admin.unwrap();
    assert_eq!((admin.address.to_string().as_str(), admin.token), ("127.0.0.1:9600", None));
}
