// SPDX-License-Identifier: MIT OR Apache-2.0
//! Puts the expenses of a run right that is taken up: what they came to is noted without keeping anybody waiting, so the last
//! of them may still stand as they were set aside when a host went away.

use priory_core::event::Program;
use priory_core::model::{Expense, ExpenseKey, ModelInfo, Spent, TokenUsage, day_of};
use priory_core::{Effect, FramePath};

use crate::model::names;
use crate::run::Run;
use crate::tape::Stamp;

/// How many of the last expenses of a run are noted again: more were hardly on their way at once.
pub(crate) const RECENT_MAX: usize = 256;

/// Something that a run has spent, as far as its events tell.
#[derive(Debug, Clone)]
pub(crate) struct Recent {
    pub(crate) frame: FramePath,
    pub(crate) step: u32,
    pub(crate) spent: Spent,
    /// Where it is written down, and when.
    pub(crate) stamp: Stamp,
}

/// Notes again what the last requests of a run came to.
pub(super) fn settle(run: &Run) {
    let Some(expenses) = run.ports.expenses.clone() else { return };
    for recent in &run.past.recent {
        let Some(expense) = run.past.place(&recent.frame, recent.step, |program, effect, again| {
            // Of a frame that was started again, what it asked before that is not known any more.
            let turn = turn_of(run, program, effect, &recent.spent).filter(|_| recent.stamp.seq > again)?;
            let turn = names::number(again, turn);
            let key = ExpenseKey { run: run.id, frame: recent.frame.clone(), step: recent.step, turn };
            Some(expense(key, program, recent))
        }) else {
            continue;
        };
        let expenses = expenses.clone();
        let note = Box::pin(async move {
            if let Err(error) = expenses.note(expense).await {
                tracing::warn!(%error, "an expense could not be settled, and counts as what was set aside for it");
            }
        });
        run.behind.begin(&run.ports.compute, &run.tasks, note);
    }
}

fn expense(key: ExpenseKey, program: &Program, recent: &Recent) -> Expense {
    let Spent { model, provider, usage, microusd, is_paid, .. } = &recent.spent;
    let (usage, microusd) = if *is_paid { (*usage, *microusd) } else { (TokenUsage::default(), 0) };
    let (model, provider) = (model.clone(), provider.clone());
    let day = day_of(recent.stamp.unix_ms);
    Expense { key, day, program: program.to_string(), model, provider, usage, microusd, is_settled: true }
}

/// Finds which of the models that may answer a request it was that was asked.
fn turn_of(run: &Run, program: &Program, effect: &Effect, spent: &Spent) -> Option<u32> {
    let Effect::ModelCall { request, .. } = effect else { return Some(0) };
    let meant = names::meant(&run.catalog, program, run.model.as_deref(), request.model.as_deref())?;
    let info = run.ports.models.as_ref()?.get(meant)?;
    position(&info, &spent.model)
}

fn position(meant: &ModelInfo, model: &str) -> Option<u32> {
    names::in_order(meant).find(|(_, name)| *name == model).map(|(turn, _)| turn)
}
