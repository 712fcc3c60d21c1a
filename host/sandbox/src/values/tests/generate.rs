// SPDX-License-Identifier: MIT OR Apache-2.0
//! Random types, random values of a type, and small damage to JSON.

use priory_core::value_type::{FunctionType, ValueType};
use proptest::prelude::*;
use proptest::sample::{Index, select, subsequence};
use serde_json::{Map, Value, json};
use wasmtime::component::Val;

/// Names that could be mistaken for something else are among them on purpose.
const NAMES: [&str; 12] =
    ["a", "b", "width", "file-path", "some", "ok", "err", "null", "true", "x1", "a-b-c", "infinity"];

/// Strings that the types themselves use, and some that need escapes.
const STRINGS: [&str; 14] = [
    "",
    "a",
    "some",
    "ok",
    "null",
    "NaN",
    "Infinity",
    "-Infinity",
    "aGk=",
    "aGl=",
    "é",
    "\u{10ffff}",
    "\"\\\n\u{0}",
    "1",
];

pub(super) fn types() -> BoxedStrategy<ValueType> {
    use ValueType::{Bool, Char, F32, F64, S8, S16, S32, S64, String, U8, U16, U32, U64};
    let names = || subsequence(NAMES.to_vec(), 1..=5).prop_shuffle();
    let owned = |names: Vec<&str>| names.into_iter().map(str::to_owned).collect::<Vec<_>>();
    let leaf = prop_oneof![
        8 => select(vec![Bool, S8, U8, S16, U16, S32, U32, S64, U64, F32, F64, Char, String]),
        1 => names().prop_map(move |n| ValueType::Enum(owned(n))),
        1 => names().prop_map(move |n| ValueType::Flags(owned(n))),
    ];
    leaf.prop_recursive(4, 24, 4, move |inner| {
        let payload = prop::option::of(inner.clone());
        let boxed = prop::option::of(inner.clone().prop_map(Box::new));
        let zip = |names: Vec<&str>, types: Vec<ValueType>| {
            names.into_iter().map(str::to_owned).zip(types).collect::<Vec<_>>()
        };
        prop_oneof![
            1 => inner.clone().prop_map(|ty| ValueType::List(Box::new(ty))),
            2 => inner.clone().prop_map(|ty| ValueType::Option(Box::new(ty))),
            2 => (names(), prop::collection::vec(inner.clone(), 5)).prop_map(move |(n, t)| ValueType::Record(zip(n, t))),
            1 => prop::collection::vec(inner, 1..4).prop_map(ValueType::Tuple),
            2 => (names(), prop::collection::vec(payload, 5)).prop_map(|(names, types)| {
                ValueType::Variant(names.into_iter().map(str::to_owned).zip(types).collect())
            }),
            1 => (boxed.clone(), boxed).prop_map(|(ok, err)| ValueType::Result(ok, err)),
        ]
    })
    .boxed()
}

pub(super) fn functions() -> impl Strategy<Value = FunctionType> {
    let names = subsequence(NAMES.to_vec(), 0..=4).prop_shuffle();
    (names, prop::collection::vec(types(), 4)).prop_map(|(names, types)| FunctionType {
        params: names.into_iter().map(str::to_owned).zip(types).collect(),
        result: None,
    })
}

pub(super) fn arguments(ty: &FunctionType) -> BoxedStrategy<Vec<Val>> {
    ty.params.iter().map(|(_, ty)| values(ty)).collect::<Vec<_>>().boxed()
}

/// Values of a type, the edges of numbers among them.
pub(super) fn values(ty: &ValueType) -> BoxedStrategy<Val> {
    match ty {
        ValueType::Bool => any::<bool>().prop_map(Val::Bool).boxed(),
        ValueType::S8 => any::<i8>().prop_map(Val::S8).boxed(),
        ValueType::U8 => any::<u8>().prop_map(Val::U8).boxed(),
        ValueType::S16 => any::<i16>().prop_map(Val::S16).boxed(),
        ValueType::U16 => any::<u16>().prop_map(Val::U16).boxed(),
        ValueType::S32 => any::<i32>().prop_map(Val::S32).boxed(),
        ValueType::U32 => any::<u32>().prop_map(Val::U32).boxed(),
        ValueType::S64 => prop_oneof![any::<i64>(), select(vec![i64::MIN, i64::MAX])].prop_map(Val::S64).boxed(),
        ValueType::U64 => prop_oneof![any::<u64>(), Just(u64::MAX)].prop_map(Val::U64).boxed(),
        ValueType::F32 => {
            let edges =
                select(vec![f32::MAX, f32::MIN, f32::MIN_POSITIVE, -0.0, f32::NAN, f32::INFINITY, f32::NEG_INFINITY]);
            prop_oneof![any::<u32>().prop_map(f32::from_bits), edges].prop_map(Val::Float32).boxed()
        }
        ValueType::F64 => {
            let edges = select(vec![f64::MAX, f64::MIN, 5e-324, -0.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY]);
            prop_oneof![any::<u64>().prop_map(f64::from_bits), edges].prop_map(Val::Float64).boxed()
        }
        ValueType::Char => any::<char>().prop_map(Val::Char).boxed(),
        ValueType::String => {
            prop_oneof![select(STRINGS.to_vec()).prop_map(str::to_owned), any::<String>()].prop_map(Val::String).boxed()
        }
        ValueType::List(inner) => prop::collection::vec(values(inner), 0..4).prop_map(Val::List).boxed(),
        ValueType::Record(fields) => {
            let names: Vec<String> = fields.iter().map(|(name, _)| name.clone()).collect();
            let fields: Vec<_> = fields.iter().map(|(_, ty)| values(ty)).collect();
            fields.prop_map(move |fields| Val::Record(names.iter().cloned().zip(fields).collect())).boxed()
        }
        ValueType::Tuple(parts) => parts.iter().map(values).collect::<Vec<_>>().prop_map(Val::Tuple).boxed(),
        ValueType::Variant(cases) => {
            let cases = cases.iter().map(|(name, ty)| {
                let name = name.clone();
                payload(ty.as_ref()).prop_map(move |payload| Val::Variant(name.clone(), payload)).boxed()
            });
            proptest::strategy::Union::new(cases).boxed()
        }
        ValueType::Enum(names) => select(names.clone()).prop_map(Val::Enum).boxed(),
        ValueType::Flags(names) => {
            let length = names.len();
            subsequence(names.clone(), 0..=length).prop_map(Val::Flags).boxed()
        }
        ValueType::Option(inner) => prop::option::of(values(inner).prop_map(Box::new)).prop_map(Val::Option).boxed(),
        ValueType::Result(ok, err) => prop_oneof![
            payload(ok.as_deref()).prop_map(|value| Val::Result(Ok(value))),
            payload(err.as_deref()).prop_map(|value| Val::Result(Err(value))),
        ]
        .boxed(),
    }
}

