//! A league in a scenario (Vinyals et al., 2019; [`agents::learn::league`] says who meets whom): the main agent
//! is a risk policy, the exploiters are attackers that learn from the other side of its worlds.
//!
//! In each round every exploiter learns, then the policy; all are scored on the same worlds, and whoever is
//! ready leaves a snapshot. A policy's score against an attacker is 1 less the share of the stake that it loses
//! to what the parameters as deployed earn in the same world while nobody attacks. The policy that is kept is
//! the one whose worst attacker costs least.

use super::meetings::{maker, safest, worst};
use super::rounds::Rounds;
use super::seed::{Log, Shared, Trained};
use crate::output::Failure;
use agents::attack::Assailant;
use agents::frozen::FrozenPolicy;
use agents::learn::league::{League, Role, Sides};
use agents::learn::noise::{Draw, Noise, uniform};
use scenarios::manifest::RunError;
use scenarios::schema::{LeagueSpec, PopulationSpec};
use scenarios::stats::mean;
use serde_json::{Value, json};
use std::fs;

/// A member of the league, as it plays.
#[derive(Clone)]
enum Plays {
    /// The parameters as deployed.
    Deployed,
    /// A policy that was trained.
    Policy(Box<Trained>),
    /// Somebody in the attackers' seat.
    Attacker(Assailant),
    /// An attacker that has not learned yet.
    Nothing,
}

impl Plays {
    /// The policy of a member on the policies' side; none where it plays the parameters as deployed.
    fn policy(&self) -> Option<&FrozenPolicy> {
        match self {
            Self::Policy(trained) => Some(&trained.policy),
            Self::Deployed | Self::Attacker(_) | Self::Nothing => None,
        }
    }
}

/// A member's name and what it plays.
#[derive(Clone)]
struct Member {
    name: String,
    plays: Plays,
}

/// What a policy earns against an attacker, on average over the worlds.
#[derive(Clone, Copy)]
struct Cell {
    objective_usd: f64,
    /// The policy's.
    score: f64,
}

/// A league at play.
struct Play<'a> {
    rounds: Rounds<'a>,
    rules: &'a LeagueSpec,
    /// What the parameters as deployed earn in each world while nobody attacks, in USD.
    undisturbed_usd: Vec<f64>,
    league: League,
    members: Vec<Member>,
    main: usize,
    exploiters: Vec<usize>,
    /// By the policy's and the attacker's number; none where they have not met as they are now.
    cells: Vec<Vec<Option<Cell>>>,
    /// Who learned against whom in the round, by number.
    matches: Vec<(usize, Vec<(f64, usize)>)>,
    blocks: u64,
    log: Vec<Log>,
}

/// Plays a league of one seed, and returns its safest policy.
pub(super) fn raise(
    shared: &Shared<'_>,
    spec: &PopulationSpec,
    rules: &LeagueSpec,
    seed: u64,
) -> Result<Trained, Failure> {
    let mut play = Play::begin(shared, spec, rules, seed)?;
    for round in 1..=spec.rounds {
        for exploiter in play.exploiters.clone() {
            play.attack(exploiter, round)?;
        }
        play.meet()?;
        play.defend(round)?;
        play.meet()?;
        let kept = play.keep(round)?;
        play.write(round, &kept)?;
        shared.output.note(&format!("seed {seed}: round {round} of {}", spec.rounds));
    }
    let Play { members, cells, blocks, log, .. } = play;
    chosen(members, &cells)
        .map(|(score, chosen)| Trained { score, blocks, log, ..chosen })
        .ok_or_else(|| Failure::Message(format!("seed {seed}: the league trained no policy")))
}

/// The safest of the trained policies, and its objective under its worst attacker in USD; none where none was trained.
fn chosen(members: Vec<Member>, cells: &[Vec<Option<Cell>>]) -> Option<(f64, Trained)> {
    let payoffs = |row: &[Option<Cell>]| row.iter().flatten().map(|c| c.objective_usd).collect();
    let trained = cells.iter().zip(members).filter_map(|(row, member)| match member.plays {
        Plays::Policy(trained) => Some((payoffs(row), *trained)),
        _ => None,
    });
    let (rows, mut policies): (Vec<Vec<f64>>, Vec<Trained>) = trained.unzip();
    let safest = safest(&rows);
    (safest < rows.len()).then(|| (worst(&rows[safest]), policies.swap_remove(safest)))
}

/// A policy's score in the worlds where it earned this, against what is earned there undisturbed.
fn score(objectives_usd: &[f64], undisturbed_usd: &[f64], stake_usd: f64) -> f64 {
    let pairs = objectives_usd.iter().zip(undisturbed_usd);
    let of = |(earned, undisturbed): (&f64, &f64)| {
        1.0 - ((undisturbed - earned) / stake_usd).clamp(0.0, 1.0)
    };
    mean(&pairs.map(of).collect::<Vec<f64>>())
}

