// SPDX-License-Identifier: MIT OR Apache-2.0
//! The purse of a run: a tree of accounts from which frames reserve before they spend.
//!
//! An account bounds everything below it. A reservation is taken from an account and from all above it at once, so
//! concurrent frames can never overspend together, at any level. What a frame is given is fixed when it starts;
//! when less than it wants is free, it waits for others to give back, and only when nobody is left who
//! could give anything back does it get what remains, or the limit that is spent.
//!
//! What a model may take is reserved in `whole`: all of it, or nothing.

mod whole;

use std::fmt;
use std::sync::Arc;

use parking_lot::Mutex;
use priory_core::event::Label;
use priory_core::{Amounts, Dimension};
use tokio::sync::Notify;

use crate::activity::{Activity, Parked};

pub(crate) use whole::{Over, Part, Room, Whole, either};

/// How many accounts one run may have: one for each frame with a budget of its own.
const ACCOUNTS_MAX: usize = 100_000;

/// Names an account of a ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AccountId(usize);

/// A limit of the ledger that was reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spent {
    /// Which amount.
    pub dimension: Dimension,
    /// How much was asked for, on top of what was spent.
    pub used: u64,
    /// How much is allowed.
    pub allowed: u64,
}

/// Whose an account is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Whose {
    /// The run's.
    Run,
    /// A frame's, with everything below it.
    Below(Label),
    /// A frame's alone.
    Frame(Label),
}

#[derive(Debug)]
struct Account {
    whose: Whose,
    parent: Option<AccountId>,
    allowance: Amounts,
    spent: Amounts,
    reserved: Amounts,
}

#[derive(Debug, Default)]
struct Books {
    accounts: Vec<Account>,
}

/// The ledger of one run.
#[derive(Debug, Clone)]
pub struct Ledger {
    books: Arc<Mutex<Books>>,
    /// Who could still give something back.
    activity: Activity,
    /// Told whenever something was given back.
    changed: Arc<Notify>,
    /// Told whenever something was given back that had been set aside for a model.
    repaid: Arc<Notify>,
}

impl Ledger {
    /// Opens a ledger with the budget of a whole run, and returns the account of its root.
    pub fn new(allowance: Amounts, activity: Activity) -> (Self, AccountId) {
        let (spent, reserved) = (Amounts::default(), Amounts::default());
        let root = Account { whose: Whose::Run, parent: None, allowance, spent, reserved };
        let books = Arc::new(Mutex::new(Books { accounts: vec![root] }));
        (Self { books, activity, changed: Arc::default(), repaid: Arc::default() }, AccountId(0))
    }

    /// Opens an account below another.
    pub fn open(&self, parent: AccountId, allowance: Amounts, whose: Whose) -> Result<AccountId, Spent> {
        let mut books = self.books.lock();
        let count = books.accounts.len();
        if count >= ACCOUNTS_MAX {
            return Err(Spent { dimension: Dimension::Calls, used: count as u64, allowed: ACCOUNTS_MAX as u64 });
        }
        let (spent, reserved) = (Amounts::default(), Amounts::default());
        books.accounts.push(Account { whose, parent: Some(parent), allowance, spent, reserved });
        Ok(AccountId(count))
    }

    /// Returns what is neither spent nor reserved, here and everywhere above.
    pub fn available(&self, account: AccountId) -> Amounts {
        self.books.lock().available(account)
    }

    /// Spends at once, without a reservation.
    pub fn spend(&self, account: AccountId, amounts: Amounts) -> Result<(), Spent> {
        self.books.lock().spend(account, amounts)
    }

    /// Spends what was spent before, on the way back to where a run was: it is not refused.
    pub fn spend_again(&self, account: AccountId, amounts: Amounts) {
        self.books.lock().for_path(account, |a| a.spent = a.spent.saturating_add(amounts));
    }

    /// Says what was spent before from one account, without those above it.
    pub fn find_spent(&self, account: AccountId, amounts: Amounts) {
        if let Some(account) = self.books.lock().accounts.get_mut(account.0) {
            account.spent = account.spent.saturating_add(amounts);
        }
    }

    /// Reserves, waiting where others may still give back. Whoever asks is one of those who run.
    ///
    /// The result holds what was wanted, or the rest where that is all there will be.
    pub async fn reserve(&self, account: AccountId, want: Amounts) -> Result<Reservation, Spent> {
        if let Some(at_once) = self.try_reserve(account, want) {
            return Ok(at_once);
        }
        let mut parked: Option<Parked> = None;
        loop {
            let (changed, stopped) = (self.changed.notified(), self.activity.changed());
            {
                let mut books = self.books.lock();
                let rest = want.min(books.available(account));
                // Whoever asks does not count: it gives nothing back before it has what it asks for.
                let others = self.activity.running() > usize::from(parked.is_none());
                if rest == want || !others {
                    if let Some(spent) = books.refusal(account, want, rest) {
                        return Err(spent);
                    }
                    // Before the next one looks who runs.
                    parked.iter().for_each(Parked::end);
                    return Ok(self.take(&mut books, account, rest));
                }
            }
            match parked {
                None => parked = Some(self.activity.park()),
                Some(_) => either(changed, stopped).await,
            }
        }
    }

