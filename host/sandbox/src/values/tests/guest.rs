// SPDX-License-Identifier: MIT OR Apache-2.0
//! Real components: types as WAT, and a guest that gives back what it is given.

use std::fmt::Write;

use priory_core::value_type::ValueType;
use wasmtime::component::types::{ComponentFunc, ComponentItem};
use wasmtime::component::{Component, Linker};
use wasmtime::{Config, Engine, Store};

use wasmtime::component::Val;

/// Enough parameters that they travel through memory, where a parameter and a result look the same.
const PADDING: usize = 17;

pub(super) fn engine() -> Engine {
    let mut config = Config::new();
    config.wasm_component_model(true);
    Engine::new(&config).unwrap()
}

/// Writes types as WAT; a named type has to be exported before a function can use it.
#[derive(Default)]
struct Wat {
    definitions: String,
    count: usize,
}

impl Wat {
    fn define(&mut self, body: &str) -> String {
        self.count += 1;
        let count = self.count;
        let _ = writeln!(self.definitions, "(type $d{count} {body}) (export $t{count} \"t{count}\" (type $d{count}))");
        format!("$t{count}")
    }

    fn named(&mut self, kind: &str, names: &[String]) -> String {
        let names: Vec<String> = names.iter().map(|name| format!("{name:?}")).collect();
        self.define(&format!("({kind} {})", names.join(" ")))
    }

    fn inner(&mut self, ty: Option<&ValueType>, before: &str) -> String {
        ty.map(|ty| format!("({before} {})", self.write(ty))).unwrap_or_default()
    }

    fn write(&mut self, ty: &ValueType) -> String {
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
            ValueType::List(inner) => format!("(list {})", self.write(inner)),
            ValueType::Option(inner) => format!("(option {})", self.write(inner)),
            ValueType::Tuple(parts) => {
                let parts: Vec<String> = parts.iter().map(|part| self.write(part)).collect();
                format!("(tuple {})", parts.join(" "))
            }
            ValueType::Result(ok, err) => {
                let ok = ok.as_deref().map(|ty| self.write(ty)).unwrap_or_default();
                let err = self.inner(err.as_deref(), "error");
                format!("(result {ok} {err})")
            }
            ValueType::Record(fields) => {
                let fields: Vec<_> =
                    fields.iter().map(|(name, ty)| format!("(field {name:?} {})", self.write(ty))).collect();
                self.define(&format!("(record {})", fields.join(" ")))
            }
            ValueType::Variant(cases) => {
                let mut body = String::new();
                for (name, ty) in cases {
                    let ty = ty.as_ref().map(|ty| self.write(ty)).unwrap_or_default();
                    let _ = write!(body, "(case {name:?} {ty})");
                }
                self.define(&format!("(variant {body})"))
            }
            ValueType::Enum(names) => self.named("enum", names),
            ValueType::Flags(names) => self.named("flags", names),
        }
    }
}

/// Returns the type of the parameter with which [`echo`] makes a component for a type.
pub(super) fn padded(ty: &ValueType) -> ValueType {
    ValueType::Tuple(std::iter::once(ty.clone()).chain(std::iter::repeat_n(ValueType::U8, PADDING)).collect())
}

/// Returns a component whose function `echo` takes a padded value of a type and returns it.
pub(super) fn echo(ty: &ValueType) -> String {
    let mut wat = Wat::default();
    let padded = wat.write(&padded(ty));
    format!(
        r#"(component
          {}
          (core module $m
            (memory (export "memory") 16)
            (global $next (mut i32) (i32.const 8))
            (func (export "realloc") (param i32 i32 i32 i32) (result i32)
              (global.set $next (i32.and (i32.add (global.get $next) (i32.const 15)) (i32.const -16)))
              global.get $next
              (global.set $next (i32.add (global.get $next) (local.get 3))))
            (func (export "echo") (param i32) (result i32) local.get 0))
          (core instance $i (instantiate $m))
          (func (export "echo") (param "value" {padded}) (result {padded})
            (canon lift (core func $i "echo") (memory (core memory $i "memory")) (realloc (core func $i "realloc")))))"#,
        wat.definitions
    )
}

/// Returns the type of an exported function.
pub(super) fn function_type(engine: &Engine, component: &Component, name: &str) -> ComponentFunc {
    match component.component_type().get_export(engine, name).unwrap().ty {
        ComponentItem::ComponentFunc(func) => func,
        other => panic!("{name} is {other:?}"),
    }
}

/// Sends a value through the guest.
pub(super) fn send(engine: &Engine, component: &Component, value: Val) -> Val {
    let mut store = Store::new(engine, ());
    let instance = Linker::new(engine).instantiate(&mut store, component).unwrap();
    let echo = instance.get_func(&mut store, "echo").unwrap();
    let mut results = [Val::Bool(false)];
    echo.call(&mut store, &[value], &mut results).unwrap();
    let [result] = results;
    result
}
