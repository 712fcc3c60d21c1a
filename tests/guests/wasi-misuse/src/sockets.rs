// SPDX-License-Identifier: MIT OR Apache-2.0
//! Looks up a name through `wasi:sockets`.

use wasip2::sockets::{instance_network, ip_name_lookup};

pub(crate) fn look_up(name: &str) -> Result<String, String> {
    let network = instance_network::instance_network();
    let stream = ip_name_lookup::resolve_addresses(&network, name).map_err(|code| format!("{code:?}"))?;
    stream.subscribe().block();
    stream.resolve_next_address().map(|address| format!("{address:?}")).map_err(|code| format!("{code:?}"))
}
