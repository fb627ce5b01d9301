//! A curriculum of levels: which parameters of a world, and which luck, a learner meets next.
//!
//! - **Domain randomisation** draws every level anew.
//! - **Prioritised level replay**, robust (PLR⊥: Jiang et al., 2021, arXiv:2110.02439): levels that were drawn
//!   anew are played to be scored, and nothing is learned from them; what is learned from is the replay of
//!   levels with a high score, or that were not played for long (Jiang et al., 2021, arXiv:2010.03934).
//! - **ACCEL** (Parker-Holder et al., 2022, arXiv:2203.01302): the same, and after each replay a changed copy of
//!   the level is played to be scored.
//!
//! The score is the positive value loss: the mean over the episode's decisions of max(0, A), A the generalised
//! advantage as the learner had it. Nothing here plays: the caller plays what is picked and says how it went.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::noise::{Draw, Noise, uniform};

/// Part of the buffer that is filled before anything is replayed.
const FILLED: f64 = 0.5;
/// Furthest that an edit moves a parameter, as a part of its range.
const REACH: f64 = 0.2;

/// How levels are chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Method {
    /// Every level is drawn anew and learned from.
    DomainRandomisation,
    /// Levels are replayed by their score; only replays are learned from.
    Plr,
    /// The same, and replayed levels are edited.
    Accel,
}

/// How a parameter is spread over its range.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Scale {
    /// Evenly.
    #[default]
    Linear,
    /// Evenly in its logarithm.
    Logarithmic,
    /// Evenly over whole numbers.
    Whole,
}

/// The range of a parameter, in its own unit, ends included.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Span {
    /// Least value.
    pub low: f64,
    /// Greatest value.
    pub high: f64,
    /// How it is spread.
    pub scale: Scale,
}

impl Span {
    /// The value at a place of the range, from 0 to 1.
    #[must_use]
    pub fn at(&self, place: f64) -> f64 {
        let Self { low, high, scale } = *self;
        match scale {
            Scale::Linear => low + place * (high - low),
            Scale::Logarithmic => (low * libm::exp(place * libm::log(high / low))).clamp(low, high),
            Scale::Whole => (low + libm::floor(place * (high - low + 1.0))).min(high),
        }
    }

    /// The place of a value, from 0 to 1.
    #[must_use]
    pub fn place(&self, value: f64) -> f64 {
        let Self { low, high, scale } = *self;
        let place = match scale {
            Scale::Linear => (value - low) / (high - low),
            Scale::Logarithmic => libm::log(value / low) / libm::log(high / low),
            Scale::Whole => (value - low + 0.5) / (high - low + 1.0),
        };
        if place.is_finite() { place.clamp(0.0, 1.0) } else { 0.0 }
    }
}

/// What a curriculum may set.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// How levels are chosen.
    pub method: Method,
    /// Most levels that are kept to be replayed. Replay begins when half of it is full.
    pub buffer: u32,
    /// Chance that a level is a replay.
    pub replay: f64,
    /// β: chances go by rank to the power −1/β.
    pub temperature: f64,
    /// ρ: part of the chances that goes by how long a level was not played.
    pub staleness: f64,
    /// Ranges of the parameters.
    pub spans: Vec<Span>,
}

/// A level: a world's luck and its parameters.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Level {
    /// Names the level.
    pub number: u64,
    /// Names the world's luck; an edit keeps it.
    pub luck: u64,
    /// The parameters, in the order of [`Settings::spans`].
    pub values: Vec<f64>,
}

/// Why a level is played.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Origin {
    /// It was drawn anew.
    Drawn,
    /// It was kept.
    Replayed,
    /// It is a changed copy of one that was replayed.
    Edited,
}

/// A level to be played.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Pick {
    /// Which.
    pub level: Level,
    /// Why.
    pub origin: Origin,
    /// Whether what is decided there is learned from.
    pub learns: bool,
}

/// A level that may be replayed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Kept {
    level: Level,
    score: f64,
    /// Episodes that had ended when it was last played to its end.
    played: u64,
}

