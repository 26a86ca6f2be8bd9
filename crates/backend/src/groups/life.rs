//! Which member of a partition's group this process is: in a small file beside the partition's directory.
//!
//! A number of a life is never used twice. It is the time of day in seconds, or one more than the last where that is
//! later; so it is new also where the file is lost with everything else.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use partition::PartitionId;

/// How far a life has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// It is to found the group: nobody else has anything of it.
    Founds,
    /// It is to join the group, with nothing.
    Joins,
    /// The directory holds it.
    Lives,
    /// The directory holds it, and may lack what it has promised.
    Stranded,
    /// The group has removed it: what the directory holds is of no use.
    Removed,
}

const STAGES: [(Stage, &str); 5] = [
    (Stage::Founds, "founds"),
    (Stage::Joins, "joins"),
    (Stage::Lives, "lives"),
    (Stage::Stranded, "stranded"),
    (Stage::Removed, "removed"),
];

/// What the file says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Life {
    pub number: u32,
    pub stage: Stage,
}

/// The file of one partition.
#[derive(Clone, Debug)]
pub(super) struct LifeFile {
    path: PathBuf,
}

impl LifeFile {
    pub fn new(dir: &Path, partition: PartitionId) -> Self {
        Self { path: dir.join(format!("{partition}.member")) }
    }

    /// # Errors
    /// When there is a file that cannot be read or says nothing.
    pub fn read(&self) -> io::Result<Option<Life>> {
        let text = match std::fs::read_to_string(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            read => read.map_err(|error| self.error(&error.to_string()))?,
        };
        let life = text.trim_end().split_once(' ').and_then(|(number, stage)| {
            let (stage, _) = STAGES.into_iter().find(|(_, name)| *name == stage)?;
            Some(Life { number: number.parse().ok()?, stage })
        });
        life.map(Some).ok_or_else(|| self.error("it does not say which member of its group this is"))
    }

    /// On the device when it returns.
    pub fn write(&self, life: Life) -> io::Result<()> {
        let (_, name) = STAGES.into_iter().find(|(stage, _)| *stage == life.stage).unwrap_or(STAGES[0]);
        let new = self.path.with_extension("member-new");
        let write = || {
            self.path.parent().map_or(Ok(()), std::fs::create_dir_all)?;
            let mut file = File::create(&new)?;
            writeln!(file, "{} {name}", life.number)?;
            file.sync_all()?;
            std::fs::rename(&new, &self.path)?;
            self.path.parent().map_or(Ok(()), |dir| File::open(dir)?.sync_all())
        };
        write().map_err(|error: io::Error| self.error(&error.to_string()))
    }

    /// The next life, which the file says when it returns.
    pub fn begin(&self, stage: Stage) -> io::Result<Life> {
        let last = self.read()?.map_or(0, |life| life.number);
        let seconds = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let number = u32::try_from(seconds).unwrap_or(u32::MAX).max(last.saturating_add(1));
        let life = Life { number, stage };
        self.write(life)?;
        Ok(life)
    }

    fn error(&self, why: &str) -> io::Error {
        io::Error::other(format!("{}: {why}", self.path.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_life_is_lived_twice() {
        let dir = tempfile::tempdir().unwrap();
        let file = LifeFile::new(dir.path(), PartitionId(3));
        assert_eq!(file.read().unwrap(), None);
        let first = file.begin(Stage::Founds).unwrap();
        file.write(Life { stage: Stage::Lives, ..first }).unwrap();
        assert_eq!(file.read().unwrap(), Some(Life { stage: Stage::Lives, ..first }));
        let second = file.begin(Stage::Joins).unwrap();
        assert!(second.number > first.number);
        file.write(Life { number: u32::MAX - 1, stage: Stage::Removed }).unwrap();
        assert_eq!(file.begin(Stage::Joins).unwrap().number, u32::MAX);
        std::fs::write(dir.path().join("3.member"), "12 dances\n").unwrap();
        assert!(file.read().is_err());
    }
}
