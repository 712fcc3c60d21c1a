// SPDX-License-Identifier: MIT OR Apache-2.0
//! Schemas that are ready to validate, kept by their text: an agent offers the same tools again and again.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use priory_core::Json;
use priory_schema::Schema;

/// How many schemas are kept; when there are more, all are forgotten, since those that are used come back at once.
const SCHEMAS_MAX: usize = 512;
/// How long the schemas that are kept may be together, in bytes.
const SCHEMAS_BYTES_MAX: u64 = 8 << 20;

/// Schemas by their text.
#[derive(Default)]
pub(crate) struct Schemas(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    by_text: HashMap<Json, Result<Arc<Schema>, String>>,
    bytes: u64,
}

impl Schemas {
    /// Returns a schema that is ready to validate, or says why there is none.
    pub(crate) fn get(&self, schema: &Json) -> Result<Arc<Schema>, String> {
        if let Some(known) = self.0.lock().by_text.get(schema) {
            return known.clone();
        }
        // Not under the lock: it may take its time. Two that are at it come to the same.
        let compiled = Schema::alone(schema).map(Arc::new);
        let mut kept = self.0.lock();
        if kept.by_text.len() >= SCHEMAS_MAX || kept.bytes.saturating_add(schema.byte_len()) > SCHEMAS_BYTES_MAX {
            *kept = Kept::default();
        }
        kept.bytes = kept.bytes.saturating_add(schema.byte_len());
        kept.by_text.insert(schema.clone(), compiled.clone());
        compiled
    }
}
