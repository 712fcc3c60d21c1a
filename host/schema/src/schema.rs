// SPDX-License-Identifier: MIT OR Apache-2.0
//! JSON Schemas that a guest wrote, and values that are held to them.
//!
//! A short schema can be made to take for ever: two references to a schema that holds two references, and so on; or a long
//! chain of them, which takes stack instead of time. The validator knows no bound for either, and runs where nothing
//! interrupts it. So the work is walked through first, step by step, and what would be too much is refused.
//!
//! What is shallow is done where it is asked for, on what the guest that asked has left of its stack. What is deep is done
//! on a stack of its own, so that the bounds can be those of ordinary schemas and not those of that stack.
//!
//! - `expansion` walks through a schema as the compiler will, and refuses what cannot be foreseen;
//! - `walk` walks through a schema and a value as the validator will.

mod expansion;
mod walk;

use jsonschema::Validator;
use priory_core::{Failure, Json};
use serde_json::Value;

use expansion::Expansion;
use walk::{Broken, WALK_DEPTH_MAX, Walk};

/// How long one schema may be, in bytes.
const SCHEMA_BYTES_MAX: u64 = 256 << 10;
/// How long the schemas of one toolset may be together, in bytes.
const SCHEMAS_BYTES_MAX: u64 = 2 << 20;
/// How many parts the schemas of one toolset may have together, with every reference put in.
const PARTS_MAX: u64 = 100_000;
/// How many different patterns each schema of one toolset may use, counted together.
const PATTERNS_MAX: u64 = 64;
/// How large one compiled regular expression of a schema may be, in bytes: what `^[a-z0-9-]{1,64}$` needs ten times over.
const PATTERN_BYTES_MAX: usize = 64 << 10;
/// How much one regular expression may keep in order to be fast, in bytes, for each thread that uses it.
const PATTERN_CACHE_BYTES_MAX: usize = 256 << 10;
/// How many schemas and keywords a validation may visit for its reason to be looked for: each may leave an error behind,
/// and they are all held at once.
const REASON_VISITS_MAX: u64 = 50_000;
/// How deep a schema may be nested to be compiled on the stack of whoever asks; a level takes ten kibibytes of it.
const SHALLOW_SCHEMA_MAX: u32 = 16;
/// How deep a validation may be nested to be done on the stack of whoever asks; a level takes three kibibytes of it.
const SHALLOW_WALK_MAX: u32 = 32;
/// How large the stack for what is deeper is, in bytes: more than twice of what the deepest takes.
const DEEP_STACK_BYTES: usize = 8 << 20;
/// How long a reason may be, in characters.
const REASON_CHARS_MAX: usize = 500;

/// What the schemas of one toolset may still take together.
pub struct Allowance {
    bytes: u64,
    parts: u64,
    patterns: u64,
}

/// A schema, ready to validate values.
pub struct Schema {
    root: Value,
    validator: Validator,
}

// === impl Allowance ===

impl Allowance {
    /// Returns what a toolset has before its first schema is compiled.
    pub fn of_a_toolset() -> Self {
        Self { bytes: SCHEMAS_BYTES_MAX, parts: PARTS_MAX, patterns: PATTERNS_MAX }
    }

    fn take_bytes(&mut self, bytes: u64) -> Result<(), String> {
        let left = self.bytes.checked_sub(bytes);
        self.bytes = left.ok_or_else(|| format!("the schemas have more than {SCHEMAS_BYTES_MAX} bytes together"))?;
        Ok(())
    }

    fn take_part(&mut self) -> Result<(), String> {
        let left = self.parts.checked_sub(1);
        self.parts = left.ok_or_else(|| {
            format!("the schemas have more than {PARTS_MAX} parts together, with their references put in")
        })?;
        Ok(())
    }

    fn take_pattern(&mut self) -> Result<(), String> {
        let left = self.patterns.checked_sub(1);
        self.patterns = left.ok_or_else(|| format!("the schemas use more than {PATTERNS_MAX} patterns together"))?;
        Ok(())
    }
}

// === impl Schema ===

