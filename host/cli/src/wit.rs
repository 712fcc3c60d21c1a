// SPDX-License-Identifier: MIT OR Apache-2.0
//! Types and functions as WIT writes them. Types have no names in a component, so they stand where they are used.

use priory::core::program::FunctionInfo;
use priory::core::value_type::ValueType;

/// How long a type may be on one line, in characters; a longer record or variant is broken into lines.
const LINE_CHARS_MAX: usize = 80;

/// Writes a function: its name, its parameters, its result.
pub(crate) fn function(function: &FunctionInfo) -> String {
    let params: Vec<_> = function.ty.params.iter().map(|(name, ty)| format!("{name}: {}", show(ty))).collect();
    let result = function.ty.result.as_ref().map(|ty| format!(" -> {}", show(ty))).unwrap_or_default();
    let one_line = format!("{}: func({}){result};", function.name, params.join(", "));
    if one_line.lines().count() == 1 && one_line.chars().count() <= LINE_CHARS_MAX || params.is_empty() {
        return one_line;
    }
    let params: String = params.iter().map(|param| indent(param) + ",\n").collect();
    format!("{}: func(\n{params}){result};", function.name)
}

/// Writes a type.
pub(crate) fn show(ty: &ValueType) -> String {
    let optional = |ty: &Option<Box<ValueType>>| ty.as_ref().map_or_else(|| "_".to_owned(), |ty| show(ty));
    match ty {
        ValueType::Bool => "bool".to_owned(),
        ValueType::S8 => "s8".to_owned(),
        ValueType::U8 => "u8".to_owned(),
        ValueType::S16 => "s16".to_owned(),
        ValueType::U16 => "u16".to_owned(),
        ValueType::S32 => "s32".to_owned(),
        ValueType::U32 => "u32".to_owned(),
        ValueType::S64 => "s64".to_owned(),
        ValueType::U64 => "u64".to_owned(),
        ValueType::F32 => "f32".to_owned(),
        ValueType::F64 => "f64".to_owned(),
        ValueType::Char => "char".to_owned(),
        ValueType::String => "string".to_owned(),
        ValueType::List(item) => format!("list<{}>", show(item)),
        ValueType::Option(item) => format!("option<{}>", show(item)),
        ValueType::Tuple(items) => format!("tuple<{}>", items.iter().map(show).collect::<Vec<_>>().join(", ")),
        ValueType::Result(None, None) => "result".to_owned(),
        ValueType::Result(ok, None) => format!("result<{}>", optional(ok)),
        ValueType::Result(ok, error) => format!("result<{}, {}>", optional(ok), optional(error)),
        ValueType::Enum(names) => braced("enum", names.clone()),
        ValueType::Flags(names) => braced("flags", names.clone()),
        ValueType::Record(fields) => {
            braced("record", fields.iter().map(|(name, ty)| format!("{name}: {}", show(ty))).collect())
        }
        ValueType::Variant(cases) => {
            let case = |(name, ty): &(String, Option<ValueType>)| match ty {
                Some(ty) => format!("{name}({})", show(ty)),
                None => name.clone(),
            };
            braced("variant", cases.iter().map(case).collect())
        }
    }
}

fn braced(kind: &str, parts: Vec<String>) -> String {
    let one_line = format!("{kind} {{ {} }}", parts.join(", "));
    if one_line.chars().count() <= LINE_CHARS_MAX && !one_line.contains('\n') {
        return one_line;
    }
    let parts: String = parts.iter().map(|part| indent(part) + ",\n").collect();
    format!("{kind} {{\n{parts}}}")
}

fn indent(text: &str) -> String {
    crate::ui::text::indented(text, 2)
}

#[cfg(test)]
mod tests {
    use priory::core::Json;
    use priory::core::value_type::FunctionType;

    use super::*;

    #[test]
    fn functions_look_as_in_wit() {
        let sentence = ValueType::Record(vec![("text".into(), ValueType::String), ("score".into(), ValueType::F64)]);
        let error = ValueType::Variant(vec![("too-long".into(), Some(ValueType::U64)), ("empty".into(), None)]);
        let result = ValueType::Result(Some(Box::new(ValueType::List(Box::new(sentence)))), Some(Box::new(error)));
        let params = vec![("text".into(), ValueType::String), ("max".into(), ValueType::U32)];
        let info = FunctionInfo {
            interface: "a:b/c".into(),
            name: "summarise".into(),
            description: String::new(),
            ty: FunctionType { params, result: Some(result) },
            input_schema: Json::null(),
            output_schema: None,
        };
        assert_eq!(
            function(&info),
            "\
summarise: func(
  text: string,
  max: u32,
) -> result<list<record { text: string, score: f64 }>, variant { too-long(u64), empty }>;"
        );
    }

    #[test]
    fn long_records_are_broken_into_lines() {
        let field = |n: usize| (format!("a-rather-long-name-{n}"), ValueType::Option(Box::new(ValueType::Bool)));
        let shown = show(&ValueType::Record((0..3).map(field).collect()));
        assert_eq!(shown.lines().count(), 5);
        assert!(shown.starts_with("record {\n  a-rather-long-name-0: option<bool>,\n"));
        assert_eq!(show(&ValueType::Result(None, Some(Box::new(ValueType::String)))), "result<_, string>");
    }
}
