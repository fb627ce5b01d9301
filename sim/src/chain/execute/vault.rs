//! Vaults and auctions in Maker's shape: what only they understand, and the common verbs on them.

use super::super::call::{AmountExpr, Log, Revert, VaultCall, VaultLog};
use super::super::undo::Undo;
use super::super::undo::vault::VaultUndo;
use super::super::{Chain, Market};
use super::body::Opened;
use super::{Context, Stop};
use markets::units::{AccountId, Amount, AssetId, MarketId, RAY};
use protocols::auction::dutch::Taken;
use protocols::vault::{Change, Edit, House, Ilk, Int, Vault, VaultError};

impl Chain {
    /// A call without a body.
    pub(super) fn vault_call(
        &mut self,
        call: &VaultCall,
        context: &mut Context,
    ) -> Result<(), Stop> {
        let by = context.sender;
        match *call {
            VaultCall::Join { market, ilk, amount } => {
                let token = vault_in(&self.markets, market)?.ilk(ilk)?.token;
                let amount = self.amount(amount, token, context)?;
                self.vaults(market, |v, _| v.join(by, ilk, amount))?;
            }
            VaultCall::Exit { market, ilk, amount } => {
                let ilk_state = *vault_in(&self.markets, market)?.ilk(ilk)?;
                let amount = match amount {
                    AmountExpr::All => {
                        ilk_state.tokens_from_wad(self.ledger.balance(by, ilk_state.gem))
                    }
                    other => self.amount(other, ilk_state.token, context)?,
                };
                self.vaults(market, |v, chain| v.exit(chain, by, ilk, amount))?;
            }
            VaultCall::JoinDai { market, amount } => {
                let dai = vault_in(&self.markets, market)?.dai;
                let amount = self.amount(amount, dai, context)?;
                self.vaults(market, |v, chain| v.join_dai(chain, by, amount))?;
            }
            VaultCall::ExitDai { market, amount } => {
                let vault = vault_in(&self.markets, market)?;
                let amount = match amount {
                    AmountExpr::All => Amount(self.ledger.balance(by, vault.internal).0 / RAY),
                    other => self.amount(other, vault.dai, context)?,
                };
                self.vaults(market, |v, chain| v.exit_dai(chain, by, amount))?;
            }
            VaultCall::Move { market, to, rad } => {
                self.vaults(market, |v, _| Ok(v.move_internal(by, to, rad)))?;
            }
            VaultCall::Flux { market, ilk, to, wad } => {
                self.vaults(market, |v, _| v.flux(by, to, ilk, wad))?;
            }
            VaultCall::Frob { market, ilk, dink, dart } => {
                self.vaults(market, |v, chain| v.frob(chain, by, ilk, dink, dart))?;
            }
            VaultCall::Drip { market, ilk } => {
                self.vaults(market, |v, chain| v.drip(chain, ilk))?;
            }
            VaultCall::Poke { market, ilk } => {
                self.vaults(market, |v, chain| v.poke(chain, ilk))?;
            }
            VaultCall::Heal { market, rad } => {
                self.vaults(market, |v, chain| v.heal(chain, rad))?;
            }
            VaultCall::Bite { market, ilk, urn } => self.vault_bite(market, by, ilk, urn)?,
            VaultCall::Bark { market, ilk, urn } => self.vault_bark(market, ilk, urn, context)?,
            VaultCall::Tend { market, auction, lot, bid } => {
                self.vaults(market, |v, chain| v.tend(chain, by, auction, lot, bid))?;
                self.logs.push(Log::Vault(VaultLog::Bid { market, auction, by, lot, bid }));
            }
            VaultCall::Dent { market, auction, lot, bid } => {
                self.vaults(market, |v, chain| v.dent(chain, by, auction, lot, bid))?;
                self.logs.push(Log::Vault(VaultLog::Bid { market, auction, by, lot, bid }));
            }
            VaultCall::Tick { market, auction } => {
                self.vaults(market, |v, chain| v.tick(chain, auction))?;
                self.logs.push(Log::Vault(VaultLog::Restarted { market, auction }));
            }
            VaultCall::Deal { market, auction } => {
                let lot = self.vaults(market, |v, chain| v.deal(chain, auction))?.seized;
                self.logs.push(Log::Vault(VaultLog::Dealt { market, auction, lot }));
            }
            VaultCall::Take { .. } => return Err(Revert::MalformedBody.into()),
            VaultCall::Redo { market, auction } => {
                if let Some(auction) = vault_in(&self.markets, market)?.auction(auction) {
                    require_unlocked(context, market, auction.ilk)?;
                }
                self.vaults(market, |v, chain| v.redo(chain, auction, by))?;
                self.logs.push(Log::Vault(VaultLog::Restarted { market, auction }));
            }
            VaultCall::Upchost { market, ilk } => {
                self.vaults(market, |v, _| v.upchost(ilk))?;
            }
            VaultCall::File { market, ilk, param, value } => {
                self.vaults(market, |v, chain| v.file(chain, by, ilk, param, value.0))?;
            }
        }
        Ok(())
    }

