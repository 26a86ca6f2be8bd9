//! That the manifests in `deploy/kubernetes` are what Kubernetes and this program understand.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use clap::Parser;
use config::Host;
use k8s_openapi::api::apps::v1::{Deployment, StatefulSet};
use k8s_openapi::api::core::v1::{ConfigMap, Namespace, PersistentVolumeClaim, PodSpec, Service};
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::arguments::{Arguments, Errand};

const RESOURCES: &str = "/etc/causeway/resources";
const KUSTOMIZATION: &str = "kustomization.yaml";

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/kubernetes")
}

fn documents(file: &str) -> Vec<Value> {
    let text = fs::read_to_string(folder().join(file)).unwrap();
    serde_saphyr::from_multiple(&text).unwrap_or_else(|error| panic!("{file}: {error}"))
}

fn files() -> BTreeSet<String> {
    let entries = fs::read_dir(folder()).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name.ends_with(".yaml") && name != KUSTOMIZATION).collect()
}

fn manifests() -> Vec<Value> {
    files().iter().flat_map(|file| documents(file)).collect()
}

fn of_kind<T: DeserializeOwned>(kind: &str) -> Vec<T> {
    let all = manifests().into_iter().filter(|manifest| manifest["kind"] == kind);
    all.map(|manifest| serde_json::from_value(manifest).unwrap()).collect()
}

/// What a field is called that the type does not have, or has as something else, is not there any more when it was read.
fn understood<T: DeserializeOwned + Serialize>(manifest: &Value) {
    let read: T = serde_json::from_value(manifest.clone()).unwrap_or_else(|error| panic!("{error}: {manifest:#}"));
    let again = serde_json::to_value(read).unwrap();
    lost(manifest, &again, "");
}

fn lost(written: &Value, read: &Value, place: &str) {
    match (written, read) {
        (Value::Object(written), Value::Object(read)) => {
            for (name, value) in written {
                let place = format!("{place}.{name}");
                lost(value, read.get(name).unwrap_or_else(|| panic!("{place} is unknown")), &place);
            }
        }
        (Value::Array(written), Value::Array(read)) => {
            assert_eq!(written.len(), read.len(), "{place}");
            written.iter().zip(read).for_each(|(written, read)| lost(written, read, place));
        }
        _ => assert_eq!(written, read, "{place}"),
    }
}

#[test]
fn every_manifest_is_listed_and_understood() {
    let kustomization = documents(KUSTOMIZATION).remove(0);
    let listed = kustomization["resources"].as_array().unwrap().iter().map(|name| name.as_str().unwrap().to_owned());
    assert_eq!(listed.collect::<BTreeSet<_>>(), files());
    for manifest in manifests() {
        match manifest["kind"].as_str().unwrap() {
            "ConfigMap" => understood::<ConfigMap>(&manifest),
            "Deployment" => understood::<Deployment>(&manifest),
            "Namespace" => understood::<Namespace>(&manifest),
            "PersistentVolumeClaim" => understood::<PersistentVolumeClaim>(&manifest),
            "PodDisruptionBudget" => understood::<PodDisruptionBudget>(&manifest),
            "Service" => understood::<Service>(&manifest),
            "StatefulSet" => understood::<StatefulSet>(&manifest),
            other => panic!("{other} is not looked at"),
        }
    }
}

/// The pods, by their names but for the number.
fn pods() -> BTreeMap<String, (PodSpec, i32)> {
    let of_sets = of_kind::<StatefulSet>("StatefulSet").into_iter().map(|set| {
        let spec = set.spec;
        (set.metadata.name.unwrap(), (spec.template.spec.unwrap(), spec.replicas.unwrap()))
    });
    let of_deployments = of_kind::<Deployment>("Deployment").into_iter().map(|deployment| {
        let spec = deployment.spec;
        (deployment.metadata.name.unwrap(), (spec.template.spec.unwrap(), spec.replicas.unwrap()))
    });
    of_sets.chain(of_deployments).collect()
}

