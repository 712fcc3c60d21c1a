// SPDX-License-Identifier: MIT OR Apache-2.0
//! A request to a provider, which somebody has to pay: from what is set aside for it to what it took.
//!
//! What it may take is set aside in the ledger and on the day before it is sent; and before it is sent, it is durable that
//! it is, and what it may cost. Both are written at the same moment, so they wait for the disk once.
//!
//! A request that is withdrawn when it was sent takes its input, and what was heard of its answer; where nobody hears it, as
//! much as was set aside, since nobody tells what the provider wrote. One of which the host went away is sent again under the same key, and counts once.

use std::sync::Arc;

use futures_util::future::join;
use priory_core::event::Event;
use priory_core::model::{Expense, ExpenseKey, ModelInfo, Spent, TokenUsage, day_of};
use priory_core::ports::Expenses;
use priory_core::{Failure, JournalError};

use crate::frame::Frame;
use crate::ledger::{Over, Whole};
use crate::model::bill::Bill;
use crate::model::estimate::Estimate;
use crate::model::{names, talk};
use crate::quota::Today;

/// The step of a frame that asks.
#[derive(Clone, Copy)]
pub(super) struct Step<'a> {
    pub(super) frame: &'a Arc<Frame>,
    pub(super) step: u32,
    /// The fuel that the frame had burnt when it asked.
    pub(super) fuel: u64,
    /// Where it holds what it has spent until that is written down.
    pub(super) bill: &'a Bill,
}

/// What came of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Came {
    /// An answer.
    Answered {
        /// Whether somebody has to be paid for it.
        is_paid: bool,
    },
    /// An answer that was lost on the way; the same model is asked again.
    Lost,
    /// Nothing.
    Not,
}

/// A request for which enough is set aside. Dropping it before it was sent gives that back.
pub(super) struct Paid<'a, F: Fn() -> TokenUsage> {
    at: Step<'a>,
    info: &'a Arc<ModelInfo>,
    whole: Option<Whole>,
    expense: Expense,
    /// Whether it is noted what it may cost.
    is_noted: bool,
    is_sent: bool,
    /// What it took as far as anybody knows, when it is withdrawn.
    so_far: F,
}

/// Opens the day on which something is spent now.
pub(super) async fn today(at: Step<'_>) -> Option<Today> {
    let ports = &at.frame.run.ports;
    if at.is_free() {
        return None;
    }
    match ports.quota.open(day_of(ports.clock.unix_ms()), ports.expenses.as_ref()).await {
        Ok(today) => today,
        Err(error) => at.frame.run.halt(error.into()).await,
    }
}

/// Sets aside what a request may take; with it, how long its answer may be. `count` is only asked where the length of the
/// request is more than there is.
pub(super) async fn reserve(
    at: Step<'_>,
    mut estimate: Estimate,
    today: Option<&Today>,
    count: impl FnOnce() -> u64,
) -> Result<(Whole, u64), Failure> {
    let (ledger, account) = (&at.frame.run.ledger, at.frame.model_account()?);
    if !estimate.is_beyond_window()
        && let Some(reserved) = ledger.try_reserve_whole(account, today, &|free| estimate.take(free))
    {
        return Ok(reserved);
    }
    estimate.count(count());
    estimate.fit_window();
    let refuse = |over: Over| Err(Frame::over_budget(over));
    if let Some(over) = estimate.over_at_once() {
        return refuse(over);
    }
    let reserved = ledger.reserve_whole(account, today, estimate.need(), &|free| estimate.take(free)).await;
    reserved.or_else(refuse)
}

// === impl Step ===

