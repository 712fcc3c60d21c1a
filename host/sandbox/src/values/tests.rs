// SPDX-License-Identifier: MIT OR Apache-2.0
//! What the bridge promises: schema and reader agree, nothing is lost, errors say where and what.

mod agreement;
mod generate;
mod guest;
mod reflection;

use priory_core::value_type::{FunctionType, ValueType};
use serde_json::{Value, json};
use wasmtime::component::Val;

use super::*;
use schema::Descriptions;

const PLENTY: usize = 1 << 20;

fn function(params: &[(&str, ValueType)], result: Option<ValueType>) -> FunctionType {
    FunctionType { params: params.iter().map(|(name, ty)| ((*name).to_owned(), ty.clone())).collect(), result }
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn option(ty: ValueType) -> ValueType {
    ValueType::Option(Box::new(ty))
}

fn list(ty: ValueType) -> ValueType {
    ValueType::List(Box::new(ty))
}

fn boxed(val: Val) -> Option<Box<Val>> {
    Some(Box::new(val))
}

/// A function that takes most kinds of types.
fn page_function() -> FunctionType {
    let page = ValueType::Record(vec![
        ("width".to_owned(), ValueType::U32),
        ("title".to_owned(), option(ValueType::String)),
        ("ink".to_owned(), ValueType::Enum(names(&["red", "green", "blue"]))),
    ]);
    let paper = ValueType::Variant(vec![("blank".to_owned(), None), ("lined".to_owned(), Some(ValueType::U8))]);
    function(
        &[
            ("pages", list(page)),
            ("paper", paper),
            ("body", option(list(ValueType::U8))),
            ("size", option(ValueType::Tuple(vec![ValueType::F32, ValueType::F64]))),
            ("modes", option(ValueType::Flags(names(&["bold", "wide"])))),
            ("mark", option(option(ValueType::Char))),
            ("ended", option(ValueType::Result(None, Some(Box::new(ValueType::S64))))),
        ],
        None,
    )
}

/// Reads arguments of the page function that are right except for one place.
fn refuse(pointer_in: &str, value: Value) -> (String, String) {
    let mut arguments = json!({ "pages": [{ "width": 1, "ink": "red" }], "paper": "blank" });
    match arguments.pointer_mut(pointer_in) {
        Some(place) => *place = value,
        None => arguments[pointer_in.trim_start_matches('/')] = value,
    }
    refuse_text(&arguments.to_string())
}

fn refuse_text(text: &str) -> (String, String) {
    match Codec::new(&page_function()).decode_arguments(text, PLENTY) {
        Err(DecodeError::Wrong { pointer, reason }) => (pointer, reason),
        other => panic!("{text} became {other:?}"),
    }
}

fn check_refused(pointer_in: &str, value: Value, pointer: &str, reason: &str) {
    assert_eq!(refuse(pointer_in, value), (pointer.to_owned(), reason.to_owned()));
}

#[test]
fn arguments_become_values_in_the_order_of_the_parameters() {
    let text = r#"{ "mark": {"some": null}, "ended": "ok", "modes": ["wide", "bold"], "size": [1, "-Infinity"],
        "body": "aGk=", "paper": {"lined": 7.0}, "pages": [{"ink": "bl\u0075e", "width": 4294967295}] }"#;
    let page = Val::Record(vec![
        ("width".to_owned(), Val::U32(u32::MAX)),
        ("title".to_owned(), Val::Option(None)),
        ("ink".to_owned(), Val::Enum("blue".to_owned())),
    ]);
    let expected = vec![
        Val::List(vec![page]),
        Val::Variant("lined".to_owned(), boxed(Val::U8(7))),
        Val::Option(boxed(Val::List(vec![Val::U8(b'h'), Val::U8(b'i')]))),
        Val::Option(boxed(Val::Tuple(vec![Val::Float32(1.0), Val::Float64(f64::NEG_INFINITY)]))),
        Val::Option(boxed(Val::Flags(names(&["bold", "wide"])))),
        Val::Option(boxed(Val::Option(None))),
        Val::Option(boxed(Val::Result(Ok(None)))),
    ];
    let codec = Codec::new(&page_function());
    let values = codec.decode_arguments(text, PLENTY).unwrap();
    assert_eq!(values, expected);
    assert_eq!(
        codec.encode_arguments(&values, PLENTY).unwrap().as_str(),
        r#"{"pages":[{"width":4294967295,"title":null,"ink":"blue"}],"paper":{"lined":7},"body":"aGk=","#.to_owned()
            + r#""size":[1.0,"-Infinity"],"modes":["bold","wide"],"mark":{"some":null},"ended":"ok"}"#
    );
}