/// The files of `RESOURCES`, as Kubernetes would mount them.
fn mounted(pod: &PodSpec, folder: &Path) {
    let maps: BTreeMap<_, _> = of_kind::<ConfigMap>("ConfigMap")
        .into_iter()
        .map(|map| (map.metadata.name.unwrap(), map.data.unwrap()))
        .collect();
    let volume = pod.volumes.iter().flatten().find(|volume| volume.name == "resources").unwrap();
    for source in volume.projected.as_ref().unwrap().sources.iter().flatten() {
        for (name, text) in source.config_map.iter().flat_map(|map| &maps[&map.name]) {
            fs::write(folder.join(name), text).unwrap();
        }
        for item in source.secret.iter().flat_map(|secret| secret.items.iter().flatten()) {
            let path = folder.join(&item.path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "0123456789abcdef").unwrap();
        }
    }
}

#[test]
fn every_command_line_is_taken_with_the_resources_that_are_mounted() {
    let host = Host { cores: 2, remembered: None };
    for (name, (pod, replicas)) in pods() {
        let resources = tempfile::tempdir().unwrap();
        mounted(&pod, resources.path());
        for number in 0..replicas {
            let at = |argument: &String| {
                let argument = argument.replace("$(POD_NAME)", &format!("{name}-{number}"));
                argument.replace(RESOURCES, resources.path().to_str().unwrap())
            };
            let arguments = pod.containers[0].args.iter().flatten().map(at);
            let line = std::iter::once("causeway".to_owned()).chain(arguments);
            let errand = Arguments::try_parse_from(line).unwrap_or_else(|error| panic!("{name}: {error}")).errand;
            let (reading, role) = match errand.unwrap() {
                Errand::Backend(flags) => (flags.reading(), "backend"),
                Errand::Frontend(flags) => (flags.reading(), "frontend"),
                Errand::Bridge(flags) => (flags.reading(), "bridge"),
                _ => panic!("{name} is no role"),
            };
            assert_eq!(role, name);
            let plan = reading.plan(&host).1.unwrap_or_else(|error| panic!("{name}: {error}"));
            assert!(plan.admin.unwrap().token.is_some(), "{name}: probes reach it, so it has a token");
            let Some(cluster) = plan.cluster else { continue };
            assert_eq!((cluster.us.name, cluster.backends.len()), (format!("{name}-{number}"), 3));
            assert_eq!((cluster.backends[2].host.as_str(), cluster.redundancy_factor), ("backend-2.backend", 3));
        }
    }
}

#[test]
fn ports_volumes_and_labels_fit_together() {
    let pods = pods();
    for (name, (pod, _)) in &pods {
        let container = &pod.containers[0];
        let volumes: BTreeSet<_> = pod.volumes.iter().flatten().map(|volume| volume.name.as_str()).collect();
        for mount in container.volume_mounts.iter().flatten() {
            assert!(volumes.contains(&*mount.name) || mount.name == "data", "{name} has no volume {}", mount.name);
        }
        let probes = [&container.liveness_probe, &container.readiness_probe];
        let paths: Vec<_> = probes.into_iter().flatten().filter_map(|probe| probe.http_get.clone()?.path).collect();
        assert_eq!(paths, ["/health/live", "/health/ready"], "{name}");
    }
    let of_component = |selector: &BTreeMap<String, String>| selector["app.kubernetes.io/component"].clone();
    for service in of_kind::<Service>("Service") {
        let (name, spec) = (service.metadata.name.unwrap(), service.spec.unwrap());
        let (pod, _) = &pods[&of_component(&spec.selector.unwrap())];
        let open: BTreeMap<_, _> = pod.containers[0]
            .ports
            .iter()
            .flatten()
            .map(|port| (port.name.clone().unwrap(), port.container_port))
            .collect();
        for port in spec.ports.unwrap() {
            assert_eq!(open.get(&port.name.unwrap()), Some(&port.port), "{name}");
        }
    }
    for budget in of_kind::<PodDisruptionBudget>("PodDisruptionBudget") {
        let selector = budget.spec.unwrap().selector.unwrap().match_labels.unwrap();
        assert!(pods.contains_key(&of_component(&selector)));
    }
}
