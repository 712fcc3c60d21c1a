// SPDX-License-Identifier: MIT OR Apache-2.0
//! The purse of a run: a tree of accounts from which frames reserve before they spend.
//!
//! An account bounds everything below it. A reservation is taken from an account and from all above it at once, so
//! concurrent frames can never overspend together, at any level. What a frame is given is fixed when it starts;
//! when less than it wants is free, it waits for others to give back, and only when nobody is left who
//! could give anything back does it get what remains, or the limit that is spent.

use std::sync::Arc;

use parking_lot::Mutex;
use priory_core::{Amounts, Dimension};
use tokio::sync::Notify;

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

#[derive(Debug)]
struct Account {
    parent: Option<AccountId>,
    allowance: Amounts,
    spent: Amounts,
    reserved: Amounts,
}

#[derive(Debug, Default)]
struct Books {
    accounts: Vec<Account>,
    /// Reservations whose frames can still come to an end by themselves: they are not waiting for another frame.
    running: usize,
}

/// The ledger of one run.
#[derive(Debug, Clone)]
pub struct Ledger {
    books: Arc<Mutex<Books>>,
    /// Told whenever something was given back or a frame began to wait.
    changed: Arc<Notify>,
}

impl Ledger {
    /// Opens a ledger with the budget of a whole run, and returns the account of its root.
    pub fn new(allowance: Amounts) -> (Self, AccountId) {
        let root = Account { parent: None, allowance, spent: Amounts::default(), reserved: Amounts::default() };
        let books = Books { accounts: vec![root], running: 0 };
        (Self { books: Arc::new(Mutex::new(books)), changed: Arc::new(Notify::new()) }, AccountId(0))
    }

    /// Opens an account below another.
    pub fn open(&self, parent: AccountId, allowance: Amounts) -> Result<AccountId, Spent> {
        let mut books = self.books.lock();
        let count = books.accounts.len();
        if count >= ACCOUNTS_MAX {
            return Err(Spent { dimension: Dimension::Calls, used: count as u64, allowed: ACCOUNTS_MAX as u64 });
        }
        let (spent, reserved) = (Amounts::default(), Amounts::default());
        books.accounts.push(Account { parent: Some(parent), allowance, spent, reserved });
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

    /// Reserves, waiting where others may still give back.
    ///
    /// `inline` says that the caller of the frame waits for it, until the reservation is closed: what the caller
    /// holds cannot be given back meanwhile. The result holds what was wanted, or the rest where that is all there
    /// will be.
    pub async fn reserve(&self, account: AccountId, want: Amounts, inline: bool) -> Result<Reservation, Spent> {
        let mut parked = None;
        loop {
            let changed = self.changed.notified();
            {
                let mut books = self.books.lock();
                let rest = want.min(books.available(account));
                let caller_counts = inline && parked.is_none();
                if rest == want || books.running <= usize::from(caller_counts) {
                    if let Some(spent) = books.refusal(account, want, rest) {
                        return Err(spent);
                    }
                    books.for_path(account, |a| a.reserved = a.reserved.saturating_add(rest));
                    // Inline, the frame takes the place of its caller among those that run.
                    books.running += usize::from(!caller_counts);
                    if let Some(parked) = parked.take() {
                        Parked::keep(parked);
                    }
                    return Ok(Reservation { ledger: self.clone(), account, amounts: rest, inline, open: true });
                }
            }
            match parked {
                None if inline => parked = Some(self.park()),
                _ => changed.await,
            }
        }
    }

    /// Says that a running frame now waits for another, until the guard is dropped.
    pub fn park(&self) -> Parked {
        {
            let mut books = self.books.lock();
            books.running = books.running.saturating_sub(1);
        }
        self.changed.notify_waiters();
        Parked { ledger: Some(self.clone()) }
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
    /// Whether a caller waits for the frame and runs again when this is closed.
    inline: bool,
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
            books.running = books.running.saturating_sub(usize::from(!self.inline));
        }
        self.ledger.changed.notify_waiters();
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

/// Says that a frame waits for another. Dropping it says that it runs again.
#[derive(Debug)]
pub struct Parked {
    ledger: Option<Ledger>,
}

impl Parked {
    /// Leaves the frame waiting.
    fn keep(mut self) {
        self.ledger = None;
    }
}

impl Drop for Parked {
    fn drop(&mut self) {
        if let Some(ledger) = self.ledger.take() {
            ledger.books.lock().running += 1;
        }
    }
}

#[cfg(test)]
mod tests;
