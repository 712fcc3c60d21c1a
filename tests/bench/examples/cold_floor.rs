// SPDX-License-Identifier: MIT OR Apache-2.0
//! The smallest wasmtime program that calls `add` of a precompiled component: the floor of a cold start.
//!
//! `cold_floor precompile TOOL.wasm OUT` writes the code, `cold_floor call OUT` maps and calls it.

use std::path::Path;

use priory_bench::bare::Bare;
use wasmtime::Engine;
use wasmtime::component::Component;

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().collect();
    let engine = Engine::new(&priory_sandbox::config::engine_config())?;
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [_, "precompile", tool, out] => {
            let code = engine.precompile_component(&std::fs::read(tool)?)?;
            std::fs::write(out, code)?;
        }
        [_, "call", code] => {
            let component = map(&engine, Path::new(code))?;
            let bare = Bare::new(&engine, &component, true)?;
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            println!("{}", runtime.block_on(bare.add(2, 3))?);
        }
        _ => anyhow::bail!("usage: cold_floor precompile TOOL.wasm OUT | cold_floor call OUT"),
    }
    Ok(())
}

#[allow(unsafe_code, reason = "the file was written by this very program")]
fn map(engine: &Engine, code: &Path) -> wasmtime::Result<Component> {
    // SAFETY: the benchmark has just made the file with `precompile`.
    unsafe { Component::deserialize_file(engine, code) }
}