#[test]
fn a_wrong_value_is_named_with_its_place_and_what_would_be_right() {
    check_refused("/pages/0/width", json!(-1), "/pages/0/width", "-1 is below 0, the least u32");
    check_refused(
        "/pages/0/width",
        json!(1.5),
        "/pages/0/width",
        "1.5 has a fraction, and u32 takes whole numbers only",
    );
    check_refused("/pages/0/width", json!("1"), "/pages/0/width", "a string is given, a whole number (u32) is wanted");
    check_refused("/pages/0/ink", json!("gren"), "/pages/0/ink", "there is no case `gren`; did you mean `green`?");
    check_refused(
        "/pages/0/ink",
        json!(3),
        "/pages/0/ink",
        "the number 3 is given, one of `red`, `green`, `blue` is wanted",
    );
    check_refused("/pages", json!({}), "/pages", "an object is given, an array is wanted");
    check_refused(
        "/paper",
        json!("lined"),
        "/paper",
        "the case `lined` has a value: {\"lined\": …} is wanted, with a whole number (u8)",
    );
    check_refused(
        "/paper",
        json!({"blank": null}),
        "/paper",
        "the case `blank` has no value: the string \"blank\" is wanted",
    );
    check_refused("/paper", json!({"lined": 256}), "/paper/lined", "256 is above 255, the greatest u8");
    check_refused(
        "/paper",
        json!({"lined": 1, "other": 2}),
        "/paper",
        "more than `lined` is given, one case is wanted",
    );
    check_refused("/paper", json!(null), "/paper", "null is given, one case of `blank`, `lined` is wanted");
}

#[test]
fn bytes_floats_and_wrapped_options_say_what_would_be_right() {
    check_refused("/body", json!("aGk"), "/body", "not base64 with padding (RFC 4648): invalid padding");
    check_refused("/size", json!([1]), "/size", "an array of 1 is given, an array of 2 elements is wanted");
    check_refused("/size", json!([1, 2, 3]), "/size", "a longer array is given, an array of 2 elements is wanted");
    check_refused(
        "/size",
        json!([1e39, 2]),
        "/size/0",
        "1e+39 is outside of ±3.4028235e38, the range of f32; \"Infinity\" is a value too",
    );
    check_refused(
        "/size",
        json!([1, "nan"]),
        "/size/1",
        "the string \"nan\" is not a number; a number or \"NaN\", \"Infinity\", \"-Infinity\" is wanted",
    );
    check_refused("/modes", json!(["wide", "wide"]), "/modes/1", "the flag `wide` is given twice");
    check_refused("/modes", json!(["bold", "wide", "bold"]), "/modes/2", "the flag `bold` is given twice");
    check_refused("/modes", json!([true]), "/modes/0", "invalid type: boolean `true`, expected the name of a flag");
    check_refused(
        "/mark",
        json!("x"),
        "/mark",
        "the string \"x\" is given, {\"some\": …} with a string of one character or null, or null is wanted",
    );
    check_refused(
        "/mark",
        json!({"some": "xy"}),
        "/mark/some",
        "a longer string is given, a string of one character is wanted",
    );
    check_refused(
        "/ended",
        json!({"err": 9223372036854775808_u64}),
        "/ended/err",
        "9223372036854775808 is above 9223372036854775807, the greatest s64",
    );
}

#[test]
fn unknown_missing_and_repeated_names_are_refused() {
    check_refused(
        "/pages",
        json!([{ "ink": "red", "Width_": 1 }]),
        "/pages/0",
        "there is no field `Width_`; did you mean `width`?",
    );
    check_refused(
        "/pages",
        json!([{ "ink": "red" }]),
        "/pages/0",
        "the field `width` is missing: a whole number (u32) is wanted",
    );
    let long = "y".repeat(10_000);
    let (pointer, reason) = refuse(&format!("/{long}"), json!(1));
    assert_eq!(pointer, "");
    assert!(reason.len() < 300 && reason.contains("yyy…`; there are `pages`, `paper`"), "{reason}");
    let twice = r#"{"pages":[{"width":1,"ink":"red","width":1}],"paper":"blank"}"#;
    assert_eq!(refuse_text(twice), ("/pages/0".to_owned(), "the field `width` is given twice".to_owned()));
    assert_eq!(refuse_text("{\"paper\":\"blank\"}").1, "the parameter `pages` is missing: an array is wanted");
}

