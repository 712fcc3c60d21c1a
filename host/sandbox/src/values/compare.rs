// SPDX-License-Identifier: MIT OR Apache-2.0
//! Says why two types differ: for a link between an import and an export that do not fit.

use priory_core::value_type::{FunctionType, ValueType};

/// Returns the first difference in words, or `None` where the types are equal.
///
/// `wanted` is what the importer asks for, `given` what the exporter has.
pub fn difference(wanted: &FunctionType, given: &FunctionType) -> Option<String> {
    fields("parameter", &wanted.params, &given.params)
        .or_else(|| optional("the result", wanted.result.as_ref(), given.result.as_ref()))
}

fn said(place: &str, wanted: &str, given: &str) -> String {
    format!("{place}: {wanted} is wanted, {given} is given")
}

fn values(wanted: &ValueType, given: &ValueType) -> Option<String> {
    match (wanted, given) {
        (ValueType::List(wanted), ValueType::List(given)) => within("the element of a list", values(wanted, given)),
        (ValueType::Option(wanted), ValueType::Option(given)) => {
            within("the value of an option", values(wanted, given))
        }
        (ValueType::Record(wanted), ValueType::Record(given)) => fields("field", wanted, given),
        (ValueType::Tuple(wanted), ValueType::Tuple(given)) => {
            let first =
                wanted.iter().zip(given).enumerate().find_map(|(at, (wanted, given))| {
                    within(&format!("element {at} of a tuple"), values(wanted, given))
                });
            first.or_else(|| count("elements", wanted.len(), given.len()))
        }
        (ValueType::Variant(wanted), ValueType::Variant(given)) => {
            let wanted_names = wanted.iter().map(|(name, _)| name.as_str());
            names("case", wanted_names, given.iter().map(|(name, _)| name.as_str())).or_else(|| {
                wanted.iter().zip(given).find_map(|((name, wanted), (_, given))| {
                    optional(&format!("case `{name}`"), wanted.as_ref(), given.as_ref())
                })
            })
        }
        (ValueType::Result(wanted_ok, wanted_err), ValueType::Result(given_ok, given_err)) => {
            optional("`ok` of a result", wanted_ok.as_deref(), given_ok.as_deref())
                .or_else(|| optional("`err` of a result", wanted_err.as_deref(), given_err.as_deref()))
        }
        (ValueType::Enum(wanted), ValueType::Enum(given)) => {
            names("case", wanted.iter().map(String::as_str), given.iter().map(String::as_str))
        }
        (ValueType::Flags(wanted), ValueType::Flags(given)) => {
            names("flag", wanted.iter().map(String::as_str), given.iter().map(String::as_str))
        }
        (wanted, given) if wanted == given => None,
        (wanted, given) => Some(format!("{} is wanted, {} is given", word(wanted), word(given))),
    }
}

/// Puts a place before a difference.
fn within(place: &str, difference: Option<String>) -> Option<String> {
    // Places are separated by commas, the last from the difference by a colon.
    difference.map(|inner| if inner.contains(": ") { format!("{place}, {inner}") } else { format!("{place}: {inner}") })
}

fn optional(place: &str, wanted: Option<&ValueType>, given: Option<&ValueType>) -> Option<String> {
    match (wanted, given) {
        (Some(wanted), Some(given)) => within(place, values(wanted, given)),
        (None, None) => None,
        (wanted, given) => Some(said(place, wanted.map_or("nothing", word), given.map_or("nothing", word))),
    }
}

fn fields(what: &str, wanted: &[(String, ValueType)], given: &[(String, ValueType)]) -> Option<String> {
    let wanted_names = wanted.iter().map(|(name, _)| name.as_str());
    names(what, wanted_names, given.iter().map(|(name, _)| name.as_str())).or_else(|| {
        wanted
            .iter()
            .zip(given)
            .find_map(|((name, wanted), (_, given))| within(&format!("{what} `{name}`"), values(wanted, given)))
    })
}

