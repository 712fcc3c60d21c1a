// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a model says of the candidates, and what both of its sheets come to together.

use std::collections::BTreeMap;

use priory_sdk::Failure;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::case::{Case, letter};

/// The highest score.
pub(crate) const SCORE_MAX: f64 = 10.0;

/// What a model says once: for each candidate its scores, in the order of the criteria, and the reason.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Sheet(Vec<(Vec<f64>, String)>);

/// What all sheets come to.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Verdict {
    winner: usize,
    winner_name: String,
    scores: Vec<Vec<f64>>,
    totals: Vec<f64>,
    reasons: Vec<String>,
    agreed: bool,
    margin: f64,
}

#[derive(Deserialize)]
struct Said {
    verdicts: Vec<SaidOne>,
}

#[derive(Deserialize)]
struct SaidOne {
    candidate: String,
    scores: BTreeMap<String, f64>,
    reason: String,
}

/// Returns what a verdict has to fit. Every type is named and every field required, as providers want it.
pub(crate) fn schema(case: &Case) -> Value {
    let letters: Vec<String> = (0..case.candidates.len()).map(|place| letter(place).to_string()).collect();
    let names: Vec<&str> = case.criteria.iter().map(|criterion| criterion.name.as_str()).collect();
    let score = json!({ "type": "number", "description": format!("From 0 to {SCORE_MAX}") });
    let scores: Map<String, Value> = names.iter().map(|name| ((*name).to_owned(), score.clone())).collect();
    json!({
        "type": "object",
        "properties": {
            "verdicts": {
                "type": "array",
                "description": "One for each candidate",
                "items": {
                    "type": "object",
                    "properties": {
                        "candidate": { "type": "string", "enum": letters },
                        "reason": { "type": "string", "description": "What decided, in one or two sentences" },
                        "scores": {
                            "type": "object", "properties": scores, "required": names, "additionalProperties": false,
                        },
                    },
                    "required": ["candidate", "reason", "scores"],
                    "additionalProperties": false,
                },
            },
        },
        "required": ["verdicts"],
        "additionalProperties": false,
    })
}

/// Reads what a model said of the candidates in an order; the error is in words for the model.
pub(crate) fn read(case: &Case, order: &[usize], output: &str) -> Result<Sheet, String> {
    let said: Said = serde_json::from_str(output).map_err(|error| error.to_string())?;
    let mut sheet: Vec<Option<(Vec<f64>, String)>> = vec![None; case.candidates.len()];
    for SaidOne { candidate, scores, reason } in said.verdicts {
        let place = order.iter().enumerate().find(|(place, _)| candidate.trim() == letter(*place).to_string());
        let slot = place.and_then(|(_, candidate)| sheet.get_mut(*candidate));
        let Some(slot) = slot else { return Err(format!("there is no candidate `{candidate}`")) };
        if slot.is_some() {
            return Err(format!("there are two verdicts on candidate {candidate}"));
        }
        let score = |name: &String| {
            let score = scores.get(name).ok_or_else(|| format!("candidate {candidate} has no score for `{name}`"))?;
            match (0.0..=SCORE_MAX).contains(score) {
                true => Ok(*score),
                false => Err(format!("the score of candidate {candidate} for `{name}` is not from 0 to {SCORE_MAX}")),
            }
        };
        let scores = case.criteria.iter().map(|criterion| score(&criterion.name)).collect::<Result<Vec<_>, _>>()?;
        *slot = Some((scores, reason));
    }
    let missing = order.iter().enumerate().find(|(_, candidate)| sheet.get(**candidate).is_none_or(Option::is_none));
    if let Some((place, _)) = missing {
        return Err(format!("there is no verdict on candidate {}", letter(place)));
    }
    Ok(Sheet(sheet.into_iter().flatten().collect()))
}