fn payload(ty: Option<&ValueType>) -> BoxedStrategy<Option<Box<Val>>> {
    match ty {
        Some(ty) => values(ty).prop_map(|value| Some(Box::new(value))).boxed(),
        None => Just(None).boxed(),
    }
}

/// One change to a JSON value: at which of its nodes, and what.
#[derive(Debug, Clone)]
pub(super) struct Damage {
    node: Index,
    part: Index,
    kind: u8,
    name: &'static str,
    junk: Value,
}

pub(super) fn damage() -> impl Strategy<Value = Damage> {
    let junk = prop_oneof![
        select(STRINGS.to_vec()).prop_map(Value::from),
        select(NAMES.to_vec()).prop_map(Value::from),
        select(NAMES.to_vec()).prop_map(|name| json!({ name: null })),
        select(vec![
            json!(null),
            json!(true),
            json!([]),
            json!({}),
            json!(0),
            json!(-1),
            json!(1.0),
            json!(-0.0),
            json!(1.5),
            json!(128),
            json!(255),
            json!(256),
            json!(65_536),
            json!(-129),
            json!(4_294_967_296_u64),
            json!(u64::MAX),
            json!(i64::MIN),
            json!(1e19),
            json!(18_446_744_073_709_551_616.0),
            json!(1e39),
            json!(-1e300),
            json!([null]),
            json!({"some": null}),
            json!({"some": {"some": 1}}),
        ]),
    ];
    let names = select(NAMES.to_vec());
    (any::<Index>(), any::<Index>(), 0..6_u8, names, junk).prop_map(|(node, part, kind, name, junk)| Damage {
        node,
        part,
        kind,
        name,
        junk,
    })
}

impl Damage {
    /// Changes the value; it may happen to stay right, or to stay the same.
    pub(super) fn apply(&self, value: &mut Value) {
        let node = nth(value, &mut self.node.index(count(value)));
        let Some(node) = node else { return };
        match node {
            Value::Object(map) => self.apply_to_object(map),
            Value::Array(items) if self.kind < 4 && !items.is_empty() => {
                let at = self.part.index(items.len());
                match self.kind {
                    0 => drop(items.remove(at)),
                    1 => items.push(items[at].clone()),
                    2 => items.swap(0, at),
                    _ => items[at] = self.junk.clone(),
                }
            }
            Value::Array(items) => items.push(self.junk.clone()),
            other => *other = self.junk.clone(),
        }
    }

    fn apply_to_object(&self, map: &mut Map<String, Value>) {
        let key = (!map.is_empty()).then(|| map.keys().nth(self.part.index(map.len())).unwrap().clone());
        match (self.kind, key) {
            (0 | 1, Some(key)) => drop(map.remove(&key)),
            (2, Some(key)) => {
                let value = map.remove(&key).unwrap();
                map.insert(self.name.to_owned(), value);
            }
            (3 | 4, Some(key)) => drop(map.insert(key, self.junk.clone())),
            _ => drop(map.insert(self.name.to_owned(), self.junk.clone())),
        }
    }
}

fn count(value: &Value) -> usize {
    1 + match value {
        Value::Array(items) => items.iter().map(count).sum(),
        Value::Object(map) => map.values().map(count).sum(),
        _ => 0,
    }
}

fn nth<'v>(value: &'v mut Value, left: &mut usize) -> Option<&'v mut Value> {
    if *left == 0 {
        return Some(value);
    }
    *left -= 1;
    match value {
        Value::Array(items) => items.iter_mut().find_map(|item| nth(item, left)),
        Value::Object(map) => map.values_mut().find_map(|item| nth(item, left)),
        _ => None,
    }
}
