// SPDX-License-Identifier: MIT OR Apache-2.0
//! Fake ids and seeds: a sequence that is the same every time.

use std::sync::atomic::{AtomicU64, Ordering};

use priory_core::RunId;
use priory_core::ports::Ids;

/// A fake source of ids and seeds. Two with the same seed give the same sequence.
#[derive(Debug)]
pub struct SeededIds {
    key: [u8; 32],
    drawn: AtomicU64,
}

impl SeededIds {
    /// Makes a source.
    pub fn new(seed: u64) -> Self {
        Self { key: *blake3::hash(&seed.to_le_bytes()).as_bytes(), drawn: AtomicU64::new(0) }
    }

    fn draw(&self) -> [u8; 32] {
        let number = self.drawn.fetch_add(1, Ordering::Relaxed);
        *blake3::keyed_hash(&self.key, &number.to_le_bytes()).as_bytes()
    }
}

impl Ids for SeededIds {
    fn run(&self, unix_ms: u64) -> RunId {
        let random = self.draw().iter().take(16).fold(0, |number: u128, byte| (number << 8) | u128::from(*byte));
        RunId::from_parts(unix_ms, random)
    }

    fn seed(&self) -> [u8; 32] {
        self.draw()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sequence_depends_on_the_seed_alone() {
        let (a, b, c) = (SeededIds::new(1), SeededIds::new(1), SeededIds::new(2));
        let first = a.seed();
        assert_eq!(first, b.seed());
        assert_ne!(first, a.seed());
        assert_ne!(first, c.seed());
        assert_eq!(SeededIds::new(1).run(5), SeededIds::new(1).run(5));
    }
}