/// A curriculum: equal histories give equal levels.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Curriculum {
    settings: Settings,
    seed: u64,
    picks: u64,
    levels: u64,
    episodes: u64,
    buffer: Vec<Kept>,
    edits: VecDeque<Level>,
}

impl Curriculum {
    /// A curriculum of which nothing was played; `seed` names its draws.
    #[must_use]
    pub const fn new(settings: Settings, seed: u64) -> Self {
        Self {
            settings,
            seed,
            picks: 0,
            levels: 0,
            episodes: 0,
            buffer: Vec::new(),
            edits: VecDeque::new(),
        }
    }

    /// The settings.
    #[must_use]
    pub const fn settings(&self) -> &Settings {
        &self.settings
    }
    /// Levels that may be replayed.
    #[must_use]
    pub fn kept(&self) -> usize {
        self.buffer.len()
    }

    /// The next level.
    pub fn pick(&mut self) -> Pick {
        let mut rng = Noise::new(self.seed).at(Draw::Level, self.picks, 0, 0);
        self.picks += 1;
        if let Some(level) = self.edits.pop_front() {
            return Pick { level, origin: Origin::Edited, learns: false };
        }
        let filled = self.buffer.len() as f64 >= FILLED * f64::from(self.settings.buffer);
        let replays = !self.buffer.is_empty() && filled;
        if replays && uniform(&mut rng) < self.settings.replay {
            let mut left = uniform(&mut rng);
            let mut chosen = 0;
            for (i, chance) in self.chances().into_iter().enumerate() {
                chosen = i;
                left -= chance;
                if left < 0.0 {
                    break;
                }
            }
            let level = self.buffer[chosen].level.clone();
            return Pick { level, origin: Origin::Replayed, learns: true };
        }
        let values = self.settings.spans.iter().map(|span| span.at(uniform(&mut rng))).collect();
        let level = Level { number: self.levels, luck: self.levels, values };
        self.levels += 1;
        let learns = self.settings.method == Method::DomainRandomisation;
        Pick { level, origin: Origin::Drawn, learns }
    }

    /// Chances of the kept levels to be the next replay: by the rank of their scores, and by how long they were
    /// not played (arXiv:2010.03934, equations 1 to 4).
    #[must_use]
    pub fn chances(&self) -> Vec<f64> {
        let n = self.buffer.len();
        let mut order: Vec<usize> = (0..n).collect();
        // Of equals the older first.
        order.sort_by(|a, b| self.buffer[*b].score.total_cmp(&self.buffer[*a].score));
        let mut by_score = vec![0.0; n];
        for (rank, i) in order.into_iter().enumerate() {
            by_score[i] = libm::pow((rank + 1) as f64, -1.0 / self.settings.temperature);
        }
        let stale = |kept: &Kept| (self.episodes - kept.played) as f64;
        let by_age: Vec<f64> = self.buffer.iter().map(stale).collect();
        let (scores, ages): (f64, f64) = (by_score.iter().sum(), by_age.iter().sum());
        let part = if ages > 0.0 { self.settings.staleness } else { 0.0 };
        let mix = |(score, age): (f64, f64)| {
            let age = if ages > 0.0 { age / ages } else { 0.0 };
            (1.0 - part) * score / scores + part * age
        };
        by_score.into_iter().zip(by_age).map(mix).collect()
    }

    /// Takes note of a level that was played to its end.
    pub fn ended(&mut self, pick: &Pick, score: f64) {
        self.episodes += 1;
        if self.settings.method == Method::DomainRandomisation {
            return;
        }
        let kept = Kept { level: pick.level.clone(), score, played: self.episodes };
        let known = self.buffer.iter().position(|k| k.level.number == pick.level.number);
        if let Some(known) = known {
            self.buffer[known] = kept;
        } else if self.buffer.len() < self.settings.buffer as usize {
            self.buffer.push(kept);
        } else if let Some(least) = self.least() {
            // Whoever would be replayed least makes room for a higher score.
            if score > self.buffer[least].score {
                self.buffer[least] = kept;
            }
        }
        if self.settings.method == Method::Accel && pick.origin == Origin::Replayed {
            let edited = self.edit(&pick.level);
            self.edits.push_back(edited);
        }
    }

