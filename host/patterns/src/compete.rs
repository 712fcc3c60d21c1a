// SPDX-License-Identifier: MIT OR Apache-2.0
//! Several attempt the same; the first that is valid, the highest score, or a judge decides.

use std::collections::BTreeMap;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use serde_json::{Value, json};

use crate::fault::Fault;
use crate::parallel::placed;
use crate::reply::{Reply, consult, question};
use crate::roster::Roster;
use crate::stop::{Stop, at_most, keep};

/// Those who compete. Each costs as much as all of the work.
pub const CONTENDERS_MAX: usize = 256;

/// Who won, and with what.
#[derive(Debug, Clone, PartialEq)]
pub struct Won {
    /// The name of the winner.
    pub winner: String,
    /// Its output.
    pub output: Value,
    /// Why, where a judge said so.
    pub why: Option<Value>,
    /// The score of each, where there are scores.
    pub scores: Option<BTreeMap<String, f64>>,
}

/// Those who have an output that counts, in the order of the contenders, and what became of the others.
struct Field {
    candidates: Vec<(String, Value)>,
    failures: Vec<String>,
}

/// Takes the first valid output; all others are withdrawn at once.
///
/// An output of which `valid` fails is not valid.
pub async fn first<F, Work, Fut>(
    contenders: Roster,
    work: Work,
    valid: impl Fn(&str, &Value) -> Result<bool, F>,
) -> Result<Won, F>
where
    F: Fault,
    Work: Fn(String) -> Fut,
    Fut: Future<Output = Result<Value, F>>,
{
    at_most("contenders", contenders.entries().len(), CONTENDERS_MAX).map_err(F::stopped)?;
    let mut running: FuturesUnordered<_> =
        contenders.names().into_iter().map(|name| placed(name.clone(), work(name))).collect();
    let mut failures = Vec::new();
    while let Some((name, result)) = running.next().await {
        match result.and_then(|output| Ok((valid(&name, &output)?, output))) {
            Ok((true, output)) => return Ok(Won { winner: name, output, why: None, scores: None }),
            Ok((false, _)) => keep(&mut failures, &name, "its output is not valid"),
            Err(fault) => keep(&mut failures, &name, &fault.message()),
        }
    }
    Err(F::stopped(Stop::NoWinner { failures }))
}

/// Waits for all and takes the output with the highest score; of equal ones the earlier in the roster.
///
/// An output of which `score` fails, or gives what is not a number, is no candidate.
pub async fn scored<F, Work, Fut>(
    contenders: Roster,
    work: Work,
    score: impl Fn(&str, &Value) -> Result<f64, F>,
) -> Result<Won, F>
where
    F: Fault,
    Work: Fn(String) -> Fut,
    Fut: Future<Output = Result<Value, F>>,
{
    let mut field = ended(contenders, work).await?;
    let mut scores = BTreeMap::new();
    let mut best: Option<(f64, String, Value)> = None;
    for (name, output) in field.candidates {
        let score = match score(&name, &output) {
            Ok(score) if !score.is_nan() => score,
            Ok(_) => {
                keep(&mut field.failures, &name, "its score is not a number");
                continue;
            }
            Err(fault) => {
                keep(&mut field.failures, &name, &fault.message());
                continue;
            }
        };
        scores.insert(name.clone(), score);
        if best.as_ref().is_none_or(|(most, ..)| score > *most) {
            best = Some((score, name, output));
        }
    }
    match best {
        Some((_, winner, output)) => Ok(Won { winner, output, why: None, scores: Some(scores) }),
        None => Err(F::stopped(Stop::NoWinner { failures: field.failures })),
    }
}

/// Waits for all and lets a judge choose.
///
/// It gets `{task, candidates: [{name, output}]}` and replies `{"winner": name, "why": any}`. Where only one is left, it is
/// not asked.
pub async fn judged<F, Work, WorkFut, Judge, JudgeFut>(
    task: Value,
    contenders: Roster,
    work: Work,
    judge: Judge,
) -> Result<Won, F>
where
    F: Fault,
    Work: Fn(String) -> WorkFut,
    WorkFut: Future<Output = Result<Value, F>>,
    Judge: Fn(Value) -> JudgeFut,
    JudgeFut: Future<Output = Result<Value, F>>,
{
    let Field { mut candidates, failures } = ended(contenders, work).await?;
    if candidates.is_empty() {
        return Err(F::stopped(Stop::NoWinner { failures }));
    }
    let (winner, why) = match candidates.as_slice() {
        [(only, _)] => (only.clone(), None),
        _ => {
            let roster = Roster::named(candidates.iter().map(|(name, _)| name.as_str())).map_err(F::stopped)?;
            let shown: Value =
                candidates.iter().map(|(name, output)| json!({ "name": name, "output": output })).collect();
            let asked = question(json!({ "task": task, "candidates": shown }));
            consult(&judge, asked, |value| verdict(value, &roster)).await?
        }
    };
    match candidates.iter().position(|(name, _)| *name == winner) {
        Some(place) => Ok(Won { winner, output: candidates.swap_remove(place).1, why, scores: None }),
        None => Err(F::stopped(Stop::NoWinner { failures })),
    }
}

fn verdict(value: Value, roster: &Roster) -> Result<(String, Option<Value>), Stop> {
    let mut reply = Reply::read("the judge", value)?;
    let winner = reply.text("winner")?;
    roster.check(&winner)?;
    Ok((winner, reply.take("why")))
}

/// Lets all attempt it, and waits until each has ended.
async fn ended<F, Work, Fut>(contenders: Roster, work: Work) -> Result<Field, F>
where
    F: Fault,
    Work: Fn(String) -> Fut,
    Fut: Future<Output = Result<Value, F>>,
{
    at_most("contenders", contenders.entries().len(), CONTENDERS_MAX).map_err(F::stopped)?;
    let names = contenders.names();
    let mut running: FuturesUnordered<_> =
        names.iter().enumerate().map(|(place, name)| placed(place, work(name.clone()))).collect();
    let mut results = BTreeMap::new();
    while let Some((place, result)) = running.next().await {
        results.insert(place, result);
    }
    let mut field = Field { candidates: Vec::new(), failures: Vec::new() };
    for (name, result) in names.into_iter().zip(results.into_values()) {
        match result {
            Ok(output) => field.candidates.push((name, output)),
            Err(fault) => keep(&mut field.failures, &name, &fault.message()),
        }
    }
    Ok(field)
}

// === impl Won ===

impl Won {
    /// Returns it as a value: `{winner, output, why?, scores?}`.
    pub fn to_value(&self) -> Value {
        let mut fields = question(json!({ "winner": self.winner, "output": self.output }));
        fields.extend(self.why.clone().map(|why| ("why".to_owned(), why)));
        fields.extend(self.scores.as_ref().map(|scores| ("scores".to_owned(), json!(scores))));
        Value::Object(fields)
    }
}
