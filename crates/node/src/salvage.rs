//! `causeway salvage`: the way out of a corrupt log.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::{fs, io};

use replica::log::{LogError, Salvaged};
use replica::solo::Solo;

use crate::data_dir::{DataDir, DataDirError};

/// Why nothing, or not everything, could be salvaged.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SalvageError {
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    #[error("{} is not the data directory of a broker: it has no partitions; name it with --data-dir", path.display())]
    NoState { path: PathBuf },
    #[error("there is no partition {asked} in {}; it has {}", path.display(), listed(there))]
    NoPartition { asked: u16, path: PathBuf, there: Vec<u16> },
    #[error("cannot list {}: {source}", path.display())]
    List { path: PathBuf, source: io::Error },
    #[error("{done}partition {partition}: {source}")]
    Log { done: String, partition: u16, source: Box<LogError> },
}

/// Makes the partitions in `data_dir` that have a corrupt log usable again, or only the one that is asked for. Returns
/// what was done, for people.
///
/// # Errors
/// There is no such directory or partition, a broker uses it, or a file cannot be read, moved or written.
pub(crate) fn run(data_dir: &Path, asked: Option<u16>) -> Result<String, SalvageError> {
    // Looked at before the directory is taken, which would make it.
    if DataDir::remembered(data_dir)?.is_none() {
        return Err(SalvageError::NoState { path: data_dir.to_owned() });
    }
    let held = DataDir::open(data_dir)?;
    let path = held.partitions();
    let there = numbers(&path).map_err(|source| SalvageError::List { path: path.clone(), source })?;
    let chosen = match asked {
        Some(asked) if !there.contains(&asked) => return Err(SalvageError::NoPartition { asked, path, there }),
        Some(asked) => vec![asked],
        None => there,
    };
    let mut done = String::new();
    for partition in chosen {
        match Solo::salvage(&path.join(partition.to_string())) {
            Ok(salvaged) => tell(&mut done, partition, &salvaged),
            Err(source) => return Err(SalvageError::Log { done, partition, source: Box::new(source) }),
        }
    }
    Ok(done)
}

/// Numbers of the partitions that have a folder in `path`, ascending.
fn numbers(path: &Path) -> io::Result<Vec<u16>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(path)? {
        found.extend(entry?.file_name().to_str().and_then(|name| name.parse::<u16>().ok()));
    }
    found.sort_unstable();
    Ok(found)
}

fn listed(numbers: &[u16]) -> String {
    match numbers {
        [] => "none".to_owned(),
        _ => numbers.iter().map(u16::to_string).collect::<Vec<_>>().join(", "),
    }
}

fn tell(text: &mut String, partition: u16, salvaged: &Salvaged) {
    let Salvaged { moved_to, last, damage, entries_lost } = salvaged;
    // Writing to a string does not fail.
    let Some(moved_to) = moved_to else {
        let _ =
            writeln!(text, "partition {partition}: the log is sound up to its last entry, {last}; nothing was changed");
        return;
    };
    for (file, offset, index, why) in damage {
        let _ = writeln!(
            text,
            "partition {partition}: damage in {} at byte {offset}, entry {index}: {why}",
            file.display()
        );
    }
    let kept = if *last > 0 { format!("the entries up to {last} are kept") } else { "no entry is kept".to_owned() };
    let given_up = if *entries_lost == 1 {
        "1 sound entry after the damage was".to_owned()
    } else {
        format!("{entries_lost} sound entries after the damage were")
    };
    let _ = writeln!(
        text,
        "partition {partition}: {kept}; {given_up} given up; the damaged files are in {}",
        moved_to.display()
    );
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::{Path, PathBuf};

    use config::{Cardinality, ClusterRecord};
    use replica::log::{LogSettings, LogStore};

    use super::*;

    /// A data directory with two partitions of ten entries each.
    fn data_dir() -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        let held = DataDir::open(dir.path()).unwrap();
        held.remember(ClusterRecord { partitions: Cardinality::new(2).unwrap() }).unwrap();
        for partition in ["0", "1"] {
            let path = held.partitions().join(partition).join("log");
            fs::create_dir_all(&path).unwrap();
            let (mut log, _) = open(&path);
            for index in 1..=10 {
                log.append(index, &[&[7; 100]]).unwrap();
            }
            log.close().unwrap();
        }
        dir
    }

    fn open(path: &Path) -> (LogStore, replica::log::Recovered) {
        LogStore::open(path, LogSettings::default()).unwrap()
    }

    fn log_of(data_dir: &Path, partition: &str) -> PathBuf {
        data_dir.join("partitions").join(partition).join("log")
    }

    /// Changes one byte in the fifth entry.
    fn damage(log: &Path) -> PathBuf {
        let file = log.join("00000000000000000001.log");
        let mut bytes = fs::read(&file).unwrap();
        bytes[48 + 4 * 128 + 60] ^= 1;
        fs::write(&file, bytes).unwrap();
        file
    }

    #[test]
    fn keeps_what_precedes_the_damage_and_says_where_the_rest_is() {
        let dir = data_dir();
        let log = log_of(dir.path(), "1");
        let file = damage(&log);
        let refused = LogStore::open(&log, LogSettings::default()).unwrap_err().to_string();
        assert!(refused.contains("causeway salvage") && refused.contains(&*file.to_string_lossy()), "{refused}");

        let said = run(dir.path(), None).unwrap();
        let lines: Vec<&str> = said.lines().collect();
        assert_eq!(lines.len(), 3, "{said}");
        assert_eq!(lines[0], "partition 0: the log is sound up to its last entry, 10; nothing was changed");
        assert!(lines[1].starts_with("partition 1: damage in ") && lines[1].contains("entry 5"), "{said}");
        assert!(
            lines[2].contains("entries up to 4 are kept; 5 sound entries after the damage were given up"),
            "{said}"
        );
        let aside = PathBuf::from(lines[2].split(" are in ").last().unwrap());
        assert!(aside.join(file.file_name().unwrap()).is_file(), "{said}");
        assert_eq!(open(&log).1.last, 4);
        assert_eq!(open(&log_of(dir.path(), "0")).1.last, 10);

        assert!(run(dir.path(), Some(1)).unwrap().contains("sound up to its last entry, 4"));
    }

    #[test]
    fn only_the_named_partition_is_touched() {
        let dir = data_dir();
        let log = log_of(dir.path(), "1");
        damage(&log);
        run(dir.path(), Some(0)).unwrap();
        LogStore::open(&log, LogSettings::default()).unwrap_err();
        let error = run(dir.path(), Some(7)).unwrap_err().to_string();
        assert!(error.starts_with("there is no partition 7 in ") && error.ends_with("it has 0, 1"), "{error}");
    }

    #[test]
    fn a_directory_in_use_or_of_nobody_is_refused_and_not_made() {
        let dir = data_dir();
        let held = DataDir::open(dir.path()).unwrap();
        let error = run(dir.path(), None).unwrap_err().to_string();
        assert!(error.starts_with("another causeway uses the data directory"), "{error}");
        drop(held);
        let other = dir.path().join("other");
        let error = run(&other, None).unwrap_err().to_string();
        assert!(error.contains("is not the data directory of a broker"), "{error}");
        assert!(!other.exists());
    }
}
