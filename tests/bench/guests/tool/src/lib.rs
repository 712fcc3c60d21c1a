// SPDX-License-Identifier: MIT OR Apache-2.0
//! The tool that the benchmarks call.

#[allow(missing_docs, unsafe_code, unreachable_pub, clippy::all)]
mod wit {
    wit_bindgen::generate!({ path: "wit", world: "plugin" });
    export!(Tool);
    use super::Tool;
}

struct Tool;

impl wit::exports::bench::tool::tool::Guest for Tool {
    fn add(a: u32, b: u32) -> u32 {
        a.wrapping_add(b)
    }

    fn compute(rounds: u64) -> u64 {
        // Integers, floats and memory, so that every setting that costs something shows.
        let mut table = [0u64; 256];
        let (mut state, mut float) = (0x9e37_79b9_7f4a_7c15u64, 1.0f64);
        for round in 0..rounds {
            state = (state ^ (state >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9).wrapping_add(round);
            float = float.mul_add(1.000_000_1, 0.5).sqrt();
            if let Some(slot) = table.get_mut((state & 255) as usize) {
                *slot = slot.wrapping_add(float.to_bits() ^ state);
            }
        }
        table.iter().fold(state, |sum, slot| sum.rotate_left(7) ^ slot)
    }

    fn keep(state: Vec<String>) -> Vec<String> {
        state
    }

    fn sleep(milliseconds: u64) {
        std::thread::sleep(std::time::Duration::from_millis(milliseconds));
    }
}
