//! Which files there are behind the paths that were given.

use std::fs::{self, Metadata};
use std::io;
use std::path::{Path, PathBuf};

use config::{ObjectKind, Problem};

/// Entries of one folder that are looked at. Whoever has more has given the wrong folder.
const MAX_ENTRIES: usize = 10_000;
/// Resource files taken in all, and as many Secrets and ConfigMaps.
const MAX_FILES: usize = 1_000;

/// Names of files that hold resources, by their ending.
const ENDINGS: &[&str] = &["yaml", "yml", "json"];

/// Folders beside resource files, and what each of their folders is.
const OBJECT_FOLDERS: &[(&str, ObjectKind)] = &[("secrets", ObjectKind::Secret), ("configmaps", ObjectKind::ConfigMap)];

/// The paths that were given.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Sources {
    /// Of `--resources`: files, or folders whose `*.yaml`, `*.yml` and `*.json` count.
    pub(crate) resources: Vec<PathBuf>,
    /// Of `--broker-config-file`.
    pub(crate) broker_config: Option<PathBuf>,
}

/// The files there are, in the order of the paths and by name, and why some are missing.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) texts: Vec<PathBuf>,
    pub(super) broker_config: Option<PathBuf>,
    pub(super) objects: Vec<FoundObject>,
    pub(super) problems: Vec<Problem>,
}

/// A Secret or ConfigMap that is a folder.
#[derive(Debug)]
pub(super) struct FoundObject {
    pub(super) kind: ObjectKind,
    pub(super) name: String,
    pub(super) path: PathBuf,
    /// File names, which are keys, and paths.
    pub(super) entries: Vec<(String, PathBuf)>,
}

impl Sources {
    /// Whether there is nothing to read or to watch.
    pub(crate) fn is_empty(&self) -> bool {
        self.resources.is_empty() && self.broker_config.is_none()
    }

    /// How many resource files there are, readable or not.
    pub(crate) fn count(&self) -> usize {
        let found = self.find();
        found.texts.len() + usize::from(found.broker_config.is_some())
    }

    /// Folders that were given and hold no resource file.
    pub(crate) fn without_files(&self) -> Vec<Problem> {
        let is_without = |path: &&PathBuf| {
            let mut found = Found::default();
            found.add_folder(path);
            found.texts.is_empty() && found.problems.is_empty()
        };
        let folders = self.resources.iter().filter(|path| path.is_dir()).filter(is_without);
        let expected = "it holds no *.yaml, *.yml or *.json, and folders in it are not looked into; give the folder \
                        that holds the resources";
        folders.map(|folder| problem("folder", folder, expected.to_owned())).collect()
    }

    pub(super) fn find(&self) -> Found {
        let mut found = Found::default();
        for path in &self.resources {
            match fs::metadata(path) {
                Ok(there) if there.is_dir() => {
                    found.add_folder(path);
                    found.add_objects_of(path);
                }
                Ok(_) => {
                    found.add_text(path);
                    found.add_objects_of(folder_of(path));
                }
                Err(error) => found.refuse("--resources", path, &error),
            }
        }
        if let Some(path) = &self.broker_config {
            match fs::metadata(path) {
                Ok(_) => {
                    found.broker_config = Some(path.clone());
                    found.add_objects_of(folder_of(path));
                }
                Err(error) => found.refuse("--broker-config-file", path, &error),
            }
        }
        found.refuse_too_many();
        found
    }
}

impl Found {
    fn add_folder(&mut self, folder: &Path) {
        for (name, path) in self.visible(folder) {
            let ending = Path::new(&name).extension().and_then(|ending| ending.to_str());
            if !ending.is_some_and(|ending| ENDINGS.contains(&ending)) {
                continue;
            }
            // A link that leads nowhere is a problem when it is read; a folder is not meant.
            if !fs::metadata(&path).as_ref().is_ok_and(Metadata::is_dir) {
                self.add_text(&path);
            }
        }
    }

    fn add_text(&mut self, path: &Path) {
        if !self.texts.iter().any(|text| text == path) {
            self.texts.push(path.to_owned());
        }
    }

    fn add_objects_of(&mut self, folder: &Path) {
        for (name, kind) in OBJECT_FOLDERS {
            let all = folder.join(name);
            if !all.is_dir() || self.objects.iter().any(|object| object.path.parent() == Some(&all)) {
                continue;
            }
            for (name, path) in self.visible(&all) {
                if !path.is_dir() {
                    continue;
                }
                let entries = self.visible(&path).into_iter().filter(|(key, path)| is_key(key) && !path.is_dir());
                let entries = entries.collect();
                self.objects.push(FoundObject { kind: *kind, name, path, entries });
            }
        }
    }

    /// What a folder holds, by name, without hidden entries: among those are the versions behind the links of a
    /// Kubernetes mount, and the drafts of editors.
    fn visible(&mut self, folder: &Path) -> Vec<(String, PathBuf)> {
        let entries = match fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(error) => {
                self.refuse("folder", folder, &error);
                return Vec::new();
            }
        };
        let mut visible = Vec::new();
        for entry in entries.take(MAX_ENTRIES + 1) {
            match entry {
                // A name that is not UTF-8 is no resource's and no key's.
                Ok(entry) => visible.extend(entry.file_name().into_string().ok().map(|name| (name, entry.path()))),
                Err(error) => self.refuse("folder", folder, &error),
            }
        }
        if visible.len() > MAX_ENTRIES {
            let expected = format!("it has more than {MAX_ENTRIES} entries; give a folder that holds resources only");
            self.problems.push(problem("folder", folder, expected));
            return Vec::new();
        }
        visible.retain(|(name, _)| !name.starts_with('.'));
        visible.sort_unstable();
        visible
    }

    fn refuse(&mut self, place: &str, path: &Path, error: &io::Error) {
        self.problems.push(problem(place, path, remedy(error)));
    }

    fn refuse_too_many(&mut self) {
        let counts = [("resource files", self.texts.len()), ("secrets and configmaps", self.objects.len())];
        for (what, count) in counts {
            if count > MAX_FILES {
                let expected = format!("at most {MAX_FILES} are read; put several resources into one file");
                let text = format!("{count} {what}");
                self.problems.push(Problem { place: "--resources".to_owned(), text, expected });
            }
        }
    }
}

pub(super) fn problem(place: &str, path: &Path, expected: String) -> Problem {
    Problem { place: place.to_owned(), text: path.display().to_string(), expected }
}

/// What to do about a path that cannot be read.
pub(super) fn remedy(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "there is no such file or folder; give one that is there".to_owned(),
        io::ErrorKind::PermissionDenied => {
            "this user may not read it; make it readable for the user that runs causeway".to_owned()
        }
        _ => format!("it cannot be read ({error}); give a file or folder that can"),
    }
}

/// As Kubernetes has them; what an editor leaves behind is none.
fn is_key(name: &str) -> bool {
    name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte))
}

fn folder_of(file: &Path) -> &Path {
    match file.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}
