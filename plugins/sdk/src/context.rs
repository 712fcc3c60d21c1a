// SPDX-License-Identifier: MIT OR Apache-2.0
//! The window of an agent: the messages that its model is shown, put together by rules.
//!
//! A window has parts, each with a budget of tokens: what the agent is (`system`), what must stay (`pinned`), what was said
//! lately (`recent`), what was looked up (`retrieved`), and what was said before that (`summary`). Every message bears its
//! part as its label, so whoever reads the run sees why it is there.
//!
//! - What is pinned and does not fit is refused, with both figures: it is never cut.
//! - Where the recent messages come to their budget, the oldest go, until half of it is free. A call of a tool and its result
//!   are never torn apart, and the newest always stay, so one answer may be over the budget.
//! - What goes is put whole into an artifact, and into the summary, which says where the artifact is. The summary is made of the
//!   summary before and of the messages that go: never of summaries alone. When it cannot be made, the headlines of the messages
//!   stand in for it, and it says so.
//! - What was looked up and does not fit is an artifact too, and said.
//!
//! ```no_run
//! use priory_sdk::context::{Budgets, ByModel, Window};
//! use priory_sdk::model::Request;
//! use priory_sdk::outside::Host;
//! # fn run() -> Result<(), priory_sdk::Failure> {
//! let mut window = Window::new(Budgets::default());
//! window.system("You are the librarian.")?;
//! window.pin("Which of our books are about bees?")?;
//! window.fit(&Host, &ByModel::default());
//! let completion = window.ask(&Host, &mut Request::new([]))?;
//! window.said(completion.message);
//! # Ok(())
//! # }
//! ```

mod summarise;
mod window;

pub use summarise::{ByModel, Headlines, Summarise};
pub use window::{Compacted, Window};

use crate::Failure;
use crate::config;

/// How many tokens each part of a window may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budgets {
    /// What the agent is, and what it has to hold itself to.
    pub system: u64,
    /// What must stay, such as the task.
    pub pinned: u64,
    /// What was said lately, with calls and results.
    pub recent: u64,
    /// What was looked up.
    pub retrieved: u64,
    /// What was said before.
    pub summary: u64,
}

impl Default for Budgets {
    /// Returns budgets that fit a model with a window of 64,000 tokens and leave room for its answer.
    fn default() -> Self {
        Self { system: 8_000, pinned: 12_000, recent: 24_000, retrieved: 4_000, summary: 2_000 }
    }
}

impl Budgets {
    /// Returns budgets that fit a model: each smaller by the same share, where all of them are more than there is room for.
    pub fn within(self, room: Option<u64>) -> Self {
        let all = [self.system, self.pinned, self.recent, self.retrieved, self.summary];
        let sum = all.into_iter().map(u128::from).sum::<u128>();
        let Some(room) = room.map(u128::from).filter(|room| *room < sum) else { return self };
        // What is less than all of them fits as they do.
        let part = |budget: u64| u64::try_from(u128::from(budget) * room / sum).unwrap_or(budget);
        Self {
            system: part(self.system),
            pinned: part(self.pinned),
            recent: part(self.recent),
            retrieved: part(self.retrieved),
            summary: part(self.summary),
        }
    }

    /// Reads them from the keys `window.system`, `window.pinned`, `window.recent`, `window.retrieved` and
    /// `window.summary`; what is not configured is as in the default.
    pub fn read(get: impl Fn(&str) -> Result<Option<String>, Failure>) -> Result<Self, Failure> {
        let number = |part: &str, default| {
            let key = format!("window.{part}");
            config::parsed(&key, get(&key)?, default)
        };
        let default = Self::default();
        Ok(Self {
            system: number("system", default.system)?,
            pinned: number("pinned", default.pinned)?,
            recent: number("recent", default.recent)?,
            retrieved: number("retrieved", default.retrieved)?,
            summary: number("summary", default.summary)?,
        })
    }
}

#[cfg(test)]
mod tests;
