// SPDX-License-Identifier: MIT OR Apache-2.0
//! Patterns, compiled within bounds.

/// How many bytes a pattern may have, and its machine: patterns may come from a value.
const PATTERN_BYTES_MAX: usize = 1024;
const PATTERN_MACHINE_BYTES_MAX: usize = 1 << 20;

/// Compiles a pattern within bounds.
pub(super) fn pattern(source: &str) -> Result<regex::Regex, String> {
    if source.len() > PATTERN_BYTES_MAX {
        return Err(format!("the pattern has more than {PATTERN_BYTES_MAX} bytes"));
    }
    regex::RegexBuilder::new(source)
        .size_limit(PATTERN_MACHINE_BYTES_MAX)
        .dfa_size_limit(PATTERN_MACHINE_BYTES_MAX)
        .nest_limit(32)
        .build()
        .map_err(|error| match error {
            regex::Error::CompiledTooBig(_) => {
                "the pattern repeats too much; say less exactly what is meant".to_owned()
            }
            // The last line says what is wrong, those above it show where.
            other => format!("the pattern is wrong: {}", other.to_string().lines().last().unwrap_or_default()),
        })
}
