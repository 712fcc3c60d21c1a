// SPDX-License-Identifier: MIT OR Apache-2.0
//! Tests of the whole host, in one binary: [`hostile`] holds guests that misbehave, [`semantics`] what behaves must get,
//! [`durable`] what survives, [`models`] and [`orchestrate`] what guests ask of models and how they orchestrate, [`secrets`] looks for keys where none may be, [`workflows`] programs that are data, [`fuzz`] throws at the host what nobody wrote. `guests` builds what is played with, `stage` is where it plays.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "what surprises a test ends it"
)]
#![allow(unreachable_pub, reason = "in one binary everything is as reachable as its module")]

mod durable;
mod fuzz;
mod guests;
mod hostile;
mod models;
mod orchestrate;
mod secrets;
mod semantics;
mod stage;
mod workflows;

guests::proven! {
    "agent-misuse": hostile::agents::calls_what_it_was_not_granted;
    "ask": models::asks_and_is_answered;
    "callee": semantics::links::a_link_is_a_call;
    "callee-other-types": semantics::links::other_types_are_refused;
    "caller": semantics::links::a_link_is_a_call, semantics::links::an_import_without_a_link_is_refused;
    "circle-a": semantics::links::a_circle_is_refused;
    "circle-b": semantics::links::a_circle_is_refused;
    "core-module": hostile::components::a_core_module;
    "deep-caller": hostile::compute::calls_from_the_end_of_its_stack;
    "echo": semantics::values::every_type_comes_back;
    "false-agent": hostile::components::an_agent_of_another_type;
    "feature-exceptions": hostile::components::features_that_are_off;
    "feature-gc": hostile::components::features_that_are_off;
    "feature-memory64": hostile::components::features_that_are_off;
    "feature-multi-memory": hostile::components::features_that_are_off;
    "feature-relaxed-simd": hostile::components::features_that_are_off;
    "feature-tail-call": hostile::components::features_that_are_off;
    "feature-threads": hostile::components::features_that_are_off;
    "fickle": durable::gates::a_tool_that_breaks_is_left_alone_for_a_while;
    "good": semantics::values::arguments_and_results;
    "handles": hostile::memory::opens_handles_of_its_own_without_end, hostile::memory::forges_a_handle;
    "huge-result": hostile::memory::returns_more_text_than_it_may;
    "import-other-version": hostile::components::imports_that_nobody_satisfies;
    "import-unknown": hostile::components::imports_that_nobody_satisfies;
    "import-wasi-03": hostile::components::imports_that_nobody_satisfies;
    "import-wrong-type": hostile::components::imports_that_nobody_satisfies;
    "instances-many": hostile::memory::has_too_many_instances;
    "liar": hostile::edge::a_text_that_is_not_utf8;
    "memory-fill": hostile::compute::burns_by_bulk_instructions;
    "memory-grow": hostile::memory::takes_memory_without_end;
    "memory-many": hostile::memory::takes_memory_in_several_memories;
    "memory-minimum": hostile::memory::wants_more_memory_at_once_than_it_may_have;
    "memory-own-maximum": hostile::memory::its_own_maximum_is_its_own_affair;
    "nan": hostile::traps::bits_of_not_a_number_are_the_same_everywhere;
    "nothing": hostile::components::nothing_to_call;
    "only-resources": hostile::components::nothing_to_call;
    "orchestrate": orchestrate::maps_side_by_side, orchestrate::cut_anywhere_it_comes_to_the_same;
    "post-return": hostile::compute::spins_after_its_answer_was_read;
    "realloc-liar": hostile::edge::puts_an_argument_beyond_its_memory;
    "recursion": hostile::compute::recurses_without_end;
    "spin": hostile::compute::spins_in_a_call;
    "start-grow": hostile::memory::takes_memory_in_the_start_function;
    "start-spin": hostile::compute::spins_in_the_start_function;
    "start-trap": hostile::compute::breaks_in_the_start_function;
    "steps": durable::asked::each_use_is_approved, durable::cut::after_every_event, durable::events::after_every_event_of_a_run, durable::shared::nothing_is_lost_wherever_the_host_goes_away,
        durable::whole::comes_to_the_same_again;
    "table-grow": hostile::memory::takes_table_elements_without_end;
    "table-minimum": hostile::memory::wants_a_larger_table_than_it_may_have;
    "toolset-misuse": hostile::toolsets::lists_a_bad_schema;
    "traps": hostile::traps::unreachable;
    "wasi-misuse": hostile::files::leaves_its_folder;
    "work": semantics::determinism::stops_at_the_same_instruction;
}

#[test]
fn every_guest_has_a_test() {
    guests::check(PROVEN);
}
