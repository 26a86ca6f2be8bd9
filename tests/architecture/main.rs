//! The shape of the workspace, checked: who may import whom, what may not be in the tree, how long a file may be.

mod files;
mod imports;

use std::path::PathBuf;

fn workspace() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).parent().expect("a workspace around this package").to_path_buf()
}
