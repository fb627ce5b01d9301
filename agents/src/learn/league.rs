//! A league: who plays whom, and who is kept (Vinyals et al., 2019, "Grandmaster level in StarCraft II using
//! multi-agent reinforcement learning", Nature 575; its supplement's pseudocode has the figures below).
//!
//! - A **main agent** plays itself, everybody by prioritised fictitious self-play, and, for verification,
//!   whom it has forgotten how to beat.
//! - A **main exploiter** plays the main agents of the moment; it looks for their weaknesses alone.
//! - A **league exploiter** plays everybody who ever was, for what the whole league is weak against.
//!
//! A player that has succeeded, or has tried for long enough, leaves a snapshot in the league, which never
//! learns again; exploiters then begin anew. Nothing here plays or learns: the caller says who scored what
//! against whom, between 0 and 1, and draws from the chances. Where the pseudocode draws one opponent, this
//! gives the chance of each.

use serde::{Deserialize, Serialize};

/// Part of a main agent's games against everybody who ever was.
pub const LEAGUE_SHARE: f64 = 0.5;
/// Part of a main agent's games that verifies that nobody was forgotten.
pub const VERIFICATION_SHARE: f64 = 0.15;
/// Part of a main agent's games against those who learn beside it. What verification leaves comes on top.
pub const SELF_PLAY_SHARE: f64 = 0.35;
/// A score from which on somebody counts as beaten.
pub const BEATEN: f64 = 0.7;
/// A score below which somebody is too strong for a main agent to learn from.
pub const TOO_STRONG: f64 = 0.3;
/// A score of a main exploiter up to which the main agent is too strong to learn from.
pub const HOPELESS: f64 = 0.1;
/// Chance that a league exploiter begins anew after a snapshot.
pub const LEAGUE_RESET_CHANCE: f64 = 0.25;

/// What a player is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Role {
    /// One of those that the league is there for.
    Main,
    /// Plays main agents of the moment.
    MainExploiter,
    /// Plays everybody who ever was.
    LeagueExploiter,
}

/// Who can meet whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Sides {
    /// Everybody plays either side of the game: all meet all.
    Same,
    /// Main agents have one side, exploiters the other: nobody meets his own side. A main agent's self-play is
    /// then against the exploiters as they are.
    Opposite,
}

/// A player, or a snapshot of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// What it is for.
    pub role: Role,
    /// Whether it learns; who does not is history.
    pub learns: bool,
    /// The player it is a snapshot of, if it is one.
    pub parent: Option<usize>,
    /// Turns of learning since its last snapshot.
    pub turns: u32,
}

/// How prioritised fictitious self-play weighs an opponent by the score x against it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weighting {
    /// (1 − x)²: the hardest.
    Squared,
    /// x·(1 − x): those of the own strength.
    Variance,
    /// min(½, 1 − x): all that are not beaten.
    Capped,
}

/// Chances of opponents by the scores against them; even where none has a weight.
#[must_use]
pub fn prioritised(scores: &[f64], weighting: Weighting) -> Vec<f64> {
    let weight = |x: &f64| match weighting {
        Weighting::Squared => (1.0 - x) * (1.0 - x),
        Weighting::Variance => x * (1.0 - x),
        Weighting::Capped => (1.0 - x).min(0.5),
    };
    let weights: Vec<f64> = scores.iter().map(weight).collect();
    let sum: f64 = weights.iter().sum();
    if sum < 1e-10 {
        return vec![1.0 / scores.len() as f64; scores.len()];
    }
    weights.iter().map(|weight| weight / sum).collect()
}

/// Snapshots of one player, the oldest first, without those at the end that are the better beaten the older
/// they are: nothing was forgotten there. How many are left.
#[must_use]
pub fn without_monotonic_suffix(scores: &[f64]) -> usize {
    (1..scores.len()).rev().find(|i| scores[i - 1] < scores[*i]).map_or(0, |last| last + 1)
}

/// Everybody, and what they score against each other.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct League {
    sides: Sides,
    /// Turns after which a player leaves a snapshot at the latest.
    patience: u32,
    members: Vec<Member>,
    /// Mean score of the row's member against the column's; ½ where they never met.
    scores: Vec<Vec<f64>>,
}

/// What becomes of a player that left a snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kept {
    /// The snapshot.
    pub snapshot: usize,
    /// Whether the player begins anew.
    pub resets: bool,
}

impl League {
    /// A league without members. A player leaves a snapshot after `patience` turns at the latest.
    #[must_use]
    pub const fn new(sides: Sides, patience: u32) -> Self {
        Self { sides, patience, members: Vec::new(), scores: Vec::new() }
    }

