//! What a turn has left, to those it is for.

use mqtt::QoS;
use partition::{Answer, Lane, Numbering, Owner, Passing, Reply};
use replica::{Outgoing, Passage, Replica};

use super::Lanes;
use super::refusal::Refusal;
use crate::held::{Place, Takers};

/// How far the answers of a turn are dealt out.
#[derive(Default)]
struct Dealing {
    /// Of the publish that is answered next.
    takers: Takers,
    is_refused: bool,
    /// Most go where the one before went.
    last: Option<(Lane, Place)>,
}

impl Dealing {
    fn is_taken_by(&mut self, place: Place) {
        if !self.takers.iter().any(|(taker, _)| *taker == place) {
            self.takers.push((place, 0));
        }
    }
}

impl Lanes {
    /// Deals out the answers of a turn.
    pub fn deal(&mut self, out: &mut Outgoing, replica: &Replica, refusal: &Refusal) {
        let mut dealing = Dealing::default();
        let passages = std::mem::take(&mut out.passages);
        let mut passing = passages
            .iter()
            .flat_map(|passage| passage.messages.iter().map(move |(place, passing)| (*place, passing, passage)));
        let mut next = passing.next();
        for (place, (numbering, answer)) in out.answers.drain(..).enumerate() {
            while let Some((before, message, passage)) = next
                && before <= place
            {
                self.deal_passing(message, passage, &mut dealing, (replica, refusal));
                next = passing.next();
            }
            self.deal_answer(numbering, answer, &mut dealing, (replica, refusal));
        }
        for (_, message, passage) in next.into_iter().chain(passing) {
            self.deal_passing(message, passage, &mut dealing, (replica, refusal));
        }
    }

    /// Where answers for a connection go; none when its frontend is gone.
    fn place_of(&mut self, to: Owner, dealing: &mut Dealing, replica: &Replica) -> Option<Place> {
        let lane = to.lane();
        match dealing.last {
            Some((same, place)) if same == lane => Some(place),
            _ => {
                let place = self.known(lane, replica)?;
                dealing.last = Some((lane, place));
                Some(place)
            }
        }
    }

    fn deal_passing(
        &mut self,
        message: &Passing,
        passage: &Passage,
        dealing: &mut Dealing,
        (replica, refusal): (&Replica, &Refusal),
    ) {
        let Some(place) = self.place_of(message.to, dealing, replica) else { return };
        match (message.qos, refusal.is_full(place)) {
            (QoS::AtMostOnce, true) => self.lost.dropped += 1,
            (_, true) => dealing.is_refused = true,
            (QoS::AtMostOnce, false) => self.ways[place].pass(self.partition, message, passage),
            (_, false) => {
                dealing.is_taken_by(place);
                self.ways[place].pass_awaited(self.partition, message, passage);
            }
        }
    }

    fn deal_answer(
        &mut self,
        numbering: Numbering,
        answer: Answer,
        dealing: &mut Dealing,
        (replica, refusal): (&Replica, &Refusal),
    ) {
        let Some(place) = self.place_of(answer.to, dealing, replica) else { return };
        if matches!(numbering, Numbering::Numbered(_)) {
            return self.ways[place].push(numbering, answer);
        }
        match &answer.reply {
            Reply::Direct(direct) if !refusal.is_full(place) => {
                if direct.qos == QoS::AtMostOnce {
                    return self.ways[place].push(numbering, answer);
                }
                dealing.is_taken_by(place);
                self.ways[place].push_awaited(answer);
            }
            Reply::Direct(direct) if direct.qos == QoS::AtMostOnce => self.lost.dropped += 1,
            Reply::Direct(_) => dealing.is_refused = true,
            Reply::Published { tag, .. } => {
                let takers = std::mem::take(&mut dealing.takers);
                if std::mem::take(&mut dealing.is_refused)
                    && let Some(refused) = refusal.of(&answer, *tag)
                {
                    self.lost.refused += 1;
                    self.acknowledge(place, refused, Takers::new());
                } else {
                    self.acknowledge(place, answer, takers);
                }
            }
            _ => self.ways[place].push(numbering, answer),
        }
    }

    /// Answers a publisher, when the others have what it has published.
    fn acknowledge(&mut self, place: Place, answer: Answer, mut takers: Takers) {
        // On its own way the message goes first.
        takers.retain(|(taker, _)| *taker != place);
        for (taker, at) in &mut takers {
            *at = self.ways[*taker].settles_at();
        }
        let held = &mut self.held[place];
        if takers.is_empty() && held.is_empty() {
            self.ways[place].push(Numbering::Unnumbered, answer);
        } else if self.ways[place].is_open() {
            held.hold(answer, takers, self.ways[place].applied);
        }
    }
}
