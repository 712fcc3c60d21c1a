// SPDX-License-Identifier: MIT OR Apache-2.0
//! Links an import of one plugin to an export of another: the call crosses two sandboxes, as an effect.

use std::sync::Arc;

use priory_core::event::Label;
use priory_core::{Dimension, Effect, Failure, PluginInfo, Value};
use wasmtime::component::types::{ComponentInstance, ComponentItem};
use wasmtime::component::{Linker, Val};

use crate::failure::Kill;
use crate::imports::{Asked, asked};
use crate::state::Guest;
use crate::values::{Codec, DECODED_BYTES_MAX, EncodeError, compare, reflect};

/// An import that the manifest links to another plugin.
#[derive(Debug, Clone)]
pub struct Link {
    /// The interface, as the importing component names it.
    pub interface: String,
    /// The plugin that is to satisfy it, by its name in the manifest.
    pub plugin: String,
    /// What is known of that plugin.
    pub info: Arc<PluginInfo>,
}

/// Offers an interface by calling another plugin's. Returns the full names of the tools that it leads to, or why it
/// cannot be linked.
pub(crate) fn add_to_linker(
    linker: &mut Linker<Guest>,
    engine: &wasmtime::Engine,
    interface: &ComponentInstance,
    link: &Link,
) -> Result<Vec<String>, String> {
    let mut instance = linker.instance(&link.interface).map_err(|error| error.to_string())?;
    let mut tools = Vec::new();
    for (name, item) in interface.exports(engine) {
        let func = match item.ty {
            ComponentItem::ComponentFunc(func) => func,
            // A type that is only a name for a value needs nothing.
            ComponentItem::Type(_) => continue,
            ComponentItem::Resource(_) => {
                return Err(format!("defines the resource `{name}`: handles cannot cross from one sandbox to another"));
            }
            _ => return Err(format!("exports `{name}`, which is neither a function nor a type")),
        };
        let wanted = reflect::function(&func).map_err(|error| format!("has the function `{name}`: {error}"))?;
        let given = link.info.functions.iter().find(|f| f.interface == link.interface && f.name == name);
        let given = given.ok_or_else(|| missing(link, name))?;
        if let Some(difference) = compare::difference(&wanted, &given.ty) {
            return Err(format!("is linked to `{}`, whose `{name}` differs: {difference}", link.plugin));
        }
        let tool: Arc<str> = Arc::from(format!("{}.{}", link.plugin, given.qualified_name()));
        tools.push(tool.to_string());
        let codec = Arc::new(Codec::new(&wanted));
        let defined = instance.func_new_async(name, move |store, _, arguments, results| {
            let asked = asked(&store);
            let guest = store.data();
            let (label, most) = (guest.label.clone(), guest.limits.get_usize(Dimension::CallBytes));
            let (tool, codec) = (tool.clone(), codec.clone());
            Box::new(async move {
                let value = call(asked, &tool, &codec, arguments, &label, most).await?;
                for (slot, value) in results.iter_mut().zip(value) {
                    *slot = value;
                }
                Ok(())
            })
        });
        defined.map_err(|error| error.to_string())?;
    }
    Ok(tools)
}

fn missing(link: &Link, function: &str) -> String {
    let offered = link.info.functions.iter().any(|f| f.interface == link.interface);
    if offered {
        format!("is linked to `{}`, which has that interface but not the function `{function}`", link.plugin)
    } else {
        format!("is linked to `{}`, which does not export that interface", link.plugin)
    }
}

/// Calls the other plugin and returns what the import is to return.
async fn call(
    (host, fuel): Asked,
    tool: &Arc<str>,
    codec: &Codec,
    arguments: &[Val],
    label: &Label,
    most: usize,
) -> wasmtime::Result<Option<Val>> {
    let kill = |failure: Failure| wasmtime::Error::from(Kill(failure));
    let arguments = codec.encode_arguments(arguments, most).map_err(|error| match error {
        EncodeError::TooLarge { used, allowed } => kill(Failure::limit(Dimension::CallBytes, used, allowed, label)),
        mismatch => kill(Failure::other(format!("the arguments of {tool} cannot be written: {mismatch}"))),
    })?;
    let outcome = host.perform(Effect::tool(&**tool, arguments), fuel).await;
    let read = match outcome {
        Ok(Value::Json(json)) => codec.decode_ok(json.as_str(), DECODED_BYTES_MAX),
        Ok(_) => return Err(kill(Failure::other("the effect gave back a value of another kind"))),
        // An error that the callee returned is a value of the interface; every other failure is the host's, and the
        // interface has no words for it.
        Err(Failure::Other(other)) if other.data.is_some() => {
            let json = other.data.unwrap_or_else(priory_core::Json::null);
            codec.decode_err(json.as_str(), DECODED_BYTES_MAX)
        }
        Err(failure) => return Err(kill(failure)),
    };
    read.map_err(|error| kill(error.into_failure(format!("result of {tool}"), label)))
}