    /// Lets a player enter; members are numbered as they come.
    pub fn enter(&mut self, role: Role) -> usize {
        self.add(Member { role, learns: true, parent: None, turns: 0 })
    }

    /// Lets somebody enter who does not learn: what a side begins with.
    pub fn found(&mut self, role: Role) -> usize {
        self.add(Member { role, learns: false, parent: None, turns: 0 })
    }

    fn add(&mut self, member: Member) -> usize {
        self.members.push(member);
        for row in &mut self.scores {
            row.push(0.5);
        }
        self.scores.push(vec![0.5; self.members.len()]);
        self.members.len() - 1
    }

    /// Everybody, by number.
    #[must_use]
    pub fn members(&self) -> &[Member] {
        &self.members
    }

    /// What `member` scores against `other`, between 0 (always loses) and 1.
    #[must_use]
    pub fn score(&self, member: usize, other: usize) -> f64 {
        self.scores[member][other]
    }

    /// Notes what `member` scores against `other`, who scores the rest to 1.
    pub fn set_score(&mut self, member: usize, other: usize, score: f64) {
        self.scores[member][other] = score;
        self.scores[other][member] = 1.0 - score;
    }

    /// Whether the two can meet.
    #[must_use]
    pub fn meets(&self, member: usize, other: usize) -> bool {
        let is_main = |member: usize| self.members[member].role == Role::Main;
        self.sides == Sides::Same || is_main(member) != is_main(other)
    }

    /// Those whom `player` can meet and who pass a test, by number.
    fn opponents(&self, player: usize, test: impl Fn(&Member) -> bool) -> Vec<usize> {
        let all = 0..self.members.len();
        all.filter(|other| self.meets(player, *other) && test(&self.members[*other])).collect()
    }

    fn scores_against(&self, player: usize, opponents: &[usize]) -> Vec<f64> {
        opponents.iter().map(|other| self.scores[player][*other]).collect()
    }

    /// The least score against some; none of nobody.
    fn least(&self, player: usize, opponents: &[usize]) -> Option<f64> {
        self.scores_against(player, opponents).into_iter().reduce(f64::min)
    }

    /// Whom a player learns against, each with its chance; chances add up to 1, members ascend. Empty where
    /// there is nobody that it could meet.
    #[must_use]
    pub fn matches(&self, player: usize) -> Vec<(f64, usize)> {
        let mut chances = vec![0.0; self.members.len()];
        let past = self.opponents(player, |m| !m.learns);
        match self.members[player].role {
            Role::Main => {
                let others = self.opponents(player, |m| {
                    m.learns && (self.sides == Sides::Opposite || m.role == Role::Main)
                });
                let beside = 1.0 - if past.is_empty() { 0.0 } else { LEAGUE_SHARE };
                let beside = if others.is_empty() { 0.0 } else { beside };
                self.share(player, &past, Weighting::Squared, 1.0 - beside, &mut chances);
                for other in &others {
                    self.beside(player, *other, beside / others.len() as f64, &mut chances);
                }
            }
            Role::MainExploiter => {
                let mains = self.opponents(player, |m| m.learns && m.role == Role::Main);
                for main in &mains {
                    let of_it = self.opponents(player, |m| m.parent == Some(*main));
                    let hopeless = self.scores[player][*main] <= HOPELESS && !of_it.is_empty();
                    let met = if hopeless { of_it } else { vec![*main] };
                    let part = 1.0 / mains.len() as f64;
                    self.share(player, &met, Weighting::Variance, part, &mut chances);
                }
            }
            Role::LeagueExploiter => {
                let now = self.opponents(player, |m| m.learns && m.role == Role::Main);
                let met = if past.is_empty() { now } else { past };
                self.share(player, &met, Weighting::Capped, 1.0, &mut chances);
            }
        }
        let met = chances.into_iter().enumerate().filter(|(_, chance)| *chance > 0.0);
        met.map(|(other, chance)| (chance, other)).collect()
    }

    /// Spreads a part of a player's games over some opponents.
    fn share(
        &self,
        player: usize,
        met: &[usize],
        weighting: Weighting,
        part: f64,
        chances: &mut [f64],
    ) {
        let scores = self.scores_against(player, met);
        for (other, chance) in met.iter().zip(prioritised(&scores, weighting)) {
            chances[*other] += part * chance;
        }
    }