    /// Which kept level is replayed least, the first of equals.
    fn least(&self) -> Option<usize> {
        let chances = self.chances();
        (0..chances.len()).min_by(|a, b| chances[*a].total_cmp(&chances[*b]))
    }

    /// A copy with one parameter moved by at most [`REACH`] of its range.
    fn edit(&mut self, level: &Level) -> Level {
        let mut rng = Noise::new(self.seed).at(Draw::Level, self.levels, 1, 0);
        let mut edited = Level { number: self.levels, ..level.clone() };
        self.levels += 1;
        let spans = &self.settings.spans;
        let which = (uniform(&mut rng) * spans.len() as f64) as usize;
        if let (Some(span), Some(value)) = (spans.get(which), edited.values.get_mut(which)) {
            let moved = span.place(*value) + REACH * (2.0 * uniform(&mut rng) - 1.0);
            *value = span.at(moved.clamp(0.0, 1.0));
        }
        edited
    }
}

/// The positive value loss of an episode, as it is played.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Tally {
    sum: f64,
    decisions: u64,
}

impl Tally {
    /// Adds a decision's advantage.
    pub fn add(&mut self, advantage: f64) {
        self.sum += advantage.max(0.0);
        self.decisions += 1;
    }
    /// The score of the episode, which is over: the next begins.
    pub fn take(&mut self) -> f64 {
        let Self { sum, decisions } = std::mem::take(self);
        if decisions == 0 { 0.0 } else { sum / decisions as f64 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(method: Method, buffer: u32) -> Settings {
        let log = Span { low: 1.0, high: 100.0, scale: Scale::Logarithmic };
        let whole = Span { low: 2.0, high: 4.0, scale: Scale::Whole };
        let spans = vec![log, whole];
        Settings { method, buffer, replay: 0.8, temperature: 0.5, staleness: 0.3, spans }
    }

    fn close(got: &[f64], expected: &[f64]) {
        let same = got.len() == expected.len()
            && got.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-12);
        assert!(same, "{got:?}, expected {expected:?}");
    }

    #[test]
    fn ranges_are_spread_as_they_say() {
        let span = |scale| Span { low: 1.0, high: 100.0, scale };
        close(&[span(Scale::Linear).at(0.5)], &[50.5]);
        close(
            &[span(Scale::Logarithmic).at(0.5), span(Scale::Logarithmic).place(10.0)],
            &[10.0, 0.5],
        );
        let whole = Span { low: 2.0, high: 4.0, scale: Scale::Whole };
        let places = [0.0, 0.33, 0.34, 0.66, 0.67, 1.0].map(|place| whole.at(place));
        assert_eq!(places, [2.0, 2.0, 3.0, 3.0, 4.0, 4.0]);
        for value in [2.0, 3.0, 4.0] {
            assert_eq!(whole.at(whole.place(value)), value);
        }
    }

    #[test]
    fn replay_goes_by_rank_and_by_age() {
        let mut curriculum = Curriculum::new(settings(Method::Plr, 8), 1);
        let mut picks = Vec::new();
        for score in [0.2, 0.9, 0.5] {
            let pick = curriculum.pick();
            curriculum.ended(&pick, score);
            picks.push(pick);
        }
        // Ranks 3, 1, 2 give 1/9, 1 and 1/4 of 49/36; ages 2, 1 and 0 episodes.
        let by_rank = [4.0 / 49.0, 36.0 / 49.0, 9.0 / 49.0];
        let by_age = [2.0 / 3.0, 1.0 / 3.0, 0.0];
        let expected: Vec<f64> =
            by_rank.iter().zip(by_age).map(|(rank, age)| 0.7 * rank + 0.3 * age).collect();
        close(&curriculum.chances(), &expected);
        // Played again, the first is the best and the freshest.
        curriculum.ended(&picks[0], 2.0);
        let expected =
            [0.7 * 36.0 / 49.0, 0.7 * 9.0 / 49.0 + 0.3 * 2.0 / 3.0, 0.7 * 4.0 / 49.0 + 0.1];
        close(&curriculum.chances(), &expected);
    }

    #[test]
    fn only_replays_are_learned_from_and_only_once_the_buffer_is_half_full() {
        for method in [Method::Plr, Method::Accel] {
            let mut curriculum = Curriculum::new(settings(method, 20), 3);
            let (mut replayed, mut drawn, mut edited) = (0_i32, 0_i32, 0_i32);
            for i in 0..2_000 {
                let pick = curriculum.pick();
                assert_eq!(pick.learns, pick.origin == Origin::Replayed);
                assert!(i >= 10 || pick.origin == Origin::Drawn);
                match pick.origin {
                    Origin::Replayed => replayed += 1,
                    Origin::Drawn => drawn += 1,
                    Origin::Edited => edited += 1,
                }
                let [a, b] = pick.level.values[..] else { panic!("two parameters") };
                assert!((1.0..=100.0).contains(&a) && [2.0, 3.0, 4.0].contains(&b));
                curriculum.ended(&pick, a);
            }
            assert_eq!(curriculum.kept(), 20);
            let share = f64::from(replayed) / f64::from(replayed + drawn);
            assert!((share - 0.8).abs() < 0.04, "{share}");
            let expected = if method == Method::Accel { replayed } else { 0 };
            assert!((edited - expected).abs() <= 1, "one edit after each replay");
            // Those with a high score have stayed, whose parameter is what they score.
            assert!(curriculum.buffer.iter().all(|kept| kept.score > 30.0));
        }
    }

    #[test]
    fn an_edit_moves_one_parameter_a_little_and_keeps_the_luck() {
        let mut curriculum = Curriculum::new(settings(Method::Accel, 2), 1);
        let spans = curriculum.settings.spans.clone();
        let level = Level { number: 7, luck: 7, values: vec![10.0, 3.0] };
        for _ in 0..50 {
            let edited = curriculum.edit(&level);
            assert_eq!(edited.luck, 7);
            let moved: Vec<f64> = spans
                .iter()
                .zip(edited.values.iter().zip(&level.values))
                .map(|(span, (a, b))| (span.place(*a) - span.place(*b)).abs())
                .collect();
            assert!(moved.iter().filter(|m| **m > 0.0).count() <= 1, "{moved:?}");
            assert!(moved.iter().all(|m| *m < 0.5), "{moved:?}");
        }
    }

    #[test]
    fn a_curriculum_that_was_saved_goes_on_as_if_nothing_had_happened() {
        let mut curriculum = Curriculum::new(settings(Method::Accel, 8), 5);
        let play = |curriculum: &mut Curriculum| -> Vec<Pick> {
            (0..40)
                .map(|i| {
                    let pick = curriculum.pick();
                    curriculum.ended(&pick, f64::from(i * 7 % 11));
                    pick
                })
                .collect()
        };
        play(&mut curriculum);
        let bytes = postcard::to_stdvec(&curriculum).expect("plain data");
        let mut resumed: Curriculum = postcard::from_bytes(&bytes).expect("the same");
        assert_eq!(play(&mut resumed), play(&mut curriculum));
        let other = Curriculum::new(settings(Method::Accel, 8), 6).pick();
        assert_ne!(other, Curriculum::new(settings(Method::Accel, 8), 5).pick());
    }

    #[test]
    fn the_score_is_the_mean_of_what_was_better_than_expected() {
        let mut tally = Tally::default();
        for advantage in [1.0, -2.0, 0.5, -0.1] {
            tally.add(advantage);
        }
        assert_eq!(tally.take(), 0.375);
        assert_eq!(tally.take(), 0.0);
    }
}
