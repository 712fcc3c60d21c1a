// SPDX-License-Identifier: MIT OR Apache-2.0
//! Turns the bytes of a component into a plugin, or says in one line why that cannot be.

use std::sync::Arc;

use priory_bindings::wit::{PACKAGE, VERSION};
use priory_core::program::{FunctionInfo, RefusedFunction};
use priory_core::{Digest, PluginInfo};
use wasmtime::Engine;
use wasmtime::component::types::{ComponentFunc, ComponentInstance, ComponentItem};
use wasmtime::component::{Component, ComponentExportIndex, Linker};

use crate::config;
use crate::contract;
use crate::error::LoadError;
use crate::inspect::{Inspected, inspect};
use crate::link::{self, Link};
use crate::plugin::{Callable, Exports, Loaded};
use crate::sandbox::Runtime;
use crate::state::Guest;
use crate::values::{Codec, compare, reflect, schema};

/// How many functions a component may export.
const FUNCTIONS_MAX: usize = 4_096;

/// What is to be loaded.
#[derive(Debug, Clone)]
pub struct Source {
    /// The name of the plugin in the manifest, or of its file.
    pub name: String,
    /// The component.
    pub bytes: Arc<[u8]>,
    /// The digest that it must have.
    pub pinned: Option<Digest>,
    /// What its imports are linked to.
    pub links: Vec<Link>,
}

/// Loads a component. It compiles, so it takes its time: call it where blocking is allowed.
pub(crate) fn load(runtime: &Arc<Runtime>, source: &Source) -> Result<Loaded, LoadError> {
    let Source { name, bytes, pinned, links } = source;
    let most = runtime.config.component_bytes_max;
    if bytes.len() as u64 > most {
        return Err(LoadError::TooLarge { name: name.clone(), bytes: bytes.len() as u64, most });
    }
    let digest = Digest::of(bytes);
    if let Some(pinned) = pinned.filter(|pinned| *pinned != digest) {
        return Err(LoadError::Digest { name: name.clone(), found: digest, pinned });
    }
    let inspected = inspect(name, bytes)?;
    let component = compile(runtime, name, bytes, &digest)?;
    let mut linker = runtime.linker.clone();
    let linked_tools = add_links(&mut linker, &runtime.engine, name, &component, links)?;
    let pre = linker.instantiate_pre(&component).map_err(|error| unmet(&runtime.engine, name, &component, &error))?;
    let (exports, info) = describe(&runtime.engine, name, digest, bytes.len(), &component, inspected)?;
    let large = runtime.large.clone().filter(|_| config::is_large(&component));
    Ok(Loaded { runtime: runtime.clone(), info: Arc::new(info), pre, exports, linked_tools, large })
}

fn compile(runtime: &Runtime, name: &str, bytes: &[u8], digest: &Digest) -> Result<Component, LoadError> {
    if let Some(component) = runtime.cache.as_ref().and_then(|cache| cache.get(&runtime.engine, digest)) {
        return Ok(component);
    }
    let _turn = runtime.compilations.take();
    let component = Component::new(&runtime.engine, bytes).map_err(|error| {
        let (name, reason) = (name.to_owned(), one_line(&error));
        match config::demand(&reason) {
            Some(what) => LoadError::TooDemanding { name, what },
            None => LoadError::Invalid { name, reason },
        }
    })?;
    if let Some(cache) = &runtime.cache {
        cache.put(digest, &component);
    }
    Ok(component)
}

fn add_links(
    linker: &mut Linker<Guest>,
    engine: &Engine,
    name: &str,
    component: &Component,
    links: &[Link],
) -> Result<Vec<String>, LoadError> {
    let mut tools = Vec::new();
    for link in links {
        let refuse =
            |reason: String| LoadError::Import { name: name.to_owned(), import: link.interface.clone(), reason };
        let ty = component.component_type();
        match ty.get_import(engine, &link.interface).map(|import| import.ty) {
            Some(ComponentItem::ComponentInstance(interface)) => {
                tools.extend(link::add_to_linker(linker, engine, &interface, link).map_err(refuse)?);
            }
            Some(_) => return Err(refuse("is not an interface, so it cannot be linked".into())),
            None => {
                let imports: Vec<_> = ty.imports(engine).map(|(import, _)| import).collect();
                let reason = format!("is linked in the manifest but not imported; it imports {}", imports.join(", "));
                return Err(refuse(reason));
            }
        }
    }
    Ok(tools)
}

/// Finds the import that nobody satisfies, and says what would.
fn unmet(engine: &Engine, name: &str, component: &Component, error: &wasmtime::Error) -> LoadError {
    let text = one_line(error);
    let ty = component.component_type();
    let import = ty.imports(engine).map(|(import, _)| import).find(|import| text.contains(&format!("`{import}`")));
    let Some(import) = import else { return LoadError::Invalid { name: name.to_owned(), reason: text } };
    let version = import.split_once('@').map(|(_, version)| version).unwrap_or_default();
    let reason = if import.starts_with(PACKAGE) {
        format!("this host offers in version {VERSION}: build the plugin against that version ({text})")
    } else if import.starts_with("wasi:") && version.starts_with("0.3") {
        "is of WASI 0.3, and this host offers WASI 0.2: build the plugin for `wasm32-wasip2`".to_owned()
    } else if import.starts_with("wasi:") {
        format!("this host does not offer ({text})")
    } else {
        format!(
            "nobody offers: link it to a plugin that exports it: `[plugins.{name}.links]` `\"{import}\" = \"PLUGIN\"`"
        )
    };
    LoadError::Import { name: name.to_owned(), import: import.to_owned(), reason }
}