    /// A main agent's games that are not against all who ever were, spread around one who learns beside it.
    fn beside(&self, player: usize, other: usize, part: f64, chances: &mut [f64]) {
        let verification = part * VERIFICATION_SHARE / (VERIFICATION_SHARE + SELF_PLAY_SHARE);
        let forgotten = self.forgotten(player, other);
        let verified = if forgotten.is_empty() { 0.0 } else { verification };
        self.share(player, &forgotten, Weighting::Squared, verified, chances);
        // Whoever is too strong is met as it was.
        let of_it = self.opponents(player, |m| m.parent == Some(other));
        let strong = self.scores[player][other] <= TOO_STRONG && !of_it.is_empty();
        let met = if strong { of_it } else { vec![other] };
        self.share(player, &met, Weighting::Variance, part - verified, chances);
    }

    /// Whom a main agent must be reminded of: past main exploiters that it loses to, else snapshots of `other`
    /// that it once beat more surely.
    fn forgotten(&self, player: usize, other: usize) -> Vec<usize> {
        let exploiters = self.opponents(player, |m| !m.learns && m.role == Role::MainExploiter);
        if self.least(player, &exploiters).is_some_and(|least| least < TOO_STRONG) {
            return exploiters;
        }
        let mut of_it = self.opponents(player, |m| m.parent == Some(other));
        of_it.truncate(without_monotonic_suffix(&self.scores_against(player, &of_it)));
        let is_lost = self.least(player, &of_it).is_some_and(|least| least < BEATEN);
        if is_lost { of_it } else { Vec::new() }
    }

    /// Notes that a player has learned for a turn.
    pub fn learned(&mut self, player: usize) {
        self.members[player].turns += 1;
    }

    /// Whether a player should leave a snapshot: it has learned, and beats all that it is there to beat, or has
    /// tried for long enough.
    #[must_use]
    pub fn is_ready(&self, player: usize) -> bool {
        let Member { role, turns, .. } = self.members[player];
        let targets = match role {
            Role::MainExploiter => self.opponents(player, |m| m.learns && m.role == Role::Main),
            Role::Main | Role::LeagueExploiter => self.opponents(player, |m| !m.learns),
        };
        let succeeded = self.least(player, &targets).is_some_and(|least| least > BEATEN);
        turns > 0 && (succeeded || turns >= self.patience)
    }

