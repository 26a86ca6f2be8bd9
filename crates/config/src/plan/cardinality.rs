//! How many workers and partitions this process has.

use super::Host;
use super::cluster::ordinal;
use super::settling::Settling;
use crate::reading::{Whole, narrow};
use crate::{Cardinality, ClusterRole, Given, Origin};

/// Workers of a frontend whose `cardinality.frontend` does not say how many.
const MODEL_FRONTEND_WORKERS: u32 = 2;
/// Copies of a partition that may be asked for.
const MOST_COPIES: u64 = 5;

const PARTITIONS: &str = "cardinality.backendChain.partitions";
const CHAINS: &str = "cardinality.backendChain.workers";

pub(super) fn workers(settling: &mut Settling<'_>, host: &Host) -> Cardinality {
    const PATH: &str = "cardinality.frontend.workers";
    let flag = count(settling, settling.flags.workers.as_ref(), "workers");
    let frontend = settling.spec.cardinality.as_ref().and_then(|c| c.frontend.clone());
    let asked = frontend.as_ref().map(|frontend| frontend.workers.unwrap_or(MODEL_FRONTEND_WORKERS));
    let (workers, origin) = match (flag, asked.and_then(cardinality)) {
        (Some((workers, given)), _) => (workers, Origin::Flag(given.place.clone())),
        (None, Some(workers)) => (workers, settling.given(PATH).map_or(Origin::Default, |spot| spot.origin())),
        (None, None) => (Cardinality::half_of(host.cores), Origin::Cores),
    };
    settling.note_value(format!("Broker {PATH}"), workers.get().to_string(), origin, None);
    workers
}

/// The number asked for, else the one the data directory remembers, else half the cores; in a cluster, where every process has
/// to come to the same, a fixed number. A data directory's number
/// cannot change: its queues and retained messages lie where that number put them.
pub(super) fn partitions(settling: &mut Settling<'_>, host: &Host) -> Cardinality {
    let flag = count(settling, settling.flags.partitions.as_ref(), "partitions");
    let chains = chains(settling);
    let remembered = host.remembered.map(|record| record.partitions);
    if let Some(remembered) = remembered {
        refuse_other_number(settling, flag, chains, remembered);
    }
    let asked = match (flag, chains) {
        (Some((partitions, given)), _) => Some((partitions, Origin::Flag(given.place.clone()))),
        (None, Some(chains)) => {
            Some((chains, settling.given(PARTITIONS).map_or(Origin::Default, |spot| spot.origin())))
        }
        (None, None) => None,
    };
    let (partitions, origin) = match (asked, remembered) {
        (Some(asked), _) => asked,
        (None, Some(remembered)) => (remembered, Origin::DataDirectory),
        (None, None) if settling.flags.cluster.is_some() => (Cardinality::OF_A_CLUSTER, Origin::Default),
        (None, None) => (Cardinality::half_of(host.cores), Origin::Cores),
    };
    let note = chains.is_some().then(|| "partitions x workers of the backend chain".to_owned());
    settling.note_value(format!("Broker {PARTITIONS}"), partitions.get().to_string(), origin, note);
    let backend = settling.spec.cardinality.as_ref().and_then(|c| c.backend_chain.as_ref());
    let workers = backend.and_then(|backend| backend.workers);
    settling.settle(CHAINS, None, workers);
    partitions
}

/// What the Broker asks for: a partition for each chain.
fn chains(settling: &mut Settling<'_>) -> Option<Cardinality> {
    let backend = settling.spec.cardinality.as_ref()?.backend_chain.as_ref()?;
    let (partitions, workers) = (backend.partitions?, backend.workers.unwrap_or(1));
    let product = u64::from(partitions) * u64::from(workers);
    if product > u64::from(Cardinality::MOST) {
        let most = Cardinality::MOST;
        let spot = settling.broker?.place(PARTITIONS);
        let text = format!("{partitions} x {workers} workers");
        let sentence = format!("makes {product} chains; this process has {most} partitions, the most there can be");
        settling.reading.notice(&spot.place(), text, sentence);
    }
    Cardinality::new(narrow(product).unwrap_or(Cardinality::MOST).min(Cardinality::MOST))
}