/// Lists what the component exports.
fn describe(
    engine: &Engine,
    name: &str,
    digest: Digest,
    byte_len: usize,
    component: &Component,
    inspected: Inspected,
) -> Result<(Exports, PluginInfo), LoadError> {
    let mut found = Found { exports: Exports::default(), functions: Vec::new(), refused: Vec::new() };
    let ty = component.component_type();
    for (export, item) in ty.exports(engine) {
        match item.ty {
            ComponentItem::ComponentFunc(func) => found.function(component, None, "", export, &func, &inspected),
            ComponentItem::ComponentInstance(interface) => {
                let differs = |reason| LoadError::Contract { name: name.to_owned(), export: export.to_owned(), reason };
                if found.contract(engine, component, export, &interface).map_err(differs)? {
                    continue;
                }
                let index = component.get_export_index(None, export);
                for (function, item) in interface.exports(engine) {
                    if let ComponentItem::ComponentFunc(func) = item.ty {
                        found.function(component, index.as_ref(), export, function, &func, &inspected);
                    }
                }
            }
            _ => {}
        }
    }
    let Found { exports, functions, refused } = found;
    let is_agent = exports.agent.is_some();
    let is_toolset = exports.toolset.is_some();
    if functions.len() > FUNCTIONS_MAX {
        let what = format!("{} exported functions ({FUNCTIONS_MAX} are the most)", functions.len());
        return Err(LoadError::TooDemanding { name: name.to_owned(), what });
    }
    if functions.is_empty() && !is_agent && !is_toolset {
        let reason = match refused.first() {
            Some(refused) => format!("`{}`: {}", refused.name, refused.reason),
            None => "it exports no function at all".to_owned(),
        };
        return Err(LoadError::NothingToCall { name: name.to_owned(), reason });
    }
    let info = PluginInfo {
        name: Arc::from(name),
        digest,
        byte_len: byte_len as u64,
        is_agent,
        is_workflow: false,
        is_toolset,
        functions,
        refused,
        imports: ty.imports(engine).map(|(import, _)| import.to_owned()).collect(),
        ceiling: inspected.ceiling,
    };
    Ok((exports, info))
}

/// What was found among the exports so far.
struct Found {
    exports: Exports,
    functions: Vec<FunctionInfo>,
    refused: Vec<RefusedFunction>,
}

impl Found {
    /// Takes an interface of the contract; tells whether it was one, or in what it differs from the contract.
    fn contract(
        &mut self,
        engine: &Engine,
        component: &Component,
        export: &str,
        interface: &ComponentInstance,
    ) -> Result<bool, String> {
        let index = component.get_export_index(None, export);
        let function = |of: &str, name: &str| {
            let item = interface.get_export(engine, name).map(|export| export.ty);
            let Some(ComponentItem::ComponentFunc(func)) = item else { return Err(format!("`{name}` is missing")) };
            let given = reflect::function(&func).map_err(|error| format!("`{name}` is another: {error}"))?;
            let wanted = contract::function(of, name).ok_or_else(|| format!("`{name}` is not of the contract"))?;
            if let Some(difference) = compare::difference(wanted, &given) {
                return Err(format!("`{name}` is another: {difference}"));
            }
            component.get_export_index(index.as_ref(), name).ok_or_else(|| format!("`{name}` cannot be found"))
        };
        let is = |name: &str| export == format!("{PACKAGE}/{name}@{VERSION}");
        if is("agent") {
            self.exports.agent = Some(function("agent", "run")?);
        } else if is("toolset") {
            self.exports.toolset = Some((function("toolset", "list-tools")?, function("toolset", "call-tool")?));
        } else {
            return Ok(false);
        }
        Ok(true)
    }

    fn function(
        &mut self,
        component: &Component,
        instance: Option<&ComponentExportIndex>,
        interface: &str,
        name: &str,
        func: &ComponentFunc,
        inspected: &Inspected,
    ) {
        let ty = reflect::function(func).map_err(|error| error.to_string());
        let index = component.get_export_index(instance, name).ok_or_else(|| "it cannot be found".to_owned());
        let (ty, index) = match ty.and_then(|ty| index.map(|index| (ty, index))) {
            Ok(both) => both,
            Err(reason) => {
                let name = if interface.is_empty() { name.to_owned() } else { format!("{interface}.{name}") };
                self.refused.push(RefusedFunction { name, reason });
                return;
            }
        };
        let descriptions = schema::Descriptions::new();
        let mut info = FunctionInfo {
            interface: interface.to_owned(),
            name: name.to_owned(),
            description: String::new(),
            input_schema: schema::input(&ty, &descriptions),
            output_schema: Some(schema::output(&ty, &descriptions)),
            ty,
        };
        info.description = inspected.docs.function(info.short_interface(), name);
        let results = usize::from(info.ty.result.is_some());
        self.exports.functions.push(Callable { index, codec: Codec::new(&info.ty), results });
        self.functions.push(info);
    }
}

/// Writes an error with its causes on one line.
pub(crate) fn one_line(error: &wasmtime::Error) -> String {
    let text = format!("{error:#}");
    let line: Vec<&str> = text.split_whitespace().collect();
    line.join(" ").chars().take(600).collect()
}
