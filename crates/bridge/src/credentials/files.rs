//! Files with secrets: read in bounds, and watched through the links that replace them.

use std::fs::{self, File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use zeroize::Zeroizing;

use super::error::{CredentialError, FileProblem};
use super::settings::Source;

/// As much as Kubernetes takes in a Secret.
const LARGEST: usize = 1 << 20;

/// Reads at most `most` bytes of a regular file that is not empty.
pub(super) fn read(path: &Path, most: usize) -> Result<Zeroizing<Vec<u8>>, FileProblem> {
    let unreadable = |error: io::Error| FileProblem::Unreadable(error.to_string());
    // Whoever opens a pipe waits for its other end.
    if !fs::metadata(path).map_err(unreadable)?.is_file() {
        return Err(FileProblem::NotRegular);
    }
    let file = File::open(path).map_err(unreadable)?;
    let mut content = Zeroizing::new(Vec::new());
    file.take(most as u64 + 1).read_to_end(&mut content).map_err(unreadable)?;
    match content.len() {
        0 => Err(FileProblem::Empty),
        len if len > most => Err(FileProblem::TooLarge(most)),
        _ => Ok(content),
    }
}

impl Source {
    /// What is there now.
    pub(super) fn read(&self, expected: &'static str) -> Result<Zeroizing<Vec<u8>>, CredentialError> {
        let content = match self {
            Self::File(path) => read(path, LARGEST),
            Self::Held { content, .. } if content.bytes().is_empty() => Err(FileProblem::Empty),
            Self::Held { content, .. } => Ok(Zeroizing::new(content.bytes().to_vec())),
        };
        content.map_err(|problem| CredentialError::File { place: self.to_string(), problem, expected })
    }

    /// The content without the line end that editors put behind it.
    pub(super) fn line(&self, expected: &'static str) -> Result<Zeroizing<Vec<u8>>, CredentialError> {
        let mut line = Zeroizing::new(self.read(expected)?.to_vec());
        let end = if line.ends_with(b"\r\n") { 2 } else { usize::from(line.ends_with(b"\n")) };
        let len = line.len() - end;
        line.truncate(len);
        if line.is_empty() {
            return Err(CredentialError::File { place: self.to_string(), problem: FileProblem::Empty, expected });
        }
        Ok(line)
    }
}

/// Files that may be replaced at any time.
#[derive(Debug)]
pub(super) struct Watch {
    files: Vec<PathBuf>,
    seen: Vec<State>,
}

/// Of the file that a path leads to, through links: another file in its place has another inode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    There { device: u64, inode: u64, size: u64, modified: (i64, i64), changed: (i64, i64) },
    Not(io::ErrorKind),
}

impl State {
    fn of(path: &Path) -> Self {
        match fs::metadata(path) {
            Ok(there) => Self::there(&there),
            Err(error) => Self::Not(error.kind()),
        }
    }

    fn there(there: &Metadata) -> Self {
        Self::There {
            device: there.dev(),
            inode: there.ino(),
            size: there.size(),
            modified: (there.mtime(), there.mtime_nsec()),
            changed: (there.ctime(), there.ctime_nsec()),
        }
    }
}

impl Watch {
    pub fn new(files: Vec<PathBuf>) -> Self {
        Self { files, seen: Vec::new() }
    }

    /// To be called before the files are read: a change after it is a change.
    pub fn mark(&mut self) {
        self.seen = self.now();
    }

    /// Waits for a change since the mark; without files, forever. Cancel-safe.
    pub async fn changed(&self, poll: Duration) {
        if self.files.is_empty() {
            return std::future::pending().await;
        }
        while self.now() == self.seen {
            tokio::time::sleep(poll).await;
        }
    }

    fn now(&self) -> Vec<State> {
        self.files.iter().map(|path| State::of(path)).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn what_is_read_is_bounded_and_regular() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        assert!(matches!(read(&path, 4), Err(FileProblem::Unreadable(_))));
        fs::write(&path, "").unwrap();
        assert_eq!(read(&path, 4), Err(FileProblem::Empty));
        fs::write(&path, "four").unwrap();
        assert_eq!(read(&path, 4).as_deref().map(Vec::as_slice), Ok(&b"four"[..]));
        fs::write(&path, "fives").unwrap();
        assert_eq!(read(&path, 4), Err(FileProblem::TooLarge(4)));
        assert_eq!(read(folder.path(), 4), Err(FileProblem::NotRegular));
        assert_eq!(read(Path::new("/dev/zero"), 4), Err(FileProblem::NotRegular));
    }

    #[test]
    fn one_line_end_is_not_part_of_a_text() {
        for (content, expected) in [
            ("word", Some("word")),
            ("word\n", Some("word")),
            ("word\r\n", Some("word")),
            ("word\n\n", Some("word\n")),
            ("word\r", Some("word\r")),
            ("\n", None),
        ] {
            let source = Source::Held { name: "n".to_owned(), content: content.into() };
            assert_eq!(
                source.line("a word").ok().as_deref().map(Vec::as_slice),
                expected.map(str::as_bytes),
                "{content:?}"
            );
        }
    }

    /// As the kubelet does it: `token` leads to `..data/token`, and `..data` to a folder that is replaced.
    #[tokio::test]
    async fn a_swapped_link_is_a_change() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        for (version, content) in [("..1", "one"), ("..2", "two")] {
            fs::create_dir(at(version)).unwrap();
            fs::write(at(version).join("token"), content).unwrap();
        }
        symlink("..1", at("..data")).unwrap();
        symlink("..data/token", at("token")).unwrap();
        let mut watch = Watch::new(vec![at("token")]);
        watch.mark();
        let poll = Duration::from_millis(5);
        assert!(tokio::time::timeout(Duration::from_millis(30), watch.changed(poll)).await.is_err());
        symlink("..2", at("..tmp")).unwrap();
        fs::rename(at("..tmp"), at("..data")).unwrap();
        tokio::time::timeout(Duration::from_secs(10), watch.changed(poll)).await.unwrap();
        assert_eq!(read(&at("token"), 100).unwrap().as_slice(), b"two");
    }
}
