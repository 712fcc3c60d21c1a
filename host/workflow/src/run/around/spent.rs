// SPDX-License-Identifier: MIT OR Apache-2.0
//! What is done when the budget of a node is spent: a person may grant more, and the run goes on.

use priory_core::effect::{self, Ask, Level, Question, Terms};
use priory_core::money::Dollars;
use priory_core::{Dimension, Effect, Failure, Json};
use serde_json::{Value, json};

use crate::definition::OnSpent;
use crate::run::broken::Broken;
use crate::run::call::unexpected;
use crate::run::execution::Execution;
use crate::run::node::At;

impl Execution {
    /// Asks for more where the budget of a node is spent and the node says so. Returns whether there is more.
    pub(super) async fn more(&self, at: &At<'_>, failure: &Failure, terms: &mut Terms) -> Result<bool, Broken> {
        let Failure::Limit(hit) = failure else { return Ok(false) };
        let Some(budget) = part(terms, hit.dimension).filter(|_| at.node.on_spent == OnSpent::Ask) else {
            return Ok(false);
        };
        let word = hit.dimension;
        let is_money = word == Dimension::MoneyMicrousd;
        let amount =
            |amount: u64| if is_money { format!("{} dollars", Dollars(amount)) } else { format!("{amount} {word}") };
        let text = format!(
            "Node {} has spent its budget of {} and was cut at {}. How much may it spend when it is done again? 0 means that \
             it fails.",
            at.name,
            amount(budget),
            hit.frame
        );
        let about =
            json!({ "node": at.name, "dimension": word.as_str(), "budget": budget, "failure": failure.to_string() });
        let schema = match is_money {
            // Dollars, as people write them: a text is exact, and a number is what they type.
            true => json!({ "type": ["number", "string"], "minimum": 0, "pattern": r"^[0-9]+(\.[0-9]{1,6})?$" }),
            false => json!({ "type": "integer", "minimum": 0, "maximum": u64::MAX >> 1 }),
        };
        let question = Question {
            about: Some(Json::from(about)),
            kind: Ask::Answer,
            schema: Some(Json::from(schema)),
            ..Question::new(text)
        };
        let answer = match self.ask(Effect::AskHuman(question)).await? {
            effect::Value::Answer(answer) => answer,
            other => return Err(unexpected(&other)),
        };
        let granted = granted(&answer.value, is_money);
        if granted <= budget {
            return Ok(false);
        }
        self.note(Level::Info, &format!("{} lets node {} spend {}", answer.by, at.name, amount(granted)));
        let dimension = match hit.dimension {
            Dimension::Fuel => &mut terms.budget.fuel,
            Dimension::MemoryBytes => &mut terms.budget.memory_bytes,
            Dimension::Calls => &mut terms.budget.calls,
            Dimension::TokensIn => &mut terms.budget.tokens_in,
            Dimension::TokensOut => &mut terms.budget.tokens_out,
            Dimension::MoneyMicrousd => &mut terms.budget.money_microusd,
            _ => &mut terms.budget.bytes,
        };
        *dimension = Some(granted);
        Ok(true)
    }
}

/// Returns the amount that a person said; what is none is nothing.
fn granted(answer: &Json, is_money: bool) -> u64 {
    match answer.to_value() {
        Value::String(text) if is_money => text.parse::<Dollars>().map_or(0, |dollars| dollars.0),
        Value::Number(number) if is_money => number.to_string().parse::<Dollars>().map_or(0, |dollars| dollars.0),
        other => other.as_u64().unwrap_or_default(),
    }
}

/// Returns the part of a budget that bounds a dimension.
fn part(terms: &Terms, dimension: Dimension) -> Option<u64> {
    match dimension {
        Dimension::Fuel => terms.budget.fuel,
        Dimension::MemoryBytes => terms.budget.memory_bytes,
        Dimension::Calls => terms.budget.calls,
        Dimension::TotalBytes => terms.budget.bytes,
        Dimension::TokensIn => terms.budget.tokens_in,
        Dimension::TokensOut => terms.budget.tokens_out,
        Dimension::MoneyMicrousd => terms.budget.money_microusd,
        _ => None,
    }
}