    /// Keeps a player as it is, with what it scores. Main exploiters begin anew after it, main agents never do,
    /// league exploiters where `draw`, uniform in [0, 1), says so.
    pub fn keep(&mut self, player: usize, draw: f64) -> Kept {
        let role = self.members[player].role;
        self.members[player].turns = 0;
        let snapshot = self.add(Member { role, learns: false, parent: Some(player), turns: 0 });
        for other in 0..snapshot {
            self.set_score(snapshot, other, self.scores[player][other]);
        }
        // It is its player's equal.
        self.set_score(snapshot, player, 0.5);
        let resets = match role {
            Role::Main => false,
            Role::MainExploiter => true,
            Role::LeagueExploiter => draw < LEAGUE_RESET_CHANCE,
        };
        if resets {
            // Whoever begins anew has met nobody.
            (0..=snapshot).for_each(|other| self.set_score(player, other, 0.5));
        }
        Kept { snapshot, resets }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(got: &[(f64, usize)], expected: &[(f64, usize)]) {
        let same = got.len() == expected.len()
            && got.iter().zip(expected).all(|(a, b)| a.1 == b.1 && (a.0 - b.0).abs() < 1e-12);
        assert!(same, "{got:?}, expected {expected:?}");
    }

    #[test]
    fn priorities_are_the_formulas_of_the_paper() {
        let chances = prioritised(&[0.0, 0.5, 1.0], Weighting::Squared);
        assert_eq!(chances, [0.8, 0.2, 0.0]);
        assert_eq!(prioritised(&[0.0, 0.5, 1.0], Weighting::Variance), [0.0, 1.0, 0.0]);
        // ½, ½ and ¼.
        assert_eq!(prioritised(&[0.1, 0.5, 0.75], Weighting::Capped), [0.4, 0.4, 0.2]);
        assert_eq!(prioritised(&[1.0, 1.0], Weighting::Squared), [0.5, 0.5]);
        assert!(prioritised(&[], Weighting::Squared).is_empty());
    }

    #[test]
    fn what_is_better_beaten_the_older_it_is_was_not_forgotten() {
        assert_eq!(without_monotonic_suffix(&[0.9, 0.8, 0.7]), 0);
        assert_eq!(without_monotonic_suffix(&[0.4, 0.8, 0.7, 0.6]), 2);
        assert_eq!(without_monotonic_suffix(&[0.9, 0.8, 0.95]), 3);
        assert_eq!(without_monotonic_suffix(&[0.2]), 0);
        assert_eq!(without_monotonic_suffix(&[]), 0);
    }

    #[test]
    fn a_main_agent_divides_its_games_as_the_paper_says() {
        let mut league = League::new(Sides::Same, 2);
        let main = league.enter(Role::Main);
        let exploiter = league.enter(Role::MainExploiter);
        // Before anything was kept there is only itself.
        close(&league.matches(main), &[(1.0, main)]);
        let first = league.keep(main, 0.0).snapshot;
        league.set_score(main, first, 0.5);
        // ½ to the past, and 0.15 that nothing asks for goes to self-play.
        close(&league.matches(main), &[(0.5, main), (0.5, first)]);
        league.set_score(main, exploiter, 0.2);
        let past = league.keep(exploiter, 0.0).snapshot;
        assert!((league.score(main, past) - 0.2).abs() < 1e-12);
        // Weights ¼ and 0.64 in the league's half; verification is all against the past exploiter.
        let sum = 0.25 + 0.64;
        let expected = [(0.35, main), (0.5 * 0.25 / sum, first), (0.5 * 0.64 / sum + 0.15, past)];
        close(&league.matches(main), &expected);
        // No exploiter wins, but an old self was beaten less surely than a later one.
        league.set_score(main, past, 0.9);
        let second = league.keep(main, 0.0).snapshot;
        league.set_score(main, first, 0.4);
        league.set_score(main, second, 0.6);
        let weights = [0.36, 0.01, 0.16];
        let sum: f64 = weights.iter().sum();
        let expected = [
            (0.35, main),
            (0.5 * 0.36 / sum + 0.15 * 0.36 / 0.52, first),
            (0.5 * 0.01 / sum, past),
            (0.5 * 0.16 / sum + 0.15 * 0.16 / 0.52, second),
        ];
        close(&league.matches(main), &expected);
    }

    #[test]
    fn exploiters_meet_whom_they_are_there_for() {
        let mut league = League::new(Sides::Opposite, 3);
        let deployed = league.found(Role::Main);
        let written = league.found(Role::LeagueExploiter);
        let main = league.enter(Role::Main);
        let hunter = league.enter(Role::MainExploiter);
        let searcher = league.enter(Role::LeagueExploiter);
        assert!(!league.meets(main, deployed) && !league.meets(hunter, written));
        close(&league.matches(hunter), &[(1.0, main)]);
        close(&league.matches(searcher), &[(1.0, deployed)]);
        // The main agent's self-play is against both exploiters as they are.
        close(&league.matches(main), &[(0.5, written), (0.25, hunter), (0.25, searcher)]);
        league.set_score(main, written, 0.1);
        let kept = league.keep(main, 0.0).snapshot;
        league.set_score(hunter, main, 0.05);
        league.set_score(hunter, kept, 0.4);
        // Hopeless against the main agent: it learns on what that was.
        close(&league.matches(hunter), &[(1.0, kept)]);
        league.set_score(searcher, deployed, 0.9);
        league.set_score(searcher, kept, 0.6);
        close(&league.matches(searcher), &[(0.2, deployed), (0.8, kept)]);
        // Nobody can be met: nobody is.
        assert!(League::new(Sides::Opposite, 1).members().is_empty());
        let mut alone = League::new(Sides::Opposite, 1);
        let alone_main = alone.enter(Role::Main);
        assert!(alone.matches(alone_main).is_empty());
    }

    #[test]
    fn whoever_succeeds_or_tries_too_long_is_kept_and_exploiters_begin_anew() {
        let mut league = League::new(Sides::Opposite, 3);
        let written = league.found(Role::LeagueExploiter);
        let deployed = league.found(Role::Main);
        let main = league.enter(Role::Main);
        let hunter = league.enter(Role::MainExploiter);
        let searcher = league.enter(Role::LeagueExploiter);
        league.set_score(hunter, main, 0.8);
        assert!(!league.is_ready(hunter), "it has not learned");
        for player in [main, hunter, searcher] {
            league.learned(player);
        }
        assert!(league.is_ready(hunter) && !league.is_ready(main) && !league.is_ready(searcher));
        league.set_score(searcher, deployed, 0.71);
        league.set_score(main, written, 0.7);
        assert!(league.is_ready(searcher) && !league.is_ready(main));
        let kept = league.keep(hunter, 0.9);
        assert!(kept.resets && !league.is_ready(hunter));
        assert_eq!(league.members()[kept.snapshot].parent, Some(hunter));
        assert!((league.score(kept.snapshot, main) - 0.8).abs() < 1e-12);
        assert!(league.keep(searcher, 0.2).resets && !league.keep(searcher, 0.3).resets);
        assert!(!league.keep(main, 0.0).resets);
        for _ in 0..2 {
            league.learned(main);
        }
        assert!(!league.is_ready(main));
        league.learned(main);
        assert!(league.is_ready(main), "out of patience");
    }
}
