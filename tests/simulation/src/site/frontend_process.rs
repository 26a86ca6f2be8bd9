//! A frontend, put together as the product's process is, on the simulated network.

use std::num::NonZeroU16;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, SystemTime};

use auth::authentication::{Counters, Gate, GateSettings, GateThread};
use frontend::{Door, FarLink, FarPartitions, Frontend, Limits, Partitions, Reach, Settings, SysSettings};
use link::wire::Link;
use partition::Incarnation;
use tokio::io::copy_bidirectional;

use super::backend_process::{Failure, Start, keep, link_settings, us};
use super::certificates;
use super::control::Control;
use super::keeper::{Keeper, KeeperVoice, LinkBook, Way};
use super::network::{Network, Place};
use super::port::TaskThread;
use super::protection::{Dial, Protection};
use super::say::say;

const AGAIN: Duration = Duration::from_secs(1);
/// Little enough that slow clients are felt.
const BACK_PRESSURE_BYTES: u64 = 8 << 20;

type Read<T> = Box<dyn Fn() -> T + Send + Sync>;

/// By which the world looks into a frontend.
pub struct FrontendHandles {
    pub reach: Read<Option<Reach>>,
    pub keeper: Option<KeeperVoice>,
}

/// The whole life of a process.
pub fn live(start: &Start, control: &Control<FrontendHandles>) {
    while !control.is_to_stop() {
        match Running::start(start) {
            Ok(running) => {
                control.serve(running.handles());
                running.end();
                break;
            }
            Err(error) => {
                say(&format!("frontend-{} does not start: {error}", start.number));
                thread::sleep(AGAIN);
            }
        }
    }
    start.network.unlisten(Place::Frontend(start.number));
    control.stopped();
}

struct Running {
    frontend: Frontend,
    network: Network,
    here: Place,
    tasks: TaskThread,
    keeper: Option<Keeper>,
    _gate: GateThread,
}

impl Running {
    fn start(start: &Start) -> Result<Self, Failure> {
        let Start { number, incarnation, wishes, network, folder } = start;
        let here = Place::Frontend(*number);
        let protection = match certificates::settings(wishes) {
            None => Protection::Nothing,
            Some(settings) => Protection::Mutual(certificates::admission((network, here), folder, &settings, None)?),
        };
        let (us, book) = (us("frontend", here, *incarnation), LinkBook::default());
        let link = |backend: u16, worker: u16| {
            let dial = Dial { network: network.clone(), from: here, to: backend, protection: protection.clone() };
            let settings = link_settings(&us, Place::Backend(backend), worker.into(), None);
            let (link, driver) = Link::dialing(settings, Box::new(dial));
            book.add(&link);
            FarLink { backend, link, driver }
        };
        let placement = wishes.placement();
        let is_dialed = |backend: &u16| *backend == 0 || placement.hosted_by(*backend).next().is_some();
        let links_of = |worker| (0..wishes.backends).filter(is_dialed).map(|backend| link(backend, worker)).collect();
        let links: Vec<Vec<FarLink>> = (0..wishes.workers).map(links_of).collect();
        let first = links.first().and_then(|of_worker| of_worker.first()).map(|first| first.link.clone());
        let keeper = keep((network, here), &protection, first.map(Way::Over), &book)?;
        let (gate, gate_thread) = Gate::start(&GateSettings::default(), &Arc::new(Counters::default()))?;
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let frontend = Frontend::start(Settings {
            listeners: Vec::new(),
            limits: limits(),
            back_pressure_bytes: BACK_PRESSURE_BYTES,
            sys: SysSettings { interval: Some(Duration::from_secs(10)), version: "simulation".into() },
            spans: None,
            gate,
            denials: None,
            partitions: Partitions::Far(FarPartitions {
                frontend: *number,
                incarnation: Incarnation(now.as_millis() as u64),
                replicas: placement.0.clone(),
                links,
            }),
        })?;
        let tasks = TaskThread::start("doors")?;
        network.listen(here);
        tasks.spawn(accept(network.clone(), here, frontend.client_door()));
        Ok(Self { frontend, network: network.clone(), here, tasks, keeper, _gate: gate_thread })
    }

    fn handles(&self) -> FrontendHandles {
        let reach = self.frontend.reach();
        FrontendHandles {
            reach: Box::new(move || reach.as_ref().map(|reach| reach())),
            keeper: self.keeper.as_ref().map(Keeper::voice),
        }
    }

    fn end(self) {
        let Self { frontend, network, here, tasks, keeper, _gate } = self;
        network.unlisten(here);
        frontend.stop();
        if let Some(keeper) = keeper {
            keeper.stop();
        }
        tasks.stop();
    }
}

/// Carries between what comes over the network and the frontend's own door. The port is the worker.
async fn accept(network: Network, here: Place, door: Door) {
    loop {
        let mut arrived = network.accept(here).await;
        let mut inside = door.connect(arrived.port);
        tokio::spawn(async move {
            // However it ends, both ends are closed.
            let _ = copy_bidirectional(&mut arrived.stream, &mut inside).await;
        });
    }
}

fn limits() -> Limits {
    Limits {
        session_expiry: u32::MAX,
        message_expiry: None,
        packet_size: 1 << 20,
        client_receive_maximum: NonZeroU16::MAX,
        receive_maximum: NonZeroU16::MIN.saturating_add(99),
        keep_alive: None,
        topic_alias_maximum: 10,
        queue_length: 0,
    }
}
