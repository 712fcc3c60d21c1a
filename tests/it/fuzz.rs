// SPDX-License-Identifier: MIT OR Apache-2.0
//! Throws at the host what nobody wrote: random components, and real ones with bytes turned over.
//!
//! `PRIORY_FUZZ_CASES` says how many of each (300 by default), `PRIORY_FUZZ_SEED` where to begin; a failure names the case.
//! Whatever is loaded is called under small limits: it must end, and end with a value or a typed failure.

use arbitrary::Unstructured;
use priory::core::{Dimension, LimitSpec};
use priory::{Host, PluginSpec, RunSpec};
use serde_json::{Value, json};

use crate::guests;
use crate::hostile::components::leb128;
use crate::stage::{block, builder, good, json, neighbour_works, resident_bytes};

const CASES: u64 = 300;
/// Components that one host loads at once; one that is refused sends the others in one by one.
const BATCH: u64 = 10;
/// Random bytes for one component.
const ENTROPY_BYTES: usize = 4_096;
/// Functions of one component that are called.
const CALLS_MAX: usize = 8;

fn number(variable: &str, default: u64) -> u64 {
    std::env::var(variable).map_or(default, |text| text.parse().unwrap_or_else(|_| panic!("{variable} is no number")))
}

/// A small generator of numbers (SplitMix64): seeded, and no more random than it has to be.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end.max(1) as u64) as usize
    }

    fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| self.next() as u8).collect()
    }
}

fn limits() -> LimitSpec {
    [
        (Dimension::Fuel, 1_000_000),
        (Dimension::MemoryBytes, 8 << 20),
        (Dimension::TimeMs, 10_000),
        (Dimension::CallBytes, 1 << 20),
        (Dimension::OutputBytes, 1 << 20),
    ]
    .into_iter()
    .collect()
}

/// Loads some components on one host. Those that are refused are told apart by loading them alone.
fn load(components: Vec<(u64, Vec<u8>)>, refused: &mut String) -> Vec<Host> {
    let plugin = |(case, bytes): &(u64, Vec<u8>)| PluginSpec::new(format!("case-{case}"), bytes.clone());
    let small = || builder().frames_max(8).limits(limits()).plugin(good());
    let all = components.iter().fold(small(), |builder, component| builder.plugin(plugin(component)));
    if let Ok(host) = block(all.build()) {
        return vec![host];
    }
    let alone = |component: &(u64, Vec<u8>)| {
        block(small().plugin(plugin(component)).build()).map_err(|error| {
            *refused = error.to_string();
            assert!(!refused.contains('\n'), "case {}: an error stands on one line: {refused}", component.0);
        })
    };
    components.iter().map(alone).filter_map(Result::ok).collect()
}

/// Calls what can be called, with arguments that may fit.
fn call_all(host: &Host) -> u64 {
    let tools: Vec<(String, Value)> = host
        .catalog()
        .tools()
        .filter_map(|target| {
            let info = target.plugin.plugin.info();
            let function = info.functions.iter().find(|f| target.qualified.ends_with(&f.qualified_name()))?;
            let arguments: serde_json::Map<String, Value> =
                function.ty.params.iter().map(|(name, ty)| (name.clone(), plausible(ty))).collect();
            Some((target.name.to_string(), Value::from(arguments)))
        })
        .take(CALLS_MAX)
        .collect();
    let mut called = 0;
    for (name, arguments) in tools {
        let mut started = host.start(RunSpec::tool(&name, json(arguments))).unwrap();
        // A value or a failure: anything but a panic, and anything but nothing.
        let _ = block(started.wait());
        called += 1;
    }
    neighbour_works(host);
    called
}

fn plausible(ty: &priory::core::value_type::ValueType) -> Value {
    use priory::core::value_type::ValueType as T;
    match ty {
        T::Bool => json!(true),
        T::Char | T::String => json!("a"),
        T::F32 | T::F64 => json!(0.5),
        T::List(inner) if **inner == T::U8 => json!("AAAA"),
        T::List(inner) => json!([plausible(inner)]),
        T::Record(fields) => fields.iter().map(|(name, ty)| (name.clone(), plausible(ty))).collect(),
        T::Tuple(types) => types.iter().map(plausible).collect(),
        T::Enum(names) => json!(names.first()),
        T::Flags(names) => json!(names),
        T::Option(_) => json!(null),
        T::Variant(cases) => match cases.first() {
            Some((name, Some(ty))) => json!({ name: plausible(ty) }),
            Some((name, None)) => json!(name),
            None => json!(null),
        },
        T::Result(ok, _) => json!({ "ok": ok.as_deref().map(plausible) }),
        _ => json!(1),
    }
}

