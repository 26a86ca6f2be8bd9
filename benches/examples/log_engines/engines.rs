//! The engines behind one face: an entry by index, in the file when `append` returns.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};

use fjall::KeyspaceCreateOptions;
use protobuf::well_known_types::BytesValue;
use raft_log::api::raft_log_writer::RaftLogWriter;
use redb::{ReadableDatabase, ReadableTable};
use replica::log::{LogError, LogSettings, LogStore};

pub type Failure = Box<dyn std::error::Error + Send + Sync>;
pub type Syncer = Box<dyn Fn() -> Result<(), Failure> + Send>;

const SEGMENT_BYTES: u64 = 32 << 20;

pub trait Engine: Sized {
    fn open(dir: &Path) -> Result<Self, Failure>;
    fn append(&mut self, index: u64, payload: &[u8]) -> Result<(), Failure>;
    fn syncer(&self) -> Syncer;
    fn read(&self, index: u64) -> Result<Vec<u8>, Failure>;
    /// Reads all from `from` to `to`, both included; returns the bytes.
    fn scan(&self, from: u64, to: u64) -> Result<u64, Failure>;
    fn purge(&mut self, to: u64) -> Result<(), Failure>;
    fn last(&self) -> u64;
}

/// The limit: length, checksum, bytes, one file for each segment, no recovery.
pub struct Bare {
    file: Arc<File>,
    places: Vec<(u64, usize)>,
    end: u64,
}

impl Engine for Bare {
    fn open(dir: &Path) -> Result<Self, Failure> {
        let file = OpenOptions::new().read(true).append(true).create(true).open(dir.join("bare"))?;
        let end = file.metadata()?.len();
        let (mut places, mut at, mut head) = (Vec::new(), 0, [0; 8]);
        while at + 8 <= end {
            file.read_exact_at(&mut head, at)?;
            let len = u32::from_le_bytes(head[..4].try_into()?) as usize;
            places.push((at + 8, len));
            at += 8 + len as u64;
        }
        Ok(Self { file: Arc::new(file), places, end })
    }

    fn append(&mut self, _: u64, payload: &[u8]) -> Result<(), Failure> {
        let mut record = Vec::with_capacity(payload.len() + 8);
        record.extend_from_slice(&(payload.len() as u32).to_le_bytes());
        record.extend_from_slice(&crc32fast::hash(payload).to_le_bytes());
        record.extend_from_slice(payload);
        (&*self.file).write_all(&record)?;
        self.places.push((self.end + 8, payload.len()));
        self.end += record.len() as u64;
        Ok(())
    }

    fn syncer(&self) -> Syncer {
        let file = Arc::clone(&self.file);
        Box::new(move || Ok(file.sync_data()?))
    }

    fn read(&self, index: u64) -> Result<Vec<u8>, Failure> {
        let (at, len) = *self.places.get(index as usize - 1).ok_or("missing")?;
        let mut payload = vec![0; len];
        self.file.read_exact_at(&mut payload, at)?;
        Ok(payload)
    }

    fn scan(&self, from: u64, to: u64) -> Result<u64, Failure> {
        (from..=to).try_fold(0, |sum, index| Ok(sum + self.read(index)?.len() as u64))
    }

    fn purge(&mut self, _: u64) -> Result<(), Failure> {
        Ok(())
    }

    fn last(&self) -> u64 {
        self.places.len() as u64
    }
}

pub struct Ours(LogStore);

impl Engine for Ours {
    fn open(dir: &Path) -> Result<Self, Failure> {
        let (log, recovered) = LogStore::open(dir, LogSettings { segment_bytes: SEGMENT_BYTES })?;
        if let Some(torn) = recovered.torn {
            eprintln!("torn tail cut: {torn:?}");
        }
        Ok(Self(log))
    }

    fn append(&mut self, index: u64, payload: &[u8]) -> Result<(), Failure> {
        Ok(self.0.append(index, &[payload])?)
    }

    fn syncer(&self) -> Syncer {
        let syncer = self.0.syncer();
        Box::new(move || Ok(syncer.sync().map(drop)?))
    }

    fn read(&self, index: u64) -> Result<Vec<u8>, Failure> {
        Ok(self.0.read(index)?.to_vec())
    }

    fn scan(&self, from: u64, _: u64) -> Result<u64, Failure> {
        let mut sum = 0;
        self.0.replay(from, |_, bytes| {
            sum += bytes.len() as u64;
            Ok::<_, LogError>(())
        })?;
        Ok(sum)
    }

    fn purge(&mut self, to: u64) -> Result<(), Failure> {
        Ok(self.0.purge_to(to).map(drop)?)
    }

    fn last(&self) -> u64 {
        self.0.last()
    }
}

pub struct RaftEngine(Arc<raft_engine::Engine>);

/// An entry for raft-engine: eight bytes of index, then the payload.
#[derive(Clone)]
struct Indexed;

