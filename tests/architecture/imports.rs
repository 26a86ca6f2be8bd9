//! Which crate may import which.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

use crate::workspace;

/// Imports go down this table only; `node` may import everything. The tests of `auth` and `bridge` use the servers, certificates and
/// tokens of the black-box tests, those of `frontend` the client, those of `replica` the words of `mqtt`.
const ALLOWED: &[(&str, &[&str])] = &[
    ("mqtt", &[]),
    ("identity", &[]),
    ("link", &[]),
    ("partition", &["mqtt"]),
    ("auth", &["mqtt", "causeway-tests"]),
    ("config", &["mqtt"]),
    ("replica", &["mqtt", "partition"]),
    ("frontend", &["mqtt", "partition", "auth", "link", "client"]),
    ("backend", &["mqtt", "replica", "partition", "link"]),
    ("bridge", &["mqtt", "client", "causeway-tests"]),
    ("client", &["mqtt"]),
    ("tools", &["mqtt", "client"]),
    // Runs processes of a cluster without the process around them; nobody imports it.
    ("simulation", &["mqtt", "identity", "link", "partition", "auth", "frontend", "backend"]),
];

fn metadata() -> Value {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(["metadata", "--format-version", "1", "--offline", "--no-deps"]).current_dir(workspace());
    let output = command.output().expect("cargo metadata");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("metadata in JSON")
}

/// Workspace crates with the workspace crates they import, tests of a crate included.
fn imports() -> BTreeMap<String, BTreeSet<String>> {
    let data = metadata();
    let packages = data["packages"].as_array().expect("packages");
    let name = |p: &Value| p["name"].as_str().expect("a name").to_string();
    let ours: BTreeSet<String> = packages.iter().map(name).collect();
    let imports = packages.iter().map(|package| {
        let dependencies = package["dependencies"].as_array().expect("dependencies");
        let inside = dependencies.iter().map(name).filter(|d| ours.contains(d));
        (name(package), inside.collect())
    });
    imports.collect()
}

#[test]
fn imports_follow_the_table() {
    let mut wrong = Vec::new();
    for (package, found) in imports() {
        if ["node", "benches", "causeway-benches"].contains(&package.as_str()) {
            continue;
        }
        if package == "causeway-tests" {
            assert!(found.is_empty(), "the black-box tests import {found:?}");
            continue;
        }
        let allowed = ALLOWED.iter().find(|(name, _)| *name == package).map(|(_, allowed)| *allowed);
        let Some(allowed) = allowed else {
            wrong.push(format!("{package} is not in the table"));
            continue;
        };
        for import in found.iter().filter(|i| !allowed.contains(&i.as_str())) {
            wrong.push(format!("{package} imports {import}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Nobody imports the one binary, and it is called causeway.
#[test]
fn node_is_the_only_binary() {
    for (package, found) in imports() {
        assert!(!found.contains("node"), "{package} imports node");
    }
    let data = metadata();
    for package in data["packages"].as_array().expect("packages") {
        let bins = package["targets"].as_array().expect("targets").iter().filter(|t| t["kind"][0] == "bin");
        let bins: Vec<&str> = bins.map(|t| t["name"].as_str().expect("a name")).collect();
        match package["name"].as_str() {
            Some("node") => assert_eq!(bins, ["causeway"]),
            Some("benches" | "causeway-benches" | "simulation") => {}
            other => assert!(bins.is_empty(), "{other:?} has binaries {bins:?}"),
        }
    }
}

/// aws-lc-rs is the only crypto provider.
#[test]
fn ring_is_not_in_the_tree() {
    // Only what is reached on this platform counts, so this asks the resolved graph.
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let tree = Command::new(cargo)
        .args([
            "tree",
            "--workspace",
            "--offline",
            "--edges",
            "normal,build,dev",
            "--prefix",
            "none",
            "--format",
            "{p}",
        ])
        .current_dir(workspace())
        .output()
        .expect("cargo tree");
    assert!(tree.status.success(), "{}", String::from_utf8_lossy(&tree.stderr));
    let tree = String::from_utf8_lossy(&tree.stdout);
    for forbidden in ["ring", "openssl", "openssl-sys", "native-tls"] {
        let found = tree.lines().any(|line| line.split(' ').next() == Some(forbidden));
        assert!(!found, "{forbidden} is in the tree: cargo tree -i {forbidden}");
    }
    assert!(tree.lines().any(|line| line.starts_with("aws-lc-rs ")), "aws-lc-rs is not in the tree");
}

/// The protocol and the partition reach for no runtime, no clock and no chance.
#[test]
fn pure_crates_import_nothing_that_acts() {
    let data = metadata();
    for package in data["packages"].as_array().expect("packages") {
        let name = package["name"].as_str().expect("a name");
        if !["mqtt", "partition"].contains(&name) {
            continue;
        }
        for dependency in package["dependencies"].as_array().expect("dependencies") {
            let library = dependency["name"].as_str().expect("a name");
            let tests_only = dependency["kind"].as_str() == Some("dev");
            let acts = ["tokio", "rand", "socket2", "mio", "time", "chrono", "tracing", "async-std"].contains(&library);
            assert!(tests_only || !acts, "{name} imports {library}");
        }
    }
}