/// Puts sheets together. Of equals, the one that stands first wins.
pub(crate) fn settled(case: &Case, sheets: &[Sheet]) -> Result<Verdict, Failure> {
    let count = sheets.len().max(1) as f64;
    let mean = |candidate: usize, criterion: usize| {
        let scores = sheets.iter().filter_map(|Sheet(sheet)| sheet.get(candidate)?.0.get(criterion));
        scores.sum::<f64>() / count
    };
    let candidates = 0..case.candidates.len();
    let scores: Vec<Vec<f64>> = candidates
        .clone()
        .map(|candidate| (0..case.criteria.len()).map(|criterion| mean(candidate, criterion)).collect())
        .collect();
    let totals: Vec<f64> = scores.iter().map(|scores| total(case, scores)).collect();
    let winner = best(&totals).ok_or_else(|| Failure::invalid("task of the judge", "/candidates", "there are none"))?;
    let by_sheet = sheets.iter().map(|Sheet(sheet)| {
        let totals: Vec<f64> = sheet.iter().map(|(scores, _)| total(case, scores)).collect();
        best(&totals)
    });
    let agreed = by_sheet.into_iter().all(|one| one == Some(winner));
    let leads = totals.get(winner).copied().unwrap_or_default();
    let others = totals.iter().enumerate().filter(|(place, _)| *place != winner).map(|(_, total)| *total);
    let margin = others.fold(leads, |margin, other| margin.min(leads - other));
    let reason = |candidate: usize| sheets.first().and_then(|Sheet(sheet)| Some(sheet.get(candidate)?.1.clone()));
    let reasons = candidates.map(|candidate| reason(candidate).unwrap_or_default()).collect();
    let winner_name = case.candidates.get(winner).map(|(name, _)| name.clone()).unwrap_or_default();
    Ok(Verdict { winner, winner_name, scores, totals, reasons, agreed, margin })
}

/// Returns the mean of scores by weight.
fn total(case: &Case, scores: &[f64]) -> f64 {
    let weights: f64 = case.criteria.iter().map(|criterion| criterion.weight).sum();
    if weights <= 0.0 {
        return 0.0;
    }
    let sum: f64 = case.criteria.iter().zip(scores).map(|(criterion, score)| criterion.weight * score).sum();
    sum / weights
}

fn best(totals: &[f64]) -> Option<usize> {
    let mut best: Option<(usize, f64)> = None;
    for (place, total) in totals.iter().enumerate() {
        if best.is_none_or(|(_, most)| *total > most) {
            best = Some((place, *total));
        }
    }
    best.map(|(place, _)| place)
}

// === impl Verdict ===

impl Verdict {
    /// Says in a sentence what was decided.
    pub(crate) fn told(&self) -> String {
        let doubt = if self.agreed { "" } else { "; the two orders disagree" };
        format!("The best is {}, by {:.1}{doubt}.", self.winner_name, self.margin)
    }

    /// Returns it as the output of the agent.
    pub(crate) fn to_value(&self, case: &Case) -> Value {
        let mut scores = Map::new();
        let mut reasons = Map::new();
        for (place, (name, _)) in case.candidates.iter().enumerate() {
            let of = self.scores.get(place).map(Vec::as_slice).unwrap_or_default();
            let pairs =
                case.criteria.iter().zip(of).map(|(criterion, score)| (criterion.name.clone(), rounded(*score)));
            let mut one: Map<String, Value> = pairs.collect();
            one.insert("total".to_owned(), rounded(self.totals.get(place).copied().unwrap_or_default()));
            scores.insert(name.clone(), Value::Object(one));
            reasons.insert(name.clone(), Value::from(self.reasons.get(place).cloned().unwrap_or_default()));
        }
        let why = self.reasons.get(self.winner).cloned().unwrap_or_default();
        json!({
            "winner": self.winner_name, "why": why, "scores": scores, "reasons": reasons,
            "agreed": self.agreed, "margin": rounded(self.margin),
        })
    }
}

/// Rounds to hundredths, so that a score reads as one.
fn rounded(score: f64) -> Value {
    Value::from((score * 100.0).round() / 100.0)
}