impl Step<'_> {
    /// Tells whether a recorded run answers: then nobody is paid, and no day is charged.
    fn is_free(&self) -> bool {
        self.frame.run.ports.models.as_ref().is_some_and(|models| models.is_recording())
    }

    /// Returns where what is spent is noted.
    fn expenses(&self) -> Option<&Arc<dyn Expenses>> {
        self.frame.run.ports.expenses.as_ref().filter(|_| !self.is_free())
    }

    fn number(&self, turn: u32) -> u32 {
        names::number(self.frame.again(), turn)
    }

    /// Returns the key by which a provider may know a repetition, of the request to one of several models.
    pub(super) fn key(&self, turn: u32) -> String {
        format!("{}-{}-{}-{}", self.frame.run.id, self.frame.given.path, self.step, self.number(turn))
    }

    /// Makes the expense of a request to one of several models.
    fn expense(&self, info: &ModelInfo, turn: u32, usage: TokenUsage, microusd: u64) -> Expense {
        let (run, given) = (&self.frame.run, &self.frame.given);
        Expense {
            key: ExpenseKey { run: run.id, frame: given.path.clone(), step: self.step, turn: self.number(turn) },
            day: day_of(run.ports.clock.unix_ms()),
            program: given.label.program.to_string(),
            model: info.name.clone(),
            provider: info.provider.clone(),
            usage,
            microusd,
            is_settled: false,
        }
    }

    /// Charges a request of which the host went away while it was heard: it is not sent again.
    pub(super) fn charge_lost(&self, info: &ModelInfo, turn: u32, usage: TokenUsage) -> Result<(), Failure> {
        let spent = self.spend(info, usage, 1, Came::Not);
        self.frame.run.ledger.spend_again(self.frame.model_account()?, talk::amounts(&spent));
        self.settle_behind(self.expense(info, turn, spent.usage, spent.microusd));
        Ok(())
    }

    /// Counts what a request took, and puts it on the bill.
    fn spend(&self, info: &ModelInfo, usage: TokenUsage, attempts: u32, came: Came) -> Spent {
        let spent = Spent {
            model: info.name.clone(),
            provider: info.provider.clone(),
            usage,
            microusd: info.cost(usage),
            attempts,
            is_answered: matches!(came, Came::Answered { .. }),
            is_asked_again: came == Came::Lost,
            is_paid: came != Came::Answered { is_paid: false },
        };
        // What was never sent is not worth an event.
        if attempts > 0 || !usage.is_zero() {
            self.frame.count_spent(&spent);
            self.bill.add(spent.clone());
        }
        spent
    }

    /// Notes what an expense came to, without keeping anybody waiting. Until that is done it counts as what was set aside.
    fn settle_behind(&self, expense: Expense) {
        let run = &self.frame.run;
        let Some(expenses) = self.expenses().cloned() else { return };
        let expense = Expense { is_settled: true, ..expense };
        let note = Box::pin(async move {
            if let Err(error) = expenses.note(expense).await {
                tracing::warn!(%error, "an expense could not be settled, and counts as what was set aside for it");
            }
        });
        run.behind.begin(&run.ports.compute, &run.tasks, note);
    }
}

// === impl Paid ===

impl<'a, F: Fn() -> TokenUsage> Paid<'a, F> {
    /// Takes what is set aside for a request to one of several models.
    pub(super) fn new(
        at: Step<'a>,
        info: &'a Arc<ModelInfo>,
        turn: u32,
        whole: Whole,
        today: Option<&Today>,
        so_far: F,
    ) -> Self {
        let amounts = whole.run.amounts();
        let usage = TokenUsage { input: amounts.tokens_in, output: amounts.tokens_out, ..TokenUsage::default() };
        let mut expense = at.expense(info, turn, usage, amounts.money_microusd);
        // It may have waited until after midnight.
        expense.day = today.map_or(expense.day, Today::day);
        Self { at, info, whole: Some(whole), expense, is_noted: false, is_sent: false, so_far }
    }

    /// Makes durable that the request is sent, and what it may cost. It is sent right afterwards.
    pub(super) async fn ready(&mut self) {
        let Step { frame, step, fuel, bill } = self.at;
        let run = &frame.run;
        for spent in bill.take() {
            frame.record(fuel, Event::Spent { step, spent });
        }
        let expenses = self.at.expenses();
        self.is_noted = expenses.is_some();
        let note = async {
            match expenses {
                Some(expenses) => expenses.note(self.expense.clone()).await,
                None => Ok(()),
            }
        };
        let (kept, noted): (_, Result<(), JournalError>) = join(run.tape.commit_before_effect(), note).await;
        if let Err(error) = kept.and(noted) {
            return run.halt(error.into()).await;
        }
        self.is_sent = true;
    }

    /// Settles with what the request took, and returns it.
    pub(super) fn settle(mut self, usage: TokenUsage, attempts: u32, came: Came) -> Option<Spent> {
        self.close(usage, attempts, came)
    }

    fn close(&mut self, usage: TokenUsage, attempts: u32, came: Came) -> Option<Spent> {
        let whole = self.whole.take()?;
        let spent = self.at.spend(self.info, usage, attempts, came);
        whole.settle(talk::amounts(&spent), spent.is_paid);
        let (usage, microusd) = if spent.is_paid { (usage, spent.microusd) } else { (TokenUsage::default(), 0) };
        self.at.settle_behind(Expense { usage, microusd, ..self.expense.clone() });
        Some(spent)
    }
}

impl<F: Fn() -> TokenUsage> Drop for Paid<'_, F> {
    fn drop(&mut self) {
        // A run that is only left here sends it again under the same key, wherever it is taken up.
        if self.whole.is_none() || self.at.frame.run.tape.is_closed() {
            return;
        }
        if self.is_sent {
            let usage = (self.so_far)();
            self.close(usage, 1, Came::Not);
        } else if self.is_noted {
            // It was withdrawn while that was written down, and costs nothing.
            let usage = TokenUsage::default();
            self.at.settle_behind(Expense { usage, microusd: 0, ..self.expense.clone() });
        }
    }
}