#[test]
fn what_is_not_json_is_refused_with_its_place() {
    assert_eq!(
        refuse_text("[]").1,
        "invalid type: sequence, expected an object with `pages`, `paper`, `body`, `size`, `modes`, `mark`, `ended`"
            .chars()
            .take(64)
            .collect::<String>()
            + "…"
    );
    let (pointer, reason) = refuse_text(r#"{"paper":"blank","pages":[{"title":"\ud800"}]}"#);
    assert_eq!(pointer, "/pages/0/title");
    assert!(reason.starts_with("not JSON: "), "{reason}");
    assert!(refuse_text(r#"{"paper":"blank","pages":[]} x"#).1.starts_with("not JSON: trailing characters"));
    assert!(refuse_text("").1.starts_with("not JSON: EOF"));
    // Nesting that the type does not ask for is not followed.
    let deep = format!("{{\"paper\":{}", "[".repeat(100_000));
    assert_eq!(refuse_text(&deep).0, "/paper");
}

#[test]
fn the_memory_of_values_is_bounded_and_not_only_their_text() {
    let many = ValueType::Record((0..1_000).map(|at| (format!("f{at}"), option(ValueType::Bool))).collect());
    let codec = Codec::new(&function(&[("items", list(many))], None));
    let text = format!("{{\"items\":[{}]}}", vec!["{}"; 1_000].join(","));
    let refused = codec.decode_arguments(&text, PLENTY);
    let Err(DecodeError::TooLarge { used, allowed }) = refused else { panic!("{refused:?}") };
    assert_eq!(allowed, PLENTY as u64);
    assert!(used > allowed && used < allowed + 1_000, "it stops where the limit is: {used}");

    let codec = Codec::new(&function(&[("body", list(ValueType::U8))], None));
    let text = format!("{{\"body\":\"{}\"}}", "A".repeat(40_000));
    assert!(matches!(codec.decode_arguments(&text, PLENTY), Err(DecodeError::TooLarge { .. })));
    assert!(codec.decode_arguments(&text, 8 * PLENTY).is_ok());
}

#[test]
fn a_text_that_would_be_too_long_is_never_built() {
    let codec = Codec::new(&function(&[("text", ValueType::String), ("body", list(ValueType::U8))], None));
    let values = [Val::String("é\"\u{1}".to_owned()), Val::List(vec![Val::U8(255); 5])];
    let whole = codec.encode_arguments(&values, PLENTY).unwrap();
    assert_eq!(whole.as_str(), "{\"text\":\"é\\\"\\u0001\",\"body\":\"//////8=\"}");
    let length = whole.as_str().len();
    assert_eq!(codec.encode_arguments(&values, length), Ok(whole));
    for bytes_max in 0..length {
        let refused = codec.encode_arguments(&values, bytes_max);
        let Err(EncodeError::TooLarge { used, allowed }) = refused else { panic!("{refused:?}") };
        assert_eq!(allowed, bytes_max as u64);
        assert!(used > allowed && used <= length as u64);
    }
}

#[test]
fn a_result_splits_into_what_it_gives_and_why_it_failed() {
    let ty = ValueType::Result(Some(Box::new(ValueType::U8)), None);
    let codec = Codec::new(&function(&[], Some(ty)));
    let ok = [Val::Result(Ok(boxed(Val::U8(3))))];
    let err = [Val::Result(Err(None))];
    assert!(matches!(codec.encode_result(&ok, PLENTY), Ok(Answer::Ok(json)) if json.as_str() == "3"));
    assert!(matches!(codec.encode_result(&err, PLENTY), Ok(Answer::Err(json)) if json.as_str() == "null"));
    assert_eq!(codec.decode_ok("3", PLENTY), Ok(ok.first().cloned()));
    assert_eq!(codec.decode_err(" null ", PLENTY), Ok(err.first().cloned()));
    assert!(codec.decode_err("3", PLENTY).is_err());
    assert!(codec.decode_ok("null", PLENTY).is_err());

    let nothing = Codec::new(&function(&[], None));
    assert!(matches!(nothing.encode_result(&[], PLENTY), Ok(Answer::Ok(json)) if json.as_str() == "null"));
    assert_eq!(nothing.decode_ok("null", PLENTY), Ok(None));
    assert_eq!(nothing.decode_err("3", PLENTY), Ok(None));
    assert_eq!(nothing.decode_arguments("{}", PLENTY), Ok(Vec::new()));
}

#[test]
fn values_of_another_type_are_a_mismatch() {
    let codec = Codec::new(&function(&[("a", ValueType::Bool)], Some(ValueType::String)));
    let mismatch = |wanted: &str, found| Err(EncodeError::Mismatch { wanted: wanted.to_owned(), found });
    assert_eq!(codec.encode_arguments(&[Val::U8(1)], PLENTY), mismatch("true or false", "an integer"));
    assert_eq!(codec.encode_arguments(&[], PLENTY), mismatch("1 parameters", "a list of another length"));
    assert!(codec.encode_result(&[], PLENTY).is_err());
}

#[test]
fn names_of_large_types_are_found_in_any_order() {
    let many: Vec<String> = (0..500).map(|at| format!("n{}", (at * 7) % 500)).collect();
    let codec = Codec::new(&function(&[("one", ValueType::Enum(many.clone()))], None));
    for name in &many {
        let text = json!({ "one": name }).to_string();
        assert_eq!(codec.decode_arguments(&text, PLENTY), Ok(vec![Val::Enum(name.clone())]));
    }
    assert!(codec.decode_arguments(r#"{"one":"n500"}"#, PLENTY).is_err());
}

fn check_schema(ty: ValueType, expected: Value) {
    let ty = FunctionType { params: Vec::new(), result: Some(ty) };
    assert_eq!(schema::output(&ty, &Descriptions::new()).to_value(), expected);
}

#[test]
fn each_type_has_its_schema() {
    check_schema(ValueType::S64, json!({"type":"integer","minimum":i64::MIN,"maximum":i64::MAX}));
    check_schema(ValueType::U64, json!({"type":"integer","minimum":0,"maximum":u64::MAX}));
    check_schema(option(ValueType::String), json!({"type":["string","null"]}));
    check_schema(
        option(option(ValueType::Bool)),
        json!({"type":["object","null"],"properties":{"some":{"type":["boolean","null"]}},"required":["some"],"additionalProperties":false}),
    );
    check_schema(
        option(ValueType::F64),
        json!({"anyOf":[{"type":["number","null"]},{"enum":["NaN","Infinity","-Infinity"]}]}),
    );
    check_schema(ValueType::Result(None, None), json!({"type":"null"}));
    check_schema(
        list(ValueType::Result(None, Some(Box::new(ValueType::Char)))),
        json!({"type":"array","items":{"oneOf":[
            {"type":"string","enum":["ok"]},
            {"type":"object","properties":{"err":{"type":"string","minLength":1,"maxLength":1}},"required":["err"],"additionalProperties":false},
        ]}}),
    );
    check_schema(
        ValueType::Tuple(vec![ValueType::Flags(names(&["a"])), ValueType::Bool]),
        json!({"type":"array","prefixItems":[
            {"type":"array","items":{"type":"string","enum":["a"]},"uniqueItems":true},{"type":"boolean"},
        ],"items":false,"minItems":2}),
    );
}

#[test]
fn the_schema_keeps_the_order_of_the_component_and_what_its_author_says() {
    let ty = function(
        &[
            ("zeta", list(ValueType::Record(vec![("b".to_owned(), ValueType::Bool)]))),
            ("alpha", option(ValueType::Bool)),
        ],
        None,
    );
    let descriptions = [("/zeta/b", "Whether \"b\"."), ("/alpha", "First.")];
    let descriptions = descriptions.iter().map(|(place, text)| ((*place).to_owned(), (*text).to_owned())).collect();
    assert_eq!(
        schema::input(&ty, &descriptions).as_str(),
        r#"{"type":"object","properties":{"zeta":{"type":"array","items":{"type":"object","properties":{"b":{"description":"Whether \"b\".","type":"boolean"}},"required":["b"],"additionalProperties":false}},"alpha":{"description":"First.","type":["boolean","null"]}},"required":["zeta"],"additionalProperties":false}"#
    );
    assert_eq!(
        schema::input(&function(&[], None), &Descriptions::new()).as_str(),
        r#"{"type":"object","properties":{},"additionalProperties":false}"#
    );
}