impl Schema {
    /// Compiles a schema that stands for itself, or says why not.
    pub fn alone(schema: &Json) -> Result<Self, String> {
        Self::compile(schema, &mut Allowance::of_a_toolset())
    }

    /// Compiles a schema and takes what it needs off the allowance, or says why not.
    pub fn compile(schema: &Json, allowance: &mut Allowance) -> Result<Self, String> {
        if schema.byte_len() > SCHEMA_BYTES_MAX {
            return Err(format!("the schema has {} bytes, {SCHEMA_BYTES_MAX} are the most", schema.byte_len()));
        }
        allowance.take_bytes(schema.byte_len())?;
        let root = schema.to_value();
        let deepest = Expansion::new(&root, allowance).check()?;
        let validator = if deepest <= SHALLOW_SCHEMA_MAX {
            Self::build(&root)
        } else {
            on_a_deep_stack(|| Self::build(&root)).and_then(std::convert::identity)
        };
        validator.map(|validator| Self { root, validator })
    }

    fn build(root: &Value) -> Result<Validator, String> {
        let patterns =
            jsonschema::PatternOptions::regex().size_limit(PATTERN_BYTES_MAX).dfa_size_limit(PATTERN_CACHE_BYTES_MAX);
        jsonschema::options()
            .with_draft(jsonschema::Draft::Draft202012)
            .with_pattern_options(patterns)
            .should_validate_formats(false)
            .build(root)
            .map_err(|error| format!("the schema is not valid: {error}"))
    }

    /// Validates a value; `subject` says whose it is.
    pub fn validate(&self, json: &Json, subject: impl Fn() -> String) -> Result<(), Failure> {
        let value = json.to_value();
        let checked = match self.check(&value, json.byte_len(), SHALLOW_WALK_MAX) {
            Err(Broken::TooDeep) => on_a_deep_stack(|| self.check(&value, json.byte_len(), WALK_DEPTH_MAX))
                .unwrap_or_else(|reason| Err(Broken::At { pointer: String::new(), reason })),
            checked => checked,
        };
        checked.map_err(|broken| {
            let (pointer, reason) = match broken {
                Broken::TooDeep => (String::new(), format!("its validation is nested more than {WALK_DEPTH_MAX} deep")),
                Broken::At { pointer, reason } => (pointer, reason),
            };
            Failure::invalid(subject(), pointer, reason)
        })
    }

    /// Validates a value when that is not nested deeper than some bound.
    fn check(&self, value: &Value, byte_len: u64, depth_max: u32) -> Result<(), Broken> {
        let visits = Walk::count(&self.root, value, byte_len, depth_max)?;
        if self.validator.is_valid(value) {
            return Ok(());
        }
        if visits > REASON_VISITS_MAX {
            let reason = "it breaks its schema; it is too large to say where".to_owned();
            return Err(Broken::At { pointer: String::new(), reason });
        }
        self.validator.validate(value).map_err(|error| {
            let reason: String = error.to_string().chars().take(REASON_CHARS_MAX).collect();
            Broken::At { pointer: error.instance_path().to_string(), reason }
        })
    }
}

/// Does what may take a deep stack, and waits for it. There are never more such threads than there are threads for guests.
fn on_a_deep_stack<T: Send>(work: impl FnOnce() -> T + Send) -> Result<T, String> {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().name("schema".to_owned()).stack_size(DEEP_STACK_BYTES);
        let thread = thread.spawn_scoped(scope, work);
        let thread = thread.map_err(|error| format!("there is no thread to look at what is nested deep: {error}"))?;
        thread.join().map_err(|_| "what looks at a schema broke".to_owned())
    })
}

/// Finds what a reference inside a schema leads to.
///
/// Only a plain pointer from the root is taken, in characters that mean themselves: whatever else a reference may be
/// (absolute, escaped, a name) the compiler might resolve in another way than this does, and expand what was never counted.
fn target<'a>(root: &'a Value, reference: &str) -> Option<&'a Value> {
    let pointer = reference.strip_prefix('#')?;
    let is_plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@/?".contains(&b);
    pointer.bytes().all(is_plain).then(|| root.pointer(pointer)).flatten()
}

#[cfg(test)]
mod tests;
