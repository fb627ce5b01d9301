//! Who no longer learns beside a scenario's policy: the holder of the heads that it leaves (`train.other`), a
//! liquidator (`train.liquidator`) and an attacker (`train.attacker`).

use crate::assemble::Worlds;
use crate::evaluate::refuse_overlap;
use crate::exploit::seat;
use crate::fit::{refuse_other_market, resized, seeing};
use crate::held_out::refuse_seen;
use crate::load::Loaded;
use crate::schema::FrozenAttacker;
use agents::attack::StoredAttacker;
use agents::export::bundle;
use agents::frozen::FrozenPolicy;
use agents::scripted::liquidator::mind::Mind;
use sim::action::Side;
use std::path::Path;

/// Who holds the other heads.
#[derive(Clone, Debug)]
pub struct Other {
    /// The policy.
    pub policy: FrozenPolicy,
    /// Which heads it holds here.
    pub side: Side,
    /// Names its bundle.
    pub hash: String,
}

/// The bundle that a scenario names as the holder of the other heads, if it names one; it lies relative to `base`.
///
/// # Errors
/// A sentence and a fix: no bundle, one of another market, one that does not hold these heads, one that was
/// trained on what a test window has.
pub(crate) fn read(loaded: &Loaded, base: &Path) -> Result<Option<Other>, (String, String)> {
    let train = loaded.scenario.train.as_ref();
    let Some((train, named)) = train.and_then(|t| Some((t, t.other.as_ref()?))) else {
        return Ok(None);
    };
    let fix = "name a folder that `ballast train` or `ballast export` has written, from where the scenario lies";
    let Some(side) = train.side.other() else {
        return Err((
            "`train.side` holds all heads: there are no others".to_owned(),
            "set `train.side` to Collateral or Liquidation, or leave `other` out".to_owned(),
        ));
    };
    let named_bundle = |reason: String| (format!("{named}: {reason}"), fix.to_owned());
    let (policy, metadata, report) =
        bundle::load(&base.join(named)).map_err(|error| named_bundle(error.to_string()))?;
    let card = &metadata.policy;
    if !card.side.is_both() && card.side != side {
        return Err((
            format!("{named}: it was trained to hold {:?}, and {side:?} is wanted", card.side),
            format!(
                "name a policy that was trained with `train.side: {side:?}`, or with all heads"
            ),
        ));
    }
    let (policy, card) = resized(&loaded.scenario, policy, card).map_err(named_bundle)?;
    let card = card.as_ref();
    refuse_other_market(&loaded.scenario, card, side).map_err(named_bundle)?;
    refuse_overlap(loaded, card).map_err(named_bundle)?;
    refuse_seen(loaded, card).map_err(named_bundle)?;
    if policy.memory().is_some() {
        let reason =
            "it has memory, and who holds the other heads is not told where an episode begins";
        return Err(named_bundle(reason.to_owned()));
    }
    let policy = seeing(&loaded.scenario, policy, &card.observations).map_err(named_bundle)?;
    Ok(Some(Other { policy, side, hash: report.bundle }))
}

/// What a scenario names, if it names it, and the hash of its bytes; or what is wrong, and a fix.
type Named<T> = Result<Option<(T, String)>, (String, String)>;

/// The liquidator that a scenario names, if it names one, and what names its bytes; it lies relative to `base`.
///
/// # Errors
/// A sentence and a fix: no such file, no liquidator, nobody whose place it could take.
pub(crate) fn liquidator(loaded: &Loaded, base: &Path) -> Named<Mind> {
    let train = loaded.scenario.train.as_ref();
    let Some(named) = train.and_then(|t| t.liquidator.as_ref()) else { return Ok(None) };
    if !loaded.scenario.has_liquidators() {
        return Err((
            "there is no scripted liquidator whose place it could take".to_owned(),
            "add a cohort under `agents.liquidators`, or leave `liquidator` out".to_owned(),
        ));
    }
    let refuse = |reason: String| {
        let fix = "name a file that `ballast liquidate` or self-play has stored, from where the scenario lies";
        (format!("{named}: {reason}"), fix.to_owned())
    };
    let bytes = std::fs::read(base.join(named)).map_err(|error| refuse(error.to_string()))?;
    let mind = Mind::learned(&bytes).map_err(refuse)?;
    Ok(Some((mind, blake3::hash(&bytes).to_hex().to_string())))
}

/// The attacker that a scenario names, if it names one, and what names its bytes; it lies relative to `base`.
///
/// # Errors
/// A sentence and a fix: no such file, no attacker.
pub(crate) fn attacker(loaded: &Loaded, base: &Path) -> Named<StoredAttacker> {
    let train = loaded.scenario.train.as_ref();
    let Some(FrozenAttacker { file, .. }) = train.and_then(|t| t.attacker.as_ref()) else {
        return Ok(None);
    };
    let refuse = |reason: String| {
        let fix = "name a file that `ballast exploit`, `ballast liquidate`, self-play or population training has stored, \
                   from where the scenario lies";
        (format!("{file}: {reason}"), fix.to_owned())
    };
    let bytes = std::fs::read(base.join(file)).map_err(|error| refuse(error.to_string()))?;
    let stored = StoredAttacker::read(&bytes).map_err(refuse)?;
    Ok(Some((stored, blake3::hash(&bytes).to_hex().to_string())))
}

impl Loaded {
    /// Worlds of this scenario as those who learn there play them: under the attacker that it names, if it names one.
    ///
    /// # Errors
    /// A sentence: an attacker of other worlds, or worlds in which nobody could attack.
    pub fn to_learn_in(&self, worlds: &Worlds) -> Result<Worlds, String> {
        let train = self.scenario.train.as_ref();
        let named = train.and_then(|t| t.attacker.as_ref()).zip(self.attacker.as_ref());
        let Some((FrozenAttacker { file, head_start_hours }, stored)) = named else {
            return Ok(worlds.clone());
        };
        let idle_blocks = self.scenario.blocks_of(*head_start_hours);
        let attacker = seat(stored, worlds, idle_blocks)
            .map_err(|reason| format!("train.attacker: {file}: {reason}"))?;
        Ok(worlds.clone().against(vec![(1.0, attacker)], idle_blocks))
    }
}
