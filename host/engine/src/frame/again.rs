// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a frame counts on the way back to where it was: it was allowed then, so nothing of it is refused now.

use priory_core::limits::Dimension;
use priory_core::{Amounts, Failure, Usage};

use super::{Frame, Given};
use crate::model::talk;
use crate::past::{PastFrame, PastStep};
use crate::run::Run;

/// Returns what a frame spent on models before it was taken up. A trial counts that as it goes.
pub(super) fn spent_before(run: &Run, given: &Given) -> Amounts {
    let past = given.past.as_ref().filter(|_| !run.past.is_trial);
    past.map(PastFrame::spent_itself).unwrap_or_default()
}

impl Frame {
    /// Counts what the frames below a step had used before. It was allowed then, so it is not refused now.
    pub(crate) fn absorb_again(&self, used: Usage) {
        self.absorb(used);
        if self.run.past.is_trial {
            self.run.count(used, false);
        }
        self.spend_again(used.amounts());
    }

    /// Counts one effect and the bytes that it gave, both of which were allowed before.
    pub(crate) fn charge_again(&self, bytes: u64) {
        self.spend_again(Amounts { calls: 1, bytes, ..Amounts::default() });
        let mut tally = self.tally.lock();
        tally.calls = tally.calls.saturating_add(1);
        tally.bytes = tally.bytes.saturating_add(bytes);
    }

    /// Counts what a step had spent on models before. A run that is taken up has it counted from the start: it is spent,
    /// also where the frame does not come back so far.
    pub(crate) fn charge_spent_again(&self, known: &PastStep) {
        if self.run.past.is_trial && !known.spent.is_empty() {
            self.talk.count(talk::sum(&known.spent));
            self.spend_again(talk::sum(&known.spent));
        }
    }

    /// Returns what of a usage the run has not counted yet: what the frame spent on models before was counted from the start.
    pub(crate) fn uncounted(&self, usage: Usage) -> Usage {
        let before = spent_before(&self.run, &self.given);
        Usage {
            tokens_in: usage.tokens_in.saturating_sub(before.tokens_in),
            tokens_out: usage.tokens_out.saturating_sub(before.tokens_out),
            money_microusd: usage.money_microusd.saturating_sub(before.money_microusd),
            ..usage
        }
    }

    /// Counts an effect that was announced before and never sent, of which nothing is known but that it was allowed.
    pub(crate) fn charge_announced(&self) {
        self.run.ledger.spend_again(self.given.account, Amounts { calls: 1, ..Amounts::default() });
        let mut tally = self.tally.lock();
        tally.calls = tally.calls.saturating_add(1);
    }

    /// Spends what was spent before. A run that is taken up has it spent from the start; a trial spends as it goes.
    fn spend_again(&self, amounts: Amounts) {
        if self.run.past.is_trial {
            self.run.ledger.spend_again(self.given.account, amounts);
        }
    }

    /// Counts an effect that was refused before, as far as it counted then: not at all when the calls were spent, and
    /// without its bytes when those were.
    pub(crate) fn charge_refused(&self, bytes: u64, failure: &Failure) {
        match failure {
            Failure::Limit(hit) if hit.dimension == Dimension::Calls => {
                self.tally.lock().over_calls = Some(failure.clone());
            }
            Failure::Limit(_) => self.charge_again(0),
            _ => self.charge_again(bytes),
        }
    }
}
