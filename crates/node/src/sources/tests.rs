//! Which files are found and read, and when a change counts.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use config::ObjectKind;

use super::{Content, Look, Sources, Watch};

fn sources(path: &Path) -> Sources {
    Sources { resources: vec![path.to_owned()], broker_config: None }
}

fn content(sources: &Sources) -> Content {
    sources.read().1.unwrap()
}

fn problems(sources: &Sources) -> Vec<String> {
    sources.read().1.unwrap_err().iter().map(ToString::to_string).collect()
}

fn names(content: &Content) -> Vec<&str> {
    content.texts.iter().filter_map(|text| Path::new(&text.path).file_name()?.to_str()).collect()
}

#[test]
fn a_folder_gives_its_resource_files_by_name_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    for name in
        ["b.yml", "a.yaml", "c.json", ".hidden.yaml", "a.yaml~", ".#a.yaml", "#a.yaml#", "a.yaml.swp", "notes.txt"]
    {
        fs::write(dir.path().join(name), name).unwrap();
    }
    fs::create_dir(dir.path().join("folder.yaml")).unwrap();
    let content = content(&sources(dir.path()));
    assert_eq!(names(&content), ["a.yaml", "b.yml", "c.json"]);
    assert_eq!(content.texts[0].bytes, b"a.yaml");
    assert!(content.objects.is_empty() && content.broker_config.is_none());
}

#[test]
fn secrets_and_configmaps_lie_beside_folders_and_files() {
    let dir = tempfile::tempdir().unwrap();
    let key = dir.path().join("secrets/server/tls.key");
    fs::create_dir_all(key.parent().unwrap().join("..version")).unwrap();
    fs::write(&key, "key").unwrap();
    fs::write(key.with_file_name("tls.key~"), "old").unwrap();
    fs::write(dir.path().join("secrets/stray"), "").unwrap();
    fs::create_dir_all(dir.path().join("configmaps/trust")).unwrap();
    let file = dir.path().join("broker.yaml");
    fs::write(&file, "kind: Broker").unwrap();
    let json = dir.path().join("broker.json");
    fs::write(&json, "{}").unwrap();
    let both = Sources { resources: vec![file.clone(), dir.path().to_owned()], broker_config: Some(json) };
    for (sources, texts) in [(sources(dir.path()), 2), (sources(&file), 1), (both, 2)] {
        let content = content(&sources);
        assert_eq!(content.texts.len(), texts);
        let objects: Vec<_> = content.objects.iter().map(|object| (object.kind, object.name.as_str())).collect();
        assert_eq!(objects, [(ObjectKind::Secret, "server"), (ObjectKind::ConfigMap, "trust")]);
        let entries: Vec<_> =
            content.objects[0].entries.iter().map(|(key, bytes)| (key.as_str(), &bytes[..])).collect();
        assert_eq!(entries, [("tls.key", &b"key"[..])]);
    }
}

#[test]
fn what_cannot_be_read_is_told_with_a_remedy_all_at_once() {
    let dir = tempfile::tempdir().unwrap();
    symlink("nowhere", dir.path().join("link.yaml")).unwrap();
    fs::write(dir.path().join("large.yaml"), vec![b' '; (1 << 20) + 1]).unwrap();
    fs::write(dir.path().join("largest.yaml"), vec![b' '; 1 << 20]).unwrap();
    let missing = dir.path().join("missing");
    let both = Sources {
        resources: vec![dir.path().to_owned(), missing.clone()],
        broker_config: Some(dir.path().join("missing.json")),
    };
    let told = problems(&both);
    assert_eq!(told.len(), 4, "{told:?}");
    assert_eq!(
        told[0],
        format!("--resources {}: there is no such file or folder; give one that is there", missing.display())
    );
    assert!(told[1].starts_with("--broker-config-file ") && told[1].contains("missing.json: there is no"), "{told:?}");
    assert!(told[2].contains("large.yaml: it is larger than 1 MiB"), "{told:?}");
    assert!(told[3].contains("link.yaml: there is no such file"), "{told:?}");
}

#[test]
fn a_pipe_is_refused_and_not_waited_for() {
    let dir = tempfile::tempdir().unwrap();
    let pipe = dir.path().join("pipe.yaml");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status().unwrap();
    assert!(made.success());
    let told = problems(&sources(dir.path()));
    assert!(told[0].contains("it is not a file"), "{told:?}");
}

#[test]
fn too_many_files_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    for number in 0..=1000 {
        fs::write(dir.path().join(format!("{number}.yaml")), "").unwrap();
    }
    let told = problems(&sources(dir.path()));
    assert_eq!(told, ["--resources 1001 resource files: at most 1000 are read; put several resources into one file"]);
}

#[test]
fn a_change_settles_when_two_looks_see_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("a.yaml");
    fs::write(&file, "1").unwrap();
    let sources = sources(dir.path());
    let mut watch = Watch::new(sources.signature());
    assert_eq!(watch.look(sources.signature()), Look::Same);

    fs::write(&file, "12").unwrap();
    assert_eq!(watch.look(sources.signature()), Look::Changing);
    fs::write(&file, "123").unwrap();
    assert_eq!(watch.look(sources.signature()), Look::Changing);
    assert_eq!(watch.look(sources.signature()), Look::Settled);
    watch.take(sources.read().0);
    assert_eq!(watch.look(sources.signature()), Look::Same);

    fs::remove_file(&file).unwrap();
    assert_eq!(watch.look(sources.signature()), Look::Changing);
    assert_eq!(watch.look(sources.signature()), Look::Settled);
}

#[test]
fn a_change_that_is_taken_back_is_none() {
    let dir = tempfile::tempdir().unwrap();
    let sources = sources(dir.path());
    let mut watch = Watch::new(sources.signature());
    let other = dir.path().join("a.yaml");
    fs::write(&other, "").unwrap();
    assert_eq!(watch.look(sources.signature()), Look::Changing);
    fs::remove_file(&other).unwrap();
    assert_eq!(watch.look(sources.signature()), Look::Same);
    fs::write(&other, "").unwrap();
    assert_eq!(watch.look(sources.signature()), Look::Changing);
}

#[test]
fn a_mount_that_is_swapped_by_its_link_is_a_change() {
    let dir = tempfile::tempdir().unwrap();
    let version = |name: &str| {
        let version = dir.path().join(name);
        fs::create_dir(&version).unwrap();
        fs::write(version.join("a.yaml"), "same size").unwrap();
        symlink(name, dir.path().join("..next")).unwrap();
        fs::rename(dir.path().join("..next"), dir.path().join("..data")).unwrap();
    };
    version("..1");
    symlink("..data/a.yaml", dir.path().join("a.yaml")).unwrap();
    let sources = sources(dir.path());
    assert_eq!(names(&content(&sources)), ["a.yaml"]);
    let before = sources.signature();
    version("..2");
    assert_ne!(sources.signature(), before);
}
