// SPDX-License-Identifier: MIT OR Apache-2.0
//! What all runs of a host may spend on models in one day, which is a day in UTC.
//!
//! It stands above the ledgers of the runs: what a model may take is set aside here as well, at the same moment. What was
//! spent before the host was there is read where expenses are kept, when a day is used the first time.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;
use priory_core::amounts::QuotaSpec;
use priory_core::ports::Expenses;
use priory_core::{Amounts, JournalError};
use tokio::sync::Notify;
use tokio::sync::futures::Notified;

use crate::ledger::{Over, Room};

/// How many days are known at once: what is set aside before midnight is settled after it.
const DAYS_MAX: usize = 3;

/// The quota of each day, shared by all runs of a host.
#[derive(Debug)]
pub struct Quota {
    allowance: Amounts,
    is_bounded: bool,
    days: Mutex<BTreeMap<u32, Day>>,
    /// Told whenever something was given back.
    repaid: Notify,
}

#[derive(Debug, Clone, Copy, Default)]
struct Day {
    spent: Amounts,
    reserved: Amounts,
}

/// One day of a quota.
#[derive(Debug, Clone)]
pub(crate) struct Today {
    quota: Arc<Quota>,
    day: u32,
}

/// An amount that is set aside on a day. Dropping it gives everything back.
#[derive(Debug)]
pub(crate) struct DayReservation {
    today: Today,
    amounts: Amounts,
}

// === impl Quota ===

impl Quota {
    /// Makes the quota of a host.
    pub fn new(spec: QuotaSpec) -> Self {
        let allowance = Amounts {
            tokens_in: spec.tokens_in.unwrap_or(u64::MAX),
            tokens_out: spec.tokens_out.unwrap_or(u64::MAX),
            money_microusd: spec.money_microusd.unwrap_or(u64::MAX),
            ..Amounts::UNBOUNDED
        };
        Self { allowance, is_bounded: !spec.is_unbounded(), days: Mutex::default(), repaid: Notify::new() }
    }

    /// Returns what was spent on a day and what is set aside, as far as this host knows: nothing, where nothing is bounded.
    pub fn known(&self, day: u32) -> (Amounts, Amounts) {
        self.days.lock().get(&day).map_or_else(Default::default, |day| (day.spent, day.reserved))
    }

    /// Opens a day: what was spent on it is read, where that is not known. `None` where nothing is bounded.
    pub(crate) async fn open(
        self: &Arc<Self>,
        day: u32,
        expenses: Option<&Arc<dyn Expenses>>,
    ) -> Result<Option<Today>, JournalError> {
        if !self.is_bounded {
            return Ok(None);
        }
        let today = Today { quota: self.clone(), day };
        if self.days.lock().contains_key(&day) {
            return Ok(Some(today));
        }
        let spent = match expenses {
            Some(expenses) => {
                let total = expenses.spent_on(day).await?;
                Amounts {
                    tokens_in: total.usage.input,
                    tokens_out: total.usage.output,
                    money_microusd: total.microusd,
                    ..Amounts::default()
                }
            }
            None => Amounts::default(),
        };
        let mut days = self.days.lock();
        // Others may have read it meanwhile, and set something aside since.
        days.entry(day).or_insert(Day { spent, ..Day::default() });
        while days.len() > DAYS_MAX {
            days.pop_first();
        }
        Ok(Some(today))
    }
}

// === impl Today ===

impl Today {
    /// Returns which day it is, counted from 1970 in UTC.
    pub(crate) fn day(&self) -> u32 {
        self.day
    }

    /// Sets aside what `take` makes of the room of the day.
    pub(crate) fn reserve<T>(&self, take: impl FnOnce(Room) -> Option<(Amounts, T)>) -> Option<(T, DayReservation)> {
        let mut days = self.quota.days.lock();
        let day = days.entry(self.day).or_default();
        let (amounts, made) = take(Room::of(self.quota.allowance, day.spent, day.reserved))?;
        let amounts = Amounts { fuel: 0, memory_bytes: 0, calls: 0, bytes: 0, ..amounts };
        day.reserved = day.reserved.saturating_add(amounts);
        Some((made, DayReservation { today: self.clone(), amounts }))
    }

    pub(crate) fn room(&self) -> Room {
        let day = self.quota.days.lock().get(&self.day).copied().unwrap_or_default();
        Room::of(self.quota.allowance, day.spent, day.reserved)
    }

    /// Waits until something is given back.
    pub(crate) fn repaid(&self) -> Notified<'_> {
        self.quota.repaid.notified()
    }

    /// Says what is over the quota when so much more is needed.
    pub(crate) fn over(&self, need: Amounts) -> Option<Over> {
        let day = self.quota.days.lock().get(&self.day).copied().unwrap_or_default();
        Over::of(|| "the quota of the day".to_owned(), day.spent, need, self.quota.allowance)
    }
}

// === impl DayReservation ===

impl DayReservation {
    /// Spends what was used, also where it is more than what was set aside, and gives the rest back.
    pub(crate) fn settle(mut self, used: Amounts) {
        self.close(used);
    }

    fn close(&mut self, used: Amounts) {
        let amounts = std::mem::take(&mut self.amounts);
        if let Some(day) = self.today.quota.days.lock().get_mut(&self.today.day) {
            day.reserved = day.reserved.saturating_sub(amounts);
            day.spent = day.spent.saturating_add(used);
        }
        self.today.quota.repaid.notify_waiters();
    }
}

impl Drop for DayReservation {
    fn drop(&mut self) {
        if self.amounts != Amounts::default() {
            self.close(Amounts::default());
        }
    }
}