impl<'a> Play<'a> {
    fn begin(
        shared: &'a Shared<'a>,
        spec: &'a PopulationSpec,
        rules: &'a LeagueSpec,
        seed: u64,
    ) -> Result<Self, Failure> {
        let mut play = Self {
            rounds: Rounds::begin(shared, spec, seed)?,
            league: League::new(Sides::Opposite, rules.patience_rounds),
            rules,
            undisturbed_usd: Vec::new(),
            members: Vec::new(),
            main: 0,
            exploiters: Vec::new(),
            cells: Vec::new(),
            matches: Vec::new(),
            blocks: 0,
            log: Vec::new(),
        };
        play.league.found(Role::Main);
        play.add("deployed".to_owned(), Plays::Deployed);
        play.league.found(Role::LeagueExploiter);
        play.add("as in the scenario".to_owned(), Plays::Attacker(Assailant::AsWritten));
        play.main = play.league.enter(Role::Main);
        // Before it has learned it moves nothing.
        play.add("main agent".to_owned(), Plays::Deployed);
        for (role, kind, count) in [
            (Role::MainExploiter, "main exploiter", rules.main_exploiters),
            (Role::LeagueExploiter, "league exploiter", rules.league_exploiters),
        ] {
            for number in 1..=count {
                let id = play.league.enter(role);
                play.exploiters.push(id);
                play.add(format!("{kind} {number}"), Plays::Nothing);
            }
        }
        let undisturbed = play.earned(&[0], &Assailant::Nobody)?;
        play.undisturbed_usd = undisturbed.into_iter().flatten().collect();
        Ok(play)
    }

    fn add(&mut self, name: String, plays: Plays) {
        self.members.push(Member { name, plays });
        for row in &mut self.cells {
            row.push(None);
        }
        self.cells.push(vec![None; self.members.len()]);
    }

    /// What policies earn in each world under an attacker, in USD, `[policies, worlds]`.
    fn earned(
        &mut self,
        policies: &[usize],
        attacker: &Assailant,
    ) -> Result<Vec<Vec<f64>>, Failure> {
        let name_and_policy = |id: &usize| {
            let Member { name, plays } = &self.members[*id];
            (name.clone(), plays.policy())
        };
        let policies: Vec<_> = policies.iter().map(name_and_policy).collect();
        let meetings = &self.rounds.meetings;
        let (earned, blocks) = meetings.earned(&policies, &meetings.under(attacker.clone()))?;
        self.blocks += blocks;
        Ok(earned)
    }

    /// Lets an exploiter learn against whom the league says.
    fn attack(&mut self, id: usize, round: u32) -> Result<(), Failure> {
        let matches = self.league.matches(id);
        let checkpoint = self.rounds.meetings.folder.join(format!("{}.ckpt", self.file(id)));
        let has_learned = matches!(self.members[id].plays, Plays::Attacker(_));
        // Every lesson of a seed has a seed of its own.
        let seed = self.rounds.meetings.seed ^ (u64::from(round) << 32) ^ ((id as u64) << 48);
        let met =
            matches.iter().map(|(chance, met)| (*chance, maker(self.members[*met].plays.policy())));
        let path = Some(checkpoint.as_path());
        let checkpoints = [path.filter(|_| has_learned), path];
        let made = self.rounds.attack("the league", met.collect(), seed, 1, checkpoints)?;
        self.rounds.meetings.store(&made.best, &format!("{}-round-{round}", self.file(id)))?;
        self.blocks += made.curve.last().map_or(0, |(blocks, _)| *blocks);
        self.changed(id, Plays::Attacker(made.best), matches);
        Ok(())
    }

    /// Lets the policy learn against whom the league says.
    fn defend(&mut self, round: u32) -> Result<(), Failure> {
        let matches = self.league.matches(self.main);
        let assailant = |id: usize| match &self.members[id].plays {
            Plays::Attacker(assailant) => assailant.clone(),
            _ => Assailant::Nobody,
        };
        let mixture = matches.iter().map(|(chance, met)| (*chance, assailant(*met))).collect();
        let trained = self.rounds.defend(round, mixture)?;
        let policy = trained.policy.clone().named(format!("round {round}"));
        self.blocks += trained.blocks;
        self.log.extend(trained.log.iter().cloned());
        let plays = Plays::Policy(Box::new(Trained { policy, log: Vec::new(), ..trained }));
        self.changed(self.main, plays, matches);
        Ok(())
    }

    /// A player has learned: what it was scored before says nothing any more.
    fn changed(&mut self, id: usize, plays: Plays, matches: Vec<(f64, usize)>) {
        self.members[id].plays = plays;
        self.matches.push((id, matches));
        self.league.learned(id);
        self.forget(id);
    }

