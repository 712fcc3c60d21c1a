// SPDX-License-Identifier: MIT OR Apache-2.0
//! Random types: the schema and the reader agree, and what is written reads back equal.
//!
//! They differ in two ways that are wanted. Validators see a number after it was rounded to f64 where it has a fraction or
//! an exponent, while the reader sees its text; and no schema can see that a key is there twice.

use jsonschema::draft202012;
use priory_core::value_type::FunctionType;
use proptest::prelude::*;
use proptest::test_runner::Config;
use wasmtime::component::Val;

use super::generate::{Damage, arguments, damage, functions};
use super::{Descriptions, PLENTY};
use crate::values::{Codec, schema};

/// With damage to many arguments each, this is enough to meet every rule many times.
const CASES: u32 = 512;

/// How many damaged arguments are tried for one function.
const DAMAGES: usize = 24;

fn config() -> Config {
    // A failing case is shown in full; nothing is written beside the sources.
    Config { cases: CASES, failure_persistence: None, ..Config::default() }
}

fn functions_with_arguments() -> impl Strategy<Value = (FunctionType, Vec<Val>)> {
    functions().prop_flat_map(|ty| {
        let arguments = arguments(&ty);
        (Just(ty), arguments)
    })
}

/// Tells whether two values are equal bit for bit; one NaN is as good as another.
fn is_same(left: &Val, right: &Val) -> bool {
    // wasmtime compares floats by what they mean, and tells zeros apart.
    left == right
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn what_is_written_reads_back_equal((ty, values) in functions_with_arguments()) {
        let codec = Codec::new(&ty);
        let text = codec.encode_arguments(&values, PLENTY).unwrap();
        let read = codec.decode_arguments(text.as_str(), PLENTY).unwrap();
        prop_assert_eq!(values.len(), read.len());
        for (value, read) in values.iter().zip(&read) {
            prop_assert!(is_same(value, read), "{value:?} became {read:?} by way of {text}");
        }
        prop_assert_eq!(codec.encode_arguments(&read, PLENTY).unwrap(), text);
    }

    #[test]
    fn the_reader_takes_what_the_schema_takes(
        (ty, values) in functions_with_arguments(),
        damages in prop::collection::vec(prop::collection::vec(damage(), 1..3), DAMAGES),
    ) {
        let codec = Codec::new(&ty);
        let text = schema::input(&ty, &Descriptions::new());
        prop_assert!(draft202012::meta::is_valid(&text.to_value()), "{text}");
        let validator = draft202012::new(&text.to_value()).unwrap();
        let right = codec.encode_arguments(&values, PLENTY).unwrap().to_value();
        prop_assert!(validator.is_valid(&right), "{right} is right, and {text} refuses it");
        for damages in damages {
            let mut value = right.clone();
            damages.iter().for_each(|damage: &Damage| damage.apply(&mut value));
            let read = codec.decode_arguments(&value.to_string(), PLENTY);
            prop_assert_eq!(validator.is_valid(&value), read.is_ok(), "{} against {}: {:?}", value, text, read);
        }
    }
}