    /// Opens a call with a body: a take, which hands the collateral over.
    pub(super) fn vault_open(
        &mut self,
        call: &VaultCall,
        context: &mut Context,
    ) -> Result<Opened, Stop> {
        let VaultCall::Take { market, auction, most, max, .. } = *call else {
            return Err(Revert::MalformedBody.into());
        };
        let by = context.sender;
        let vault = vault_in(&self.markets, market)?;
        let ilk = vault.auction(auction).ok_or(VaultError::NoSuchAuction)?.ilk;
        require_unlocked(context, market, ilk)?;
        let (change, taken) = vault.take_open(self, by, auction, most, max)?;
        self.vaults(market, |_, _| Ok(change))?;
        Ok(Opened::VaultTake { market, ilk, auction, taken })
    }

    /// Closes a take: pulls the dai inside that is owed.
    pub(super) fn vault_close(
        &mut self,
        market: MarketId,
        by: AccountId,
        auction: u64,
        taken: &Taken,
    ) -> Result<(), Revert> {
        self.vaults(market, |v, _| v.take_close(by, auction, taken))?;
        let (lot, paid) = (taken.slice, taken.owe);
        self.logs.push(Log::Vault(VaultLog::Taken { market, auction, by, lot, paid }));
        Ok(())
    }

    /// Undoes one entry.
    pub(super) fn vault_undo(&mut self, entry: VaultUndo) {
        let (VaultUndo::State { market }
        | VaultUndo::Ilk { market, .. }
        | VaultUndo::Opened { market }
        | VaultUndo::Replaced { market, .. }
        | VaultUndo::Removed { market, .. }) = entry;
        let Some(Market::Vault(vault)) = self.markets.get_mut(market.index()) else { return };
        let stacks = &mut self.journal.vaults;
        match entry {
            VaultUndo::State { .. } => {
                if let Some(old) = stacks.states.pop() {
                    vault.state = old;
                }
            }
            VaultUndo::Ilk { ilk, .. } => {
                if let Some(old) = stacks.ilks.pop() {
                    vault.ilks[usize::from(ilk)] = old;
                }
            }
            VaultUndo::Opened { .. } => {
                vault.auctions.pop();
            }
            VaultUndo::Replaced { at, .. } => {
                if let Some(old) = stacks.auctions.pop() {
                    vault.auctions[at as usize] = old;
                }
            }
            VaultUndo::Removed { at, .. } => {
                if let Some(old) = stacks.auctions.pop() {
                    vault.auctions.insert(at as usize, old);
                }
            }
        }
    }

    /// Quotes against vaults, moves the flows, stores what changes.
    fn vaults(
        &mut self,
        market: MarketId,
        quote: impl FnOnce(&Vault, &Self) -> Result<Change, VaultError>,
    ) -> Result<Change, Revert> {
        let change = quote(vault_in(&self.markets, market)?, self)?;
        for flow in &change.flows {
            self.ledger.perform(flow, &mut self.journal)?;
        }
        let Some(Market::Vault(vault)) = self.markets.get_mut(market.index()) else {
            return Err(Revert::UnknownId);
        };
        let journal = &mut self.journal;
        if vault.state != change.state {
            journal.vaults.states.push(std::mem::replace(&mut vault.state, change.state));
            journal.push(Undo::Vault(VaultUndo::State { market }));
        }
        if let Some((ilk, new)) = change.ilk {
            let slot = &mut vault.ilks[usize::from(ilk)];
            journal.vaults.ilks.push(std::mem::replace(slot, new));
            journal.push(Undo::Vault(VaultUndo::Ilk { market, ilk }));
        }
        match change.edit {
            Edit::None => {}
            Edit::Open(auction) => {
                vault.auctions.push(auction);
                journal.push(Undo::Vault(VaultUndo::Opened { market }));
            }
            Edit::Replace(at, auction) => {
                let slot = &mut vault.auctions[at];
                journal.vaults.auctions.push(std::mem::replace(slot, auction));
                journal.push(Undo::Vault(VaultUndo::Replaced { market, at: at as u32 }));
            }
            Edit::Remove(at) => {
                journal.vaults.auctions.push(vault.auctions.remove(at));
                journal.push(Undo::Vault(VaultUndo::Removed { market, at: at as u32 }));
            }
        }
        Ok(change)
    }