impl raft_engine::MessageExt for Indexed {
    type Entry = BytesValue;

    fn index(entry: &BytesValue) -> u64 {
        u64::from_le_bytes(entry.get_value()[..8].try_into().expect("8 bytes"))
    }
}

const REGION: u64 = 1;

impl Engine for RaftEngine {
    fn open(dir: &Path) -> Result<Self, Failure> {
        let config = raft_engine::Config {
            dir: dir.to_str().ok_or("path")?.to_owned(),
            batch_compression_threshold: raft_engine::ReadableSize(0),
            target_file_size: raft_engine::ReadableSize(SEGMENT_BYTES),
            purge_threshold: raft_engine::ReadableSize(2 * SEGMENT_BYTES),
            enable_log_recycle: false,
            ..raft_engine::Config::default()
        };
        Ok(Self(Arc::new(raft_engine::Engine::open(config)?)))
    }

    fn append(&mut self, index: u64, payload: &[u8]) -> Result<(), Failure> {
        let mut value = Vec::with_capacity(8 + payload.len());
        value.extend_from_slice(&index.to_le_bytes());
        value.extend_from_slice(payload);
        let mut entry = BytesValue::new();
        entry.set_value(value);
        let mut batch = raft_engine::LogBatch::with_capacity(1);
        batch.add_entries::<Indexed>(REGION, &[entry])?;
        self.0.write(&mut batch, false)?;
        Ok(())
    }

    fn syncer(&self) -> Syncer {
        let engine = Arc::clone(&self.0);
        // Engine::sync() of 0.4.2 writes an empty batch, which returns before it syncs anything.
        Box::new(move || {
            let mut batch = raft_engine::LogBatch::with_capacity(1);
            batch.put(REGION + 1, b"sync".to_vec(), Vec::new())?;
            Ok(engine.write(&mut batch, true).map(drop)?)
        })
    }

    fn read(&self, index: u64) -> Result<Vec<u8>, Failure> {
        let mut entry = self.0.get_entry::<Indexed>(REGION, index)?.ok_or("missing")?;
        Ok(entry.take_value().split_off(8))
    }

    fn scan(&self, from: u64, to: u64) -> Result<u64, Failure> {
        let (mut sum, mut at) = (0, from);
        while at <= to {
            let mut entries = Vec::new();
            self.0.fetch_entries_to::<Indexed>(REGION, at, to + 1, Some(1 << 20), &mut entries)?;
            at += entries.len() as u64;
            sum += entries.iter().map(|e| e.get_value().len() as u64 - 8).sum::<u64>();
        }
        Ok(sum)
    }

    fn purge(&mut self, to: u64) -> Result<(), Failure> {
        self.0.compact_to(REGION, to);
        self.0.purge_expired_files()?;
        Ok(())
    }

