// SPDX-License-Identifier: MIT OR Apache-2.0
//! Chance from a seed.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Chance from a seed. Clones draw from the same sequence.
#[derive(Debug, Clone)]
pub struct SimRng(Arc<AtomicU64>);

/// The odd constant of SplitMix64, by which its state moves on.
const STRIDE: u64 = 0x9e37_79b9_7f4a_7c15;

impl SimRng {
    /// Makes a sequence.
    pub fn new(seed: u64) -> Self {
        Self(Arc::new(AtomicU64::new(mix(seed ^ STRIDE))))
    }

    /// Makes a sequence of its own, which depends on this one and a number.
    pub fn fork(&self, number: u64) -> Self {
        Self::new(self.next() ^ mix(number))
    }

    /// Draws a number.
    pub fn next(&self) -> u64 {
        mix(self.0.fetch_add(STRIDE, Ordering::Relaxed))
    }

    /// Draws a number below another; 0 where that is 0.
    pub fn below(&self, most: u64) -> u64 {
        self.next().checked_rem(most).unwrap_or(0)
    }

    /// Draws a position of a list.
    pub fn index(&self, length: usize) -> usize {
        usize::try_from(self.below(length as u64)).unwrap_or(0)
    }

    /// Tells, so many times in a hundred, yes.
    pub fn percent(&self, chance: u64) -> bool {
        self.below(100) < chance
    }
}

/// Mixes a number well: SplitMix64.
pub(super) fn mix(number: u64) -> u64 {
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

/// Returns a number that stands for some bytes: FNV-1a, mixed.
pub fn hash(bytes: &[u8]) -> u64 {
    mix(bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)))
}
