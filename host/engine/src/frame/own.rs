// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a frame may spend on models itself, without what it calls: its limits, as an account of its own.

use priory_core::limits::Dimension;
use priory_core::model::Spent;
use priory_core::{Amounts, Failure, Usage};

use super::Frame;
use crate::ledger::{AccountId, Over, Whose};
use crate::model::talk;
use crate::past::PastFrame;

impl Frame {
    /// Returns the limits of the frame that models count against; `None` where there are none.
    fn own_allowance(&self) -> Option<Amounts> {
        let limits = &self.given.limits;
        let allowance = Amounts {
            tokens_in: limits.get(Dimension::TokensIn),
            tokens_out: limits.get(Dimension::TokensOut),
            money_microusd: limits.get(Dimension::MoneyMicrousd),
            ..Amounts::UNBOUNDED
        };
        (allowance != Amounts::UNBOUNDED).then_some(allowance)
    }

    /// Returns what its own limits leave to the frame.
    pub(super) fn own_left(&self) -> Amounts {
        self.own_allowance().map_or(Amounts::UNBOUNDED, |allowance| allowance.saturating_sub(self.talk.spent()))
    }

    /// Returns the account from which the frame itself spends on models: its own where it has limits, else the one that it
    /// shares.
    pub(crate) fn model_account(&self) -> Result<AccountId, Failure> {
        let shared = self.given.account;
        let Some(allowance) = self.own_allowance() else { return Ok(shared) };
        self.talk.account(|| {
            let whose = Whose::Frame(self.given.label.clone());
            let account = self.run.ledger.open(shared, allowance, whose).map_err(|spent| self.spent(spent))?;
            // Of what was spent before, the accounts above it know already.
            let before = self.given.past.as_ref().map(PastFrame::spent_itself);
            self.run.ledger.find_spent(account, before.unwrap_or_default());
            Ok(account)
        })
    }

    /// Counts what the frame has spent on models, also where it has ended meanwhile.
    pub(crate) fn count_spent(&self, spent: &Spent) {
        if self.talk.count(talk::amounts(spent)) {
            let (tokens_in, tokens_out) = (spent.usage.input, spent.usage.output);
            let late = Usage { tokens_in, tokens_out, money_microusd: spent.microusd, ..Usage::default() };
            self.run.count(late, false);
        }
    }

    /// Makes the failure of a budget that has too little left for a model.
    pub(crate) fn over_budget(over: Over) -> Failure {
        Failure::limit(over.dimension, over.used, over.allowed, over.whose)
    }
}
