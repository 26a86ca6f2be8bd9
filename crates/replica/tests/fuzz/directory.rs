//! A directory as a map from names to bytes.

use std::{collections::BTreeMap, path::Path};

/// By path below the directory, with `/` between.
pub type Files = BTreeMap<String, Vec<u8>>;

/// In memory where that is possible: this is about bytes, not about devices.
pub fn tempdir() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

pub fn files_below(dir: &Path) -> Files {
    let mut files = Files::new();
    gather(dir, "", &mut files);
    files
}

fn gather(dir: &Path, prefix: &str, files: &mut Files) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        let name = format!("{prefix}{}", path.file_name().unwrap().to_str().unwrap());
        if path.is_dir() {
            gather(&path, &format!("{name}/"), files);
        } else {
            files.insert(name, std::fs::read(&path).unwrap());
        }
    }
}

pub fn put_back(files: &Files, dir: &Path) {
    for (name, bytes) in files {
        let path = dir.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }
}
