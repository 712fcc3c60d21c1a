// SPDX-License-Identifier: MIT OR Apache-2.0
//! Workflows: programs that are data.
//!
//! A workflow is a graph of nodes that calls agents, tools, people and other workflows. It is executed as a guest is: it acts
//! through the effects of its frame and nothing else, and with the same outcomes it does the same, so it is as durable and as
//! bounded as every other program.

#![forbid(unsafe_code)]
