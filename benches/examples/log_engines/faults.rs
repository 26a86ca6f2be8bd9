//! What an engine does on a full disk, with a torn tail, and with a flipped bit.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::Command;

use super::Run;
use super::engines::{Engine, Failure};
use super::speed::payload;

const MESSAGES: usize = 8;
const ENTRIES: u64 = 2000;

/// Fills a tmpfs, then gives space back.
pub fn full_disk<E: Engine>(run: &Run) -> String {
    let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", "size=160m", "tmpfs"]).arg(&run.dir).status();
    if !mounted.is_ok_and(|s| s.success()) {
        return "not measured: cannot mount a tmpfs".to_owned();
    }
    let outcome = catch(|| fill_and_heal::<E>(&run.dir));
    let _ = Command::new("umount").arg("-l").arg(&run.dir).status();
    outcome
}

fn fill_and_heal<E: Engine>(disk: &Path) -> Result<String, Failure> {
    let (dir, ballast) = (disk.join("log"), disk.join("ballast"));
    std::fs::create_dir(&dir)?;
    std::fs::write(&ballast, vec![0; 64 << 20])?;
    let mut engine = E::open(&dir)?;
    let mut last = 0;
    let error = loop {
        if last > 200_000 {
            return Ok("never full".to_owned());
        }
        match engine.append(last + 1, &payload(last + 1, MESSAGES)) {
            Ok(()) => last += 1,
            Err(error) => break error,
        }
    };
    let mut told = format!("error after {last} entries ({})", first_line(&error));
    let reads = catch(|| check(&engine, last));
    told += &format!("; reading: {reads}");
    std::fs::remove_file(&ballast)?;
    let mut healed = "does not heal while it is open".to_owned();
    for attempt in 1..=50 {
        // A failed append may have been kept in part, so its number may be taken.
        let next = engine.last() + 1;
        match engine.append(next, &payload(next, MESSAGES)) {
            Ok(()) => {
                healed = format!("heals at attempt {attempt}");
                break;
            }
            Err(error) if attempt == 50 => healed += &format!(" ({})", first_line(&error)),
            Err(_) => std::thread::sleep(std::time::Duration::from_millis(20)),
        }
    }
    let wanted = engine.last();
    drop(engine);
    let again = catch(|| check(&E::open(&dir)?, wanted));
    Ok(format!("{told}; {healed}; opened again: {again}"))
}

/// Cuts the file that was written last at several bytes of its end.
pub fn torn<E: Engine>(run: &Run) -> String {
    let cuts = [1, 7, 100, 1000, 2047, 2048, 2100, 5000];
    let results = cuts.map(|cut| {
        damaged::<E>(run, |file, data_end| {
            let len = data_end.saturating_sub(cut);
            truncate(file, len)
        })
    });
    summary(&cuts.map(|cut| format!("-{cut} B")), &results)
}

/// Flips one bit at several places of the file that was written last.
pub fn flip<E: Engine>(run: &Run) -> String {
    let places = [10, 30, 50, 70, 90];
    let results = places.map(|percent| {
        damaged::<E>(run, |file, data_end| {
            let mut bytes = std::fs::read(file)?;
            bytes[(data_end * percent / 100) as usize] ^= 1;
            Ok(std::fs::write(file, bytes)?)
        })
    });
    summary(&places.map(|percent| format!("{percent} %")), &results)
}

/// Appends and dies without a word, as a kill would have it.
pub fn write_and_die<E: Engine>(run: &Run) -> String {
    let mut engine = E::open(&run.dir).expect("opens");
    for index in 1..=ENTRIES {
        engine.append(index, &payload(index, MESSAGES)).expect("appends");
    }
    engine.syncer()().expect("syncs");
    std::process::abort()
}

fn damaged<E: Engine>(run: &Run, damage: impl FnOnce(&Path, u64) -> Result<(), Failure>) -> String {
    let _ = std::fs::remove_dir_all(&run.dir);
    catch(|| {
        std::fs::create_dir_all(&run.dir)?;
        let own: Vec<String> = std::env::args().collect();
        Command::new(std::env::current_exe()?).args(["--step", "die", &own[3]]).arg(&run.dir).arg("full").status()?;
        let (file, data_end) = written_last(&run.dir)?;
        damage(&file, data_end)?;
        let engine = E::open(&run.dir).map_err(|e| format!("refused ({})", first_line(&e)))?;
        check(&engine, ENTRIES)
    })
}

/// The file with most data, and where its data end (a file may be allocated ahead).
fn written_last(dir: &Path) -> Result<(PathBuf, u64), Failure> {
    let mut found = (PathBuf::new(), 0);
    let mut dirs = vec![dir.to_owned()];
    while let Some(dir) = dirs.pop() {
        for entry in std::fs::read_dir(dir)? {
            let path = entry?.path();
            if path.is_dir() {
                dirs.push(path);
                continue;
            }
            let bytes = std::fs::read(&path)?;
            let end = bytes.iter().rposition(|b| *b != 0).map_or(0, |at| at as u64 + 1);
            if end > found.1 {
                found = (path, end);
            }
        }
    }
    Ok(found)
}

fn truncate(file: &Path, len: u64) -> Result<(), Failure> {
    Ok(std::fs::OpenOptions::new().write(true).open(file)?.set_len(len)?)
}

/// Reads everything an engine says it has.
fn check<E: Engine>(engine: &E, wanted: u64) -> Result<String, Failure> {
    let last = engine.last();
    let (mut wrong, mut failed) = (0, 0);
    for index in 1..=last {
        match engine.read(index) {
            Ok(bytes) if bytes == payload(index, MESSAGES) => {}
            Ok(_) => wrong += 1,
            Err(_) => failed += 1,
        }
    }
    let mut told = match wanted.cmp(&last) {
        std::cmp::Ordering::Greater => format!("{} lost", wanted - last),
        std::cmp::Ordering::Equal => "all there".to_owned(),
        std::cmp::Ordering::Less => format!("{} more than acknowledged", last - wanted),
    };
    if wrong > 0 {
        told += &format!(", {wrong} WRONG");
    }
    if failed > 0 {
        told += &format!(", {failed} unreadable");
    }
    Ok(told)
}

fn summary<const N: usize>(places: &[String; N], results: &[String; N]) -> String {
    places.iter().zip(results).map(|(place, result)| format!("\n    {place:>7}: {result}")).collect()
}

fn catch(work: impl FnOnce() -> Result<String, Failure>) -> String {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(Ok(told)) => told,
        Ok(Err(error)) => first_line(&error),
        Err(_) => "PANIC".to_owned(),
    }
}

fn first_line(error: &Failure) -> String {
    error.to_string().lines().next().unwrap_or_default().chars().take(160).collect()
}
