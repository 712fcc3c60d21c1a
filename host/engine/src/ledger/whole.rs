// SPDX-License-Identifier: MIT OR Apache-2.0
//! Reservations that are whole or not at all: what a model may take is set aside before it is asked.
//!
//! How much that is may depend on how much is free, so whoever asks says what it makes of that. It waits only for what is
//! set aside by others: whoever holds such a reservation waits for a model and for nothing else, so it always comes back.
//! What is spent never does, so nobody waits for that.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

use priory_core::{Amounts, Dimension};

use super::{AccountId, Books, Ledger, Reservation};
use crate::quota::{DayReservation, Today};

/// What a model takes of what is free: the amounts, with whatever they were made for.
pub(crate) type Part<T> = Option<(Amounts, T)>;

/// A reservation in the ledger of the run, and in the quota of the day, where there is one.
#[derive(Debug)]
pub(crate) struct Whole {
    pub(crate) run: Reservation,
    pub(crate) day: Option<DayReservation>,
}

/// Less is left than is needed, and nobody will give enough back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Over {
    /// Whose budget it is.
    pub(crate) whose: String,
    pub(crate) dimension: Dimension,
    /// How much it would have come to.
    pub(crate) used: u64,
    pub(crate) allowed: u64,
}

/// How much is free.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Room {
    /// Now.
    pub(crate) now: Amounts,
    /// When all that is set aside was given back.
    pub(crate) later: Amounts,
}

/// Waits for the first of two.
pub(crate) async fn either(a: impl Future<Output = ()>, b: impl Future<Output = ()>) {
    let (mut a, mut b) = (pin!(a), pin!(b));
    poll_fn(|cx| match a.as_mut().poll(cx) {
        Poll::Ready(()) => Poll::Ready(()),
        Poll::Pending => b.as_mut().poll(cx),
    })
    .await;
}

/// Tells whether something of it is set aside for a model.
pub(super) fn is_for_models(amounts: Amounts) -> bool {
    amounts.tokens_in > 0 || amounts.tokens_out > 0 || amounts.money_microusd > 0
}

// === impl Room ===

impl Room {
    pub(crate) fn of(allowance: Amounts, spent: Amounts, reserved: Amounts) -> Self {
        let later = allowance.saturating_sub(spent);
        Self { now: later.saturating_sub(reserved), later }
    }

    fn min(self, other: Self) -> Self {
        Self { now: self.now.min(other.now), later: self.later.min(other.later) }
    }
}

// === impl Over ===

impl Over {
    /// Says where the sum of what is spent and needed is more than what is allowed.
    pub(crate) fn of(whose: impl FnOnce() -> String, spent: Amounts, need: Amounts, allowed: Amounts) -> Option<Self> {
        // What is not needed cannot be what is missing.
        let total = |spent: u64, need: u64| if need > 0 { spent.saturating_add(need) } else { 0 };
        let sum = Amounts {
            tokens_in: total(spent.tokens_in, need.tokens_in),
            tokens_out: total(spent.tokens_out, need.tokens_out),
            money_microusd: total(spent.money_microusd, need.money_microusd),
            ..Amounts::default()
        };
        let (dimension, used, allowed) = sum.first_over(allowed)?;
        Some(Self { whose: whose(), dimension, used, allowed })
    }
}

// === impl Ledger ===

impl Ledger {
    /// Sets aside what `take` makes of what is free, in the account, in all above it, and in the quota of the day; `None`
    /// where it makes nothing of what is free now.
    pub(crate) fn try_reserve_whole<T>(
        &self,
        account: AccountId,
        today: Option<&Today>,
        take: &impl Fn(Amounts) -> Part<T>,
    ) -> Option<(Whole, T)> {
        // The quota is always locked within the ledger, never the other way round.
        let mut books = self.books.lock();
        let own = books.room(account);
        let (amounts, made, day) = match today {
            None => take(own.now).map(|(amounts, made)| (amounts, made, None))?,
            Some(today) => {
                let ((amounts, made), day) = today.reserve(|room| {
                    let part = take(own.min(room).now)?;
                    Some((part.0, part))
                })?;
                (amounts, made, Some(day))
            }
        };
        Some((Whole { run: self.take(&mut books, account, amounts), day }, made))
    }

    /// Sets aside what `take` makes of what is free, as [`Ledger::try_reserve_whole`] does, and waits while it would make
    /// something of what others have set aside. `need` is the least that would do, for the failure.
    pub(crate) async fn reserve_whole<T>(
        &self,
        account: AccountId,
        today: Option<&Today>,
        need: Amounts,
        take: &impl Fn(Amounts) -> Part<T>,
    ) -> Result<(Whole, T), Over> {
        loop {
            // Whoever gives something back after this line is heard.
            let (repaid, repaid_today) = (self.repaid.notified(), today.map(Today::repaid));
            if let Some(reserved) = self.try_reserve_whole(account, today, take) {
                return Ok(reserved);
            }
            let later = {
                let own = self.books.lock().room(account);
                today.map_or(own, |today| own.min(today.room())).later
            };
            if take(later).is_none() {
                return Err(self.over(account, today, need));
            }
            match repaid_today {
                Some(repaid_today) => either(repaid, repaid_today).await,
                None => repaid.await,
            }
        }
    }

    fn over(&self, account: AccountId, today: Option<&Today>, need: Amounts) -> Over {
        let found = {
            let books = self.books.lock();
            let over = |a: &super::Account| Over::of(|| a.whose.to_string(), a.spent, need, a.allowance);
            books.path(account).find_map(over)
        };
        let found = found.or_else(|| today.and_then(|today| today.over(need)));
        // What each of them has is enough, but not what they have together.
        found.unwrap_or_else(|| Over {
            whose: "what is left of the budgets".to_owned(),
            dimension: Dimension::MoneyMicrousd,
            used: need.money_microusd,
            allowed: self.available(account).money_microusd,
        })
    }
}

// === impl Books ===

impl Books {
    fn room(&self, account: AccountId) -> Room {
        let unbounded = Room { now: Amounts::UNBOUNDED, later: Amounts::UNBOUNDED };
        self.path(account).fold(unbounded, |room, a| room.min(Room::of(a.allowance, a.spent, a.reserved)))
    }
}

// === impl Whole ===

impl Whole {
    /// Spends what was used, in the run, and, where somebody has to be paid, on the day.
    pub(crate) fn settle(self, used: Amounts, is_paid: bool) {
        if let Some(day) = self.day {
            day.settle(if is_paid { used } else { Amounts::default() });
        }
        self.run.settle_all(used);
    }
}
