//! A leader that was replaced, does not know it, and is reached all the while.

use partition::{BodyRef, Direct};

use super::*;

const BODY: BodyRef = BodyRef { index: 0, offset: 0, len: 0 };

struct Rig {
    lane: Lane,
    out: Outlet,
}

impl Rig {
    /// Open at the first replica, which leads in term 5.
    fn new() -> Self {
        let mut lane = Lane::new(ID, &REPLICAS, Incarnation(1));
        let mut out = Outlet::default();
        lane.on_message(4, ToWorker::Leads { term: 5 }, 10, 0, &mut out);
        open(&mut lane, 4);
        Self { lane, out }
    }

    fn hear(&mut self, backend: u16, said: ToWorker) {
        self.lane.on_message(backend, said, 10, 0, &mut self.out);
    }

    /// Whom it asks, and whom it sends something else.
    fn sent(&mut self) -> Vec<(u16, &'static str)> {
        self.lane.look(0, |_| true, &mut self.out);
        let what = |message: &Bytes| match ToPartition::decode(ID, message).unwrap() {
            ToPartition::Open { .. } => "open",
            ToPartition::Batch(numbered, _) if numbered.repeated => "again",
            ToPartition::Batch(..) => "batch",
            ToPartition::Leave { .. } => "leave",
        };
        self.out.messages.drain(..).map(|(to, message)| (to, what(&message))).collect()
    }

    fn push(&mut self) {
        let mut builder = BatchBuilder::for_lane();
        touch(&mut builder, 1);
        self.lane.push(&mut builder, &mut self.out);
    }
}

#[test]
fn the_leader_of_a_later_term_is_gone_to_at_once_with_all_that_is_not_taken() {
    let mut rig = Rig::new();
    rig.push();
    assert_eq!(rig.sent(), [(4, "batch")]);
    rig.hear(6, ToWorker::Leads { term: 6 });
    rig.push();
    assert_eq!(rig.sent(), [(6, "open")]);
    rig.hear(6, ToWorker::Opened { applied: 0 });
    assert_eq!(rig.lane.leader(), Some(6));
    assert_eq!(rig.sent(), [(6, "again"), (6, "batch")]);
}

#[test]
fn one_who_has_nothing_to_say_goes_too_and_one_who_seeks_seeks_no_longer() {
    let mut rig = Rig::new();
    rig.hear(6, ToWorker::Leads { term: 6 });
    assert_eq!(rig.sent(), [(6, "open")]);
    // Before it has answered, a third leads.
    rig.hear(5, ToWorker::Leads { term: 7 });
    assert_eq!(rig.sent(), [(5, "open")]);
    rig.hear(6, ToWorker::Opened { applied: 0 });
    assert_eq!(rig.lane.leader(), None, "its term is over");
    rig.hear(5, ToWorker::Opened { applied: 0 });
    assert_eq!(rig.lane.leader(), Some(5));
}

#[test]
fn the_same_term_and_an_earlier_one_change_nothing() {
    let mut rig = Rig::new();
    for (backend, term) in [(4, 5), (6, 5), (6, 4), (4, 6)] {
        rig.hear(backend, ToWorker::Leads { term });
        assert_eq!((rig.lane.leader(), rig.sent()), (Some(4), vec![]), "{backend} in {term}");
    }
    rig.hear(6, ToWorker::Leads { term: 7 });
    assert_eq!(rig.sent(), [(6, "open")]);
    rig.hear(4, ToWorker::Leads { term: 6 });
    assert_eq!(rig.sent(), []);
}

#[test]
fn what_a_leader_that_was_replaced_has_still_to_say_counts_and_its_lane_does_not() {
    let mut rig = Rig::new();
    rig.push();
    rig.hear(6, ToWorker::Leads { term: 6 });
    rig.sent();
    rig.hear(6, ToWorker::Opened { applied: 0 });
    // A message without a number that nobody else may give again, and the end of a batch.
    rig.hear(4, ToWorker::Answers(vec![(Numbering::Unnumbered, answer(7))]));
    assert_eq!(rig.out.answers.len(), 1);
    rig.hear(4, ToWorker::Taken { number: 1 });
    assert!(rig.lane.is_flushed());
    // The link to the new one is away: the old one is asked, and opens the lane in all innocence.
    rig.lane.look(0, |backend| backend != 6, &mut rig.out);
    rig.lane.look(PATIENCE_MS, |backend| backend == 4, &mut rig.out);
    rig.lane.look(PATIENCE_MS, |backend| backend == 4, &mut rig.out);
    assert!(matches!(rig.lane.stage, Stage::Opening { backend: 4, .. }));
    rig.hear(4, ToWorker::Opened { applied: 0 });
    assert_eq!(rig.lane.leader(), None);
    assert!(rig.lane.hears(4));
}

#[test]
fn mqtt_4_6_0_6_what_is_qos_0_and_comes_from_a_leader_that_was_replaced_comes_too_late() {
    let mut rig = Rig::new();
    let said = |qos| {
        let direct = Direct { qos, retain: false, subscription_ids: Default::default(), share: None, body: BODY };
        let answer =
            Answer { to: OWNER, from: PartitionId(0), reply: Reply::Direct(direct), bodies: Default::default() };
        ToWorker::Answers(vec![(Numbering::Unnumbered, answer)])
    };
    rig.hear(4, said(QoS::AtMostOnce));
    assert_eq!(rig.out.answers.len(), 1);
    rig.hear(6, ToWorker::Leads { term: 6 });
    rig.hear(4, said(QoS::AtMostOnce));
    assert_eq!(rig.out.answers.len(), 1, "what was published later may have come from the other one");
    rig.hear(4, said(QoS::AtLeastOnce));
    assert_eq!(rig.out.answers.len(), 2, "its publisher sends it again, if nobody has it");
}

#[test]
fn a_new_session_of_a_link_says_anew_what_is_led_and_a_new_incarnation_forgets_nothing_of_it() {
    let mut rig = Rig::new();
    rig.hear(6, ToWorker::Leads { term: 6 });
    rig.lane.begin_anew(Incarnation(2));
    rig.hear(4, ToWorker::Leads { term: 5 });
    assert_eq!(rig.sent(), [(4, "open")], "the first of all replicas");
    rig.hear(4, ToWorker::Opened { applied: 0 });
    assert_eq!(rig.lane.leader(), None);
    // A process of an older version says nothing of terms.
    rig.lane.on_session(4, 0);
    rig.lane.look(2000, |backend| backend == 4, &mut rig.out);
    rig.hear(4, ToWorker::Opened { applied: 0 });
    assert_eq!(rig.lane.leader(), Some(4));
}