    fn vault_bite(
        &mut self,
        market: MarketId,
        by: AccountId,
        ilk: u16,
        urn: AccountId,
    ) -> Result<(), Revert> {
        let change = self.vaults(market, |v, chain| v.bite(chain, ilk, urn))?;
        self.log_liquidation(market, by, ilk, urn, change.seized)
    }

    fn vault_bark(
        &mut self,
        market: MarketId,
        ilk: u16,
        urn: AccountId,
        context: &Context,
    ) -> Result<(), Revert> {
        let by = context.sender;
        require_unlocked(context, market, ilk)?;
        let change = self.vaults(market, |v, chain| v.bark(chain, ilk, urn, by))?;
        self.log_liquidation(market, by, ilk, urn, change.seized)
    }

    /// The collateral put up, in tokens; nothing is repaid yet, and what will be lost is not known.
    fn log_liquidation(
        &mut self,
        market: MarketId,
        by: AccountId,
        ilk: u16,
        borrower: AccountId,
        seized: Amount,
    ) -> Result<(), Revert> {
        let vault = vault_in(&self.markets, market)?;
        let (debt, ilk) = (vault.dai, vault.ilk(ilk)?);
        let (collateral, seized) = (ilk.token, ilk.tokens_from_wad(seized));
        let (repaid, bad_debt) = (Amount::ZERO, Amount::ZERO);
        self.logs.push(Log::Liquidation {
            market,
            by,
            borrower,
            collateral,
            debt,
            seized,
            repaid,
            bad_debt,
        });
        Ok(())
    }

    // The common verbs, as Maker's proxy actions compose them.

    /// Joins and locks (`lockGem`).
    pub(super) fn vault_supply(
        &mut self,
        market: MarketId,
        asset: AssetId,
        amount: AmountExpr,
        context: &Context,
    ) -> Result<(), Revert> {
        let by = context.sender;
        let (index, gem) = listed(&self.markets, market, asset)?;
        let amount = self.amount(amount, asset, context)?;
        let before = self.ledger.balance(by, gem);
        self.vaults(market, |v, _| v.join(by, index, amount))?;
        let joined = self.ledger.balance(by, gem).saturating_sub(before);
        let dink = Int::plus(joined).ok_or(VaultError::Arithmetic)?;
        self.vaults(market, |v, chain| v.frob(chain, by, index, dink, Int::ZERO))?;
        self.logs.push(Log::Supply { market, by, asset, amount });
        Ok(())
    }

    /// Frees and takes out (`freeGem`).
    pub(super) fn vault_withdraw(
        &mut self,
        market: MarketId,
        asset: AssetId,
        amount: AmountExpr,
        context: &Context,
    ) -> Result<(), Revert> {
        let by = context.sender;
        let (index, _) = listed(&self.markets, market, asset)?;
        let ilk = *vault_in(&self.markets, market)?.ilk(index)?;
        let amount = match amount {
            AmountExpr::All => ilk.tokens_from_wad(self.ledger.balance(by, ilk.ink)),
            other => self.amount(other, asset, context)?,
        };
        let dink = Int::minus(ilk.wad_from_tokens(amount)?).ok_or(VaultError::Arithmetic)?;
        self.vaults(market, |v, chain| v.frob(chain, by, index, dink, Int::ZERO))?;
        self.vaults(market, |v, chain| v.exit(chain, by, index, amount))?;
        self.logs.push(Log::Withdraw { market, by, asset, amount });
        Ok(())
    }

