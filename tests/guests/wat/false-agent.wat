;; SPDX-License-Identifier: MIT OR Apache-2.0
;; Exports the interface of agents with another type.
(component
  (core module $m (func (export "run") (result i32) (i32.const 1)))
  (core instance $i (instantiate $m))
  (func $run (result u32) (canon lift (core func $i "run")))
  (instance $agent (export "run" (func $run)))
  (export "priory:agent/agent@0.1.0" (instance $agent)))
