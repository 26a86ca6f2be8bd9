//! One run: a site comes up, clients use it, things go wrong, everything comes to rest.

use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use tokio::runtime::Builder;
use tokio::task::LocalSet;

use super::circumstances;
use crate::clients::{self, Crowd, Entry, Notebook, Stage};
use crate::engine::{self, Machine};
use crate::oracle::{AFTERMATH, Circumstances, Record};
use crate::site::{FaultPlan, Profile, Site, Stream, Wishes};

/// Below the folder in which the child works.
const FOLDER: &str = "site";

/// For everything to be as it was, once nothing goes wrong any more.
const SETTLED: Duration = Duration::from_secs(60);
/// For load that nothing disturbs.
const CALM: Duration = Duration::from_secs(2);
/// For clients to come back.
const BACK: Duration = Duration::from_secs(2);
/// For everything else to come to its end, but for the last second.
const DRAINED: Duration = Duration::from_secs(7);
/// Nothing more comes when nothing has come for so long. Who takes one message at a time, far away, takes fifteen meanwhile.
const QUIET: Duration = Duration::from_secs(1);
/// So often it is waited for that.
const QUIET_LOOKS: u32 = 20;
/// What clients look for every so often.
const LOOK: Duration = Duration::from_millis(50);

/// What is left of a run.
pub struct Remains {
    pub record: Record,
    pub circumstances: Circumstances,
    /// What kept it from coming to rest.
    pub trouble: Option<String>,
}

/// Clients come in here.
#[derive(Clone)]
struct Door(Arc<Site>);

impl Entry for Door {
    type Stream = Stream;

    fn frontends(&self) -> u16 {
        self.0.frontends()
    }

    fn workers(&self) -> u16 {
        self.0.workers()
    }

    async fn connect(&self, frontend: u16, worker: u16) -> std::io::Result<Stream> {
        self.0.connect(frontend, worker).await
    }
}

/// What clients are told.
enum Call {
    /// Whoever asks for retained messages is to begin.
    Ask,
    /// Enough.
    End,
}

/// Runs it on the engine's world thread.
pub fn run(seed: u64, profile: Profile) -> Remains {
    let wishes = Wishes::from_seed(seed, profile);
    let plan = FaultPlan::from_seed(seed, profile, &wishes);
    println!("{wishes}\nprofile {profile}, faults:\n{plan}");
    let site = Site::start(wishes, Path::new(FOLDER));
    let (stage, machine) = (Stage::default(), Machine::new("clients"));
    let (calls, called) = channel();
    let (door, of_clients) = (Door(Arc::clone(&site)), stage.clone());
    let crowd = Crowd::of(profile, seed);
    let written = Arc::new(AtomicUsize::new(0));
    let told = Arc::clone(&written);
    let thread = machine.spawn("clients", move || be_clients((seed, crowd), &door, &of_clients, &called, &told));
    plan.run(&site);
    site.heal();
    let trouble = (!site.wait_settled(SETTLED)).then(|| site.trouble().unwrap_or_default());
    engine::sleep(AFTERMATH + CALM);
    stage.drain();
    engine::sleep(BACK);
    let calm_from = engine::now();
    call(&calls, Call::Ask);
    engine::sleep(DRAINED);
    wait_quiet(&written);
    let circumstances = circumstances::of(&site, calm_from);
    call(&calls, Call::End);
    let record = thread.join().expect("the clients' thread ends");
    Remains { record, circumstances, trouble }
}

/// Until clients see nothing new.
fn wait_quiet(written: &AtomicUsize) {
    for _ in 0..QUIET_LOOKS {
        let before = written.load(Ordering::Relaxed);
        engine::sleep(QUIET);
        if written.load(Ordering::Relaxed) == before {
            return;
        }
    }
}

fn call(calls: &Sender<Call>, call: Call) {
    calls.send(call).expect("the clients' thread listens");
}

fn be_clients(
    (seed, crowd): (u64, Crowd),
    door: &Door,
    stage: &Stage,
    called: &Receiver<Call>,
    written: &AtomicUsize,
) -> Record {
    let runtime = Builder::new_current_thread().enable_time().build().expect("a runtime");
    let notebook = Rc::new(Notebook::beginning(engine::now()));
    LocalSet::new().block_on(&runtime, async {
        let mut tasks = clients::begin(door, stage, &notebook, seed, crowd);
        loop {
            match called.try_recv() {
                Ok(Call::Ask) => tasks.extend(clients::ask_what_is_retained(door, stage, &notebook)),
                Ok(Call::End) => break,
                Err(_) => {
                    written.store(notebook.entries(), Ordering::Relaxed);
                    tokio::time::sleep(LOOK).await;
                }
            }
        }
        // Before their ends close what is open.
        let record = notebook.take();
        tasks.iter().for_each(tokio::task::JoinHandle::abort);
        record
    })
}