    fn forget(&mut self, id: usize) {
        self.cells[id].fill(None);
        for row in &mut self.cells {
            row[id] = None;
        }
    }

    /// Lets all who have not met as they are now meet, and scores them.
    fn meet(&mut self) -> Result<(), Failure> {
        for attacker in 0..self.members.len() {
            let Plays::Attacker(assailant) = self.members[attacker].plays.clone() else { continue };
            let is_new = |row: &usize| {
                self.league.meets(*row, attacker) && self.cells[*row][attacker].is_none()
            };
            let rows: Vec<usize> = (0..self.members.len()).filter(is_new).collect();
            let earned = self.earned(&rows, &assailant)?;
            for (row, earned) in rows.into_iter().zip(earned) {
                let score = score(&earned, &self.undisturbed_usd, self.rules.stake_usd);
                self.cells[row][attacker] = Some(Cell { objective_usd: mean(&earned), score });
                self.league.set_score(row, attacker, score);
            }
        }
        Ok(())
    }

    /// Keeps whoever is ready; who that was, and whether it begins anew.
    fn keep(&mut self, round: u32) -> Result<Vec<(String, bool)>, Failure> {
        let mut all = Vec::new();
        for id in std::iter::once(self.main).chain(self.exploiters.clone()) {
            if !self.league.is_ready(id) {
                continue;
            }
            let mut rng = Noise::new(self.rounds.meetings.seed).at(
                Draw::League,
                u64::from(round),
                0,
                id as u64,
            );
            let kept = self.league.keep(id, uniform(&mut rng));
            let Member { name, plays } = self.members[id].clone();
            self.add(format!("{name} of round {round}"), plays);
            // A snapshot is its player's equal.
            self.cells[kept.snapshot] = self.cells[id].clone();
            for row in &mut self.cells {
                row[kept.snapshot] = row[id];
            }
            if kept.resets {
                self.members[id].plays = Plays::Nothing;
                self.forget(id);
            }
            all.push((name, kept.resets));
        }
        Ok(all)
    }

    /// A player's name in file names.
    fn file(&self, id: usize) -> String {
        self.members[id].name.replace(' ', "-")
    }

    /// Writes who is there, what they score, whom they learned against and who was kept in a round.
    fn write(&mut self, round: u32, kept: &[(String, bool)]) -> Result<(), Failure> {
        let name = |id: usize| self.members[id].name.as_str();
        let attackers: Vec<usize> = (0..self.members.len())
            .filter(|id| matches!(self.members[*id].plays, Plays::Attacker(_)))
            .collect();
        let policies: Vec<usize> = (0..self.members.len())
            .filter(|id| self.league.meets(*id, self.exploiters[0]))
            .collect();
        let table = |of: fn(&Cell) -> f64| -> Vec<Vec<Option<f64>>> {
            let row = |row: &usize| {
                attackers.iter().map(|a| self.cells[*row][*a].as_ref().map(of)).collect()
            };
            policies.iter().map(row).collect()
        };
        let member = |id: usize| {
            let member = self.league.members()[id];
            json!({
                "name": name(id),
                "role": member.role,
                "learns": member.learns,
                "snapshot_of": member.parent.map(name),
            })
        };
        let met = |(id, met): &(usize, Vec<(f64, usize)>)| -> Value {
            let met = met.iter().map(|(chance, met)| json!({"who": name(*met), "chance": chance}));
            json!({"player": name(*id), "met": met.collect::<Vec<Value>>()})
        };
        let value = json!({
            "round": round,
            "stake_usd": self.rules.stake_usd,
            "undisturbed_usd": mean(&self.undisturbed_usd),
            "members": (0..self.members.len()).map(member).collect::<Vec<Value>>(),
            "learned": self.matches.iter().map(met).collect::<Vec<Value>>(),
            "kept": kept.iter().map(|(name, anew)| json!({"player": name, "begins_anew": anew}))
                .collect::<Vec<Value>>(),
            "policies": policies.iter().map(|id| name(*id)).collect::<Vec<&str>>(),
            "attackers": attackers.iter().map(|id| name(*id)).collect::<Vec<&str>>(),
            "objective_usd": table(|cell| cell.objective_usd),
            "score": table(|cell| cell.score),
        });
        let path = self.rounds.meetings.folder.join(format!("league-{round}.json"));
        fs::write(&path, format!("{value:#}\n")).map_err(RunError::io(&path))?;
        self.matches.clear();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::score;

    #[test]
    fn a_score_is_what_is_left_of_the_stake() {
        let undisturbed = [10.0, 20.0, 30.0];
        assert_eq!(score(&undisturbed, &undisturbed, 4.0), 1.0);
        // Better than undisturbed is no more than 1; half of the stake lost; more than all of it.
        assert_eq!(score(&[11.0, 18.0, 0.0], &undisturbed, 4.0), 0.5);
    }
}