/// Compares names one by one, in order.
fn names<'a>(
    what: &str,
    wanted: impl Iterator<Item = &'a str>,
    mut given: impl Iterator<Item = &'a str>,
) -> Option<String> {
    let mut position = 0;
    for wanted in wanted {
        position += 1;
        match given.next() {
            Some(given) if given == wanted => {}
            Some(given) => return Some(said(&format!("{what} {position}"), &tick(wanted), &tick(given))),
            None => return Some(said(&format!("{what} {position}"), &tick(wanted), "nothing")),
        }
    }
    given.next().map(|given| said(&format!("{what} {}", position + 1), "nothing", &tick(given)))
}

fn count(what: &str, wanted: usize, given: usize) -> Option<String> {
    (wanted != given).then(|| format!("{wanted} {what} are wanted, {given} are given"))
}

fn tick(name: &str) -> String {
    format!("`{name}`")
}

/// Names a type, without what is inside.
fn word(ty: &ValueType) -> &'static str {
    match ty {
        ValueType::Bool => "bool",
        ValueType::S8 => "s8",
        ValueType::U8 => "u8",
        ValueType::S16 => "s16",
        ValueType::U16 => "u16",
        ValueType::S32 => "s32",
        ValueType::U32 => "u32",
        ValueType::S64 => "s64",
        ValueType::U64 => "u64",
        ValueType::F32 => "f32",
        ValueType::F64 => "f64",
        ValueType::Char => "char",
        ValueType::String => "string",
        ValueType::List(_) => "list",
        ValueType::Record(_) => "record",
        ValueType::Tuple(_) => "tuple",
        ValueType::Variant(_) => "variant",
        ValueType::Enum(_) => "enum",
        ValueType::Flags(_) => "flags",
        ValueType::Option(_) => "option",
        ValueType::Result(..) => "result",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(wanted: ValueType, given: ValueType, expected: Option<&str>) {
        let function = |ty| FunctionType { params: vec![("pages".to_owned(), ty)], result: None };
        assert_eq!(difference(&function(wanted), &function(given)).as_deref(), expected);
    }

    fn record(name: &str, ty: ValueType) -> ValueType {
        ValueType::Record(vec![(name.to_owned(), ty)])
    }

    #[test]
    fn the_first_difference_is_named_with_its_place() {
        use ValueType::{Enum, List, Option, Result, Tuple, U32, U64, Variant};
        let list = |ty| List(Box::new(ty));
        check(list(record("width", U32)), list(record("width", U32)), None);
        check(
            list(record("width", U32)),
            list(record("width", U64)),
            Some("parameter `pages`, the element of a list, field `width`: u32 is wanted, u64 is given"),
        );
        check(
            record("width", U32),
            record("height", U32),
            Some("parameter `pages`, field 1: `width` is wanted, `height` is given"),
        );
        check(
            Enum(vec!["red".to_owned()]),
            Enum(vec!["red".to_owned(), "green".to_owned()]),
            Some("parameter `pages`, case 2: nothing is wanted, `green` is given"),
        );
        check(Tuple(vec![U32, U32]), Tuple(vec![U32]), Some("parameter `pages`: 2 elements are wanted, 1 are given"));
        check(
            Variant(vec![("a".to_owned(), Some(U32))]),
            Variant(vec![("a".to_owned(), None)]),
            Some("parameter `pages`, case `a`: u32 is wanted, nothing is given"),
        );
        check(
            Option(Box::new(Result(None, None))),
            Option(Box::new(Result(None, Some(Box::new(U32))))),
            Some("parameter `pages`, the value of an option, `err` of a result: nothing is wanted, u32 is given"),
        );
    }

    #[test]
    fn results_and_the_number_of_parameters_count() {
        let function = |params: &[&str], result| FunctionType {
            params: params.iter().map(|name| ((*name).to_owned(), ValueType::Bool)).collect(),
            result,
        };
        assert_eq!(
            difference(&function(&["a", "b"], None), &function(&["a"], None)).as_deref(),
            Some("parameter 2: `b` is wanted, nothing is given")
        );
        assert_eq!(
            difference(&function(&[], Some(ValueType::Bool)), &function(&[], None)).as_deref(),
            Some("the result: bool is wanted, nothing is given")
        );
    }
}
