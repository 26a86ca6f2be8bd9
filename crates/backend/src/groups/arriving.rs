//! A partition whose replica cannot be opened before others were heard: it founds a group only when nobody has one, and
//! begins anew only when the others have gone on without it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use link::inbox;
use partition::PartitionId;
use replica::raft::{Member, MemberId, Origin, RaftError};

use super::census::{Leads, Report};
use super::exchange::Resident;
use super::life::Stage;
use super::opening::{Opener, Opening, wait_for};

/// The pause between two times the others are asked.
const PAUSE: Duration = Duration::from_millis(50);

/// For each of the others.
const ANSWER: Duration = Duration::from_millis(500);

/// How often the log says what is waited for.
const TOLD: Duration = Duration::from_secs(30);

/// See the module.
pub(crate) struct Arriving {
    pub(super) opener: Arc<Opener>,
    pub(super) partition: PartitionId,
    pub(super) stranded: Option<(MemberId, RaftError)>,
    pub(super) inbox: inbox::Sender,
}

/// What the others' answers come to.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Verdict {
    /// Nobody has anything; these members wait for a group.
    Found {
        with: BTreeSet<MemberId>,
    },
    /// There is a group.
    Join,
    /// There is none that could do without this member.
    Resume,
    Wait(String),
}

impl Arriving {
    /// Waits until it is clear what the replica is to be, and opens it; `None` when `stop` comes first. `meanwhile` is
    /// called again and again.
    pub fn settle(mut self, stop: &AtomicBool, mut meanwhile: impl FnMut()) -> Result<Option<Member>, RaftError> {
        if self.stranded.is_none() {
            self.opener.exchange.settle(self.partition, Resident::Founder);
        }
        let mut told: Option<Instant> = None;
        loop {
            if stop.load(Ordering::Acquire) {
                return Ok(None);
            }
            meanwhile();
            let (life, origin) = match self.ask() {
                Verdict::Found { with } => (self.begin(Stage::Founds)?, Origin::Founds { with }),
                Verdict::Join => (self.begin(Stage::Joins)?, Origin::Joins),
                Verdict::Resume => (self.stranded.as_ref().map_or(0, |(id, _)| id.life), Origin::Resumes),
                Verdict::Wait(why) => {
                    if told.is_none_or(|told| told.elapsed() >= TOLD) {
                        self.tell(&why);
                        told = Some(Instant::now());
                    }
                    std::thread::sleep(PAUSE);
                    continue;
                }
            };
            match self.opener.open(self.partition, life, origin, &self.inbox)? {
                Opening::Member(member) => return Ok(Some(*member)),
                Opening::Stranded { id, why } => self.stranded = Some((id, why)),
            }
        }
    }

    fn tell(&self, why: &str) {
        let partition = self.partition;
        match &self.stranded {
            None => tracing::info!(%partition, why, "a partition waits to be founded"),
            Some((_, error)) => {
                tracing::error!(%partition, %error, why, "a replica cannot go on, and is made anew once others lead without it");
            }
        }
    }

    fn begin(&self, stage: Stage) -> Result<u32, RaftError> {
        let opener = &self.opener;
        let begun = match &self.stranded {
            Some((member, error)) => {
                let aside = super::directory::aside(&opener.path(self.partition));
                tracing::warn!(%member, %error, aside = %aside.display(), "a replica is made anew; what it had is put aside");
                opener.renew(self.partition)
            }
            None => opener.life(self.partition).begin(stage).map(|life| life.number),
        };
        begun.map_err(|source| RaftError::Io { action: "use", path: opener.path(self.partition), source })
    }

    fn ask(&self) -> Verdict {
        let us = self.opener.leaders.us();
        let replicas = self.opener.placement.replicas(self.partition);
        let others: Vec<u16> = replicas.iter().copied().filter(|backend| *backend != us).collect();
        let (exchange, partition) = (Arc::clone(&self.opener.exchange), self.partition);
        let asking = async move {
            let mut answers = Vec::new();
            for backend in others {
                answers.push((backend, exchange.question(backend, partition, ANSWER).await));
            }
            answers
        };
        let answers = wait_for(&self.opener.runtime, asking).unwrap_or_default();
        match &self.stranded {
            None => whether_to_found(&answers),
            Some((id, why)) => whether_to_begin_anew(*id, &answers, trust(why)),
        }
    }
}

