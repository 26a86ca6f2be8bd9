//! One direction between two places: what gets through, and how fast.

use std::time::{Duration, Instant};

use super::super::dice::Dice;

/// Whether something gets through.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Passage {
    #[default]
    Open,
    /// Nothing arrives, and nobody is told; it arrives once the road is open again.
    Stalled,
    /// Whoever dials is refused; connections that stand go on.
    Refused,
}

/// How a road is at present.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Weather {
    pub passage: Passage,
    /// Added to the delay of every road.
    pub delay: Duration,
    /// Added to that, up to it, each time anew.
    pub jitter: Duration,
    /// All connections on the road share it; `None` is no bound.
    pub bytes_per_second: Option<u64>,
}

#[derive(Default)]
pub struct Road {
    pub weather: Weather,
    /// When what was sent last has been sent, where that takes time.
    sent: Option<Instant>,
}

impl Road {
    /// When so many bytes arrive that are written now.
    pub fn due(&mut self, now: Instant, bytes: usize, delay: Duration, dice: &mut Dice) -> Instant {
        let Weather { delay: more, jitter, bytes_per_second, .. } = self.weather;
        let sent = match bytes_per_second {
            None => now,
            Some(rate) => {
                // Certificates differ by a byte from run to run: not so that it is noticed.
                let rounded = bytes.next_multiple_of(512) as u64;
                let took = Duration::from_micros(rounded * 1_000_000 / rate.max(1));
                self.sent.map_or(now, |sent| sent.max(now)) + took
            }
        };
        self.sent = Some(sent);
        let jitter = Duration::from_micros(dice.below(jitter.as_micros() as u64 + 1));
        sent + delay + more + jitter
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_road_takes_its_time_for_each_and_a_fast_one_none() {
        let (mut road, mut dice, now) = (Road::default(), Dice::new(1, 1), Instant::now());
        let delay = Duration::from_millis(1);
        assert_eq!(road.due(now, 100_000, delay, &mut dice), now + delay);
        road.weather.bytes_per_second = Some(512_000);
        assert_eq!(road.due(now, 512, delay, &mut dice), now + 2 * delay);
        assert_eq!(road.due(now, 500, delay, &mut dice), now + 3 * delay);
    }
}