/// Makes cases in batches and throws them.
fn throw(name: &str, mut make: impl FnMut(u64, &mut Random) -> Option<Vec<u8>>) {
    let (cases, seed) = (number("PRIORY_FUZZ_CASES", CASES), number("PRIORY_FUZZ_SEED", 1));
    let (mut loaded, mut called, mut refused) = (0, 0, "nothing was refused".to_owned());
    let before = resident_bytes();
    for batch in 0..cases.div_ceil(BATCH) {
        let of_batch = batch * BATCH..((batch + 1) * BATCH).min(cases);
        let make = |case: u64| Some((case, make(case, &mut Random(seed.wrapping_mul(1 << 32).wrapping_add(case)))?));
        let components: Vec<_> = of_batch.filter_map(make).collect();
        let hosts = load(components, &mut refused);
        loaded += hosts.iter().map(|host| host.catalog().plugins().count() as u64 - 1).sum::<u64>();
        called += hosts.iter().map(call_all).sum::<u64>();
    }
    eprintln!("{name}: {cases} cases from seed {seed}; {loaded} were loaded and {called} functions called; {refused}");
    let grown = resident_bytes().saturating_sub(before);
    assert!(grown < 1_500 << 20, "{name}: {} MiB are kept", grown >> 20);
}

#[test]
fn random_components() {
    throw("random components", |_, random| {
        let entropy = random.bytes(ENTROPY_BYTES);
        let config = wasm_smith::Config { gc_enabled: false, threads_enabled: false, ..wasm_smith::Config::default() };
        let component = wasm_smith::Component::new(config, &mut Unstructured::new(&entropy)).ok()?;
        Some(component.to_bytes())
    });
}

/// Wraps a random module in a component that exports one of its functions.
#[test]
fn random_modules() {
    throw("random modules", |_, random| {
        let entropy = random.bytes(ENTROPY_BYTES);
        let config = wasm_smith::Config {
            max_imports: 0,
            export_everything: true,
            gc_enabled: false,
            reference_types_enabled: true,
            exceptions_enabled: false,
            tail_call_enabled: false,
            threads_enabled: false,
            memory64_enabled: false,
            relaxed_simd_enabled: false,
            custom_page_sizes_enabled: false,
            wide_arithmetic_enabled: false,
            shared_everything_threads_enabled: false,
            max_memories: 1,
            allow_start_export: true,
            ..wasm_smith::Config::default()
        };
        let module = wasm_smith::Module::new(config, &mut Unstructured::new(&entropy)).ok()?.to_bytes();
        let wrapper = r#"(component
            (core module)
            (core instance (instantiate 0))
            (core module $m (func (export "run") (result i32) (i32.const 1)))
            (core instance $i (instantiate $m))
            (func (export "run") (result u32) (canon lift (core func $i "run"))))"#;
        let wrapper = wat::parse_str(wrapper).unwrap();
        // Behind the eight bytes of the component's header stands the section of the empty module, ten bytes long.
        let (header, rest) = (&wrapper[..8], &wrapper[18..]);
        assert_eq!(&wrapper[8..14], b"\x01\x08\0asm");
        Some([header, &[1], &leb128(module.len()), &module, rest].concat())
    });
}

#[test]
fn real_components_with_bytes_turned_over() {
    let originals: Vec<Vec<u8>> = ["liar", "huge-result", "handles", "traps", "realloc-liar", "work"]
        .into_iter()
        .map(guests::wat)
        .chain([guests::rust("echo").to_vec()])
        .collect();
    throw("turned bytes", |_, random| {
        let mut bytes = originals[random.below(originals.len())].clone();
        for _ in 0..=random.below(2) {
            let at = random.below(bytes.len());
            match random.below(8) {
                0 | 4 | 5 | 6 => bytes[at] = random.next() as u8,
                1 => bytes[at] ^= 1 << random.below(8),
                2 => bytes.truncate(at.max(8)),
                3 => bytes.insert(at, random.next() as u8),
                _ => bytes[at] = bytes[random.below(bytes.len())],
            }
        }
        Some(bytes)
    });
}
