// SPDX-License-Identifier: MIT OR Apache-2.0
//! The contracts: whether their schemas are any.

use std::collections::HashMap;

use priory_core::Json;
use priory_schema::Schema;

use super::Check;

impl Check<'_> {
    pub(super) fn schemas(&mut self) {
        let definition = self.definition;
        let own =
            [("input-schema", &definition.input), ("output-schema", &definition.output)].map(|schema| ("", schema));
        let nodes = definition.nodes.iter().flat_map(|(name, node)| {
            let both = [("input-schema", &node.contract.input), ("output-schema", &node.contract.output)];
            both.map(|schema| (name.as_str(), schema))
        });
        // Many nodes may have the same.
        let mut seen: HashMap<&Json, Option<String>> = HashMap::new();
        let mut wrong = Vec::new();
        for (name, (key, schema)) in own.into_iter().chain(nodes) {
            let Some(schema) = schema else { continue };
            let reason = seen.entry(schema).or_insert_with(|| Schema::alone(schema).err());
            wrong.extend(reason.clone().map(|reason| (name, key, reason)));
        }
        for (name, key, reason) in wrong {
            self.wrong(name, key, format!("this is no JSON Schema: {reason}"), "");
        }
    }
}