    fn last(&self) -> u64 {
        self.0.last_index(REGION).unwrap_or(0)
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shape;

impl raft_log::Types for Shape {
    type LogId = u64;
    type LogPayload = Vec<u8>;
    type Vote = u64;
    type Callback = SyncSender<std::io::Result<()>>;
    type UserData = u64;

    fn log_index(id: &u64) -> u64 {
        *id
    }

    fn payload_size(payload: &Vec<u8>) -> u64 {
        payload.len() as u64
    }
}

/// raft-log writes in a thread of its own, so every append waits for that thread's word.
pub struct RaftLogEngine(Arc<std::sync::Mutex<raft_log::RaftLog<Shape>>>);

impl RaftLogEngine {
    fn flush(log: &std::sync::Mutex<raft_log::RaftLog<Shape>>, sync: bool) -> Result<(), Failure> {
        let (sender, receiver) = sync_channel(1);
        log.lock().map_err(|_| "poisoned")?.flush(sync, Some(sender))?;
        Ok(receiver.recv()??)
    }
}

impl Engine for RaftLogEngine {
    fn open(dir: &Path) -> Result<Self, Failure> {
        let mut config = raft_log::Config::new(dir.to_str().ok_or("path")?);
        config.wal.chunk_max_size = Some(SEGMENT_BYTES as usize);
        config.wal.flush_batch_wait = Some(std::time::Duration::ZERO);
        config.log_cache_capacity = Some(16 << 20);
        let mut log = raft_log::RaftLog::open(Arc::new(config))?;
        if log.log_state().last().is_none() {
            log.append([(0, Vec::new())])?;
        }
        Ok(Self(Arc::new(std::sync::Mutex::new(log))))
    }

    fn append(&mut self, index: u64, payload: &[u8]) -> Result<(), Failure> {
        self.0.lock().map_err(|_| "poisoned")?.append([(index, payload.to_vec())])?;
        Self::flush(&self.0, false)
    }

    fn syncer(&self) -> Syncer {
        let log = Arc::clone(&self.0);
        Box::new(move || Self::flush(&log, true))
    }

    fn read(&self, index: u64) -> Result<Vec<u8>, Failure> {
        let log = self.0.lock().map_err(|_| "poisoned")?;
        let mut found = log.read(index, index + 1);
        Ok(found.next().ok_or("missing")??.1)
    }

    fn scan(&self, from: u64, to: u64) -> Result<u64, Failure> {
        let log = self.0.lock().map_err(|_| "poisoned")?;
        log.read(from, to + 1).try_fold(0, |sum, entry| Ok(sum + entry?.1.len() as u64))
    }

    fn purge(&mut self, to: u64) -> Result<(), Failure> {
        self.0.lock().map_err(|_| "poisoned")?.purge(to - 1)?;
        Self::flush(&self.0, true)
    }

    fn last(&self) -> u64 {
        self.0.lock().ok().and_then(|log| log.log_state().last().copied()).unwrap_or(0)
    }
}

pub struct Fjall {
    db: fjall::Database,
    entries: fjall::Keyspace,
}

impl Engine for Fjall {
    fn open(dir: &Path) -> Result<Self, Failure> {
        let db = fjall::Database::builder(dir).open()?;
        let entries = db.keyspace("log", KeyspaceCreateOptions::default)?;
        Ok(Self { db, entries })
    }

    fn append(&mut self, index: u64, payload: &[u8]) -> Result<(), Failure> {
        Ok(self.entries.insert(index.to_be_bytes(), payload)?)
    }

    fn syncer(&self) -> Syncer {
        let db = self.db.clone();
        Box::new(move || Ok(db.persist(fjall::PersistMode::SyncData)?))
    }

    fn read(&self, index: u64) -> Result<Vec<u8>, Failure> {
        Ok(self.entries.get(index.to_be_bytes())?.ok_or("missing")?.to_vec())
    }

    fn scan(&self, from: u64, to: u64) -> Result<u64, Failure> {
        let range = from.to_be_bytes()..=to.to_be_bytes();
        self.entries.range(range).try_fold(0, |sum, entry| Ok(sum + entry.value()?.len() as u64))
    }

    fn purge(&mut self, to: u64) -> Result<(), Failure> {
        let dead: Vec<_> = self.entries.range(..to.to_be_bytes()).map(|e| e.key()).collect::<Result<_, _>>()?;
        dead.into_iter().try_for_each(|key| self.entries.remove(key))?;
        Ok(())
    }

    fn last(&self) -> u64 {
        let key = self.entries.last_key_value().and_then(|entry| entry.key().ok());
        key.map_or(0, |key| u64::from_be_bytes(key[..].try_into().unwrap_or_default()))
    }
}

/// redb has no commit that is in the file without a sync: unsynced ones are in memory until a synced one.
pub struct Redb(Arc<redb::Database>);

const TABLE: redb::TableDefinition<u64, &[u8]> = redb::TableDefinition::new("log");

impl Redb {
    fn commit(
        db: &redb::Database,
        durability: redb::Durability,
        change: impl FnOnce(&mut redb::Table<u64, &[u8]>) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let mut transaction = db.begin_write()?;
        transaction.set_durability(durability)?;
        change(&mut transaction.open_table(TABLE)?)?;
        Ok(transaction.commit()?)
    }
}

impl Engine for Redb {
    fn open(dir: &Path) -> Result<Self, Failure> {
        let db = redb::Database::create(dir.join("redb"))?;
        Self::commit(&db, redb::Durability::Immediate, |_| Ok(()))?;
        Ok(Self(Arc::new(db)))
    }

    fn append(&mut self, index: u64, payload: &[u8]) -> Result<(), Failure> {
        Self::commit(&self.0, redb::Durability::None, |table| Ok(table.insert(index, payload).map(drop)?))
    }

    fn syncer(&self) -> Syncer {
        let db = Arc::clone(&self.0);
        Box::new(move || Self::commit(&db, redb::Durability::Immediate, |_| Ok(())))
    }

    fn read(&self, index: u64) -> Result<Vec<u8>, Failure> {
        let table = self.0.begin_read()?.open_table(TABLE)?;
        Ok(table.get(index)?.ok_or("missing")?.value().to_vec())
    }

    fn scan(&self, from: u64, to: u64) -> Result<u64, Failure> {
        let table = self.0.begin_read()?.open_table(TABLE)?;
        table.range(from..=to)?.try_fold(0, |sum, entry| Ok(sum + entry?.1.value().len() as u64))
    }

    fn purge(&mut self, to: u64) -> Result<(), Failure> {
        Self::commit(&self.0, redb::Durability::Immediate, |table| Ok(table.retain_in(..to, |_, _| false)?))
    }

    fn last(&self) -> u64 {
        let last = || -> Result<u64, Failure> {
            let table = self.0.begin_read()?.open_table(TABLE)?;
            Ok(table.last()?.map_or(0, |(key, _)| key.value()))
        };
        last().unwrap_or(0)
    }
}
