// SPDX-License-Identifier: MIT OR Apache-2.0
//! What a component must export to be an agent or a toolset, read from the contract itself: `wit/agent`.

use std::collections::HashMap;
use std::sync::OnceLock;

use priory_core::value_type::{FunctionType, ValueType};
use wit_parser::{Resolve, SourceMap, Type, TypeDefKind};

/// The files of the package.
const FILES: [(&str, &str); 16] = [
    ("agent.wit", include_str!("../../../wit/agent/agent.wit")),
    ("agents.wit", include_str!("../../../wit/agent/agents.wit")),
    ("artifacts.wit", include_str!("../../../wit/agent/artifacts.wit")),
    ("budget.wit", include_str!("../../../wit/agent/budget.wit")),
    ("events.wit", include_str!("../../../wit/agent/events.wit")),
    ("human.wit", include_str!("../../../wit/agent/human.wit")),
    ("log.wit", include_str!("../../../wit/agent/log.wit")),
    ("memory.wit", include_str!("../../../wit/agent/memory.wit")),
    ("model.wit", include_str!("../../../wit/agent/model.wit")),
    ("pending.wit", include_str!("../../../wit/agent/pending.wit")),
    ("state.wit", include_str!("../../../wit/agent/state.wit")),
    ("timers.wit", include_str!("../../../wit/agent/timers.wit")),
    ("tools.wit", include_str!("../../../wit/agent/tools.wit")),
    ("toolset.wit", include_str!("../../../wit/agent/toolset.wit")),
    ("types.wit", include_str!("../../../wit/agent/types.wit")),
    ("world.wit", include_str!("../../../wit/agent/world.wit")),
];

type Functions = HashMap<(String, String), FunctionType>;

/// Returns the type of a function of the contract that deals in values only.
pub(crate) fn function(interface: &str, name: &str) -> Option<&'static FunctionType> {
    static FUNCTIONS: OnceLock<Functions> = OnceLock::new();
    // The text is part of this program, and a test reads it: it always parses.
    let functions = FUNCTIONS.get_or_init(|| read().unwrap_or_default());
    functions.get(&(interface.to_owned(), name.to_owned()))
}

fn read() -> Option<Functions> {
    let mut sources = SourceMap::new();
    for (path, text) in FILES {
        sources.push_str(path, text);
    }
    let mut resolve = Resolve::default();
    resolve.push_group(sources.parse().ok()?).ok()?;
    let mut functions = Functions::new();
    for (_, interface) in resolve.interfaces.iter() {
        let Some(interface_name) = &interface.name else { continue };
        for (name, function) in &interface.functions {
            let params = function.params.iter().map(|p| Some((p.name.clone(), value(&resolve, &p.ty)?)));
            let result = function.result.as_ref().map(|ty| value(&resolve, ty));
            // A function that deals in handles is none that a guest exports.
            if let (Some(params), false) = (params.collect::<Option<Vec<_>>>(), matches!(result, Some(None))) {
                let ty = FunctionType { params, result: result.flatten() };
                functions.insert((interface_name.clone(), name.clone()), ty);
            }
        }
    }
    Some(functions)
}

fn value(resolve: &Resolve, ty: &Type) -> Option<ValueType> {
    Some(match ty {
        Type::Bool => ValueType::Bool,
        Type::U8 => ValueType::U8,
        Type::U16 => ValueType::U16,
        Type::U32 => ValueType::U32,
        Type::U64 => ValueType::U64,
        Type::S8 => ValueType::S8,
        Type::S16 => ValueType::S16,
        Type::S32 => ValueType::S32,
        Type::S64 => ValueType::S64,
        Type::F32 => ValueType::F32,
        Type::F64 => ValueType::F64,
        Type::Char => ValueType::Char,
        Type::String => ValueType::String,
        Type::ErrorContext => return None,
        Type::Id(id) => defined(resolve, &resolve.types.get(*id)?.kind)?,
    })
}

fn defined(resolve: &Resolve, kind: &TypeDefKind) -> Option<ValueType> {
    let boxed = |ty: &Type| value(resolve, ty).map(Box::new);
    let optional = |ty: &Option<Type>| match ty {
        Some(ty) => boxed(ty).map(Some),
        None => Some(None),
    };
    Some(match kind {
        TypeDefKind::Type(ty) => value(resolve, ty)?,
        TypeDefKind::List(ty) => ValueType::List(boxed(ty)?),
        TypeDefKind::Option(ty) => ValueType::Option(boxed(ty)?),
        TypeDefKind::Result(result) => ValueType::Result(optional(&result.ok)?, optional(&result.err)?),
        TypeDefKind::Record(record) => {
            let field = |field: &wit_parser::Field| Some((field.name.clone(), value(resolve, &field.ty)?));
            ValueType::Record(record.fields.iter().map(field).collect::<Option<_>>()?)
        }
        TypeDefKind::Variant(variant) => {
            let case = |case: &wit_parser::Case| {
                let payload = optional(&case.ty)?.map(|payload| *payload);
                Some((case.name.clone(), payload))
            };
            ValueType::Variant(variant.cases.iter().map(case).collect::<Option<_>>()?)
        }
        TypeDefKind::Enum(cases) => ValueType::Enum(cases.cases.iter().map(|case| case.name.clone()).collect()),
        TypeDefKind::Flags(flags) => ValueType::Flags(flags.flags.iter().map(|flag| flag.name.clone()).collect()),
        TypeDefKind::Tuple(tuple) => {
            ValueType::Tuple(tuple.types.iter().map(|ty| value(resolve, ty)).collect::<Option<_>>()?)
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_contract_reads_and_holds_what_guests_export() {
        let run = function("agent", "run").expect("agents");
        assert_eq!(run.params.first().map(|(name, _)| name.as_str()), Some("task"));
        assert!(matches!(run.result, Some(ValueType::Result(Some(_), Some(_)))));
        assert!(function("toolset", "list-tools").is_some() && function("toolset", "call-tool").is_some());
        assert!(function("tools", "start").is_none(), "it gives a handle");
        assert!(function("tools", "nothing").is_none());
    }
}