    /// Reserves what is wanted where all of it is there: the usual case.
    fn try_reserve(&self, account: AccountId, want: Amounts) -> Option<Reservation> {
        let mut books = self.books.lock();
        let is_there = want.min(books.available(account)) == want;
        is_there.then(|| self.take(&mut books, account, want))
    }

    /// Reserves exactly what was reserved before, on the way back to where a run was.
    pub fn reserve_again(&self, account: AccountId, amounts: Amounts) -> Reservation {
        self.take(&mut self.books.lock(), account, amounts)
    }

    fn take(&self, books: &mut Books, account: AccountId, amounts: Amounts) -> Reservation {
        books.for_path(account, |a| a.reserved = a.reserved.saturating_add(amounts));
        Reservation { ledger: self.clone(), account, amounts, open: true }
    }
}

// === impl Whose ===

impl fmt::Display for Whose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Run => f.write_str("the budget of the run"),
            Self::Below(label) => write!(f, "the budget of {label}"),
            Self::Frame(label) => label.fmt(f),
        }
    }
}

impl Books {
    fn path(&self, account: AccountId) -> impl Iterator<Item = &Account> {
        let mut next = Some(account);
        std::iter::from_fn(move || {
            let account = self.accounts.get(next?.0)?;
            next = account.parent;
            Some(account)
        })
    }

    fn for_path(&mut self, account: AccountId, mut change: impl FnMut(&mut Account)) {
        let mut next = Some(account);
        while let Some(account) = next.and_then(|id| self.accounts.get_mut(id.0)) {
            change(account);
            next = account.parent;
        }
    }

    fn available(&self, account: AccountId) -> Amounts {
        self.path(account).fold(Amounts::UNBOUNDED, |free, account| {
            free.min(account.allowance.saturating_sub(account.spent).saturating_sub(account.reserved))
        })
    }

    /// Says why even the rest is not enough to start a frame: some of what it wants is wholly gone.
    fn refusal(&self, account: AccountId, want: Amounts, rest: Amounts) -> Option<Spent> {
        let gone = |want: u64, rest: u64| want > 0 && rest == 0;
        let dimension = if gone(want.fuel, rest.fuel) {
            Dimension::Fuel
        } else if gone(want.memory_bytes, rest.memory_bytes) {
            Dimension::MemoryBytes
        } else {
            return None;
        };
        let taken = |a: &Account| a.spent.saturating_add(a.reserved).saturating_add(want);
        let amounts = |a: &Account| match dimension {
            Dimension::Fuel => (taken(a).fuel, a.allowance.fuel),
            _ => (taken(a).memory_bytes, a.allowance.memory_bytes),
        };
        let (used, allowed) = self.path(account).map(amounts).find(|(used, allowed)| used > allowed)?;
        Some(Spent { dimension, used, allowed })
    }

    fn spend(&mut self, account: AccountId, amounts: Amounts) -> Result<(), Spent> {
        let over = self.path(account).find_map(|a| {
            let total = a.spent.saturating_add(a.reserved).saturating_add(amounts);
            // What is not asked for cannot be what is missing.
            let asked = Amounts {
                fuel: if amounts.fuel > 0 { total.fuel } else { 0 },
                memory_bytes: if amounts.memory_bytes > 0 { total.memory_bytes } else { 0 },
                calls: if amounts.calls > 0 { total.calls } else { 0 },
                bytes: if amounts.bytes > 0 { total.bytes } else { 0 },
                tokens_in: if amounts.tokens_in > 0 { total.tokens_in } else { 0 },
                tokens_out: if amounts.tokens_out > 0 { total.tokens_out } else { 0 },
                money_microusd: if amounts.money_microusd > 0 { total.money_microusd } else { 0 },
            };
            asked.first_over(a.allowance)
        });
        if let Some((dimension, used, allowed)) = over {
            return Err(Spent { dimension, used, allowed });
        }
        self.for_path(account, |a| a.spent = a.spent.saturating_add(amounts));
        Ok(())
    }
}

/// An amount that is set aside for one frame. `settle` spends what was used; dropping it gives everything back.
#[derive(Debug)]
pub struct Reservation {
    ledger: Ledger,
    account: AccountId,
    amounts: Amounts,
    open: bool,
}

impl Reservation {
    /// Returns what was set aside.
    pub fn amounts(&self) -> Amounts {
        self.amounts
    }

    /// Spends what was used and gives the rest back. More than what was set aside cannot be spent.
    pub fn settle(mut self, used: Amounts) {
        self.close(used.min(self.amounts));
    }

    /// Spends what others say was used, also where it is more than what was set aside: then less is left for what follows.
    pub fn settle_all(mut self, used: Amounts) {
        self.close(used);
    }

    fn close(&mut self, used: Amounts) {
        if !std::mem::take(&mut self.open) {
            return;
        }
        {
            let mut books = self.ledger.books.lock();
            let reserved = self.amounts;
            books.for_path(self.account, |a| {
                a.reserved = a.reserved.saturating_sub(reserved);
                a.spent = a.spent.saturating_add(used);
            });
        }
        self.ledger.changed.notify_waiters();
        if whole::is_for_models(self.amounts) {
            self.ledger.repaid.notify_waiters();
        }
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        if self.open {
            tracing::debug!(amounts = ?self.amounts, "a reservation was dropped and is given back");
        }
        self.close(Amounts::default());
    }
}

#[cfg(test)]
mod tests;
