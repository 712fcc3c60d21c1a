// SPDX-License-Identifier: MIT OR Apache-2.0
//! Types of real components, and values that went through one.

use priory_core::value_type::{FunctionType, TYPE_DEPTH_MAX, ValueType};
use proptest::prelude::*;
use proptest::test_runner::Config;
use wasmtime::component::{Component, Val};

use super::generate::{types, values};
use super::guest::{echo, engine, function_type, padded, send};
use super::{PLENTY, list, names, option};
use crate::values::reflect::{self, Error, TYPE_NODES_MAX};
use crate::values::{Answer, Codec};

/// Each case compiles a component.
const CASES: u32 = 24;

fn reflect_wat(wat: &str) -> Result<FunctionType, Error> {
    let engine = engine();
    let component = Component::new(&engine, wat::parse_str(wat).unwrap()).unwrap();
    reflect::function(&function_type(&engine, &component, "f"))
}

/// Reflects a function of an import, which needs no body.
fn reflect_import(definitions: &str, signature: &str) -> Result<FunctionType, Error> {
    let wat = format!("(component {definitions} (import \"f\" (func {signature})))");
    let engine = engine();
    let component = Component::new(&engine, wat::parse_str(wat).unwrap()).unwrap();
    let ty = component.component_type();
    let Some(wasmtime::component::types::ComponentItem::ComponentFunc(func)) =
        ty.get_import(&engine, "f").map(|item| item.ty)
    else {
        panic!("there is no function");
    };
    reflect::function(&func)
}

#[test]
fn every_kind_of_type_is_taken_from_a_component() {
    use ValueType::{
        Bool, Char, Enum, F32, F64, Flags, Record, Result, S8, S16, S32, S64, String, Tuple, U8, U16, U32, U64,
    };
    let ty = Tuple(vec![
        Tuple(vec![Bool, S8, U8, S16, U16, S32, U32, S64, U64, F32, F64, Char, String]),
        list(U8),
        Record(vec![
            ("width".to_owned(), U32),
            ("inner".to_owned(), Record(vec![("x".to_owned(), option(option(Bool)))])),
        ]),
        ValueType::Variant(vec![("none".to_owned(), None), ("one".to_owned(), Some(list(String)))]),
        Enum(names(&["red", "green"])),
        Flags(names(&["bold", "wide"])),
        Result(None, None),
        Result(Some(Box::new(U8)), None),
        Result(None, Some(Box::new(String))),
    ]);
    let engine = engine();
    let component = Component::new(&engine, wat::parse_str(echo(&ty)).unwrap()).unwrap();
    let expected = FunctionType { params: vec![("value".to_owned(), padded(&ty))], result: Some(padded(&ty)) };
    assert_eq!(reflect::function(&function_type(&engine, &component, "echo")), Ok(expected));
}

#[test]
fn a_function_without_parameters_and_result_is_one_too() {
    let wat = r#"(component (core module $m (func (export "f"))) (core instance $i (instantiate $m))
        (func (export "f") (canon lift (core func $i "f"))))"#;
    assert_eq!(reflect_wat(wat), Ok(FunctionType { params: Vec::new(), result: None }));
}

#[test]
fn resources_are_refused_with_their_place() {
    let refused = |definitions: &str, signature: &str| reflect_import(definitions, signature).unwrap_err();
    let resource = r#"(import "r" (type $r (sub resource)))"#;
    assert_eq!(
        refused(resource, r#"(param "a" bool) (param "items" (list (tuple u8 (own $r))))"#),
        Error::Unsupported { path: "items.element.1".to_owned(), what: "a resource" }
    );
    assert_eq!(
        refused(resource, r#"(param "it" (borrow $r))"#),
        Error::Unsupported { path: "it".to_owned(), what: "a borrowed resource" }
    );
    assert_eq!(
        refused(resource, "(result (option (result (own $r))))"),
        Error::Unsupported { path: "result.some.ok".to_owned(), what: "a resource" }
    );
}

#[test]
fn the_level_and_the_part_after_the_last_are_refused() {
    // The innermost type is a level too.
    let nested = |levels: usize| format!("(param \"deep\" {}u8{})", "(list ".repeat(levels), ")".repeat(levels));
    assert!(reflect_import("", &nested(TYPE_DEPTH_MAX - 1)).is_ok());
    assert!(matches!(reflect_import("", &nested(TYPE_DEPTH_MAX)), Err(Error::Depth { .. })));

    // Each type refers to the one before it twice, so its size doubles.
    let mut definitions = "(type $t0 (tuple u8 u8))".to_owned();
    for level in 1..=11 {
        definitions.push_str(&format!("(type $t{level} (tuple $t{} $t{}))", level - 1, level - 1));
    }
    // A tuple of level n has 2^(n+2) - 1 parts.
    assert_eq!(TYPE_NODES_MAX, 1 << 12);
    assert!(reflect_import(&definitions, "(param \"wide\" $t10)").is_ok());
    assert!(matches!(reflect_import(&definitions, "(param \"wide\" $t11)"), Err(Error::Size { .. })));
}

#[test]
fn the_deepest_type_can_be_written_and_read() {
    let mut ty = ValueType::Bool;
    let mut value = Val::Bool(true);
    for _ in 1..TYPE_DEPTH_MAX {
        ty = ValueType::Variant(vec![("one".to_owned(), Some(ty))]);
        value = Val::Variant("one".to_owned(), Some(Box::new(value)));
    }
    let codec = Codec::new(&FunctionType { params: vec![("deep".to_owned(), ty)], result: None });
    let text = codec.encode_arguments(std::slice::from_ref(&value), PLENTY).unwrap();
    assert!(priory_core::Json::parse(text.as_str()).is_ok());
    assert_eq!(codec.decode_arguments(text.as_str(), PLENTY), Ok(vec![value]));
}

proptest! {
    #![proptest_config(Config { cases: CASES, failure_persistence: None, ..Config::default() })]

    #[test]
    fn a_value_survives_a_real_component((ty, value) in types().prop_flat_map(|ty| {
        let values = values(&padded(&ty));
        (Just(ty), values)
    })) {
        let engine = engine();
        let component = Component::new(&engine, wat::parse_str(echo(&ty)).unwrap()).unwrap();
        let function = reflect::function(&function_type(&engine, &component, "echo")).unwrap();
        prop_assert_eq!(&function.result, &Some(padded(&ty)));
        let codec = Codec::new(&function);
        let sent = codec.encode_arguments(&[value], PLENTY).unwrap();
        let [decoded] = codec.decode_arguments(sent.as_str(), PLENTY).unwrap().try_into().unwrap();
        let returned = send(&engine, &component, decoded);
        let Answer::Ok(answer) = codec.encode_result(&[returned], PLENTY).unwrap() else { panic!("a tuple is no error") };
        prop_assert_eq!(format!("{{\"value\":{answer}}}"), sent.as_str());
    }
}
