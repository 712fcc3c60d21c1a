// SPDX-License-Identifier: MIT OR Apache-2.0
//! Looks for bytes in the whole memory of the guest. They come masked, so that they are not there because they are looked
//! for.

use serde_json::{Value, json};

pub(crate) fn search(step: &Value) -> Value {
    let mask = u8::try_from(step["mask"].as_u64().unwrap()).unwrap();
    let masked: Vec<u8> =
        step["masked"].as_array().unwrap().iter().map(|byte| u8::try_from(byte.as_u64().unwrap()).unwrap()).collect();
    let (first, end) = (masked[0] ^ mask, end_of_memory().saturating_sub(masked.len()));
    // The first bytes of a memory are as readable as all others, but for Rust they are a null pointer.
    let is_there = (16..end).any(|at| {
        byte_at(at) == first && masked.iter().enumerate().all(|(offset, byte)| byte_at(at + offset) == byte ^ mask)
    });
    json!({ "found": is_there, "bytes": end })
}

#[cfg(target_arch = "wasm32")]
fn end_of_memory() -> usize {
    core::arch::wasm32::memory_size(0) * 65_536
}

#[cfg(target_arch = "wasm32")]
fn byte_at(at: usize) -> u8 {
    // SAFETY: every address below the end of the memory can be read.
    unsafe { core::ptr::read_volatile(at as *const u8) }
}

// There is nothing to search outside of a sandbox.
#[cfg(not(target_arch = "wasm32"))]
fn end_of_memory() -> usize {
    0
}

#[cfg(not(target_arch = "wasm32"))]
fn byte_at(_: usize) -> u8 {
    0
}