fn whether_to_found(answers: &[(u16, Option<Report>)]) -> Verdict {
    if answers.iter().any(|(_, report)| matches!(report, Some(Report::Member { .. }))) {
        return Verdict::Join;
    }
    let mut with = BTreeSet::new();
    for (backend, report) in answers {
        match report {
            Some(Report::Nothing { member: Some(member) }) => _ = with.insert(*member),
            Some(Report::Nothing { member: None }) => {
                return Verdict::Wait(format!("backend {backend} has not opened its replica yet"));
            }
            Some(Report::Alone) => {
                return Verdict::Wait(format!("backend {backend} holds it alone, and is not placed first"));
            }
            Some(Report::Founder) => {
                return Verdict::Wait(format!("backend {backend} takes itself for the first as well"));
            }
            _ => return Verdict::Wait(format!("backend {backend} has not said what it has of it")),
        }
    }
    if with.is_empty() { Verdict::Wait("nobody could be asked".to_owned()) } else { Verdict::Found { with } }
}

/// Whether what is there could be gone on with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trust {
    /// Its end may be missing.
    Prefix,
    None,
}

fn trust(why: &RaftError) -> Trust {
    if matches!(why, RaftError::Forgotten { .. }) { Trust::Prefix } else { Trust::None }
}

/// It begins anew where others lead without it. Where those that have forgotten nothing are too few for that, it goes on
/// with what it has, as the others in its place do: an entry is lost then only if the machines of most of its holders
/// went down. Who does not answer may have forgotten nothing.
fn whether_to_begin_anew(us: MemberId, answers: &[(u16, Option<Report>)], trust: Trust) -> Verdict {
    let leads = |report: &Report| match report {
        Report::Member { group, .. } => group.leads == Leads::Yes && group.voters.iter().any(|voter| *voter != us),
        _ => false,
    };
    if answers.iter().any(|(_, report)| report.as_ref().is_some_and(leads)) {
        return Verdict::Join;
    }
    let is_whole = |report: &Report| matches!(report, Report::Member { group, .. } if !group.voters.is_empty());
    let whole = answers.iter().filter(|(_, report)| report.as_ref().is_none_or(is_whole)).count();
    let replicas = answers.len() + 1;
    let majority = replicas / 2 + 1;
    match trust {
        Trust::Prefix if whole < majority => Verdict::Resume,
        _ => Verdict::Wait("no other backend leads the partition".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use replica::raft::Members;

    use super::*;

    fn member(leads: Leads) -> Option<Report> {
        let id = |process| MemberId { process, life: 1 };
        let members = Members { voters: [id(0), id(1)].into(), ..Members::default() };
        Some(Report::of(id(1), members, leads))
    }

    #[test]
    fn a_group_is_founded_when_all_others_have_nothing() {
        let id = |process| MemberId { process, life: 1 };
        let waits = |process| Some(Report::Nothing { member: Some(id(process)) });
        let with = [id(1), id(2)].into();
        assert_eq!(whether_to_found(&[(1, waits(1)), (2, waits(2))]), Verdict::Found { with });
        assert_eq!(whether_to_found(&[(1, None), (2, member(Leads::No))]), Verdict::Join);
        let not_open = Some(Report::Nothing { member: None });
        for other in [None, not_open, Some(Report::Alone), Some(Report::Founder)] {
            assert!(matches!(whether_to_found(&[(1, waits(1)), (2, other)]), Verdict::Wait(_)));
        }
        assert!(matches!(whether_to_found(&[]), Verdict::Wait(_)));
    }

    #[test]
    fn who_may_have_forgotten_something_begins_anew_where_others_lead() {
        let us = MemberId { process: 0, life: 1 };
        let stranded = Some(Report::stranded(MemberId { process: 1, life: 1 }));
        let follows = member(Leads::No);
        let verdict = |answers: [&Option<Report>; 2], trust| {
            whether_to_begin_anew(us, &[(1, answers[0].clone()), (2, answers[1].clone())], trust)
        };
        assert_eq!(verdict([&None, &member(Leads::Yes)], Trust::Prefix), Verdict::Join);
        for others in [[&None, &follows], [&follows, &follows], [&None, &None]] {
            assert!(matches!(verdict(others, Trust::Prefix), Verdict::Wait(_)), "they may elect somebody");
        }
        for others in [[&stranded, &follows], [&stranded, &stranded], [&None, &stranded]] {
            assert_eq!(verdict(others, Trust::Prefix), Verdict::Resume);
            assert!(matches!(verdict(others, Trust::None), Verdict::Wait(_)), "it cannot be read");
        }
        assert_eq!(whether_to_begin_anew(us, &[(1, follows)], Trust::Prefix), Verdict::Resume, "two need both");
        assert_eq!(whether_to_begin_anew(us, &[], Trust::Prefix), Verdict::Resume);
    }
}