    /// Draws and takes out (`draw`), on the first collateral type with collateral; the fee is collected
    /// first.
    pub(super) fn vault_borrow(
        &mut self,
        market: MarketId,
        asset: AssetId,
        amount: AmountExpr,
        context: &Context,
    ) -> Result<(), Revert> {
        let by = context.sender;
        let index = self.urn_of(market, by, asset, |ilk| ilk.ink)?;
        let index = index.ok_or(VaultError::NotSafe)?;
        self.vaults(market, |v, chain| v.drip(chain, index))?;
        let vault = vault_in(&self.markets, market)?;
        let amount = match amount {
            AmountExpr::MaxBorrow => vault.max_draw(self, by, index)?,
            other => self.amount(other, asset, context)?,
        };
        let inside = self.ledger.balance(by, vault.internal);
        let art = Vault::art_to_draw(inside, amount, vault.ilk(index)?.rate)?;
        let dart = Int::plus(art).ok_or(VaultError::Arithmetic)?;
        self.vaults(market, |v, chain| v.frob(chain, by, index, Int::ZERO, dart))?;
        self.vaults(market, |v, chain| v.exit_dai(chain, by, amount))?;
        self.logs.push(Log::Borrow { market, by, asset, amount });
        Ok(())
    }

    /// Brings in and wipes (`wipe`, `wipeAll`) on the first collateral type with debt: as much as is owed
    /// at most.
    pub(super) fn vault_repay(
        &mut self,
        market: MarketId,
        asset: AssetId,
        amount: AmountExpr,
        context: &Context,
    ) -> Result<(), Revert> {
        let by = context.sender;
        let index = self.urn_of(market, by, asset, |ilk| ilk.art)?;
        let index = index.ok_or(VaultError::Arithmetic)?;
        let amount = self.amount_or_max(amount, asset, context)?;
        let vault = vault_in(&self.markets, market)?;
        let (amount, art) = vault.wipe(self, by, index, amount)?;
        let dart = Int::minus(art).ok_or(VaultError::Arithmetic)?;
        self.vaults(market, |v, chain| v.join_dai(chain, by, amount))?;
        self.vaults(market, |v, chain| v.frob(chain, by, index, Int::ZERO, dart))?;
        self.logs.push(Log::Repay { market, by, asset, amount });
        Ok(())
    }

    /// Starts the auction of the collateral's kind. How much is liquidated is the system's to say.
    pub(super) fn vault_liquidate(
        &mut self,
        market: MarketId,
        borrower: AccountId,
        (collateral, debt): (AssetId, AssetId),
        context: &Context,
    ) -> Result<(), Revert> {
        let (index, _) = listed(&self.markets, market, collateral)?;
        let vault = vault_in(&self.markets, market)?;
        if debt != vault.dai {
            return Err(Revert::UnknownId);
        }
        match vault.ilk(index)?.house {
            House::English(_) => self.vault_bite(market, context.sender, index, borrower),
            House::Dutch(_) => self.vault_bark(market, index, borrower, context),
        }
    }

    /// The collateral type whose vault a verb about dai means: the first that has something in a column.
    fn urn_of(
        &self,
        market: MarketId,
        by: AccountId,
        asset: AssetId,
        column: impl Fn(&Ilk) -> AssetId,
    ) -> Result<Option<u16>, Revert> {
        let vault = vault_in(&self.markets, market)?;
        if asset != vault.dai {
            return Err(Revert::UnknownId);
        }
        let has = |ilk: &Ilk| !self.ledger.balance(by, column(ilk)).is_zero();
        Ok(vault.ilks.iter().position(has).map(|index| index as u16))
    }
}

/// Refuses what a house of Dutch auctions refuses while somebody takes from it (`Clipper.lock`).
fn require_unlocked(context: &Context, market: MarketId, ilk: u16) -> Result<(), VaultError> {
    let locks = |opened: &Opened| matches!(opened, Opened::VaultTake { market: m, ilk: i, .. } if (*m, *i) == (market, ilk));
    if context.opened.iter().any(locks) { Err(VaultError::SystemLocked) } else { Ok(()) }
}

/// The vaults of an id.
fn vault_in(markets: &[Market], market: MarketId) -> Result<&Vault, Revert> {
    markets.get(market.index()).and_then(Market::vault).ok_or(Revert::UnknownId)
}

/// The collateral type of a token, and its column of free collateral.
fn listed(markets: &[Market], market: MarketId, token: AssetId) -> Result<(u16, AssetId), Revert> {
    let vault = vault_in(markets, market)?;
    let index = vault.ilk_of(token).ok_or(Revert::UnknownId)?;
    Ok((index, vault.ilk(index)?.gem))
}