fn refuse_other_number(
    settling: &mut Settling<'_>,
    flag: Option<(Cardinality, &Given)>,
    chains: Option<Cardinality>,
    remembered: Cardinality,
) {
    let made = format!("this data directory was made with {}", remembered.get());
    match (flag, chains) {
        (Some((asked, given)), _) if asked != remembered => {
            settling.reading.refuse(given, format!("{made}; leave the setting out, or choose another --data-dir"));
        }
        (None, Some(asked)) if asked != remembered => {
            let Some(broker) = settling.broker else { return };
            let (spot, shown) = (broker.place(PARTITIONS), broker.shown(PARTITIONS));
            let expected = format!(
                "{made} partitions, which cannot change, and with the backend chain's workers this asks for {}; choose another \
                 --data-dir, or give --partitions {}",
                asked.get(),
                remembered.get()
            );
            settling.reading.refuse_at(&spot, shown, expected);
        }
        _ => {}
    }
}

/// Frontends, of which this process is one or none.
pub(super) fn frontends(settling: &mut Settling<'_>) {
    const PATH: &str = "cardinality.frontend.replicas";
    let replicas =
        settling.spec.cardinality.clone().unwrap_or_default().frontend.and_then(|frontend| frontend.replicas);
    let asked = settling.settle(PATH, None, replicas);
    let (Some(asked), Some(spot)) = (asked, settling.given(PATH)) else { return };
    match (&settling.flags.cluster, asked) {
        (None, 2..) => {
            let sentence =
                format!("this process is 1 of {asked} frontends; the others take effect with separate processes");
            settling.reading.notice(&spot.place(), asked, sentence);
        }
        (Some(cluster), _) if cluster.role == ClusterRole::Frontend => {
            let ordinal = ordinal(&cluster.name.text);
            if let Some(ordinal) = ordinal.filter(|ordinal| u32::from(*ordinal) >= asked) {
                let sentence = format!("this is frontend {ordinal}, counted from 0; it serves nevertheless");
                settling.reading.notice(&spot.place(), asked, sentence);
            }
        }
        _ => {}
    }
}

/// Copies of each partition: in a cluster what was asked for, else the one of this process.
pub(super) fn copies(settling: &mut Settling<'_>, backends: Option<usize>) -> u16 {
    const PATH: &str = "cardinality.backendChain.redundancyFactor";
    let asked = settling.spec.cardinality.clone().unwrap_or_default().backend_chain;
    let asked = asked.and_then(|backend| backend.redundancy_factor);
    let Some(cluster) = &settling.flags.cluster else {
        let asked = settling.settle(PATH, None, asked);
        if let (Some(asked @ 2..), Some(spot)) = (asked, settling.given(PATH)) {
            let sentence = format!(
                "this process is 1 of {asked} copies of each partition; the others take effect with separate processes"
            );
            settling.reading.notice(&spot.place(), asked, sentence);
        }
        return 1;
    };
    let range = Whole { range: 1..=MOST_COPIES, unit: "copies" };
    let flag = settling.flag_whole(cluster.redundancy_factor.as_ref(), &range);
    let copies = settling.settle(PATH, flag, asked.map(u64::from)).unwrap_or(1);
    if let Some(there) = backends.filter(|there| copies > *there as u64) {
        let expected =
            format!("--backends names {there}, and each copy needs its own; give {there} or less, or name more");
        match (flag, settling.given(PATH)) {
            (Some((_, given)), _) => settling.reading.refuse(given, expected),
            (None, Some(spot)) => settling.reading.refuse_at(&spot, copies.to_string(), expected),
            (None, None) => {}
        }
    }
    narrow(copies).unwrap_or(1)
}

fn cardinality(number: u32) -> Option<Cardinality> {
    narrow(u64::from(number)).and_then(Cardinality::new)
}

fn count<'a>(
    settling: &mut Settling<'a>,
    given: Option<&'a Given>,
    unit: &'static str,
) -> Option<(Cardinality, &'a Given)> {
    let range = 1..=u64::from(Cardinality::MOST);
    let (count, given) = settling.flag_whole(given, &Whole { range, unit })?;
    Some((narrow(count).and_then(Cardinality::new)?, given))
}
