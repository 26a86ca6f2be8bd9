//! The files of the log: the one that is written, and those before it.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use config::Audit as Settings;

/// The file that is written.
pub(super) const CURRENT: &str = "audit.jsonl";

/// Appends to `audit.jsonl`. When it would grow beyond its bound it becomes `audit.1.jsonl`, that one `audit.2.jsonl`, and so
/// on; the oldest goes.
#[derive(Debug)]
pub(super) struct Journal {
    folder: PathBuf,
    settings: Settings,
    open: Option<Open>,
}

#[derive(Debug)]
struct Open {
    file: File,
    bytes: u64,
}

impl Journal {
    /// A journal in `folder`, which is made when it is needed.
    pub(super) fn new(folder: &Path, settings: Settings) -> Self {
        Self { folder: folder.to_owned(), settings, open: None }
    }

    pub(super) fn path(&self) -> PathBuf {
        self.folder.join(CURRENT)
    }

    /// Appends whole lines, fewer bytes than a file may have.
    ///
    /// # Errors
    /// Nothing was written; another attempt may go better.
    pub(super) fn append(&mut self, lines: &str) -> io::Result<()> {
        self.look()?;
        let bytes = self.opened()?.bytes;
        if bytes > 0 && bytes.saturating_add(lines.len() as u64) > self.settings.max_bytes {
            self.rotate()?;
        }
        let open = self.opened()?;
        match open.file.write_all(lines.as_bytes()) {
            Ok(()) => open.bytes += lines.len() as u64,
            Err(error) => {
                // What was written of them is taken back, now or when the file is opened anew.
                if open.file.set_len(open.bytes).is_err() {
                    self.open = None;
                }
                return Err(error);
            }
        }
        Ok(())
    }

    /// Keeps to other bounds from now on.
    ///
    /// # Errors
    /// Files that are too many could not be removed.
    pub(super) fn set(&mut self, settings: Settings) -> io::Result<()> {
        self.settings = settings;
        self.remove_from(self.settings.files.max(1))
    }

    /// Lets go of the file.
    pub(super) fn close(&mut self) {
        self.open = None;
    }

    /// Notices that somebody else moved or removed the file.
    fn look(&mut self) -> io::Result<()> {
        if let Some(Open { file, .. }) = &self.open {
            let is_there = match fs::metadata(self.path()) {
                Ok(there) => {
                    let ours = file.metadata()?;
                    (there.dev(), there.ino()) == (ours.dev(), ours.ino())
                }
                Err(_) => false,
            };
            if !is_there {
                self.open = None;
            }
        }
        Ok(())
    }

    fn opened(&mut self) -> io::Result<&mut Open> {
        let open = match self.open.take() {
            Some(open) => open,
            None => self.open_anew()?,
        };
        Ok(self.open.insert(open))
    }

    fn open_anew(&self) -> io::Result<Open> {
        DirBuilder::new().recursive(true).mode(0o700).create(&self.folder)?;
        let mut file = OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(self.path())?;
        end_last_line(&mut file)?;
        let bytes = file.metadata()?.len();
        Ok(Open { file, bytes })
    }

    fn rotate(&mut self) -> io::Result<()> {
        self.open = None;
        let last = self.settings.files.saturating_sub(1);
        self.remove_from(last.max(1))?;
        for number in (1..last).rev() {
            unless_missing(fs::rename(self.numbered(number), self.numbered(number + 1)))?;
        }
        match last {
            0 => unless_missing(fs::remove_file(self.path())),
            _ => unless_missing(fs::rename(self.path(), self.numbered(1))),
        }
    }

    /// Removes files with this number and higher ones.
    fn remove_from(&self, number: u32) -> io::Result<()> {
        let entries = match fs::read_dir(&self.folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            entries => entries?,
        };
        for entry in entries {
            let name = entry?.file_name();
            if number_of(&name.to_string_lossy()).is_some_and(|there| there >= number) {
                unless_missing(fs::remove_file(self.folder.join(name)))?;
            }
        }
        Ok(())
    }

    fn numbered(&self, number: u32) -> PathBuf {
        self.folder.join(format!("audit.{number}.jsonl"))
    }
}

fn number_of(name: &str) -> Option<u32> {
    let number = name.strip_prefix("audit.")?.strip_suffix(".jsonl")?;
    number.parse().ok()
}

fn unless_missing(done: io::Result<()>) -> io::Result<()> {
    match done {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        done => done,
    }
}

/// Ends the last line, if a process that was cut off left half of it.
fn end_last_line(file: &mut File) -> io::Result<()> {
    if file.metadata()?.len() == 0 {
        return Ok(());
    }
    let mut last = [0];
    file.seek(SeekFrom::End(-1))?;
    file.read_exact(&mut last)?;
    if last == *b"\n" { Ok(()) } else { file.write_all(b"\n") }
}
