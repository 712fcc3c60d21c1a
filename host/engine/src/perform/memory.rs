// SPDX-License-Identifier: MIT OR Apache-2.0
//! Remembering, recalling and forgetting what outlives the run.

use std::sync::Arc;

use priory_core::event::Program;
use priory_core::failure::Unavailable;
use priory_core::inbox::Origin;
use priory_core::memory::{Fact, FactId, FactQuery, KeptFact, MemoryOp, MemoryValue, Scope, ScopeKey, Search};
use priory_core::ports::MemoryError;
use priory_core::{Failure, Outcome, Value};

use crate::frame::Frame;
use crate::model::bill::Bill;

/// Performs an operation on the memory that was asked for at some time, in milliseconds since 1970.
pub(super) async fn perform(
    frame: &Arc<Frame>,
    step: u32,
    op: MemoryOp,
    bill: &Bill,
    asked_unix_ms: u64,
    fuel: u64,
) -> Outcome {
    let _ = (bill, fuel);
    let Some(memory) = &frame.run.ports.memory else {
        return Err(Failure::absent("memory", "none is configured"));
    };
    let value = match op {
        MemoryOp::Remember { scope, fact } => {
            let from = Origin { run: frame.run.id, frame: frame.given.path.clone(), step };
            // The same step remembers the same fact, however often it is taken up.
            let id = FactId::of(frame.run.id, &frame.given.path, step);
            let expires_unix_ms = fact.expires_ms.map(|ms| asked_unix_ms.saturating_add(ms));
            let fact = Fact {
                id,
                text: fact.text,
                data: fact.data,
                subject: fact.subject,
                source: fact.source,
                unix_ms: asked_unix_ms,
                expires_unix_ms,
                from,
                score_ppm: 0,
            };
            memory.remember(KeptFact { scope: key(frame, &scope), fact, meaning: None }).await.map_err(failed)?;
            MemoryValue::Remembered(id)
        }
        MemoryOp::Recall { scope, text, subject, search, most } => {
            let words = (search != Search::Newest).then_some(text);
            let now_unix_ms = frame.run.ports.clock.unix_ms();
            let query = FactQuery { scope: key(frame, &scope), words, meaning: None, subject, now_unix_ms, most };
            MemoryValue::Recalled(memory.recall(query).await.map_err(failed)?)
        }
        MemoryOp::Forget { scope, which } => {
            MemoryValue::Forgotten(memory.forget(key(frame, &scope), which).await.map_err(failed)?)
        }
    };
    Ok(Value::Memory(value))
}

/// Returns where the facts of a scope are kept, as the frame sees it.
fn key(frame: &Frame, scope: &Scope) -> ScopeKey {
    let (Program::Agent(name) | Program::Tool(name) | Program::Workflow(name) | Program::Native(name)) =
        &frame.given.label.program;
    ScopeKey::of(scope, frame.run.id, name)
}

fn failed(error: MemoryError) -> Failure {
    let retriable = matches!(error, MemoryError::Store { retriable: true, .. });
    Failure::Unavailable(Unavailable { subject: "memory".to_owned(), reason: error.to_string(), retriable })
}
